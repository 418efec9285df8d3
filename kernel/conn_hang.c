// SPDX-License-Identifier: GPL-2.0
/*
 * Where a new connection is hung into the table: at its client, if nothing there
 * objects; elsewhere, if too many hang there.
 */
#include "conn_table.h"

#include "buckets.h"
#include "conn_life.h"
#include "core/tcp_state.h"
#include "real.h"

#include <linux/err.h>
#include <linux/lockdep.h>
#include <net/ipv6.h>

/* So many connections hang at one client; few enough to look at all. */
#define SIBLINGS_MAX	4

/*
 * So many of its ended connections may wait for the worker, 8 seconds at most: a
 * client that opens and ends faster from one port would make looks long.
 */
#define DEAD_MAX	192

/* End an entry that is closing, in favour of a new one. */
static bool make_way(struct ippfvs_conn *conn)
{
	if (conn->protocol != IPPROTO_TCP ||
	    !ippfvs_tcp_reopens(ippfvs_conn_state(conn), IPPFVS_TCP_SYN))
		return false;

	ippfvs_conn_end(conn);
	return true;
}

static bool same_end(const struct ippfvs_conn *a, const struct ippfvs_conn *b,
		     enum ippfvs_conn_end end)
{
	if (a->port[end] != b->port[end])
		return false;
	if (a->family == IPPFVS_FAMILY_IPV4)
		return a->ip[end] == b->ip[end];
	return ipv6_addr_equal(&a->ip6[end], &b->ip6[end]);
}

/**
 * struct siblings - what hangs already where an entry is to be hung
 * @twin: has the same tuple: another CPU was faster
 * @rival: its answers could not be told from the new one's
 * @n: how many have the same client
 * @dead: how many of that client's have ended and still hang here
 */
struct siblings {
	struct ippfvs_conn *twin;
	struct ippfvs_conn *rival;
	u32 n;
	u32 dead;
};

static void meet(struct siblings *siblings, const struct ippfvs_conn *conn,
		 struct ippfvs_conn *other)
{
	if (other->protocol != conn->protocol ||
	    other->family != conn->family ||
	    !same_end(other, conn, IPPFVS_END_CLIENT))
		return;
	if (life_dead(other)) {
		siblings->dead++;
		return;
	}

	siblings->n++;
	if (same_end(other, conn, IPPFVS_END_VIRTUAL))
		siblings->twin = other;
	else if (other->two_way && conn->two_way &&
		 same_end(other, conn, IPPFVS_END_REAL))
		siblings->rival = other;
}

/* The lock of @hash: all that hangs there stays, and nothing is added. */
static void meet_at(const struct ippfvs_buckets *buckets, u32 hash,
		    const struct ippfvs_conn *conn, struct siblings *siblings)
{
	const struct ippfvs_bucket *bucket = ippfvs_bucket_of(buckets, hash);
	struct ippfvs_conn *other;
	unsigned int hits;

	for (; bucket; bucket = rcu_dereference(bucket->more)) {
		hits = ippfvs_bucket_hits(bucket, hash);
		for (; hits; hits &= hits - 1) {
			other = ippfvs_bucket_conn(bucket, __ffs(hits));
			if (other)
				meet(siblings, conn, other);
		}
	}
}

static struct ippfvs_buckets *newest(struct ippfvs_buckets *buckets)
{
	/* Under a lock: the mover publishes next before it takes one. */
	return rcu_dereference(buckets->next) ?: buckets;
}

static int hang(struct ippfvs_buckets *buckets, struct ippfvs_conn *conn,
		enum ippfvs_conn_dir dir)
{
	return ippfvs_buckets_add(newest(buckets), conn->hash[dir],
				  ippfvs_link(conn, dir));
}

/*
 * May @conn be hung where @siblings are? Return: NULL: yes; the twin that is
 * there already; ERR_PTR(-EADDRINUSE), or -ENOSPC: too many have just ended.
 */
static struct ippfvs_conn *objection(const struct siblings *siblings)
{
	if (siblings->dead >= DEAD_MAX)
		return ERR_PTR(-ENOSPC);
	if (siblings->twin && !make_way(siblings->twin))
		return siblings->twin;
	if (siblings->rival && !make_way(siblings->rival))
		return ERR_PTR(-EADDRINUSE);
	return NULL;
}

static void meet_spread(const struct ippfvs_conn_table *table,
			const struct ippfvs_buckets *buckets,
			const struct ippfvs_conn *conn,
			enum ippfvs_conn_dir dir, struct siblings *siblings)
{
	struct ippfvs_tuple tuple = {};
	struct ippfvs_conn *other;

	ippfvs_conn_tuple(conn, dir, &tuple);
	other = ippfvs_conn_find_spread(table, buckets, &tuple, &dir);
	if (other)
		meet(siblings, conn, other);
}

/* At home, the lock of which is held, and spread. */
static void meet_all(const struct ippfvs_conn_table *table,
		     const struct ippfvs_buckets *buckets, u32 home,
		     const struct ippfvs_conn *conn, struct siblings *siblings)
{
	const struct ippfvs_buckets *next = rcu_dereference(buckets->next);

	meet_at(buckets, home, conn, siblings);
	if (unlikely(next))
		meet_at(next, home, conn, siblings);
	if (likely(!atomic_read(&table->spread)))
		return;
	meet_spread(table, buckets, conn, IPPFVS_CONN_IN, siblings);
	if (conn->two_way)
		meet_spread(table, buckets, conn, IPPFVS_CONN_OUT, siblings);
}

/* Ended already: the worker must not find it hung up behind its back. */
static int hang_living(struct ippfvs_buckets *buckets, struct ippfvs_conn *conn,
		       enum ippfvs_conn_dir dir)
{
	return life_dead(conn) ? 0 : hang(buckets, conn, dir);
}

/*
 * By one of its whole tuples. The lock of its home, and @spread_lock: nobody else
 * holds two locks of the table.
 */
static int hang_by_tuple(struct ippfvs_conn_table *table,
			 struct ippfvs_buckets *buckets, u32 home,
			 struct ippfvs_conn *conn, enum ippfvs_conn_dir dir)
{
	spinlock_t *lock = ippfvs_conn_table_lock(table, conn->hash[dir]);
	spinlock_t *held = ippfvs_conn_table_lock(table, home);
	int err;

	lockdep_assert_held(&table->spread_lock);
	lockdep_assert_held(held);

	if (lock == held)
		return hang_living(buckets, conn, dir);

	spin_lock_nested(lock, SINGLE_DEPTH_NESTING);
	err = hang_living(buckets, conn, dir);
	spin_unlock(lock);
	return err;
}

static u32 hash_of(const struct ippfvs_conn_table *table,
		   const struct ippfvs_conn *conn, enum ippfvs_conn_dir dir)
{
	struct ippfvs_tuple tuple = {};

	ippfvs_conn_tuple(conn, dir, &tuple);
	return ippfvs_conn_hash_whole(table, &tuple);
}

/*
 * Hashes and the count are set before the first link makes it visible. On error
 * it is in no bucket.
 */
static int hang_spread(struct ippfvs_conn_table *table,
		       struct ippfvs_buckets *buckets, u32 home,
		       struct ippfvs_conn *conn)
{
	int err;

	conn->spread = true;
	conn->hash[IPPFVS_CONN_IN] = hash_of(table, conn, IPPFVS_CONN_IN);
	conn->hash[IPPFVS_CONN_OUT] = hash_of(table, conn, IPPFVS_CONN_OUT);
	atomic_inc(&table->spread);
	err = hang_by_tuple(table, buckets, home, conn, IPPFVS_CONN_IN);
	if (err) {
		atomic_dec(&table->spread);
		return err;
	}
	/* Answers would be lost: end it. It is reachable, so the worker frees it. */
	if (conn->two_way &&
	    hang_by_tuple(table, buckets, home, conn, IPPFVS_CONN_OUT))
		ippfvs_conn_end(conn);
	return 0;
}

/*
 * Hang @conn at its client, or when that one has many and @spread allows it,
 * elsewhere. Return: NULL when done, -EXFULL: it must be spread; else as
 * objection(), or ERR_PTR(-ENOMEM).
 */
static struct ippfvs_conn *settle(struct ippfvs_conn_table *table,
				  struct ippfvs_conn *conn, u32 home,
				  bool spread)
{
	struct ippfvs_buckets *buckets = rcu_dereference(table->buckets);
	spinlock_t *lock = ippfvs_conn_table_lock(table, home);
	struct siblings siblings = {};
	struct ippfvs_conn *other;

	spin_lock(lock);
	meet_all(table, buckets, home, conn, &siblings);
	other = objection(&siblings);
	if (other)
		goto out_unlock;

	if (siblings.n < SIBLINGS_MAX)
		other = ERR_PTR(hang(buckets, conn, IPPFVS_CONN_IN));
	else if (spread)
		other = ERR_PTR(hang_spread(table, buckets, home, conn));
	else
		other = ERR_PTR(-EXFULL);
out_unlock:
	spin_unlock(lock);
	return other;
}

static struct ippfvs_conn *settle_spread(struct ippfvs_conn_table *table,
					 struct ippfvs_conn *conn, u32 home)
{
	struct ippfvs_conn *other;

	spin_lock(&table->spread_lock);
	other = settle(table, conn, home, true);
	spin_unlock(&table->spread_lock);
	return other;
}

struct ippfvs_conn *ippfvs_conn_create(struct ippfvs_conn_table *table,
				       const struct ippfvs_conn_plan *plan)
{
	u32 most = ippfvs_config_conn_max(table->config);
	struct ippfvs_conn *conn, *other;

	lockdep_assert_in_softirq();

	if (percpu_counter_compare(&table->conns, most) >= 0)
		return ERR_PTR(-ENOSPC);

	conn = ippfvs_conn_make(plan);
	if (IS_ERR(conn))
		return conn;

	percpu_counter_inc(&table->conns);
	other = settle(table, conn, plan->hash, false);
	if (unlikely(other == ERR_PTR(-EXFULL)))
		other = settle_spread(table, conn, plan->hash);
	if (other) {
		percpu_counter_dec(&table->conns);
		ippfvs_conn_abandon(conn);
		return other;
	}

	ippfvs_stats_conn(&this_cpu_ptr(plan->real->cpu)->stats);
	ippfvs_conn_table_wake(table);
	return conn;
}
