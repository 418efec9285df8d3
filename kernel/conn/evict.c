// SPDX-License-Identifier: GPL-2.0
/*
 * Eviction. The search reads entries under RCU, without a lock. The victim is ended by
 * compare-and-swap on the state word that the search has read, so a connection that is confirmed
 * meanwhile stays. It is unlinked at once, and waits for its grace period in a batch of this CPU.
 */
#include "evict.h"

#include "../service/real.h"
#include "../trace.h"
#include "bucket.h"

#include <linux/jiffies.h>
#include <linux/slab.h>

/*
 * Bounds of a search. The longest idle of eight candidates is a good approximation of the longest
 * idle of all. ENTRIES_MAX bounds the time of a search among confirmed connections, BUCKETS_MAX
 * that among empty buckets.
 */
#define CANDIDATES_WANTED 8
#define ENTRIES_MAX	  32
#define BUCKETS_MAX	  256
#define SEARCHES_MAX	  3

/* At most this share of a limit may wait for a grace period. */
#define WAITING_SHARE 8

#define BATCH 60

/**
 * struct ippfvs_conn_evicted - evicted entries of one CPU, which wait for their grace period
 * @rcu: frees them after a grace period
 * @table: the table, which outlives all RCU callbacks
 * @n: the number of entries
 * @conn: the entries
 *
 * The CPU that takes the pointer by xchg() owns the batch.
 */
struct ippfvs_conn_evicted {
	struct rcu_head rcu;
	struct ippfvs_conn_table *table;
	u32 n;
	struct ippfvs_conn *conn[BATCH];
};

/* Classes of entries. The highest class goes first, and the longest idle entry within a class. */
enum rank {
	RANK_KEEP,	  /* confirmed, or a tombstone */
	RANK_UNCONFIRMED, /* several packets have come */
	RANK_CLOSED,	  /* in TIME_WAIT or CLOSED */
	RANK_NEW,	  /* few packets have come */
	RANK_DEAD,	  /* it has ended already */
};

/**
 * struct search - a search for a victim
 * @conn: the best one so far, or NULL
 * @word: its state word
 * @score: its rank and how long it has been idle
 * @candidates: number of entries that may go
 * @entries: number of entries
 * @buckets: number of buckets
 */
struct search {
	struct ippfvs_conn *conn;
	u64 word;
	u64 score;
	u32 candidates;
	u32 entries;
	u32 buckets;
};

/* Search */

static enum rank rank_of(u64 word)
{
	u8 state = ippfvs_conn_word_state(word);

	if (word & IPPFVS_CONN_F_TOMBSTONE)
		return RANK_KEEP;
	if (word & IPPFVS_CONN_F_DEAD)
		return RANK_DEAD;
	if (!ippfvs_conn_word_is_confirmed(word) &&
	    ippfvs_conn_word_packets(word) < IPPFVS_CONN_PACKETS_MAX)
		return RANK_NEW;
	if (state == IPPFVS_STATE_TIME_WAIT || state == IPPFVS_STATE_CLOSED)
		return RANK_CLOSED;
	return ippfvs_conn_word_is_confirmed(word) ? RANK_KEEP : RANK_UNCONFIRMED;
}

/* The stamp may be newer than the jiffies that this CPU sees. */
static u64 score_of(enum rank rank, u64 word)
{
	s32 idle = (u32)jiffies - ippfvs_conn_word_stamp(word);

	return (u64)rank << 32 | (u32)max(idle, 0);
}

static void consider(struct search *search, struct ippfvs_conn *conn)
{
	u64 word = ippfvs_conn_word_read(conn);
	enum rank rank = rank_of(word);
	u64 score = score_of(rank, word);

	search->entries++;
	if (rank == RANK_KEEP)
		return;
	search->candidates++;
	if (search->conn && search->score >= score)
		return;
	search->conn = conn;
	search->word = word;
	search->score = score;
}

static bool is_over(const struct search *search)
{
	return search->candidates >= CANDIDATES_WANTED || search->entries >= ENTRIES_MAX ||
	       search->buckets >= BUCKETS_MAX;
}

static void search_chain(struct search *search, const struct ippfvs_bucket *first)
{
	const struct ippfvs_bucket *bucket;
	unsigned long slot;
	int i;

	search->buckets++;
	ippfvs_bucket_for_each_rcu(bucket, first) {
		for (i = 0; i < IPPFVS_BUCKET_SLOTS; i++) {
			slot = READ_ONCE(bucket->slot[i]);
			if (slot && ippfvs_slot_dir(slot) == IPPFVS_CONN_IN)
				consider(search, ippfvs_slot_conn(slot));
		}
		if (is_over(search))
			return;
	}
}

/* Search from the bucket of @hash on. After the last bucket, continue with the first. */
static void search_array(struct search *search, const struct ippfvs_buckets *buckets, u32 hash)
{
	u32 n = min(1U << buckets->bits, (unsigned int)BUCKETS_MAX);
	u32 i;

	for (i = 0; i < n && !is_over(search); i++)
		search_chain(search, ippfvs_bucket(buckets, hash + (i << (32 - buckets->bits))));
}

static void find_victim(struct search *search, const struct ippfvs_conn_table *table, u32 hash)
{
	const struct ippfvs_buckets *buckets;

	*search = (struct search){};
	for (buckets = rcu_dereference(table->buckets); buckets && !is_over(search);
	     buckets = rcu_dereference(buckets->next))
		search_array(search, buckets, hash);
}

/* Freeing */

static void free_evicted(struct rcu_head *rcu)
{
	struct ippfvs_conn_evicted *batch = container_of(rcu, struct ippfvs_conn_evicted, rcu);

	ippfvs_conn_free_bulk(batch->conn, batch->n);
	atomic_sub(batch->n, &batch->table->waiting);
	kfree(batch);
}

static void free_later(struct ippfvs_conn_evicted *batch)
{
	call_rcu_hurry(&batch->rcu, free_evicted);
}

bool ippfvs_conn_waiting_full(const struct ippfvs_conn_table *table)
{
	u32 share = ippfvs_config_conn_max(table->config) / WAITING_SHARE;

	return atomic_read(&table->waiting) >= share + IPPFVS_CONN_WAITING_MIN;
}

/* The entries of all namespaces, including those that wait, may exceed their limit by a share. */
static bool may_wait(const struct ippfvs_conn_table *table)
{
	u32 limit = ippfvs_config_conn_limit(table->config);

	return !ippfvs_conn_waiting_full(table) &&
	       !ippfvs_conn_entries_reached(limit + limit / WAITING_SHARE);
}

/* Take this CPU's batch, or a new one. Return: NULL without memory. */
static struct ippfvs_conn_evicted *take_batch(struct ippfvs_conn_table *table)
{
	struct ippfvs_conn_evicted *batch = xchg(this_cpu_ptr(table->evicted), NULL);

	if (batch)
		return batch;
	batch = kmalloc(sizeof(*batch), GFP_ATOMIC | __GFP_NOWARN);
	if (batch) {
		batch->table = table;
		batch->n = 0;
	}
	return batch;
}

/* Another task of this CPU may have left a batch meanwhile. */
static void put_batch(struct ippfvs_conn_table *table, struct ippfvs_conn_evicted *batch)
{
	if (batch->n < BATCH)
		batch = xchg(this_cpu_ptr(table->evicted), batch);
	if (!batch)
		return;
	if (batch->n)
		free_later(batch);
	else
		kfree(batch);
}

void ippfvs_conn_evict_flush(struct ippfvs_conn_table *table)
{
	struct ippfvs_conn_evicted *batch;
	int cpu;

	for_each_possible_cpu(cpu) {
		if (!READ_ONCE(*per_cpu_ptr(table->evicted, cpu)))
			continue;
		batch = xchg(per_cpu_ptr(table->evicted, cpu), NULL);
		if (!batch)
			continue;
		if (batch->n)
			free_later(batch);
		else
			kfree(batch);
	}
}

/* Eviction */

/* Return: whether the entry is dead now, by this caller or before. */
static bool end_victim(struct ippfvs_conn_table *table, const struct search *search)
{
	if (search->word & IPPFVS_CONN_F_DEAD)
		return true;
	if (!ippfvs_conn_try_end(search->conn, search->word, IPPFVS_CONN_F_DEAD))
		return false;
	trace_conn_evict(search->conn);
	percpu_counter_inc(&table->evictions[IPPFVS_EVICTION_PRESSURE]);
	return true;
}

/* Return: false if another CPU has taken the entry, or if its state has changed. */
static bool take_victim(struct ippfvs_conn_table *table, const struct search *search,
			struct ippfvs_conn_evicted *batch)
{
	if (!end_victim(table, search) || !ippfvs_conn_unlink(table, search->conn))
		return false;
	batch->conn[batch->n++] = search->conn;
	atomic_inc(&table->waiting);
	ippfvs_real_put(search->conn->real);
	return true;
}

bool ippfvs_conn_evict(struct ippfvs_conn_table *table, u32 hash)
{
	struct ippfvs_conn_evicted *batch;
	struct search search;
	bool done = false;
	int i;

	if (!may_wait(table))
		return false;
	batch = take_batch(table);
	if (!batch)
		return false;

	for (i = 0; i < SEARCHES_MAX && !done; i++) {
		find_victim(&search, table, hash);
		if (!search.conn)
			break;
		done = take_victim(table, &search, batch);
	}
	put_batch(table, batch);
	return done;
}
