/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The director's own IPv4 addresses, as a Bloom filter with one hash. It may give false
 * positives, but never false negatives. Without it, every packet would need a route
 * lookup to find out whether an address belongs to the director.
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
 * @seen: a bit for each hash; atomic. Bits may be set at any time. They are cleared only
 *	when the first service is added
 */
struct ippfvs_addr_filter {
	unsigned long seen[BITS_TO_LONGS(1 << IPPFVS_ADDR_FILTER_BITS)];
};

/**
 * ippfvs_addr_filter_add() - add an address that was added to the namespace
 * @filter: the namespace's filter
 * @addr: the address
 *
 * Context: any.
 */
void ippfvs_addr_filter_add(struct ippfvs_addr_filter *filter, __be32 addr);

/**
 * ippfvs_addr_filter_fill() - replace the contents by the present addresses of a namespace
 * @filter: the namespace's filter
 * @net: the namespace
 *
 * Context: process; only one caller at a time.
 */
void ippfvs_addr_filter_fill(struct ippfvs_addr_filter *filter, struct net *net);

/**
 * ippfvs_addr_filter_maybe() - check whether an address may belong to the director
 * @filter: the namespace's filter
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
