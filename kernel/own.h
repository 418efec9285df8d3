/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The director's own IPv4 addresses as a Bloom filter of one hash: false positives,
 * never false negatives. Asking the stack would walk its routes for each packet.
 */
#ifndef _IPPFVS_OWN_H
#define _IPPFVS_OWN_H

#include <linux/bitops.h>
#include <linux/hash.h>
#include <linux/types.h>

struct ippfvs_net;

#define IPPFVS_OWN_BITS	12

/**
 * struct ippfvs_own - addresses that the namespace has, or had
 * @seen: a bit for each hash; set at any time, cleared when the first service
 *	comes
 */
struct ippfvs_own {
	unsigned long seen[BITS_TO_LONGS(1 << IPPFVS_OWN_BITS)];
};

/* With the module: told of new addresses. Process context. */
int ippfvs_own_init(void);
void ippfvs_own_exit(void);

/* Look at all addresses there are. Process context. */
void ippfvs_own_learn(struct ippfvs_net *ipn);

/* Any context. May @addr be one of them? */
static inline bool ippfvs_own_maybe(const struct ippfvs_own *own, __be32 addr)
{
	return test_bit(hash_32((__force u32)addr, IPPFVS_OWN_BITS), own->seen);
}

#endif /* _IPPFVS_OWN_H */
