/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The array of buckets that the connection table consists of.
 *
 * A bucket is one cache line: seven slots and a pointer to an overflow bucket, which few buckets
 * have. In nearly all cases a lookup reads only this line and the cache line of the right entry.
 *
 * The upper bits of a hash select the bucket. Therefore a larger array splits a bucket into
 * adjacent ones, and a resize does not disturb a dump, which follows the order of the hashes.
 */
#ifndef _IPPFVS_CONN_BUCKET_H
#define _IPPFVS_CONN_BUCKET_H

#include "conn.h"

#include <linux/atomic.h>
#include <linux/rcupdate.h>
#include <linux/types.h>

#define IPPFVS_BUCKET_SLOTS	7
#define IPPFVS_BUCKET_CHAIN_MAX 32 /* maximum length of a chain; limits the time of a lookup */
#define IPPFVS_BUCKETS_MIN_BITS 8
#define IPPFVS_BUCKETS_MAX_BITS 24

/*
 * A slot holds 0 or the address of an entry. The alignment of entries leaves six low bits free: bit
 * 0 is the direction whose hash links the entry here, bits 1 to 5 are the low bits of that hash
 * (tag).
 */
#define IPPFVS_SLOT_DIR 1UL
#define IPPFVS_SLOT_TAG 0x3eUL

/**
 * ippfvs_slot_tag() - get the tag of a hash
 * @hash: the hash
 *
 * Context: any.
 * Return: the tag, at its position in a slot.
 */
static inline unsigned long ippfvs_slot_tag(u32 hash)
{
	return ((unsigned long)hash << 1) & IPPFVS_SLOT_TAG;
}

/**
 * ippfvs_slot() - build the value of the slot that links an entry
 * @conn: the entry
 * @dir: direction whose hash links the entry
 *
 * Context: any.
 * Return: the value.
 */
static inline unsigned long ippfvs_slot(const struct ippfvs_conn *conn, enum ippfvs_conn_dir dir)
{
	return (unsigned long)conn | dir | ippfvs_slot_tag(conn->hash[dir]);
}

/**
 * ippfvs_slot_conn() - get the entry that a slot links
 * @slot: value of the slot
 *
 * Context: any.
 * Return: the entry, or NULL if the slot is empty.
 */
static inline struct ippfvs_conn *ippfvs_slot_conn(unsigned long slot)
{
	return (struct ippfvs_conn *)(slot & ~(IPPFVS_SLOT_DIR | IPPFVS_SLOT_TAG));
}

/**
 * ippfvs_slot_dir() - get the direction whose hash links an entry here
 * @slot: value of a slot that is not empty
 *
 * Context: any.
 * Return: the direction.
 */
static inline enum ippfvs_conn_dir ippfvs_slot_dir(unsigned long slot)
{
	return slot & IPPFVS_SLOT_DIR;
}

/**
 * struct ippfvs_bucket - a bucket, or an overflow bucket in its chain
 * @slot: written under the lock of the hash (table.h), read under RCU
 * @overflow: RCU; the next bucket of the chain, which is freed together with the array
 */
struct ippfvs_bucket {
	unsigned long slot[IPPFVS_BUCKET_SLOTS];
	struct ippfvs_bucket __rcu *overflow;
} __aligned(8 * sizeof(long));

/**
 * struct ippfvs_buckets - an array of buckets
 * @next: RCU; a later array of a resize, or NULL. Entries are moved to the last one
 * @bits: the array has 2^@bits buckets
 * @overfull: number of buckets that have an overflow bucket
 * @bucket: the array
 */
struct ippfvs_buckets {
	struct ippfvs_buckets __rcu *next;
	unsigned int bits;
	atomic_t overfull;
	struct ippfvs_bucket *bucket;
};

/* An array is overfull if more than one in this many buckets has an overflow bucket. */
#define IPPFVS_BUCKETS_OVERFULL_SHARE 16

/**
 * ippfvs_buckets_overfull() - check whether an array has too many overflow buckets
 * @buckets: the array
 *
 * Context: any.
 * Return: true if it has.
 */
static inline bool ippfvs_buckets_overfull(const struct ippfvs_buckets *buckets)
{
	return atomic_read(&buckets->overfull) >
	       (1 << buckets->bits) / IPPFVS_BUCKETS_OVERFULL_SHARE;
}

/**
 * ippfvs_buckets_last() - get the array into which new entries are linked
 * @buckets: the current array
 *
 * During a resize it is the last array of the chain.
 *
 * Context: RCU, or the worker.
 * Return: the array.
 */
static inline struct ippfvs_buckets *ippfvs_buckets_last(struct ippfvs_buckets *buckets)
{
	struct ippfvs_buckets *next;

	while (unlikely(next = rcu_dereference_raw(buckets->next)))
		buckets = next;
	return buckets;
}

/**
 * ippfvs_bucket() - get the bucket of a hash
 * @buckets: the array
 * @hash: the hash
 *
 * Context: any.
 * Return: the first bucket of the chain.
 */
static inline struct ippfvs_bucket *ippfvs_bucket(const struct ippfvs_buckets *buckets, u32 hash)
{
	return &buckets->bucket[hash >> (32 - buckets->bits)];
}

/* Iterate over the chain that starts at @first. Context: RCU. */
#define ippfvs_bucket_for_each_rcu(bucket, first) \
	for ((bucket) = (first); (bucket); (bucket) = rcu_dereference((bucket)->overflow))

/* As above, for a caller who holds the lock of the hash, or who alone may free the chain. */
#define ippfvs_bucket_for_each(bucket, first) \
	for ((bucket) = (first); (bucket); (bucket) = rcu_dereference_raw((bucket)->overflow))

/**
 * ippfvs_bucket_match() - compare the tags of all slots with a hash
 * @bucket: the bucket
 * @hash: the hash
 *
 * The loop has no branch, because the CPU could not predict it.
 *
 * Context: RCU.
 * Return: a mask of the slots whose entry may have @hash. An empty slot may be among them.
 */
static inline unsigned int ippfvs_bucket_match(const struct ippfvs_bucket *bucket, u32 hash)
{
	unsigned long tag = ippfvs_slot_tag(hash);
	unsigned int mask = 0;
	int i;

#pragma GCC unroll 7
	for (i = 0; i < IPPFVS_BUCKET_SLOTS; i++) {
		unsigned long slot = READ_ONCE(bucket->slot[i]);

		mask |= !((slot ^ tag) & IPPFVS_SLOT_TAG) << i;
	}
	return mask;
}

/**
 * ippfvs_bucket_conn() - get the entry in a slot
 * @bucket: the bucket
 * @i: index of the slot
 *
 * Context: RCU.
 * Return: the entry, or NULL if the slot is empty.
 */
static inline struct ippfvs_conn *ippfvs_bucket_conn(const struct ippfvs_bucket *bucket,
						     unsigned int i)
{
	return ippfvs_slot_conn(READ_ONCE(bucket->slot[i]));
}

/**
 * ippfvs_buckets_create() - allocate an empty array
 * @bits: binary logarithm of the number of buckets
 *
 * The memory is charged to the active memory cgroup: the caller's, or during a resize the one that
 * connections are charged to (worker.c).
 *
 * Context: process.
 * Return: the array, or NULL if there is no memory.
 */
struct ippfvs_buckets *ippfvs_buckets_create(unsigned int bits);

/**
 * ippfvs_buckets_destroy() - free an array, but not the entries in it
 * @buckets: an array that has no readers any more
 *
 * Context: process.
 */
void ippfvs_buckets_destroy(struct ippfvs_buckets *buckets);

/**
 * ippfvs_buckets_add() - put a slot's value into the first empty slot of a chain
 * @buckets: the array
 * @hash: selects the bucket
 * @slot: the value, see ippfvs_slot()
 *
 * Context: the lock of @hash is held.
 * Return: 0, -ENOMEM, or -ENOSPC if the chain has its maximum length.
 */
int ippfvs_buckets_add(struct ippfvs_buckets *buckets, u32 hash, unsigned long slot);

/**
 * ippfvs_buckets_remove() - empty the slot that holds a value
 * @buckets: the array
 * @hash: selects the bucket
 * @slot: the value
 *
 * Context: the lock of @hash is held.
 * Return: true if the value was found.
 */
bool ippfvs_buckets_remove(struct ippfvs_buckets *buckets, u32 hash, unsigned long slot);

#endif /* _IPPFVS_CONN_BUCKET_H */
