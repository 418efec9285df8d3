/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The director's own IPv4 addresses as a Bloom filter of one hash: false positives,
 * never false negatives. Asking the stack would walk its routes for each packet.
 */
#ifndef _IPPFVS_ADDR_FILTER_H
#define _IPPFVS_ADDR_FILTER_H

#include <linux/bitops.h>
#include <linux/hash.h>
#include <linux/types.h>

struct ippfvs_net;

#define IPPFVS_ADDR_FILTER_BITS	12

/**
 * struct ippfvs_addr_filter - addresses that the namespace has, or had
 * @seen: a bit for each hash; set at any time, cleared when the first service
 *	comes
 */
struct ippfvs_addr_filter {
	unsigned long seen[BITS_TO_LONGS(1 << IPPFVS_ADDR_FILTER_BITS)];
};

/* With the module: told of new addresses. Process context. */
int ippfvs_addr_filter_init(void);
void ippfvs_addr_filter_exit(void);

/* Look at all addresses there are. Process context. */
void ippfvs_addr_filter_learn(struct ippfvs_net *ipn);

/* Any context. May @addr be one of them? */
static inline bool ippfvs_addr_filter_maybe(const struct ippfvs_addr_filter *filter, __be32 addr)
{
	return test_bit(hash_32((__force u32)addr, IPPFVS_ADDR_FILTER_BITS), filter->seen);
}

#endif /* _IPPFVS_ADDR_FILTER_H */
