// SPDX-License-Identifier: GPL-2.0
#include "conn.h"

#include "buckets.h"
#include "conn_life.h"
#include "core/tcp_state.h"
#include "real.h"

#include <linux/slab.h>

/* A busy connection's time of last packet is written this seldom. */
#define TOUCH_EVERY	(HZ / 8 + 1)

static struct kmem_cache *cache4, *cache6;

int ippfvs_conn_init(void)
{
	cache4 = kmem_cache_create("ippfvs_conn4",
				   offsetofend(struct ippfvs_conn, ip),
				   IPPFVS_ENTRY_ALIGN, 0, NULL);
	if (!cache4)
		return -ENOMEM;
	cache6 = kmem_cache_create("ippfvs_conn6",
				   offsetofend(struct ippfvs_conn, ip6),
				   IPPFVS_ENTRY_ALIGN, 0, NULL);
	if (!cache6) {
		kmem_cache_destroy(cache4);
		return -ENOMEM;
	}
	return 0;
}

/* All RCU callbacks that free entries have run. */
void ippfvs_conn_exit(void)
{
	kmem_cache_destroy(cache6);
	kmem_cache_destroy(cache4);
}

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

void ippfvs_conn_free(struct ippfvs_conn *conn)
{
	kmem_cache_free(conn->family == IPPFVS_FAMILY_IPV4 ? cache4 : cache6,
			conn);
}

static void set_addr(struct ippfvs_conn *conn, enum ippfvs_conn_end end,
		     const union ippfvs_addr *addr)
{
	if (conn->family == IPPFVS_FAMILY_IPV4)
		conn->ip[end] = addr->ip;
	else
		memcpy(&conn->ip6[end], addr, sizeof(conn->ip6[end]));
}

/* The tuple of the server's answers. */
static void answer_tuple(const struct ippfvs_conn *conn,
			 struct ippfvs_tuple *tuple)
{
	ippfvs_conn_addr(conn, IPPFVS_END_REAL, &tuple->saddr);
	ippfvs_conn_addr(conn, IPPFVS_END_CLIENT, &tuple->daddr);
	tuple->sport = conn->port[IPPFVS_END_REAL];
	tuple->dport = conn->port[IPPFVS_END_CLIENT];
	tuple->family = conn->family;
	tuple->protocol = conn->protocol;
}

static struct ippfvs_conn *
make_entry(struct ippfvs_conn_table *table, const struct ippfvs_tuple *tuple,
	   struct ippfvs_real *real, const union ippfvs_addr *real_addr,
	   __be16 real_port, u8 method, u8 state, bool two_way)
{
	bool ipv4 = tuple->family == IPPFVS_FAMILY_IPV4;
	struct ippfvs_tuple answer;
	struct ippfvs_conn *conn;

	conn = kmem_cache_alloc(ipv4 ? cache4 : cache6,
				GFP_ATOMIC | __GFP_NOWARN);
	if (!conn)
		return NULL;

	atomic64_set(&conn->life, life_make(jiffies, state));
	conn->real = real;
	conn->port[IPPFVS_END_CLIENT] = tuple->sport;
	conn->port[IPPFVS_END_VIRTUAL] = tuple->dport;
	conn->port[IPPFVS_END_REAL] = real_port;
	conn->protocol = tuple->protocol;
	conn->family = tuple->family;
	conn->method = method;
	conn->two_way = two_way;
	set_addr(conn, IPPFVS_END_CLIENT, &tuple->saddr);
	set_addr(conn, IPPFVS_END_VIRTUAL, &tuple->daddr);
	set_addr(conn, IPPFVS_END_REAL, real_addr);

	conn->hash[IPPFVS_CONN_IN] = ippfvs_conn_hash(table, tuple);
	conn->hash[IPPFVS_CONN_OUT] = 0;
	if (two_way) {
		answer_tuple(conn, &answer);
		conn->hash[IPPFVS_CONN_OUT] = ippfvs_conn_hash(table, &answer);
	}
	return conn;
}

bool ippfvs_conn_ended(const struct ippfvs_conn *conn)
{
	return life_dead(conn);
}

u8 ippfvs_conn_state(const struct ippfvs_conn *conn)
{
	return life_state(life_read(conn));
}

static void count_move(struct ippfvs_conn *conn, u8 from, u8 to)
{
	int active = ippfvs_state_active(to) - ippfvs_state_active(from);

	if (active)
		ippfvs_real_load_add(conn->real, active, -active);
}

static void count_end(struct ippfvs_conn *conn, u8 state)
{
	bool active = ippfvs_state_active(state);

	ippfvs_real_load_add(conn->real, -active, active - 1);
}

bool ippfvs_conn_touch(struct ippfvs_conn *conn, u8 from, u8 to)
{
	u64 life = life_read(conn);
	u32 now = jiffies;

	do {
		if (life & LIFE_DEAD)
			return true;
		if (life_state(life) != from)
			return false;
		if (to == from && now - life_stamp(life) < TOUCH_EVERY)
			return true;
	} while (!atomic64_try_cmpxchg(&conn->life, (s64 *)&life,
				       life_make(now, to)));

	count_move(conn, from, to);
	return true;
}

bool ippfvs_conn_end_seen(struct ippfvs_conn *conn, u64 seen)
{
	if (!atomic64_try_cmpxchg(&conn->life, (s64 *)&seen, seen | LIFE_DEAD))
		return false;

	count_end(conn, life_state(seen));
	return true;
}

void ippfvs_conn_end(struct ippfvs_conn *conn)
{
	u64 life;

	do {
		life = life_read(conn);
	} while (!(life & LIFE_DEAD) && !ippfvs_conn_end_seen(conn, life));
}

static bool matches(const struct ippfvs_conn *conn, enum ippfvs_conn_dir dir,
		    const struct ippfvs_tuple *tuple)
{
	int src = dir == IPPFVS_CONN_IN ? IPPFVS_END_CLIENT : IPPFVS_END_REAL;
	int dst = dir == IPPFVS_CONN_IN ? IPPFVS_END_VIRTUAL :
					  IPPFVS_END_CLIENT;

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

/* Room for a new entry in place of one that is closing? */
static bool gives_way(struct ippfvs_conn *conn)
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
	spinlock_t *lock = lock_of(table, hash);
	struct ippfvs_conn *other = NULL;
	struct ippfvs_buckets *next;
	enum ippfvs_conn_dir found;

	spin_lock_bh(lock);
	/* Ended already: the worker must not find it hung up behind its back. */
	if (life_dead(conn))
		goto out_unlock;

	other = find(buckets, hash, tuple, &found);
	if (other && !gives_way(other)) {
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

struct ippfvs_conn *ippfvs_conn_create(struct ippfvs_conn_table *table,
				       const struct ippfvs_tuple *tuple,
				       struct ippfvs_real *real,
				       const union ippfvs_addr *real_addr,
				       __be16 real_port, u8 method, u8 state,
				       bool two_way)
{
	u32 most = ippfvs_config_conn_max(table->config);
	struct ippfvs_tuple answer = {};
	struct ippfvs_conn *conn, *other;
	bool active = ippfvs_state_active(state);

	if (percpu_counter_compare(&table->conns, most) >= 0)
		return ERR_PTR(-ENOSPC);

	conn = make_entry(table, tuple, real, real_addr, real_port, method,
			  state, two_way);
	if (!conn)
		return ERR_PTR(-ENOMEM);

	/* Before others see it: they may end it at once. */
	ippfvs_real_get(real);
	ippfvs_real_load_add(real, active, !active);
	percpu_counter_inc(&table->conns);

	other = hang(table, conn, IPPFVS_CONN_IN, tuple);
	if (other)
		goto out_free;

	ippfvs_stats_conn(&this_cpu_ptr(real->cpu)->stats);
	ippfvs_conn_table_wake(table);
	if (!two_way)
		return conn;

	answer_tuple(conn, &answer);
	other = hang(table, conn, IPPFVS_CONN_OUT, &answer);
	if (!other)
		return conn;

	/* It hangs in one direction: from here on it is the worker's. */
	ippfvs_conn_end(conn);
	return IS_ERR(other) ? other : ERR_PTR(-EADDRINUSE);

out_free:
	percpu_counter_dec(&table->conns);
	ippfvs_real_load_add(real, -active, -!active);
	ippfvs_real_put(real);
	ippfvs_conn_free(conn);
	return other;
}
