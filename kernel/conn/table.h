/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The connection table of a namespace: hashes, lookups, timeouts and tombstones.
 *
 * An entry is linked at its client: in the bucket of a keyed hash of the client's address, port and
 * protocol. Packets of both directions carry these, so one link serves both, and a new connection
 * touches one bucket. A packet is looked up as if its source were the client, then as if its
 * destination were.
 *
 * Few connections share a client's address and port. Further ones are linked in the five-tuple
 * index, which means by a hash of each direction's whole five-tuple in the same buckets, so that
 * no client can fill a bucket on purpose (insert.c).
 *
 * A tombstone is a dead entry whose real server was removed. Packets from that server still find
 * it and are dropped. Packets from the client do not find it.
 */
#ifndef _IPPFVS_CONN_TABLE_H
#define _IPPFVS_CONN_TABLE_H

#include "../config.h"
#include "conn.h"

#include <linux/percpu_counter.h>
#include <linux/siphash.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

struct ippfvs_buckets;
struct ippfvs_conn_evicted;

#define IPPFVS_CONN_LOCKS_SHIFT 8
#define IPPFVS_CONN_LOCKS	(1 << IPPFVS_CONN_LOCKS_SHIFT)

struct ippfvs_conn_lock {
	spinlock_t lock;
} ____cacheline_aligned_in_smp;

/**
 * struct ippfvs_conn_table - the connections of a namespace
 * @buckets: RCU; NULL while the namespace has no service
 * @client_key: random key of the hash of clients
 * @tuple_key: random key of the hash of five-tuples
 * @lock: selected by the upper bits of a hash, as buckets are, so that the same lock covers a
 *	bucket before, during and after a resize
 * @config: timeouts and limits
 * @by_tuple: number of entries in the five-tuple index; lookups skip the index at 0
 * @tombstones: number of tombstones; lookups skip the search for them at 0
 * @tuple_lock: serialises insertions into the five-tuple index
 * @conns: number of entries, including dead ones that are still linked
 * @waiting: number of entries that are unlinked and wait for their grace period (evict.h)
 * @evicted: per CPU: entries that this CPU has evicted (evict.c)
 * @evictions: by enum ippfvs_eviction, the number of connections that ended for a new one
 * @evictions_zeroed: @evictions at the last zeroing; the namespace's lock
 * @work: the worker: expiry, resize and freeing
 * @position: hash up to which the worker has looked for expired entries
 * @pressure: how full the table is, 0 to IPPFVS_CONN_PRESSURE_MAX; the worker updates it
 * @resize_pending: the table is overfull and the worker knows or was told
 *
 * What each packet reads comes first, in cache lines that are seldom written.
 */
struct ippfvs_conn_table {
	struct ippfvs_buckets __rcu *buckets ____cacheline_aligned_in_smp;
	hsiphash_key_t client_key;
	siphash_key_t tuple_key;
	struct ippfvs_conn_lock *lock;
	const struct ippfvs_config *config;

	atomic_t by_tuple ____cacheline_aligned_in_smp;
	atomic_t tombstones;
	spinlock_t tuple_lock;

	struct percpu_counter conns ____cacheline_aligned_in_smp;
	atomic_t waiting;
	struct ippfvs_conn_evicted *__percpu *evicted;
	struct percpu_counter evictions[__IPPFVS_EVICTION_MAX];
	u64 evictions_zeroed[__IPPFVS_EVICTION_MAX];
	struct delayed_work work;
	u32 position;
	u32 pressure;
	bool resize_pending;
};

/* Timeouts are reduced by this many of IPPFVS_CONN_PRESSURE_UNIT parts if the table is full. */
#define IPPFVS_CONN_PRESSURE_UNIT 64
#define IPPFVS_CONN_PRESSURE_MAX  56

/* The lock that covers the bucket of @hash. */
static inline spinlock_t *ippfvs_conn_table_lock(struct ippfvs_conn_table *table, u32 hash)
{
	return &table->lock[hash >> (32 - IPPFVS_CONN_LOCKS_SHIFT)].lock;
}

/**
 * ippfvs_conn_hash_end6() - hash an IPv6 end; see ippfvs_conn_hash_end()
 * @table: holds the key
 * @addr: address
 * @rest: port and protocol
 *
 * Context: any.
 * Return: the hash.
 */
u32 ippfvs_conn_hash_end6(const struct ippfvs_conn_table *table, const union ippfvs_addr *addr,
			  u32 rest);

/* The keyed hash of one end: its address, port and protocol. Context: any. */
static inline u32 ippfvs_conn_hash_end(const struct ippfvs_conn_table *table, u8 family,
				       u8 protocol, const union ippfvs_addr *addr, __be16 port)
{
	u32 rest = (__force u32)port << 16 | protocol;

	if (family == IPPFVS_FAMILY_IPV4)
		return hsiphash_2u32((__force u32)addr->ip, rest, &table->client_key);
	return ippfvs_conn_hash_end6(table, addr, rest);
}

/* The hash of a packet's source, under which its connection is found if a client sent it. */
static inline u32 ippfvs_conn_hash(const struct ippfvs_conn_table *table,
				   const struct ippfvs_tuple *tuple)
{
	return ippfvs_conn_hash_end(table, tuple->family, tuple->protocol, &tuple->saddr,
				    tuple->sport);
}

/**
 * ippfvs_conn_hash_tuple() - the keyed hash of a whole five-tuple
 * @table: holds the key
 * @tuple: the five-tuple
 *
 * Context: any.
 * Return: the hash.
 */
u32 ippfvs_conn_hash_tuple(const struct ippfvs_conn_table *table, const struct ippfvs_tuple *tuple);

/**
 * ippfvs_conn_lookup() - find the connection of a packet
 * @table: of the namespace
 * @tuple: five-tuple of the packet
 * @hash: ippfvs_conn_hash() of @tuple
 * @dir: result: the direction of the packet
 *
 * Context: RCU.
 * Return: an entry that was alive when it was found; if there is none, a tombstone if the packet
 * comes from the removed real server; otherwise NULL.
 */
struct ippfvs_conn *ippfvs_conn_lookup(struct ippfvs_conn_table *table,
				       const struct ippfvs_tuple *tuple, u32 hash,
				       enum ippfvs_conn_dir *dir);

/**
 * ippfvs_conn_lookup_by_tuple() - find a living entry in the five-tuple index
 * @table: of the namespace
 * @buckets: the table's array
 * @tuple: five-tuple of packets of direction @dir
 * @dir: direction
 *
 * Context: RCU.
 * Return: the entry or NULL.
 */
struct ippfvs_conn *ippfvs_conn_lookup_by_tuple(const struct ippfvs_conn_table *table,
						const struct ippfvs_buckets *buckets,
						const struct ippfvs_tuple *tuple,
						enum ippfvs_conn_dir dir);

/**
 * ippfvs_conn_timeout() - how long a connection may stay idle
 * @table: of the namespace
 * @conn: the connection
 * @word: its state word
 *
 * A connection whose real server was removed gets at most the timeout of TIME_WAIT: long enough to
 * answer its client with RST and to drop the server's late packets. An unconfirmed connection gets at
 * most a minute, or 15 minutes if its client has sent several packets. All timeouts shrink while the
 * table is more than half full, to an eighth when it is full.
 *
 * Context: any.
 * Return: jiffies.
 */
u32 ippfvs_conn_timeout(const struct ippfvs_conn_table *table, const struct ippfvs_conn *conn,
			u64 word);

/**
 * ippfvs_conn_unlink() - remove an entry from the table
 * @table: of the namespace
 * @conn: a dead entry
 *
 * Context: RCU, or nobody else can unlink entries. It takes locks of the table.
 * Return: whether this caller has unlinked it, and so must free it after a grace period.
 */
bool ippfvs_conn_unlink(struct ippfvs_conn_table *table, struct ippfvs_conn *conn);

/**
 * ippfvs_conn_evictions_read() - read how many connections ended for new ones
 * @table: of the namespace
 * @counts: gets IPPFVS_EVICTION_MAX + 1 numbers by enum ippfvs_eviction, since the last zeroing
 *
 * Context: any.
 */
void ippfvs_conn_evictions_read(struct ippfvs_conn_table *table, u64 *counts);

/* Count evictions from 0 again. Context: the caller holds the namespace's lock. */
void ippfvs_conn_evictions_zero(struct ippfvs_conn_table *table);

/**
 * ippfvs_conn_entomb() - end a connection whose real server was removed
 * @table: of the namespace
 * @conn: the connection
 *
 * It becomes a tombstone for the rest of its timeout. It just ends if the server's packets do not
 * pass the director, if it is of Local Node, or if tombstones fill their share of the table.
 *
 * Context: RCU, bottom halves off.
 */
void ippfvs_conn_entomb(struct ippfvs_conn_table *table, struct ippfvs_conn *conn);

/**
 * ippfvs_conn_remove_tombstone() - make a tombstone an ordinary dead entry
 * @table: of the namespace
 * @conn: any entry
 *
 * Context: RCU, or there are no readers.
 */
void ippfvs_conn_remove_tombstone(struct ippfvs_conn_table *table, struct ippfvs_conn *conn);

#endif /* _IPPFVS_CONN_TABLE_H */
