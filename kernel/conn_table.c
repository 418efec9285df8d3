// SPDX-License-Identifier: GPL-2.0
#include "conn_table.h"

#include "buckets.h"
#include "conn_life.h"
#include "core/tcp_state.h"
#include "real.h"

#include <linux/err.h>

u32 ippfvs_conn_hash(const struct ippfvs_conn_table *table,
		     const struct ippfvs_tuple *tuple)
{
	if (tuple->family == IPPFVS_FAMILY_IPV4)
		return siphash_4u32((__force u32)tuple->saddr.ip,
				    (__force u32)tuple->daddr.ip,
				    (__force u32)tuple->sport << 16 |
				    (__force u32)tuple->dport,
				    tuple->protocol, &table->key);

	return siphash(tuple, offsetofend(struct ippfvs_tuple, protocol),
		       &table->key);
}

static bool matches(const struct ippfvs_conn *conn, enum ippfvs_conn_dir dir,
		    const struct ippfvs_tuple *tuple)
{
	enum ippfvs_conn_end src = ippfvs_conn_from(dir);
	enum ippfvs_conn_end dst = ippfvs_conn_to(dir);

	if (conn->port[src] != tuple->sport || conn->port[dst] != tuple->dport ||
	    conn->protocol != tuple->protocol || conn->family != tuple->family)
		return false;

	if (tuple->family == IPPFVS_FAMILY_IPV4)
		return conn->ip[src] == tuple->saddr.ip &&
		       conn->ip[dst] == tuple->daddr.ip;

	return !memcmp(&conn->ip6[src], &tuple->saddr, sizeof(tuple->saddr)) &&
	       !memcmp(&conn->ip6[dst], &tuple->daddr, sizeof(tuple->daddr));
}

static struct ippfvs_conn *find_in(const struct ippfvs_buckets *buckets,
				   u32 hash, const struct ippfvs_tuple *tuple,
				   enum ippfvs_conn_dir *dir)
{
	const struct ippfvs_bucket *bucket = ippfvs_bucket_of(buckets, hash);
	unsigned long tag = ippfvs_link_tag(hash);
	struct ippfvs_conn *conn;
	unsigned long link;
	int i;

	for (; bucket; bucket = rcu_dereference(bucket->more)) {
		for (i = 0; i < IPPFVS_LINKS; i++) {
			link = READ_ONCE(bucket->link[i]);
			if (!link || (link & IPPFVS_LINK_TAG) != tag)
				continue;
			conn = ippfvs_link_conn(link);
			*dir = ippfvs_link_dir(link);
			if (matches(conn, *dir, tuple) && !life_dead(conn))
				return conn;
		}
	}
	return NULL;
}

/*
 * While the table moves, an entry hangs in the next array before it leaves this
 * one: looking here first and there second never misses it.
 */
static struct ippfvs_conn *find(const struct ippfvs_buckets *buckets, u32 hash,
				const struct ippfvs_tuple *tuple,
				enum ippfvs_conn_dir *dir)
{
	const struct ippfvs_buckets *next;
	struct ippfvs_conn *conn;

	conn = find_in(buckets, hash, tuple, dir);
	if (conn)
		return conn;

	smp_rmb(); /* pairs with smp_store_release() in ippfvs_buckets_add() */
	next = rcu_dereference(buckets->next);
	return unlikely(next) ? find_in(next, hash, tuple, dir) : NULL;
}

struct ippfvs_conn *ippfvs_conn_find(struct ippfvs_conn_table *table,
				     const struct ippfvs_tuple *tuple,
				     enum ippfvs_conn_dir *dir)
{
	const struct ippfvs_buckets *buckets = rcu_dereference(table->buckets);

	if (unlikely(!buckets))
		return NULL;
	return find(buckets, ippfvs_conn_hash(table, tuple), tuple, dir);
}

/* End an entry that is closing, in favour of a new one. */
static bool make_way(struct ippfvs_conn *conn)
{
	if (conn->protocol != IPPROTO_TCP ||
	    !ippfvs_tcp_reopens(ippfvs_conn_state(conn), IPPFVS_TCP_SYN))
		return false;

	ippfvs_conn_end(conn);
	return true;
}

/*
 * Hang @conn under @tuple, the one of direction @dir. Return: NULL when done,
 * the living entry that is there already, or ERR_PTR(-ENOMEM), or -EADDRINUSE when
 * that entry is there for the other direction.
 */
static struct ippfvs_conn *hang(struct ippfvs_conn_table *table,
				struct ippfvs_conn *conn,
				enum ippfvs_conn_dir dir,
				const struct ippfvs_tuple *tuple)
{
	struct ippfvs_buckets *buckets = rcu_dereference(table->buckets);
	u32 hash = conn->hash[dir];
	spinlock_t *lock = ippfvs_conn_table_lock(table, hash);
	struct ippfvs_conn *other = NULL;
	struct ippfvs_buckets *next;
	enum ippfvs_conn_dir found;

	spin_lock_bh(lock);
	/* Ended already: the worker must not find it hung up behind its back. */
	if (life_dead(conn))
		goto out_unlock;

	other = find(buckets, hash, tuple, &found);
	if (other && !make_way(other)) {
		if (found != dir)
			other = ERR_PTR(-EADDRINUSE);
		goto out_unlock;
	}

	/* Under the lock: the mover publishes next before it takes a lock. */
	next = rcu_dereference(buckets->next);
	other = ERR_PTR(ippfvs_buckets_add(next ?: buckets, hash,
					   ippfvs_link(conn, dir)));
out_unlock:
	spin_unlock_bh(lock);
	return other;
}

/* Hang it in the direction of its answers; on failure it is the worker's. */
static struct ippfvs_conn *hang_answers(struct ippfvs_conn_table *table,
					struct ippfvs_conn *conn)
{
	struct ippfvs_tuple answer = {};
	struct ippfvs_conn *other;

	ippfvs_conn_tuple(conn, IPPFVS_CONN_OUT, &answer);
	other = hang(table, conn, IPPFVS_CONN_OUT, &answer);
	if (!other)
		return conn;

	ippfvs_conn_end(conn);
	return IS_ERR(other) ? other : ERR_PTR(-EADDRINUSE);
}

static void set_hashes(const struct ippfvs_conn_table *table,
		       struct ippfvs_conn *conn,
		       const struct ippfvs_tuple *tuple)
{
	struct ippfvs_tuple answer = {};

	conn->hash[IPPFVS_CONN_IN] = ippfvs_conn_hash(table, tuple);
	conn->hash[IPPFVS_CONN_OUT] = 0;
	if (conn->two_way) {
		ippfvs_conn_tuple(conn, IPPFVS_CONN_OUT, &answer);
		conn->hash[IPPFVS_CONN_OUT] = ippfvs_conn_hash(table, &answer);
	}
}

struct ippfvs_conn *ippfvs_conn_create(struct ippfvs_conn_table *table,
				       const struct ippfvs_conn_plan *plan)
{
	u32 most = ippfvs_config_conn_max(table->config);
	struct ippfvs_conn *conn, *other;

	if (percpu_counter_compare(&table->conns, most) >= 0)
		return ERR_PTR(-ENOSPC);

	conn = ippfvs_conn_make(plan);
	if (IS_ERR(conn))
		return conn;
	set_hashes(table, conn, plan->tuple);

	percpu_counter_inc(&table->conns);
	other = hang(table, conn, IPPFVS_CONN_IN, plan->tuple);
	if (other) {
		percpu_counter_dec(&table->conns);
		ippfvs_conn_abandon(conn);
		return other;
	}

	ippfvs_stats_conn(&this_cpu_ptr(plan->real->cpu)->stats);
	ippfvs_conn_table_wake(table);
	return conn->two_way ? hang_answers(table, conn) : conn;
}
