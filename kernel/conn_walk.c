// SPDX-License-Identifier: GPL-2.0
#include "conn_walk.h"

#include "buckets.h"
#include "conn_life.h"

/* Steps of a walk under one RCU read lock. */
#define SHARE	256

u32 ippfvs_conn_expires_ms(const struct ippfvs_conn_table *table,
			   const struct ippfvs_conn *conn)
{
	u64 life = life_read(conn);
	s32 idle = (u32)jiffies - life_stamp(life);
	s32 most = ippfvs_conn_table_timeout(table, life_state(life));

	return idle < most ? jiffies_to_msecs(most - idle) : 0;
}

u32 ippfvs_conn_count(struct ippfvs_conn_table *table)
{
	return percpu_counter_sum_positive(&table->conns);
}

u32 ippfvs_conn_buckets(const struct ippfvs_conn_table *table)
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

/* What one step of a walk carries along. */
struct walk {
	struct ippfvs_conn_cursor *cursor;
	u32 seen;
	u32 first;
	u32 last;
	int (*visit)(const struct ippfvs_conn *conn, void *arg);
	void *arg;
};

static int walk_bucket(struct walk *walk, const struct ippfvs_bucket *bucket)
{
	const struct ippfvs_conn *conn;
	unsigned long link;
	int i, err;

	for (; bucket; bucket = rcu_dereference(bucket->more)) {
		for (i = 0; i < IPPFVS_LINKS; i++) {
			link = READ_ONCE(bucket->link[i]);
			if (!link || ippfvs_link_dir(link) != IPPFVS_CONN_IN)
				continue;
			conn = ippfvs_link_conn(link);
			if (conn->hash[IPPFVS_CONN_IN] < walk->first ||
			    conn->hash[IPPFVS_CONN_IN] > walk->last ||
			    life_dead(conn) || walk->seen++ < walk->cursor->skip)
				continue;
			err = walk->visit(conn, walk->arg);
			if (err)
				return err;
			walk->cursor->skip++;
		}
	}
	return 0;
}

/* All of @buckets that may hold hashes from walk->first to walk->last. */
static int walk_buckets(struct walk *walk, const struct ippfvs_buckets *buckets)
{
	u64 position = walk->first;
	int err = 0;

	for (; position <= walk->last && !err;
	     position += 1ULL << (32 - buckets->bits))
		err = walk_bucket(walk, ippfvs_bucket_of(buckets, position));
	return err;
}

int ippfvs_conn_walk(struct ippfvs_conn_table *table,
		     struct ippfvs_conn_cursor *cursor,
		     int (*visit)(const struct ippfvs_conn *conn, void *arg),
		     void *arg)
{
	struct walk walk = { .cursor = cursor, .visit = visit, .arg = arg };
	const struct ippfvs_buckets *buckets, *next;
	int share, err = 0;

	rcu_read_lock();
	buckets = rcu_dereference(table->buckets);
	if (!buckets)
		cursor->done = true;

	for (share = 0; share < SHARE && !cursor->done; share++) {
		walk.first = cursor->position;
		walk.last = walk.first | (~0U >> buckets->bits);
		walk.seen = 0;

		err = walk_buckets(&walk, buckets);
		next = rcu_dereference(buckets->next);
		if (!err && next)
			err = walk_buckets(&walk, next);
		if (err)
			break;

		cursor->done = walk.last == ~0U;
		cursor->position = walk.last + 1;
		cursor->skip = 0;
	}
	rcu_read_unlock();
	return err;
}
