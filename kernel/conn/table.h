/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The table that finds connections.
 *
 * An entry is linked at its client: in the bucket of a keyed hash of the client's
 * address, port and protocol. Packets of both directions know their client, so
 * one link serves both, and a new connection touches one bucket. A packet is
 * first looked up as if its sender were the client, then as if its receiver
 * were.
 *
 * This is the face of table.c, find.c and insert.c; what takes
 * entries out again has its own (worker.h).
 *
 * Few connections share a client's address and port. Those of a client that has
 * too many are spread over the table by their whole five-tuples, so that nobody
 * can fill a bucket on purpose.
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
struct ippfvs_conn_plan;

#define IPPFVS_CONN_LOCKS_SHIFT	8
#define IPPFVS_CONN_LOCKS	(1 << IPPFVS_CONN_LOCKS_SHIFT)

struct ippfvs_conn_lock {
	spinlock_t lock;
} ____cacheline_aligned_in_smp;

/**
 * struct ippfvs_conn_table - the connections of a namespace
 * @buckets: RCU; NULL while the namespace has no service
 * @key: of the hash of clients; random
 * @spread_key: of the hash of whole tuples; random
 * @lock: chosen by the upper bits of a hash, as buckets are: one lock covers a
 *	bucket before, while and after the table grows
 * @config: timeouts, the limit
 * @spread: how many entries are spread: while there are any, look further
 * @orphans: how many are orphans (orphan.h): the same
 * @spread_lock: one at a time makes entries that are spread
 * @conns: how many entries, dead ones included
 * @work: expiry, growth and freeing; the only one that takes entries out
 * @position: hash up to which @work has looked for expired entries
 * @hurry: the table is crowded, and @work has been called or has seen it
 *
 * What every packet reads comes first, and is on no line that is written often.
 */
struct ippfvs_conn_table {
	struct ippfvs_buckets __rcu *buckets ____cacheline_aligned_in_smp;
	hsiphash_key_t key;
	siphash_key_t spread_key;
	struct ippfvs_conn_lock *lock;
	const struct ippfvs_config *config;

	atomic_t spread ____cacheline_aligned_in_smp;
	atomic_t orphans;
	spinlock_t spread_lock;

	struct percpu_counter conns ____cacheline_aligned_in_smp;
	struct delayed_work work;
	u32 position;
	bool hurry;
};

/* Process context; init/exit with the namespace, start/stop with its services. */
int ippfvs_conn_table_init(struct ippfvs_conn_table *table,
			   const struct ippfvs_config *config);
void ippfvs_conn_table_exit(struct ippfvs_conn_table *table);
int ippfvs_conn_table_start(struct ippfvs_conn_table *table);

/* No packet reaches the table any more: ends and frees everything in it. */
void ippfvs_conn_table_stop(struct ippfvs_conn_table *table);

/* What protects the links of that hash. */
static inline spinlock_t *
ippfvs_conn_table_lock(struct ippfvs_conn_table *table, u32 hash)
{
	return &table->lock[hash >> (32 - IPPFVS_CONN_LOCKS_SHIFT)].lock;
}

/* Jiffies without a packet after which an entry with that @life (life.h) ends. */
u32 ippfvs_conn_timeout(const struct ippfvs_conn_table *table,
			const struct ippfvs_conn *conn, u64 life);

/*
 * RCU. The living entry for a packet with this tuple and ippfvs_conn_hash() of
 * it, and which way the packet goes; if there is none, an orphan for a packet of
 * its server.
 */
struct ippfvs_conn *ippfvs_conn_find(struct ippfvs_conn_table *table,
				     const struct ippfvs_tuple *tuple, u32 hash,
				     enum ippfvs_conn_dir *dir);

/**
 * ippfvs_conn_create() - make an entry and insert it into the table
 * @table: of the namespace
 * @plan: what it shall be
 *
 * RCU, BH off. When another CPU was faster, its entry is returned.
 *
 * Return: the entry, or ERR_PTR: -ENOSPC (the limit; too many of one client that
 * have ended; a bucket that has no place), -ENOMEM, -EADDRINUSE (the
 * answers could not be told from those of another connection).
 */
struct ippfvs_conn *ippfvs_conn_create(struct ippfvs_conn_table *table,
				       const struct ippfvs_conn_plan *plan);

#endif /* _IPPFVS_CONN_TABLE_H */
