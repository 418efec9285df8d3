// SPDX-License-Identifier: GPL-2.0
/* Memory of connection entries, and changes of their state words. */
#include "conn.h"

#include "../config.h"
#include "../core/tcp_state.h"
#include "../service/pool.h"
#include "../service/real.h"
#include "../trace.h"

#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

/* The stamp of a busy connection is renewed at most once in this many jiffies. */
#define STAMP_INTERVAL (HZ / 8 + 1)

static struct kmem_cache *cache4, *cache6;

/* Entries of all namespaces, including those that wait for their grace period. */
static struct percpu_counter entries;

int ippfvs_conn_init(void)
{
	int err = -ENOMEM;

	cache4 = kmem_cache_create("ippfvs_conn4", offsetofend(struct ippfvs_conn, ip),
				   IPPFVS_CONN_ALIGN, 0, NULL);
	if (!cache4)
		return err;
	cache6 = kmem_cache_create("ippfvs_conn6", offsetofend(struct ippfvs_conn, ip6),
				   IPPFVS_CONN_ALIGN, 0, NULL);
	if (!cache6)
		goto out_destroy_cache4;

	err = percpu_counter_init(&entries, 0, GFP_KERNEL);
	if (err)
		goto out_destroy_cache6;
	return 0;

out_destroy_cache6:
	kmem_cache_destroy(cache6);
out_destroy_cache4:
	kmem_cache_destroy(cache4);
	return err;
}

void ippfvs_conn_exit(void)
{
	percpu_counter_destroy(&entries);
	kmem_cache_destroy(cache6);
	kmem_cache_destroy(cache4);
}

static void set_addr(struct ippfvs_conn *conn, enum ippfvs_conn_end end,
		     const union ippfvs_addr *addr)
{
	if (conn->family == IPPFVS_FAMILY_IPV4)
		conn->ip[end] = addr->ip;
	else
		conn->ip6[end] = addr->ip6;
}

/*
 * An entry that is charged must not use the reserves of atomic allocations: with these the charge
 * would succeed beyond the limit of the memory cgroup.
 */
static noinline struct ippfvs_conn *alloc_charged(struct kmem_cache *cache,
						  struct mem_cgroup *memcg)
{
	struct mem_cgroup *before = set_active_memcg(memcg);
	struct ippfvs_conn *conn;

	conn = kmem_cache_alloc(cache, GFP_NOWAIT | __GFP_NOWARN | __GFP_ACCOUNT);
	set_active_memcg(before);
	return conn;
}

static struct ippfvs_conn *alloc_entry(struct kmem_cache *cache, const struct ippfvs_config *config)
{
	if (unlikely(config->memcg))
		return alloc_charged(cache, config->memcg);
	return kmem_cache_alloc(cache, GFP_ATOMIC | __GFP_NOWARN);
}

/* The load is counted before the entry is linked, because another CPU may end it at once. */
struct ippfvs_conn *ippfvs_conn_create(const struct ippfvs_conn_plan *plan,
				       const struct ippfvs_config *config)
{
	const struct ippfvs_tuple *tuple = plan->tuple;
	bool ipv4 = tuple->family == IPPFVS_FAMILY_IPV4;
	bool active = ippfvs_state_active(plan->state);
	struct ippfvs_conn *conn;

	if (ippfvs_conn_limit_reached(&entries, ippfvs_config_conn_limit(config)))
		return ERR_PTR(-ENOSPC);
	conn = alloc_entry(ipv4 ? cache4 : cache6, config);
	if (!conn)
		return ERR_PTR(-ENOMEM);

	percpu_counter_inc(&entries);
	atomic64_set(&conn->state, ippfvs_conn_word(jiffies, plan->state));
	conn->real = plan->real;
	conn->hash[IPPFVS_CONN_IN] = plan->hash;
	conn->port[IPPFVS_END_CLIENT] = tuple->sport;
	conn->port[IPPFVS_END_VIRTUAL] = tuple->dport;
	conn->port[IPPFVS_END_REAL] = plan->port;
	conn->protocol = tuple->protocol;
	conn->family = tuple->family;
	conn->method = plan->method;
	conn->two_way = plan->two_way;
	conn->by_tuple = false;
	set_addr(conn, IPPFVS_END_CLIENT, &tuple->saddr);
	set_addr(conn, IPPFVS_END_VIRTUAL, &tuple->daddr);
	set_addr(conn, IPPFVS_END_REAL, &plan->addr);

	ippfvs_real_get(conn->real);
	ippfvs_pool_load_add(conn->real, active, !active);
	return conn;
}

void ippfvs_conn_free_bulk(struct ippfvs_conn **conns, u32 n)
{
	percpu_counter_sub(&entries, n);
	kfree_bulk(n, (void **)conns);
}

void ippfvs_conn_destroy(struct ippfvs_conn *conn)
{
	bool active = ippfvs_state_active(ippfvs_conn_state(conn));

	ippfvs_pool_load_add(conn->real, -active, -!active);
	ippfvs_real_put(conn->real);
	ippfvs_conn_free_bulk(&conn, 1);
}

void ippfvs_conn_tuple(const struct ippfvs_conn *conn, enum ippfvs_conn_dir dir,
		       struct ippfvs_tuple *tuple)
{
	enum ippfvs_conn_end source = ippfvs_conn_source(dir);
	enum ippfvs_conn_end dest = ippfvs_conn_dest(dir);

	ippfvs_conn_addr(conn, source, &tuple->saddr);
	ippfvs_conn_addr(conn, dest, &tuple->daddr);
	tuple->sport = conn->port[source];
	tuple->dport = conn->port[dest];
	tuple->family = conn->family;
	tuple->protocol = conn->protocol;
}

static enum ippfvs_side side_of(const struct ippfvs_conn *conn, enum ippfvs_conn_dir dir)
{
	if (dir == IPPFVS_CONN_OUT)
		return IPPFVS_SIDE_SERVER;
	return conn->two_way ? IPPFVS_SIDE_CLIENT : IPPFVS_SIDE_CLIENT_ONLY;
}

static u8 next_state(const struct ippfvs_conn *conn, u8 state, enum ippfvs_conn_dir dir,
		     u8 tcp_flags)
{
	if (conn->protocol != IPPROTO_TCP)
		return IPPFVS_STATE_UDP;
	return ippfvs_tcp_next(state, side_of(conn, dir), tcp_flags);
}

/* Whether a packet that leads to @state has nothing to write into @word. */
static bool is_recent(u64 word, u8 state)
{
	return ippfvs_conn_word_state(word) == state &&
	       (u32)jiffies - ippfvs_conn_word_stamp(word) < STAMP_INTERVAL;
}

static bool try_update(struct ippfvs_conn *conn, u64 word, u8 state)
{
	int active = ippfvs_state_active(state) - ippfvs_state_active(ippfvs_conn_word_state(word));

	if (!atomic64_try_cmpxchg(&conn->state, (s64 *)&word, ippfvs_conn_word(jiffies, state)))
		return false;

	if (active)
		ippfvs_pool_load_add(conn->real, active, -active);
	return true;
}

void ippfvs_conn_advance(struct ippfvs_conn *conn, enum ippfvs_conn_dir dir, u8 tcp_flags)
{
	u64 word;
	u8 state;

	do {
		word = ippfvs_conn_word_read(conn);
		if (word & IPPFVS_CONN_F_DEAD)
			return;
		state = next_state(conn, ippfvs_conn_word_state(word), dir, tcp_flags);
		if (likely(is_recent(word, state)))
			return;
	} while (!try_update(conn, word, state));
}

bool ippfvs_conn_try_end(struct ippfvs_conn *conn, u64 word, u64 flags)
{
	bool active = ippfvs_state_active(ippfvs_conn_word_state(word));

	if (!atomic64_try_cmpxchg(&conn->state, (s64 *)&word, word | flags))
		return false;

	ippfvs_pool_load_add(conn->real, -active, -!active);
	trace_conn_end(conn);
	return true;
}

void ippfvs_conn_end(struct ippfvs_conn *conn)
{
	u64 word;

	do {
		word = ippfvs_conn_word_read(conn);
		if (word & IPPFVS_CONN_F_DEAD)
			return;
	} while (!ippfvs_conn_try_end(conn, word, IPPFVS_CONN_F_DEAD));
}
