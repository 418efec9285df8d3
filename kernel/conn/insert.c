// SPDX-License-Identifier: GPL-2.0
/*
 * Where a new connection is linked into the table: at its client, if nothing there
 * objects; elsewhere, if too many are there.
 */
#include "table.h"

#include "../core/tcp_state.h"
#include "../rules/real.h"
#include "buckets.h"
#include "find.h"
#include "hash.h"
#include "life.h"
#include "make.h"
#include "plan.h"
#include "worker.h"

#include <linux/err.h>
#include <linux/lockdep.h>
#include <net/ipv6.h>

/* So many connections are linked at one client; few enough to look at all. */
#define AT_CLIENT_MAX	4

/*
 * So many of its ended connections may wait for the worker, 8 seconds at most: a
 * client that opens and ends faster from one port would make looks long.
 */
#define ENDED_MAX	192

/**
 * struct survey - what an entry to be inserted meets in the table
 * @twin: has the same tuple: another CPU was faster
 * @rival: its answers could not be told from the new one's
 * @living: how many have the same client
 * @ended: how many of that client's have ended and are still linked
 */
struct survey {
	struct ippfvs_conn *twin;
	struct ippfvs_conn *rival;
	u32 living;
	u32 ended;
};

static bool same_end(const struct ippfvs_conn *a, const struct ippfvs_conn *b,
		     enum ippfvs_conn_end end)
{
	if (a->port[end] != b->port[end])
		return false;
	if (a->family == IPPFVS_FAMILY_IPV4)
		return a->ip[end] == b->ip[end];
	return ipv6_addr_equal(&a->ip6[end], &b->ip6[end]);
}

static void survey_conn(struct survey *survey, const struct ippfvs_conn *conn,
			struct ippfvs_conn *other)
{
	if (other->protocol != conn->protocol ||
	    other->family != conn->family ||
	    !same_end(other, conn, IPPFVS_END_CLIENT))
		return;
	if (life_dead(other)) {
		survey->ended++;
		return;
	}

	survey->living++;
	if (same_end(other, conn, IPPFVS_END_VIRTUAL))
		survey->twin = other;
	else if (other->two_way && conn->two_way &&
		 same_end(other, conn, IPPFVS_END_REAL))
		survey->rival = other;
}

/* The lock of @hash: all that is linked there stays, and nothing is added. */
static void survey_bucket(struct survey *survey,
			  const struct ippfvs_buckets *buckets, u32 hash,
			  const struct ippfvs_conn *conn)
{
	const struct ippfvs_line *line;
	struct ippfvs_conn *other;
	unsigned int hits;

	ippfvs_for_each_line(line, ippfvs_buckets_line(buckets, hash)) {
		hits = ippfvs_line_hits(line, hash);
		for (; hits; hits &= hits - 1) {
			other = ippfvs_line_conn(line, __ffs(hits));
			if (other)
				survey_conn(survey, conn, other);
		}
	}
}

static void survey_spread(struct survey *survey,
			  const struct ippfvs_conn_table *table,
			  const struct ippfvs_buckets *buckets,
			  const struct ippfvs_conn *conn,
			  enum ippfvs_conn_dir dir)
{
	struct ippfvs_tuple tuple = {};
	struct ippfvs_conn *other;

	ippfvs_conn_tuple(conn, dir, &tuple);
	other = ippfvs_conn_find_spread(table, buckets, &tuple, &dir);
	if (other)
		survey_conn(survey, conn, other);
}

/* At home, the lock of which is held, and among those that are spread. */
static void survey_all(struct survey *survey,
		       const struct ippfvs_conn_table *table,
		       const struct ippfvs_buckets *buckets, u32 home,
		       const struct ippfvs_conn *conn)
{
	const struct ippfvs_buckets *next = rcu_dereference(buckets->next);

	survey_bucket(survey, buckets, home, conn);
	if (unlikely(next))
		survey_bucket(survey, next, home, conn);
	if (likely(!atomic_read(&table->spread)))
		return;
	survey_spread(survey, table, buckets, conn, IPPFVS_CONN_IN);
	if (conn->two_way)
		survey_spread(survey, table, buckets, conn, IPPFVS_CONN_OUT);
}

/* Is it closing, so that a new one may take its place? */
static bool gives_way(const struct ippfvs_conn *conn)
{
	return conn->protocol == IPPROTO_TCP &&
	       ippfvs_tcp_reopens(ippfvs_conn_state(conn), IPPFVS_TCP_SYN);
}

/*
 * 0: nothing objects, and whoever was in the way has ended. -EEXIST: the twin;
 * -EADDRINUSE; -ENOSPC: too many ended.
 */
static int objection(const struct survey *survey)
{
	if (survey->ended >= ENDED_MAX)
		return -ENOSPC;
	if (survey->twin && !gives_way(survey->twin))
		return -EEXIST;
	if (survey->rival && !gives_way(survey->rival))
		return -EADDRINUSE;
	if (survey->twin)
		ippfvs_conn_end(survey->twin);
	if (survey->rival)
		ippfvs_conn_end(survey->rival);
	return 0;
}

static struct ippfvs_buckets *newest(struct ippfvs_buckets *buckets)
{
	/* Under a lock: the mover publishes next before it takes one. */
	return rcu_dereference(buckets->next) ?: buckets;
}

/* The lock of the hash. 0, -ENOMEM, or -ENOSPC: the bucket has no place. */
static int add_link(struct ippfvs_buckets *buckets, struct ippfvs_conn *conn,
		    enum ippfvs_conn_dir dir)
{
	return ippfvs_buckets_add(newest(buckets), conn->hash[dir],
				  ippfvs_link(conn, dir));
}

/* Ended already: the worker must not find it linked behind its back. */
static int add_link_if_living(struct ippfvs_buckets *buckets,
			      struct ippfvs_conn *conn,
			      enum ippfvs_conn_dir dir)
{
	return life_dead(conn) ? 0 : add_link(buckets, conn, dir);
}

/*
 * By one of its whole tuples. The lock of its home, and @spread_lock: nobody else
 * holds two locks of the table.
 */
static int add_spread_link(struct ippfvs_conn_table *table,
			   struct ippfvs_buckets *buckets, u32 home,
			   struct ippfvs_conn *conn, enum ippfvs_conn_dir dir)
{
	spinlock_t *lock = ippfvs_conn_table_lock(table, conn->hash[dir]);
	spinlock_t *held = ippfvs_conn_table_lock(table, home);
	int err;

	lockdep_assert_held(&table->spread_lock);
	lockdep_assert_held(held);

	if (lock == held)
		return add_link_if_living(buckets, conn, dir);

	spin_lock_nested(lock, SINGLE_DEPTH_NESTING);
	err = add_link_if_living(buckets, conn, dir);
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
static int insert_spread(struct ippfvs_conn_table *table,
			 struct ippfvs_buckets *buckets, u32 home,
			 struct ippfvs_conn *conn)
{
	int err;

	conn->spread = true;
	conn->hash[IPPFVS_CONN_IN] = hash_of(table, conn, IPPFVS_CONN_IN);
	conn->hash[IPPFVS_CONN_OUT] = hash_of(table, conn, IPPFVS_CONN_OUT);
	atomic_inc(&table->spread);
	err = add_spread_link(table, buckets, home, conn, IPPFVS_CONN_IN);
	if (err) {
		atomic_dec(&table->spread);
		return err;
	}
	/* Answers would be lost: end it. It is reachable, so the worker frees it. */
	if (conn->two_way &&
	    add_spread_link(table, buckets, home, conn, IPPFVS_CONN_OUT))
		ippfvs_conn_end(conn);
	return 0;
}

/*
 * At its client; where there are many, elsewhere, or without leave to @spread not
 * at all: -EXFULL. Else as objection() and add_link(); sets the @twin.
 */
static int insert_once(struct ippfvs_conn_table *table,
		       struct ippfvs_conn *conn, u32 home, bool spread,
		       struct ippfvs_conn **twin)
{
	struct ippfvs_buckets *buckets = rcu_dereference(table->buckets);
	spinlock_t *lock = ippfvs_conn_table_lock(table, home);
	struct survey survey = {};
	int err;

	spin_lock(lock);
	survey_all(&survey, table, buckets, home, conn);
	err = objection(&survey);
	if (!err && survey.living < AT_CLIENT_MAX)
		err = add_link(buckets, conn, IPPFVS_CONN_IN);
	else if (!err)
		err = spread ? insert_spread(table, buckets, home, conn) :
			       -EXFULL;
	spin_unlock(lock);

	*twin = survey.twin;
	return err;
}

static int insert(struct ippfvs_conn_table *table, struct ippfvs_conn *conn,
		  u32 home, struct ippfvs_conn **twin)
{
	int err = insert_once(table, conn, home, false, twin);

	if (likely(err != -EXFULL))
		return err;

	spin_lock(&table->spread_lock);
	err = insert_once(table, conn, home, true, twin);
	spin_unlock(&table->spread_lock);
	return err;
}

struct ippfvs_conn *ippfvs_conn_create(struct ippfvs_conn_table *table,
				       const struct ippfvs_conn_plan *plan)
{
	u32 most = ippfvs_config_conn_max(table->config);
	struct ippfvs_conn *conn, *twin;
	int err;

	lockdep_assert_in_softirq();

	if (percpu_counter_compare(&table->conns, most) >= 0)
		return ERR_PTR(-ENOSPC);

	/* Counted before the full barrier of a load's change: see ippfvs_conn_wake(). */
	percpu_counter_inc(&table->conns);
	conn = ippfvs_conn_make(plan, ippfvs_config_conn_limit(table->config));
	if (IS_ERR(conn)) {
		percpu_counter_dec(&table->conns);
		return conn;
	}

	err = insert(table, conn, plan->hash, &twin);
	if (unlikely(err)) {
		percpu_counter_dec(&table->conns);
		ippfvs_conn_abandon(conn);
		return err == -EEXIST ? twin : ERR_PTR(err);
	}

	ippfvs_stats_conn(&this_cpu_ptr(plan->real->cpu)->stats);
	ippfvs_conn_wake(table);
	return conn;
}
