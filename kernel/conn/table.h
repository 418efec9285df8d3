/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The connection table of a namespace: hashes, lookups, timeouts and tombstones.
 *
 * An entry is linked at its client: in the bucket of a keyed hash of the client's address, port and
 * protocol. Packets of both directions carry these, so one link serves both, and a new connection
 * touches one bucket. A packet is looked up as if its source were the client, then as if its
 * destination were the client.
 *
 * Only a few connections of the same client address and port are linked this way. Further ones are
 * linked in the five-tuple index: in the same buckets, but by hashes of the whole five-tuples of
 * both directions. So no client can fill a bucket on purpose (insert.c).
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
 * @lock: locks, selected by the upper bits of a hash as buckets are, so that the same lock covers
 *	a bucket before, during and after a resize
 * @config: timeouts and limits
 * @by_tuple: number of entries in the five-tuple index; if it is 0, lookups skip the index
 * @tombstones: number of tombstones; if it is 0, lookups do not search for them
 * @tuple_lock: serialises insertions into the five-tuple index
 * @conns: number of entries, including dead ones that are still linked
 * @waiting: number of entries that are unlinked and wait for their grace period (evict.h)
 * @evicted: per CPU: entries that this CPU has evicted (evict.c)
 * @evictions: by enum ippfvs_eviction, the number of connections that ended for a new one
 * @evictions_zeroed: @evictions at the last zeroing; the namespace's lock
 * @work: the worker: expiry, resize and freeing
 * @position: hash up to which the worker has looked for expired entries
 * @pressure: how full the table is, 0 to IPPFVS_CONN_PRESSURE_MAX; the worker updates it
 * @no_memory: no entry could be allocated since the worker has updated @pressure
 * @resize_pending: the table is overfull, and the worker will resize it
 *
 * The members that each packet reads come first, in cache lines that are seldom written.
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
	bool no_memory;
	bool resize_pending;
};

/* Timeouts are reduced by this many of IPPFVS_CONN_PRESSURE_UNIT parts if the table is full. */
#define IPPFVS_CONN_PRESSURE_UNIT 64
#define IPPFVS_CONN_PRESSURE_MAX  56

/**
 * ippfvs_conn_table_lock() - get the lock that covers the bucket of a hash
 * @table: the table
 * @hash: the hash
 *
 * Context: any.
 * Return: the lock.
 */
static inline spinlock_t *ippfvs_conn_table_lock(struct ippfvs_conn_table *table, u32 hash)
{
	return &table->lock[hash >> (32 - IPPFVS_CONN_LOCKS_SHIFT)].lock;
}

/**
 * ippfvs_conn_hash_tuple() - compute the keyed hash of a whole five-tuple
 * @table: holds the key
 * @tuple: the five-tuple
 *
 * Context: any.
 * Return: the hash.
 */
u32 ippfvs_conn_hash_tuple(const struct ippfvs_conn_table *table, const struct ippfvs_tuple *tuple);

/**
 * ippfvs_conn_hash_dest() - compute the keyed hash of a packet's destination
 * @table: holds the key
 * @tuple: five-tuple of the packet
 *
 * Context: any.
 * Return: the hash under which the client's entries are linked, if the destination is a client.
 */
u32 ippfvs_conn_hash_dest(const struct ippfvs_conn_table *table, const struct ippfvs_tuple *tuple);

/**
 * ippfvs_conn_lookup() - find the connection of a packet
 * @table: the namespace's table
 * @tuple: five-tuple of the packet
 * @hash: result: hash of the client, if the packet comes from a client (struct ippfvs_conn_plan)
 * @dir: result: the direction of the packet
 *
 * Context: RCU.
 * Return: an entry, which was living when it was found; or else a tombstone, if the packet comes
 * from its removed real server; or else NULL.
 */
struct ippfvs_conn *ippfvs_conn_lookup(struct ippfvs_conn_table *table,
				       const struct ippfvs_tuple *tuple, u32 *hash,
				       enum ippfvs_conn_dir *dir);

/**
 * ippfvs_conn_lookup_by_tuple() - find a living entry in the five-tuple index
 * @table: the namespace's table
 * @buckets: the table's array
 * @tuple: five-tuple of the connection's packets in direction @dir
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
 * ippfvs_conn_timeout() - get the time for which a connection may stay idle
 * @table: the namespace's table
 * @conn: the connection
 * @word: its state word
 *
 * A connection whose real server was removed gets at most the timeout of TIME_WAIT: long enough to
 * answer its client with RST and to drop the server's late packets. An unconfirmed connection gets
 * at most a minute, or 15 minutes if no handshake can be seen and its client has sent
 * IPPFVS_CONN_PACKETS_MAX packets. All timeouts shrink while the table is more than half full, to
 * an eighth when it is full.
 *
 * Context: any.
 * Return: jiffies.
 */
u32 ippfvs_conn_timeout(const struct ippfvs_conn_table *table, const struct ippfvs_conn *conn,
			u64 word);

/**
 * ippfvs_conn_unlink() - remove an entry from the table
 * @table: the namespace's table
 * @conn: a dead entry
 *
 * Context: RCU, or nobody else can unlink entries. It takes locks of the table.
 * Return: whether this caller has unlinked it, and so must free it after a grace period.
 */
bool ippfvs_conn_unlink(struct ippfvs_conn_table *table, struct ippfvs_conn *conn);

/**
 * ippfvs_conn_evictions_read() - read how many connections ended for new ones
 * @table: the namespace's table
 * @counts: result; IPPFVS_EVICTION_MAX + 1 numbers by enum ippfvs_eviction, since the last zeroing
 *
 * Context: any.
 */
void ippfvs_conn_evictions_read(struct ippfvs_conn_table *table, u64 *counts);

/* Count evictions from 0 again. Context: the caller holds the namespace's lock. */
void ippfvs_conn_evictions_zero(struct ippfvs_conn_table *table);

/**
 * ippfvs_conn_entomb() - end a connection whose real server was removed
 * @table: the namespace's table
 * @conn: the connection
 *
 * The entry becomes a tombstone for the rest of its timeout. There is no tombstone if the server's
 * packets do not pass through the director, if the method is Local Node, or if the maximum number
 * of tombstones is reached.
 *
 * Context: RCU, bottom halves off.
 */
void ippfvs_conn_entomb(struct ippfvs_conn_table *table, struct ippfvs_conn *conn);

/**
 * ippfvs_conn_remove_tombstone() - make a tombstone an ordinary dead entry
 * @table: the namespace's table
 * @conn: any entry
 *
 * Context: RCU, or there are no readers.
 */
void ippfvs_conn_remove_tombstone(struct ippfvs_conn_table *table, struct ippfvs_conn *conn);

#endif /* _IPPFVS_CONN_TABLE_H */
