// SPDX-License-Identifier: GPL-2.0
/* The table's start with the first service of a namespace, its end, its timeouts. */
#include "table.h"

#include "../main.h"
#include "../service/real.h"
#include "buckets.h"
#include "life.h"
#include "orphan.h"
#include "worker.h"

#include <linux/mm.h>
#include <linux/random.h>
#include <linux/sched.h>

int ippfvs_conn_table_init(struct ippfvs_conn_table *table,
			   const struct ippfvs_config *config)
{
	table->config = config;
	atomic_set(&table->spread, 0);
	atomic_set(&table->orphans, 0);
	spin_lock_init(&table->spread_lock);
	INIT_DELAYED_WORK(&table->work, ippfvs_conn_work);
	return percpu_counter_init(&table->conns, 0, GFP_KERNEL);
}

void ippfvs_conn_table_exit(struct ippfvs_conn_table *table)
{
	percpu_counter_destroy(&table->conns);
}

static struct ippfvs_conn_lock *make_locks(void)
{
	struct ippfvs_conn_lock *lock;
	int i;

	lock = kvcalloc(IPPFVS_CONN_LOCKS, sizeof(*lock), GFP_KERNEL_ACCOUNT);
	for (i = 0; lock && i < IPPFVS_CONN_LOCKS; i++)
		spin_lock_init(&lock[i].lock);
	return lock;
}

int ippfvs_conn_table_start(struct ippfvs_conn_table *table)
{
	struct ippfvs_buckets *buckets;

	/* One lock covers whole buckets, whatever their number. */
	BUILD_BUG_ON(IPPFVS_BUCKETS_MIN_BITS < IPPFVS_CONN_LOCKS_SHIFT);

	table->lock = make_locks();
	if (!table->lock)
		return -ENOMEM;
	buckets = ippfvs_buckets_alloc(ippfvs_conn_tab_bits);
	if (!buckets) {
		kvfree(table->lock);
		return -ENOMEM;
	}

	get_random_bytes(&table->key, sizeof(table->key));
	get_random_bytes(&table->spread_key, sizeof(table->spread_key));
	table->position = 0;
	table->hurry = false;
	rcu_assign_pointer(table->buckets, buckets);
	return 0;
}

/* Everything in it ends, whatever its time. */
static void end_conn(struct ippfvs_conn_table *table, unsigned long link)
{
	struct ippfvs_conn *conn = ippfvs_link_conn(link);

	ippfvs_conn_end(conn);
	ippfvs_conn_forget(table, conn);
}

static void end_all(struct ippfvs_conn_table *table,
		    const struct ippfvs_buckets *buckets)
{
	const struct ippfvs_line *line;
	unsigned long i;
	int j;

	for (i = 0; i < 1UL << buckets->bits; i++) {
		ippfvs_for_each_own_line(line, &buckets->line[i])
			for (j = 0; j < IPPFVS_LINKS; j++)
				if (line->link[j])
					end_conn(table, line->link[j]);
		cond_resched();
	}
}

void ippfvs_conn_table_stop(struct ippfvs_conn_table *table)
{
	struct ippfvs_buckets *buckets, *next;

	/* Not before it has gone: it replaces the array, and frees it. */
	cancel_delayed_work_sync(&table->work);
	buckets = ippfvs_conn_own_buckets(table);

	/* Packets are gone; a list that is being read may still be here. */
	next = rcu_dereference_raw(buckets->next);
	end_all(table, buckets);
	if (next)
		end_all(table, next);
	ippfvs_conn_sweep(table, 0, 1ULL << 32);

	RCU_INIT_POINTER(table->buckets, NULL);
	synchronize_rcu();
	ippfvs_buckets_free(buckets);
	if (next)
		ippfvs_buckets_free(next);
	kvfree(table->lock);
	table->lock = NULL;
}

static u32 timeout_of(const struct ippfvs_conn_table *table, u8 state)
{
	return READ_ONCE(table->config->timeout[state]);
}

/*
 * One whose real server was removed stays a little: for its client, who is told when
 * it goes on, and for what the server still sends, which is dropped.
 */
u32 ippfvs_conn_timeout(const struct ippfvs_conn_table *table,
			const struct ippfvs_conn *conn, u64 life)
{
	u32 time = timeout_of(table, life_state(life));

	if (READ_ONCE(conn->real->removed))
		return min(time, timeout_of(table, IPPFVS_STATE_TIME_WAIT));
	return time;
}
