// SPDX-License-Identifier: GPL-2.0
/*
 * Growth and shrinking: an array of another size, into which the worker moves
 * bucket after bucket while packets look in both.
 */
#include "resize.h"

#include "../main.h"
#include "buckets.h"
#include "worker.h"

#include <linux/log2.h>
#include <linux/sched.h>

/* Fewer than one connection in so many buckets: the table shrinks. */
#define SPARSE_SHARE	4

/* With so many connections a bucket, any array would soon be crowded. */
#define DENSE	2

static int move_bucket(struct ippfvs_line *first, struct ippfvs_buckets *to)
{
	struct ippfvs_line *line;
	struct ippfvs_conn *conn;
	unsigned long link;
	int i, err;

	ippfvs_for_each_own_line(line, first) {
		for (i = 0; i < IPPFVS_LINKS; i++) {
			link = line->link[i];
			if (!link)
				continue;
			conn = ippfvs_link_conn(link);
			err = ippfvs_buckets_add(to,
						 conn->hash[ippfvs_link_dir(link)],
						 link);
			if (err)
				return err;
			/* Readers look here first: not gone before it is there. */
			smp_store_release(&line->link[i], 0);
		}
	}
	return 0;
}

/* Packets wait for one bucket at most. On failure the rest is moved later. */
static int move_all(struct ippfvs_conn_table *table,
		    struct ippfvs_buckets *from, struct ippfvs_buckets *to)
{
	unsigned long i;
	int err = 0;

	for (i = 0; i < 1UL << from->bits && !err; i++) {
		spinlock_t *lock = ippfvs_conn_table_lock(table, i << (32 - from->bits));

		spin_lock_bh(lock);
		err = move_bucket(&from->line[i], to);
		spin_unlock_bh(lock);
		if (i % IPPFVS_CONN_RESCHED_EVERY == 0)
			cond_resched();
	}
	return err;
}

/* How many bits the table should have now. */
static unsigned int wanted_bits(struct ippfvs_conn_table *table,
				const struct ippfvs_buckets *buckets)
{
	u64 conns = percpu_counter_sum_positive(&table->conns);
	unsigned int bits = buckets->bits;

	if (ippfvs_buckets_crowded(buckets) && conns > 1ULL << bits &&
	    bits < IPPFVS_BUCKETS_MAX_BITS) {
		do {
			bits++;
		} while (2ULL << bits < conns && bits < IPPFVS_BUCKETS_MAX_BITS);
		return bits;
	}

	/* Not before it is far too large: it might soon have to grow again. */
	if (bits > ippfvs_conn_tab_bits && SPARSE_SHARE * conns < 1ULL << bits)
		bits = max_t(unsigned int, ippfvs_conn_tab_bits,
			     order_base_2(conns + 1));
	return bits;
}

/*
 * Crowded by connections that have gone: an array like it, fresh. Not oftener than all
 * are looked at, or those that wait for that, and crowd the next one as well, would
 * wait the longer.
 */
static bool wants_fresh(struct ippfvs_conn_table *table,
			const struct ippfvs_buckets *buckets)
{
	return ippfvs_buckets_crowded(buckets) && !table->position &&
	       percpu_counter_read_positive(&table->conns) >> buckets->bits < DENSE;
}

/* An array of 2^@bits buckets, or if memory is short, of as many as it gives. */
static struct ippfvs_buckets *alloc_near(unsigned int bits, unsigned int now)
{
	struct ippfvs_buckets *buckets;

	do {
		buckets = ippfvs_buckets_alloc(bits);
	} while (!buckets && --bits > now);
	return buckets;
}

void ippfvs_conn_table_resize(struct ippfvs_conn_table *table)
{
	struct ippfvs_buckets *buckets = ippfvs_conn_own_buckets(table);
	struct ippfvs_buckets *next = rcu_dereference_raw(buckets->next);

	if (!next) {
		unsigned int bits = wanted_bits(table, buckets);

		if (bits == buckets->bits && !wants_fresh(table, buckets))
			return;
		next = alloc_near(bits, buckets->bits);
		if (!next)
			return;
		rcu_assign_pointer(buckets->next, next);
	}

	if (move_all(table, buckets, next))
		return;

	rcu_assign_pointer(table->buckets, next);
	synchronize_rcu();
	ippfvs_buckets_free(buckets);
}
