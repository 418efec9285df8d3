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

struct ippfvs_net;

#define IPPFVS_ADDR_FILTER_BITS	12

/**
 * struct ippfvs_addr_filter - addresses that the namespace has or had
 * @seen: a bit for each hash; atomic. Bits are set at any time, and cleared when the
 *	first service is added
 */
struct ippfvs_addr_filter {
	unsigned long seen[BITS_TO_LONGS(1 << IPPFVS_ADDR_FILTER_BITS)];
};

/**
 * ippfvs_addr_filter_init() - let the stack notify the module of new addresses
 *
 * Context: process context; it may sleep.
 * Return: 0 or -errno.
 */
int ippfvs_addr_filter_init(void);

/**
 * ippfvs_addr_filter_exit() - end the notifications
 *
 * Context: process context; it may sleep.
 */
void ippfvs_addr_filter_exit(void);

/**
 * ippfvs_addr_filter_fill() - fill the filter with the addresses of a namespace
 * @ipn: the namespace
 *
 * Context: process context; the caller holds ipn->lock.
 */
void ippfvs_addr_filter_fill(struct ippfvs_net *ipn);

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
