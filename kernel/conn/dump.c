// SPDX-License-Identifier: GPL-2.0
#include "dump.h"

#include "bucket.h"

/* Maximum number of batches in a portion, which is visited under one RCU read lock. */
#define PORTION 256

/* Maximum number of entries in a batch. In practice, far fewer entries have the same hash. */
#define BATCH 16

u32 ippfvs_conn_expires_ms(const struct ippfvs_conn_table *table, const struct ippfvs_conn *conn)
{
	u64 word = ippfvs_conn_word_read(conn);
	s32 idle = (u32)jiffies - ippfvs_conn_word_stamp(word);
	s32 timeout = ippfvs_conn_timeout(table, conn, word);

	return idle < timeout ? jiffies_to_msecs(timeout - idle) : 0;
}

u32 ippfvs_conn_count(struct ippfvs_conn_table *table)
{
	return percpu_counter_sum_positive(&table->conns);
}

u32 ippfvs_conn_bucket_count(const struct ippfvs_conn_table *table)
{
	struct ippfvs_buckets *buckets;
	u32 n = 0;

	rcu_read_lock();
	buckets = rcu_dereference(table->buckets);
	if (buckets)
		n = 1U << ippfvs_buckets_last(buckets)->bits;
	rcu_read_unlock();
	return n;
}

/**
 * struct batch - the next entries of a dump, in the order of their hash
 * @first: lowest hash to collect
 * @last: highest hash to collect
 * @n: number of entries
 * @conn: the entries
 *
 * During a resize an entry may be found in two arrays; the batch then holds it once. A dump
 * continues after a hash, so a resize may move entries to other slots meanwhile.
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

/*
 * If the batch is full, its last entry is removed from it, and a later batch collects that entry.
 */
static void batch_add(struct batch *batch, const struct ippfvs_conn *conn)
{
	u32 hash = conn->hash[IPPFVS_CONN_IN];
	u32 i, position = batch->n;

	while (position && hash_at(batch, position - 1) > hash)
		position--;
	for (i = position; i && hash_at(batch, i - 1) == hash; i--)
		if (batch->conn[i - 1] == conn)
			return;
	if (position == BATCH)
		return;

	if (batch->n < BATCH)
		batch->n++;
	for (i = batch->n - 1; i > position; i--)
		batch->conn[i] = batch->conn[i - 1];
	batch->conn[position] = conn;
}

static void collect_bucket(struct batch *batch, const struct ippfvs_bucket *first)
{
	const struct ippfvs_bucket *bucket;
	const struct ippfvs_conn *conn;
	unsigned long slot;
	int i;

	ippfvs_bucket_for_each_rcu(bucket, first) {
		for (i = 0; i < IPPFVS_BUCKET_SLOTS; i++) {
			slot = READ_ONCE(bucket->slot[i]);
			if (!slot || ippfvs_slot_dir(slot) != IPPFVS_CONN_IN)
				continue;
			conn = ippfvs_slot_conn(slot);
			if (conn->hash[IPPFVS_CONN_IN] < batch->first ||
			    conn->hash[IPPFVS_CONN_IN] > batch->last || ippfvs_conn_is_dead(conn))
				continue;
			batch_add(batch, conn);
		}
	}
}

static void collect_array(struct batch *batch, const struct ippfvs_buckets *buckets)
{
	u64 position = batch->first;

	for (; position <= batch->last; position = (position | (~0U >> buckets->bits)) + 1)
		collect_bucket(batch, ippfvs_bucket(buckets, position));
}

/* All arrays are read in their order; see lookup_in_next() in table.c. */
static void collect(struct batch *batch, const struct ippfvs_buckets *buckets)
{
	while (buckets) {
		collect_array(batch, buckets);
		smp_rmb(); /* pairs with smp_store_release() in move_bucket() */
		buckets = rcu_dereference(buckets->next);
	}
}

/* Return: 0, or the non-zero result of @visit for the entry at which the cursor stays. */
static int visit_batch(struct ippfvs_conn_cursor *cursor, const struct batch *batch,
		       int (*visit)(const struct ippfvs_conn *conn, void *arg), void *arg)
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

/*
 * Return: true if the batch is full and has more than one hash. The dump must then continue at the
 * last hash, because the batch may not have all entries of that hash.
 */
static bool is_cut(const struct batch *batch)
{
	return batch->n == BATCH && hash_at(batch, 0) != hash_at(batch, BATCH - 1);
}

int ippfvs_conn_dump(struct ippfvs_conn_table *table, struct ippfvs_conn_cursor *cursor,
		     int (*visit)(const struct ippfvs_conn *conn, void *arg), void *arg)
{
	const struct ippfvs_buckets *buckets;
	struct batch batch;
	int i, err = 0;

	rcu_read_lock();
	buckets = rcu_dereference(table->buckets);
	if (!buckets)
		cursor->done = true;

	for (i = 0; i < PORTION && !cursor->done; i++) {
		batch.first = cursor->position;
		batch.last = batch.first | (~0U >> buckets->bits);
		batch.n = 0;
		collect(&batch, buckets);

		err = visit_batch(cursor, &batch, visit, arg);
		if (err)
			break;
		if (is_cut(&batch))
			continue;
		cursor->done = batch.last == ~0U;
		cursor->position = batch.last + 1;
		cursor->skip = 0;
	}
	rcu_read_unlock();
	return err;
}
