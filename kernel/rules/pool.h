/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A pool: the real servers of a service at one moment. Who they are never changes
 * once it is published; a change builds a new one (copy, change, publish). Readers
 * need RCU only.
 */
#ifndef _IPPFVS_POOL_H
#define _IPPFVS_POOL_H

#include "../core/tuple.h"
#include "../sched/sched.h"

#include <linux/rcupdate.h>
#include <linux/spinlock.h>

struct ippfvs_real;

#define IPPFVS_EARLY_SLOTS	4

/**
 * struct ippfvs_pool_real - a real server's place in a pool
 * @real: the pool holds a reference
 * @weight: 0..IPPFVS_WEIGHT_MAX
 * @method: enum ippfvs_method of connections made from now on
 */
struct ippfvs_pool_real {
	struct ippfvs_real *real;
	u16 weight;
	u8 method;
};

/**
 * struct ippfvs_pool - an array of real servers; only @state and @early change
 * @sched: who picks
 * @view: what it sees; @view.real[i] belongs to @real[i]
 * @state: what it remembers
 * @lock: serialises @sched->changed(); BH off
 * @early: for early scheduling (schedule.c): by which device, DSCP and generation of the routes
 *	packets have come to LOCAL_IN, or 0; single words, written without a lock
 * @rcu: frees it after a grace period
 * @any_local: Local Node is one of them
 * @n: how many
 * @real: them, in the order in which they were added
 */
struct ippfvs_pool {
	const struct ippfvs_scheduler *sched;
	struct ippfvs_sched_view view;
	void *state;
	spinlock_t lock;
	u64 early[IPPFVS_EARLY_SLOTS];
	struct rcu_head rcu;
	bool any_local;
	u32 n;
	struct ippfvs_pool_real real[];
};

/**
 * ippfvs_pool_create() - a pool of these real servers
 * @sched: its scheduler
 * @before: the pool that it will replace, whose round goes on, or NULL
 * @real: copied; a reference is taken for each
 * @n: how many, at most IPPFVS_REALS_MAX
 *
 * Process context.
 *
 * Return: the pool, or ERR_PTR(-ENOMEM).
 */
struct ippfvs_pool *ippfvs_pool_create(const struct ippfvs_scheduler *sched,
				       const struct ippfvs_pool *before,
				       const struct ippfvs_pool_real *real,
				       u32 n);

/* After publication: point real->index here, read all loads afresh. */
void ippfvs_pool_settle(struct ippfvs_pool *pool);

/* Not published any more, or never was: free after a grace period. */
void ippfvs_pool_release(struct ippfvs_pool *pool);

/* No reader is left, or never was one. */
void ippfvs_pool_free(struct ippfvs_pool *pool);

/* RCU. The place of a real server for a new connection, or NULL. */
const struct ippfvs_pool_real *ippfvs_pool_pick(struct ippfvs_pool *pool,
						const struct ippfvs_flow *flow);

/* RCU or the namespace's lock: the index of that real server, or -1. */
int ippfvs_pool_index(const struct ippfvs_pool *pool,
		      const union ippfvs_addr *addr, __be16 port);

/* RCU. @real's load has changed. */
void ippfvs_pool_changed(struct ippfvs_pool *pool,
			 const struct ippfvs_real *real);

#endif /* _IPPFVS_POOL_H */
