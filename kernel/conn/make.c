// SPDX-License-Identifier: GPL-2.0
#include "make.h"

#include "../core/tcp_state.h"
#include "../service/pool.h"
#include "../service/real.h"
#include "conn.h"
#include "life.h"
#include "plan.h"

#include <linux/err.h>
#include <linux/slab.h>

static struct kmem_cache *cache4, *cache6;

/* Entries of all namespaces, those that wait for their grace period too. */
static struct percpu_counter entries;

int ippfvs_conn_init(void)
{
	int err = -ENOMEM;

	cache4 = kmem_cache_create("ippfvs_conn4",
				   offsetofend(struct ippfvs_conn, ip),
				   IPPFVS_CONN_ALIGN, 0, NULL);
	if (!cache4)
		return err;
	cache6 = kmem_cache_create("ippfvs_conn6",
				   offsetofend(struct ippfvs_conn, ip6),
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

/* All RCU callbacks that free entries have run. */
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

/* Counted before others see it: they may end it at once. */
struct ippfvs_conn *ippfvs_conn_make(const struct ippfvs_conn_plan *plan,
				     u32 limit)
{
	const struct ippfvs_tuple *tuple = plan->tuple;
	bool ipv4 = tuple->family == IPPFVS_FAMILY_IPV4;
	bool active = ippfvs_state_active(plan->state);
	struct ippfvs_conn *conn;

	if (ippfvs_conn_full(&entries, limit))
		return ERR_PTR(-ENOSPC);
	conn = kmem_cache_alloc(ipv4 ? cache4 : cache6,
				GFP_ATOMIC | __GFP_NOWARN);
	if (!conn)
		return ERR_PTR(-ENOMEM);

	percpu_counter_inc(&entries);
	atomic64_set(&conn->life, life_make(jiffies, plan->state));
	conn->real = plan->real;
	conn->hash[IPPFVS_CONN_IN] = plan->hash;
	conn->port[IPPFVS_END_CLIENT] = tuple->sport;
	conn->port[IPPFVS_END_VIRTUAL] = tuple->dport;
	conn->port[IPPFVS_END_REAL] = plan->port;
	conn->protocol = tuple->protocol;
	conn->family = tuple->family;
	conn->method = plan->method;
	conn->two_way = plan->two_way;
	conn->spread = false;
	set_addr(conn, IPPFVS_END_CLIENT, &tuple->saddr);
	set_addr(conn, IPPFVS_END_VIRTUAL, &tuple->daddr);
	set_addr(conn, IPPFVS_END_REAL, &plan->addr);

	ippfvs_real_get(conn->real);
	ippfvs_pool_load_add(conn->real, active, !active);
	return conn;
}

void ippfvs_conn_free(struct ippfvs_conn **conn, u32 n)
{
	percpu_counter_sub(&entries, n);
	kfree_bulk(n, (void **)conn);
}

void ippfvs_conn_abandon(struct ippfvs_conn *conn)
{
	ippfvs_conn_end(conn);
	ippfvs_real_put(conn->real);
	ippfvs_conn_free(&conn, 1);
}
