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
 * @conns: number of entries, including dead ones that the worker has not freed
 * @work: the worker: expiry, resize and freeing; nobody else unlinks entries
 * @position: hash up to which the worker has looked for expired entries
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
	struct delayed_work work;
	u32 position;
	bool resize_pending;
};

/* The lock that covers the bucket of @hash. */
static inline spinlock_t *ippfvs_conn_table_lock(struct ippfvs_conn_table *table, u32 hash)
{
	return &table->lock[hash >> (32 - IPPFVS_CONN_LOCKS_SHIFT)].lock;
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
 * @hash: result: hash of the client, if the packet comes from a client (struct ippfvs_conn_plan)
 * @dir: result: the direction of the packet
 *
 * Context: RCU.
 * Return: an entry that was alive when it was found; if there is none, a tombstone if the packet
 * comes from the removed real server; otherwise NULL.
 */
struct ippfvs_conn *ippfvs_conn_lookup(struct ippfvs_conn_table *table,
				       const struct ippfvs_tuple *tuple, u32 *hash,
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
 * answer its client with RST and to drop the server's late packets.
 *
 * Context: any.
 * Return: jiffies.
 */
u32 ippfvs_conn_timeout(const struct ippfvs_conn_table *table, const struct ippfvs_conn *conn,
			u64 word);

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
