// SPDX-License-Identifier: GPL-2.0
#include "walk.h"

#include "buckets.h"
#include "life.h"

/* Steps of a walk under one RCU read lock. */
#define SHARE	256

/* Entries looked at in one step; far more than ever have the same hash. */
#define BATCH	16

u32 ippfvs_conn_expires_ms(const struct ippfvs_conn_table *table,
			   const struct ippfvs_conn *conn)
{
	u64 life = life_read(conn);
	s32 idle = (u32)jiffies - life_stamp(life);
	s32 most = ippfvs_conn_timeout(table, conn, life);

	return idle < most ? jiffies_to_msecs(most - idle) : 0;
}

u32 ippfvs_conn_count(struct ippfvs_conn_table *table)
{
	return percpu_counter_sum_positive(&table->conns);
}

u32 ippfvs_conn_bucket_count(const struct ippfvs_conn_table *table)
{
	const struct ippfvs_buckets *buckets;
	u32 n = 0;

	rcu_read_lock();
	buckets = rcu_dereference(table->buckets);
	if (buckets)
		n = 1U << buckets->bits;
	rcu_read_unlock();
	return n;
}

/*
 * The next entries of a walk, in the order of their hash. An entry on its way to
 * the next array may be met twice, and is one; a walk goes on behind a hash, so
 * it does not matter where in its bucket an entry is meanwhile.
 */
struct batch {
	u32 first;
	u32 last;
	u32 n;
	const struct ippfvs_conn *conn[BATCH];
};

static u32 hash_at(const struct batch *batch, u32 i)
{
	return batch->conn[i]->hash[IPPFVS_CONN_IN];
}

/* When there is no room, the last gives way: it comes in a later batch. */
static void batch_add(struct batch *batch, const struct ippfvs_conn *conn)
{
	u32 hash = conn->hash[IPPFVS_CONN_IN];
	u32 i, place = batch->n;

	while (place && hash_at(batch, place - 1) > hash)
		place--;
	for (i = place; i && hash_at(batch, i - 1) == hash; i--)
		if (batch->conn[i - 1] == conn)
			return;
	if (place == BATCH)
		return;

	if (batch->n < BATCH)
		batch->n++;
	for (i = batch->n - 1; i > place; i--)
		batch->conn[i] = batch->conn[i - 1];
	batch->conn[place] = conn;
}

static void collect_bucket(struct batch *batch,
			   const struct ippfvs_line *first)
{
	const struct ippfvs_line *line;
	const struct ippfvs_conn *conn;
	unsigned long link;
	int i;

	ippfvs_for_each_line(line, first) {
		for (i = 0; i < IPPFVS_LINKS; i++) {
			link = READ_ONCE(line->link[i]);
			if (!link || ippfvs_link_dir(link) != IPPFVS_CONN_IN)
				continue;
			conn = ippfvs_link_conn(link);
			if (conn->hash[IPPFVS_CONN_IN] < batch->first ||
			    conn->hash[IPPFVS_CONN_IN] > batch->last ||
			    life_dead(conn))
				continue;
			batch_add(batch, conn);
		}
	}
}

/* From all of @buckets that may hold hashes from first to last. */
static void collect(struct batch *batch, const struct ippfvs_buckets *buckets)
{
	u64 position = batch->first;

	for (; position <= batch->last;
	     position = (position | (~0U >> buckets->bits)) + 1)
		collect_bucket(batch, ippfvs_buckets_line(buckets, position));
}

/* Return: what @visit returned for the entry at which the cursor stays. */
static int visit_batch(struct ippfvs_conn_cursor *cursor,
		       const struct batch *batch,
		       int (*visit)(const struct ippfvs_conn *conn, void *arg),
		       void *arg)
{
	u32 i, seen = 0;
	int err;

	for (i = 0; i < batch->n; i++) {
		if (hash_at(batch, i) != cursor->position) {
			cursor->position = hash_at(batch, i);
			cursor->skip = 0;
			seen = 0;
		}
		if (seen++ < cursor->skip)
			continue;
		err = visit(batch->conn[i], arg);
		if (err)
			return err;
		cursor->skip++;
	}
	return 0;
}

/* A full batch goes on behind its last hash; one that is all of one hash cannot. */
static bool goes_on(const struct batch *batch)
{
	return batch->n == BATCH &&
	       hash_at(batch, 0) != hash_at(batch, BATCH - 1);
}

int ippfvs_conn_walk(struct ippfvs_conn_table *table,
		     struct ippfvs_conn_cursor *cursor,
		     int (*visit)(const struct ippfvs_conn *conn, void *arg),
		     void *arg)
{
	const struct ippfvs_buckets *buckets, *next;
	struct batch batch;
	int share, err = 0;

	rcu_read_lock();
	buckets = rcu_dereference(table->buckets);
	if (!buckets)
		cursor->done = true;

	for (share = 0; share < SHARE && !cursor->done; share++) {
		batch.first = cursor->position;
		batch.last = batch.first | (~0U >> buckets->bits);
		batch.n = 0;

		/* In this order: see look_next() in find.c. */
		collect(&batch, buckets);
		smp_rmb(); /* pairs with smp_store_release() in move_bucket() */
		next = rcu_dereference(buckets->next);
		if (next)
			collect(&batch, next);

		err = visit_batch(cursor, &batch, visit, arg);
		if (err)
			break;

		if (goes_on(&batch))
			continue;
		cursor->done = batch.last == ~0U;
		cursor->position = batch.last + 1;
		cursor->skip = 0;
	}
	rcu_read_unlock();
	return err;
}
