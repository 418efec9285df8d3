// SPDX-License-Identifier: GPL-2.0
#include "find.h"

#include "buckets.h"
#include "hash.h"
#include "life.h"

#include <net/ipv6.h>

static u32 hash_receiver(const struct ippfvs_conn_table *table,
			 const struct ippfvs_tuple *tuple)
{
	return ippfvs_conn_hash_end(table, tuple->family, tuple->protocol,
				    &tuple->daddr, tuple->dport);
}

static __always_inline bool same_addr(const struct ippfvs_conn *conn,
				      enum ippfvs_conn_end end,
				      const union ippfvs_addr *addr)
{
	if (conn->family == IPPFVS_FAMILY_IPV4)
		return conn->ip[end] == addr->ip;
	return ipv6_addr_equal(&conn->ip6[end], &addr->ip6);
}

static __always_inline bool matches(const struct ippfvs_conn *conn,
				    enum ippfvs_conn_dir dir,
				    const struct ippfvs_tuple *tuple)
{
	enum ippfvs_conn_end src = ippfvs_conn_from(dir);
	enum ippfvs_conn_end dst = ippfvs_conn_to(dir);

	return conn->port[src] == tuple->sport &&
	       conn->port[dst] == tuple->dport &&
	       conn->protocol == tuple->protocol &&
	       conn->family == tuple->family &&
	       (dir == IPPFVS_CONN_IN || conn->two_way) &&
	       same_addr(conn, src, &tuple->saddr) &&
	       same_addr(conn, dst, &tuple->daddr);
}

/* @orphan: only orphans, else only the living. */
static __always_inline bool wanted(const struct ippfvs_conn *conn, bool orphan)
{
	return orphan ? life_orphan(conn) : !life_dead(conn);
}

static __always_inline struct ippfvs_conn *
look_in(const struct ippfvs_buckets *buckets, u32 hash,
	const struct ippfvs_tuple *tuple, enum ippfvs_conn_dir dir, bool orphan)
{
	const struct ippfvs_line *line;
	struct ippfvs_conn *conn;
	unsigned int hits;

	ippfvs_for_each_line(line, ippfvs_buckets_line(buckets, hash)) {
		hits = ippfvs_line_hits(line, hash);
		for (; hits; hits &= hits - 1) {
			conn = ippfvs_line_conn(line, __ffs(hits));
			if (conn && matches(conn, dir, tuple) &&
			    wanted(conn, orphan))
				return conn;
		}
	}
	return NULL;
}

/*
 * While the table moves, an entry is in the next array before it leaves this
 * one: looking here first and there second never misses it.
 */
static struct ippfvs_conn *look_next(const struct ippfvs_buckets *buckets,
				     u32 hash, const struct ippfvs_tuple *tuple,
				     enum ippfvs_conn_dir dir, bool orphan)
{
	const struct ippfvs_buckets *next;

	smp_rmb(); /* pairs with smp_store_release() in move_bucket() */
	next = rcu_dereference(buckets->next);
	return unlikely(next) ? look_in(next, hash, tuple, dir, orphan) : NULL;
}

static __always_inline struct ippfvs_conn *
look(const struct ippfvs_buckets *buckets, u32 hash,
	const struct ippfvs_tuple *tuple, enum ippfvs_conn_dir dir, bool orphan)
{
	struct ippfvs_conn *conn = look_in(buckets, hash, tuple, dir, orphan);

	return likely(conn) ? conn :
			      look_next(buckets, hash, tuple, dir, orphan);
}

struct ippfvs_conn *
ippfvs_conn_find_spread(const struct ippfvs_conn_table *table,
			const struct ippfvs_buckets *buckets,
			const struct ippfvs_tuple *tuple,
			enum ippfvs_conn_dir dir)
{
	return look(buckets, ippfvs_conn_hash_whole(table, tuple), tuple, dir,
		    false);
}

/* Among those that are spread; then for an orphan, at @receiver or spread. */
static noinline struct ippfvs_conn *
look_further(const struct ippfvs_conn_table *table,
	     const struct ippfvs_buckets *buckets,
	     const struct ippfvs_tuple *tuple, u32 receiver,
	     enum ippfvs_conn_dir *dir)
{
	bool spread = atomic_read(&table->spread);
	struct ippfvs_conn *conn;
	u32 whole = 0;

	if (spread) {
		whole = ippfvs_conn_hash_whole(table, tuple);
		*dir = IPPFVS_CONN_IN;
		conn = look(buckets, whole, tuple, *dir, false);
		if (conn)
			return conn;
		*dir = IPPFVS_CONN_OUT;
		conn = look(buckets, whole, tuple, *dir, false);
		if (conn)
			return conn;
	}

	if (!atomic_read(&table->orphans))
		return NULL;
	*dir = IPPFVS_CONN_OUT;
	conn = look(buckets, receiver, tuple, *dir, true);
	return conn || !spread ? conn :
				 look(buckets, whole, tuple, *dir, true);
}

struct ippfvs_conn *ippfvs_conn_find(struct ippfvs_conn_table *table,
				     const struct ippfvs_tuple *tuple, u32 hash,
				     enum ippfvs_conn_dir *dir)
{
	const struct ippfvs_buckets *buckets = rcu_dereference(table->buckets);
	struct ippfvs_conn *conn;
	u32 receiver;

	if (unlikely(!buckets))
		return NULL;

	/* As the client's packet, then as the server's. */
	*dir = IPPFVS_CONN_IN;
	conn = look(buckets, hash, tuple, *dir, false);
	if (likely(conn))
		return conn;

	*dir = IPPFVS_CONN_OUT;
	receiver = hash_receiver(table, tuple);
	conn = look(buckets, receiver, tuple, *dir, false);
	if (conn)
		return conn;

	smp_rmb(); /* pairs with the counting before it is an orphan */
	if (likely(!atomic_read(&table->spread) &&
		   !atomic_read(&table->orphans)))
		return NULL;
	return look_further(table, buckets, tuple, receiver, dir);
}
