// SPDX-License-Identifier: GPL-2.0
/*
 * Where a new connection is linked into the table: at its client, if nothing there
 * objects; elsewhere, if too many are there.
 */
#include "table.h"

#include "../core/tcp_state.h"
#include "../service/real.h"
#include "buckets.h"
#include "find.h"
#include "hash.h"
#include "life.h"
#include "make.h"
#include "orphan.h"
#include "plan.h"
#include "worker.h"

#include <linux/err.h>
#include <linux/lockdep.h>
#include <net/ipv6.h>

/* So many connections are linked at one client; few enough to look at all. */
#define AT_CLIENT_MAX	4

/*
 * So many ended connections of one client may wait for the worker in one bucket, for
 * about 8 seconds: one that opens and ends faster from one port would make looks
 * long, and leave no place to others. Two such clients leave some.
 */
#define ENDED_MAX	100

/* Orphans wait longer (orphan.h). So many of one client may, of those in one bucket. */
#define ORPHANS_MAX	8

/**
 * struct survey - what an entry to be inserted meets in the table
 * @twin: has the same tuple: another CPU was faster
 * @rival: its answers could not be told from the new one's
 * @living: how many have the same client
 * @ended: how many of that client's have ended and are still linked
 * @orphans: how many of these are orphans
 */
struct survey {
	struct ippfvs_conn *twin;
	struct ippfvs_conn *rival;
	u32 living;
	u32 ended;
	u32 orphans;
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

/* No more orphans than may wait: of the others, any may be forgotten. */
static void survey_ended(struct survey *survey, struct ippfvs_conn_table *table,
			 struct ippfvs_conn *other)
{
	survey->ended++;
	if (life_orphan(other) && ++survey->orphans > ORPHANS_MAX)
		ippfvs_conn_forget(table, other);
}

static void survey_conn(struct survey *survey, struct ippfvs_conn_table *table,
			const struct ippfvs_conn *conn,
			struct ippfvs_conn *other)
{
	if (other->protocol != conn->protocol ||
	    other->family != conn->family ||
	    !same_end(other, conn, IPPFVS_END_CLIENT))
		return;
	if (life_dead(other)) {
		survey_ended(survey, table, other);
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
			  struct ippfvs_conn_table *table,
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
				survey_conn(survey, table, conn, other);
		}
	}
}

static void survey_spread(struct survey *survey,
			  struct ippfvs_conn_table *table,
			  const struct ippfvs_buckets *buckets,
			  const struct ippfvs_conn *conn,
			  enum ippfvs_conn_dir dir)
{
	struct ippfvs_tuple tuple = {};
	struct ippfvs_conn *other;

	ippfvs_conn_tuple(conn, dir, &tuple);
	other = ippfvs_conn_find_spread(table, buckets, &tuple, dir);
	if (other)
		survey_conn(survey, table, conn, other);
}

/* In all that holds @hash, the lock of which is held. */
static void survey_hash(struct survey *survey, struct ippfvs_conn_table *table,
			const struct ippfvs_buckets *buckets, u32 hash,
			const struct ippfvs_conn *conn)
{
	const struct ippfvs_buckets *next = rcu_dereference(buckets->next);

	survey_bucket(survey, table, buckets, hash, conn);
	if (unlikely(next))
		survey_bucket(survey, table, next, hash, conn);
}

/* At home, the lock of which is held, and among those that are spread. */
static void survey_all(struct survey *survey, struct ippfvs_conn_table *table,
		       const struct ippfvs_buckets *buckets, u32 home,
		       const struct ippfvs_conn *conn)
{
	survey_hash(survey, table, buckets, home, conn);
	if (likely(!atomic_read(&table->spread)))
		return;
	survey_spread(survey, table, buckets, conn, IPPFVS_CONN_IN);
	if (conn->two_way)
		survey_spread(survey, table, buckets, conn, IPPFVS_CONN_OUT);
}

/* Is it closing, or its server removed, so that a new one may take its place? */
static bool gives_way(const struct ippfvs_conn *conn)
{
	if (READ_ONCE(conn->real->removed))
		return true;
	return conn->protocol == IPPROTO_TCP &&
	       ippfvs_tcp_reopens(ippfvs_conn_state(conn), IPPFVS_TCP_SYN);
}

/* 0: nothing objects, or it would give way. -EEXIST: the twin; -EADDRINUSE. */
static int objection(const struct survey *survey)
{
	if (survey->twin && !gives_way(survey->twin))
		return -EEXIST;
	if (survey->rival && !gives_way(survey->rival))
		return -EADDRINUSE;
	return 0;
}

static void make_way(const struct survey *survey)
{
	if (survey->twin)
		ippfvs_conn_end(survey->twin);
	if (survey->rival)
		ippfvs_conn_end(survey->rival);
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

/*
 * The lock of the hash. Ended already: the worker must not find it linked behind its
 * back.
 */
static int add_link_if_fit(struct ippfvs_conn_table *table,
			   struct ippfvs_buckets *buckets,
			   struct ippfvs_conn *conn, enum ippfvs_conn_dir dir)
{
	struct survey survey = {};

	if (life_dead(conn))
		return 0;
	survey_hash(&survey, table, buckets, conn->hash[dir], conn);
	return survey.ended < ENDED_MAX ? add_link(buckets, conn, dir) :
					  -ENOSPC;
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
		return add_link_if_fit(table, buckets, conn, dir);

	spin_lock_nested(lock, SINGLE_DEPTH_NESTING);
	err = add_link_if_fit(table, buckets, conn, dir);
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
 * Hashes and the count are set before the first link makes it visible. On error it is
 * in no bucket, unless it is left @spread: then it has ended, and is the worker's.
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
		conn->spread = false;
		atomic_dec(&table->spread);
		return err;
	}
	if (!conn->two_way)
		return 0;

	err = add_spread_link(table, buckets, home, conn, IPPFVS_CONN_OUT);
	if (err)
		ippfvs_conn_end(conn);	/* its answers would be lost */
	return err;
}

/*
 * Nothing objects. At its client; where there are many, elsewhere, or without leave to
 * @spread not at all: -EXFULL. -ENOSPC, too: too many have ended there.
 */
static int link_conn(struct ippfvs_conn_table *table,
		     struct ippfvs_buckets *buckets, u32 home,
		     struct ippfvs_conn *conn, const struct survey *survey,
		     bool spread)
{
	if (survey->living < AT_CLIENT_MAX) {
		if (survey->ended >= ENDED_MAX)
			return -ENOSPC;
		make_way(survey);
		return add_link(buckets, conn, IPPFVS_CONN_IN);
	}

	if (!spread)
		return -EXFULL;
	make_way(survey);
	return insert_spread(table, buckets, home, conn);
}

/* As objection() and link_conn(); sets the @twin. On error see insert_spread(). */
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
	if (!err)
		err = link_conn(table, buckets, home, conn, &survey, spread);
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

	if (ippfvs_conn_full(&table->conns, most))
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
		if (!conn->spread) {	/* else the worker has it */
			percpu_counter_dec(&table->conns);
			ippfvs_conn_abandon(conn);
		}
		return err == -EEXIST ? twin : ERR_PTR(err);
	}

	ippfvs_stats_conn(&this_cpu_ptr(plan->real->cpu)->stats);
	ippfvs_conn_wake(table);
	return conn;
}
