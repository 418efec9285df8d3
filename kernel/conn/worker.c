// SPDX-License-Identifier: GPL-2.0
/*
 * The worker of a connection table: ends what has expired, frees what has
 * ended, lets the table grow and shrink.
 */
#include "worker.h"

#include "../main.h"
#include "../service/real.h"
#include "buckets.h"
#include "life.h"
#include "make.h"
#include "orphan.h"
#include "resize.h"

#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>

/* It looks at the whole table once in SWEEP_TICKS ticks: in about 8 seconds. */
#define SWEEP_TICK	(HZ / 8 + 1)
#define SWEEP_TICKS	64

#define BATCH	509

/* Entries that are linked nowhere any more, until the last reader has gone. */
struct batch {
	struct rcu_head rcu;
	u32 n;
	struct ippfvs_conn *conn[BATCH];
};

static void batch_free(struct rcu_head *rcu)
{
	struct batch *batch = container_of(rcu, struct batch, rcu);

	ippfvs_conn_free(batch->conn, batch->n);
	kfree(batch);
}

/* Without memory for a batch, wait for the readers instead. */
static void free_later(struct ippfvs_conn *conn, struct batch **batch)
{
	if (!*batch)
		*batch = kzalloc(sizeof(**batch), GFP_KERNEL | __GFP_NOWARN);
	if (!*batch) {
		synchronize_rcu();
		ippfvs_conn_free(&conn, 1);
		return;
	}

	(*batch)->conn[(*batch)->n++] = conn;
	if ((*batch)->n == BATCH) {
		call_rcu(&(*batch)->rcu, batch_free);
		*batch = NULL;
	}
}

static void remove_link(struct ippfvs_conn_table *table,
			struct ippfvs_conn *conn, enum ippfvs_conn_dir dir)
{
	struct ippfvs_buckets *buckets = ippfvs_conn_own_buckets(table);
	struct ippfvs_buckets *next = rcu_dereference_raw(buckets->next);
	u32 hash = conn->hash[dir];
	unsigned long link = ippfvs_link(conn, dir);
	spinlock_t *lock = ippfvs_conn_table_lock(table, hash);

	spin_lock_bh(lock);
	if (!ippfvs_buckets_del(buckets, hash, link) && next)
		ippfvs_buckets_del(next, hash, link);
	spin_unlock_bh(lock);
}

/* The second link, and the mark that there is something to look further for. */
static void remove_spread(struct ippfvs_conn_table *table,
			  struct ippfvs_conn *conn)
{
	if (conn->two_way)
		remove_link(table, conn, IPPFVS_CONN_OUT);
	atomic_dec(&table->spread);
}

static bool idle_for(u64 life, u32 time)
{
	/* Signed: the stamp may be newer than what we see of jiffies. */
	return (s32)((u32)jiffies - life_stamp(life)) > (s32)time;
}

/*
 * End the entry if it was idle for too long. Return: has it ended, and is to go?
 * An orphan stays as long as if it had not.
 */
static bool end_if_idle(struct ippfvs_conn_table *table,
			struct ippfvs_conn *conn)
{
	u64 life = life_read(conn);

	if ((life & LIFE_DEAD) && !(life & LIFE_ORPHAN))
		return true;
	if (!idle_for(life, ippfvs_conn_timeout(table, conn, life)))
		return false;
	if (!(life & LIFE_DEAD))
		return ippfvs_conn_end_seen(conn, life, LIFE_DEAD);
	ippfvs_conn_forget(table, conn);
	return true;
}

static void sweep_bucket(struct ippfvs_conn_table *table,
			 const struct ippfvs_line *first,
			 struct batch **batch)
{
	const struct ippfvs_line *line;
	struct ippfvs_conn *conn;
	unsigned long link;
	int i;

	ippfvs_for_each_own_line(line, first) {
		for (i = 0; i < IPPFVS_LINKS; i++) {
			link = READ_ONCE(line->link[i]);
			if (!link || ippfvs_link_dir(link) != IPPFVS_CONN_IN)
				continue;
			conn = ippfvs_link_conn(link);
			if (!end_if_idle(table, conn))
				continue;
			remove_link(table, conn, IPPFVS_CONN_IN);
			if (conn->spread)
				remove_spread(table, conn);
			percpu_counter_dec(&table->conns);
			ippfvs_real_put(conn->real);
			free_later(conn, batch);
		}
	}
}

/* By the worker, or once it has stopped: no entry vanishes meanwhile. */
static void sweep(struct ippfvs_conn_table *table,
		  struct ippfvs_buckets *buckets, u32 first, u64 end)
{
	u64 position = first, step = 1ULL << (32 - buckets->bits);
	struct batch *batch = NULL;
	u32 n = 0;

	for (; position < end; position += step) {
		sweep_bucket(table, ippfvs_buckets_line(buckets, position),
			     &batch);
		if (++n % IPPFVS_CONN_RESCHED_EVERY == 0)
			cond_resched();
	}
	if (batch)
		call_rcu(&batch->rcu, batch_free);
}

void ippfvs_conn_sweep(struct ippfvs_conn_table *table, u32 first, u64 end)
{
	struct ippfvs_buckets *buckets = ippfvs_conn_own_buckets(table);
	struct ippfvs_buckets *next = rcu_dereference_raw(buckets->next);

	sweep(table, buckets, first, end);
	if (next)
		sweep(table, next, first, end);
}

void ippfvs_conn_work(struct work_struct *work)
{
	struct ippfvs_conn_table *table =
		container_of(to_delayed_work(work), struct ippfvs_conn_table,
			     work);
	u64 end = (u64)table->position + (1ULL << 32) / SWEEP_TICKS;

	ippfvs_conn_table_resize(table);
	/* Still crowded, it could not be helped: to be tried again later, by the tick. */
	WRITE_ONCE(table->hurry, ippfvs_buckets_crowded(ippfvs_conn_own_buckets(table)));

	ippfvs_conn_sweep(table, table->position, end);
	table->position = end;

	/* An empty table is left alone when it is as small as it was, and not crowded. */
	if (percpu_counter_sum(&table->conns) > 0 || table->hurry ||
	    ippfvs_conn_own_buckets(table)->bits > ippfvs_conn_tab_bits)
		queue_delayed_work(ippfvs_wq, &table->work, SWEEP_TICK);
}

/*
 * The worker sleeps while the table is empty: it clears that it is pending, then
 * counts; who inserts has counted, then looks whether it is pending (a full barrier
 * is between the two, in ippfvs_pool_load_add()). Growth wants it at once, but not
 * on every packet of a flood: until it has run, one call is enough.
 */
void ippfvs_conn_wake(struct ippfvs_conn_table *table)
{
	struct ippfvs_buckets *buckets = rcu_dereference(table->buckets);

	if (unlikely(ippfvs_buckets_crowded(buckets)) && !READ_ONCE(table->hurry)) {
		WRITE_ONCE(table->hurry, true);
		mod_delayed_work(ippfvs_wq, &table->work, 0);
	} else if (!delayed_work_pending(&table->work)) {
		queue_delayed_work(ippfvs_wq, &table->work, SWEEP_TICK);
	}
}
