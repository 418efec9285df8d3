/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The array of buckets that the connection table is made of.
 *
 * A bucket is one cache line: seven links (link.h) and a pointer to another such
 * line, which few need. A look at it tells nearly always which entry, if any, is
 * worth a cache miss.
 *
 * A bucket is chosen by the upper bits of a hash. Growth therefore splits a
 * bucket into neighbours, and a walk in the order of the hash is not disturbed.
 */
#ifndef _IPPFVS_BUCKETS_H
#define _IPPFVS_BUCKETS_H

#include "link.h"

#include <linux/atomic.h>
#include <linux/rcupdate.h>
#include <linux/types.h>

#define IPPFVS_LINKS		7
#define IPPFVS_LINES_MAX	32	/* of one bucket: no look takes longer */
#define IPPFVS_BUCKETS_MIN_BITS	8
#define IPPFVS_BUCKETS_MAX_BITS	24

/**
 * struct ippfvs_line - a bucket, or one that such a line goes on in
 * @link: 0, or entry | which of its links | tag; written under the lock of the hash
 * @more: RCU; another seven; once there it stays as long as the array
 */
struct ippfvs_line {
	unsigned long link[IPPFVS_LINKS];
	struct ippfvs_line __rcu *more;
} __aligned(8 * sizeof(long));

/**
 * struct ippfvs_buckets - the array
 * @next: RCU; the array that everything is being moved to, or NULL
 * @bits: there are 2^bits
 * @crowded: buckets that needed more than one line
 * @line: the first of each bucket
 */
struct ippfvs_buckets {
	struct ippfvs_buckets __rcu *next;
	unsigned int bits;
	atomic_t crowded;
	struct ippfvs_line *line;
};

/* More than one bucket in so many is crowded: the table should grow. */
#define IPPFVS_BUCKETS_CROWDED_SHARE	16

struct ippfvs_buckets *ippfvs_buckets_alloc(unsigned int bits);
void ippfvs_buckets_free(struct ippfvs_buckets *buckets);

/* Are too many buckets fuller than one line? */
static inline bool ippfvs_buckets_crowded(const struct ippfvs_buckets *buckets)
{
	return atomic_read(&buckets->crowded) >
	       (1 << buckets->bits) / IPPFVS_BUCKETS_CROWDED_SHARE;
}

/* The first line of the bucket of @hash. */
static inline struct ippfvs_line *
ippfvs_buckets_line(const struct ippfvs_buckets *buckets, u32 hash)
{
	return &buckets->line[hash >> (32 - buckets->bits)];
}

/* RCU: each line of the bucket that begins with @first. */
#define ippfvs_for_each_line(line, first)				\
	for ((line) = (first); (line); (line) = rcu_dereference((line)->more))

/* The same for who holds the lock of the bucket, or is the one who frees its lines. */
#define ippfvs_for_each_own_line(line, first)				\
	for ((line) = (first); (line);					\
	     (line) = rcu_dereference_raw((line)->more))

/*
 * RCU. Which links may be of @hash, a bit each; without a branch, since nobody
 * could foretell it.
 */
static inline unsigned int
ippfvs_line_hits(const struct ippfvs_line *line, u32 hash)
{
	unsigned long tag = ippfvs_link_tag(hash);
	unsigned int hits = 0;
	int i;

#pragma GCC unroll 7
	for (i = 0; i < IPPFVS_LINKS; i++) {
		unsigned long link = READ_ONCE(line->link[i]);

		hits |= !((link ^ tag) & IPPFVS_LINK_TAG) << i;
	}
	return hits;
}

/* RCU. The entry at a place that may have been emptied meanwhile: NULL. */
static inline struct ippfvs_conn *
ippfvs_line_conn(const struct ippfvs_line *line, unsigned int i)
{
	return ippfvs_link_conn(READ_ONCE(line->link[i]));
}

/* Caller holds the lock of @hash. 0, -ENOMEM, or -ENOSPC: the bucket has no place. */
int ippfvs_buckets_add(struct ippfvs_buckets *buckets, u32 hash,
		       unsigned long link);

/* Caller holds the lock of @hash. Was it there? */
bool ippfvs_buckets_del(struct ippfvs_buckets *buckets, u32 hash,
			unsigned long link);

#endif /* _IPPFVS_BUCKETS_H */
