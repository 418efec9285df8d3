/* SPDX-License-Identifier: GPL-2.0 */
/* Addresses and five-tuples, in network byte order. */
#ifndef _IPPFVS_CORE_TUPLE_H
#define _IPPFVS_CORE_TUPLE_H

#include "port.h"

#define IPPFVS_FAMILY_IPV4 2  /* = AF_INET  = NFPROTO_IPV4 */
#define IPPFVS_FAMILY_IPV6 10 /* = AF_INET6 = NFPROTO_IPV6 */

/* In an IPv4 address, words 1 to 3 are zero, so that whole unions can be compared. */
union ippfvs_addr {
	__be32 ip;
	struct in6_addr ip6;
	__be32 word[4];
	u8 byte[16];
};

/**
 * struct ippfvs_tuple - the five-tuple of a packet
 * @saddr: source address
 * @daddr: destination address
 * @sport: source port, network byte order
 * @dport: destination port, network byte order
 * @family: IPPFVS_FAMILY_IPV4 or IPPFVS_FAMILY_IPV6
 * @protocol: IPPROTO_TCP or IPPROTO_UDP
 */
struct ippfvs_tuple {
	union ippfvs_addr saddr;
	union ippfvs_addr daddr;
	__be16 sport;
	__be16 dport;
	u8 family;
	u8 protocol;
};

/**
 * ippfvs_addr_clear() - zero an address
 * @addr: the address
 *
 * The initialiser "= {}" is not sufficient, because it may clear only the first member of a union.
 *
 * Context: any.
 */
static inline void ippfvs_addr_clear(union ippfvs_addr *addr)
{
	memset(addr, 0, sizeof(*addr));
}

/**
 * ippfvs_addr_set_ip() - set an IPv4 address
 * @addr: result
 * @ip: the address
 *
 * Context: any.
 */
static inline void ippfvs_addr_set_ip(union ippfvs_addr *addr, __be32 ip)
{
	ippfvs_addr_clear(addr);
	addr->ip = ip;
}

/**
 * ippfvs_addr_empty() - check whether an address is 0.0.0.0 or ::
 * @addr: the address
 *
 * Context: any.
 * Return: true if it is.
 */
static inline bool ippfvs_addr_empty(const union ippfvs_addr *addr)
{
	return !(addr->word[0] | addr->word[1] | addr->word[2] | addr->word[3]);
}

/**
 * ippfvs_addr_equal() - compare two addresses of one family
 * @a: first address
 * @b: second address
 *
 * Context: any.
 * Return: true if they are equal.
 */
static inline bool ippfvs_addr_equal(const union ippfvs_addr *a, const union ippfvs_addr *b)
{
	return !((a->word[0] ^ b->word[0]) | (a->word[1] ^ b->word[1]) | (a->word[2] ^ b->word[2]) |
		 (a->word[3] ^ b->word[3]));
}

/**
 * ippfvs_addr_len() - get the length of the addresses of a family
 * @family: IPPFVS_FAMILY_*
 *
 * Context: any.
 * Return: the length in bytes.
 */
static inline unsigned int ippfvs_addr_len(u8 family)
{
	return family == IPPFVS_FAMILY_IPV4 ? 4 : 16;
}

#endif /* _IPPFVS_CORE_TUPLE_H */
