/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The director's own IPv4 addresses as a Bloom filter of one hash: it may give false
 * positives, never false negatives. Asking the stack would cost every packet a lookup
 * of its routes.
 */
#ifndef _IPPFVS_ADDR_FILTER_H
#define _IPPFVS_ADDR_FILTER_H

#include <linux/bitops.h>
#include <linux/hash.h>
#include <linux/types.h>

struct net;

#define IPPFVS_ADDR_FILTER_BITS 12

/**
 * struct ippfvs_addr_filter - addresses that the namespace has or had
 * @seen: a bit for each hash; atomic. Bits are set at any time, and cleared when the
 *	first service is added
 */
struct ippfvs_addr_filter {
	unsigned long seen[BITS_TO_LONGS(1 << IPPFVS_ADDR_FILTER_BITS)];
};

/**
 * ippfvs_addr_filter_add() - add an address that the namespace has got
 * @filter: of the namespace
 * @addr: the address
 *
 * Context: any.
 */
void ippfvs_addr_filter_add(struct ippfvs_addr_filter *filter, __be32 addr);

/**
 * ippfvs_addr_filter_fill() - replace the contents by the addresses that a namespace has
 * @filter: of the namespace
 * @net: the namespace
 *
 * Context: process; only one caller at a time.
 */
void ippfvs_addr_filter_fill(struct ippfvs_addr_filter *filter, struct net *net);

/**
 * ippfvs_addr_filter_maybe() - tell whether an address may be one of the director's
 * @filter: of the namespace
 * @addr: the address
 *
 * Context: any.
 * Return: false if the director does not have @addr.
 */
static inline bool ippfvs_addr_filter_maybe(const struct ippfvs_addr_filter *filter, __be32 addr)
{
	return test_bit(hash_32((__force u32)addr, IPPFVS_ADDR_FILTER_BITS), filter->seen);
}

#endif /* _IPPFVS_ADDR_FILTER_H */
