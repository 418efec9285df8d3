/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A real server: where it is, what it carried, what it carries now.
 *
 * Owned by reference count: one for every pool that lists it, one for every
 * connection that leads to it. Freed after a grace period, so that the packet
 * path may use whatever it finds in a pool or a connection under RCU alone.
 * Address, port and family never change. Weight and method are the pool's.
 */
#ifndef _IPPFVS_REAL_H
#define _IPPFVS_REAL_H

#include "../core/tuple.h"
#include "../forward/route.h"
#include "../sched/sched.h"
#include "../stats.h"

#include <linux/refcount.h>
#include <linux/types.h>

struct ippfvs_service;

/* What one CPU keeps for a real server; touched only there, BH off. */
struct ippfvs_real_cpu {
	struct ippfvs_stats stats;
	struct ippfvs_route route;
};

/**
 * struct ippfvs_real - a real server
 * @addr: RIP
 * @port: network byte order; 0: the packet's own, in a service of every port
 * @family: IPPFVS_FAMILY_*
 * @removed: no longer in any current pool: its connections end
 * @index: where the current pool has it; a hint, check before use
 * @service: that it belongs to; RCU; NULL once removed
 * @cpu: counters and route of each CPU
 * @refs: one of each pool and of each connection
 * @rcu: frees it after a grace period
 * @load: connections, active and inactive
 * @zeroed: counters at the last zeroing; the namespace's lock
 */
struct ippfvs_real {
	union ippfvs_addr addr;
	__be16 port;
	u8 family;
	bool removed;
	u32 index;
	struct ippfvs_service __rcu *service;
	struct ippfvs_real_cpu __percpu *cpu;
	struct ippfvs_counters zeroed;
	refcount_t refs;
	struct rcu_head rcu;

	struct ippfvs_load load ____cacheline_aligned_in_smp;
};

/* Process context. The caller owns the one reference. ERR_PTR(-ENOMEM). */
struct ippfvs_real *ippfvs_real_create(u8 family, const union ippfvs_addr *addr,
				       __be16 port);
void ippfvs_real_get(struct ippfvs_real *real);

/* Any context; the last one frees after a grace period. */
void ippfvs_real_put(struct ippfvs_real *real);

/* The namespace's lock: it is in no current pool any more. */
void ippfvs_real_end(struct ippfvs_real *real);

/* Any context: connections of @real moved by so many; tells the scheduler. */
void ippfvs_real_load_add(struct ippfvs_real *real, int active, int inactive);

static inline u32 ippfvs_real_active(const struct ippfvs_real *real)
{
	return max_t(s32, ippfvs_atomic64_read(&real->load.counts) >> 32, 0);
}

static inline u32 ippfvs_real_inactive(const struct ippfvs_real *real)
{
	return max_t(s32, ippfvs_atomic64_read(&real->load.counts), 0);
}

/* Counters of all CPUs since the last zeroing. Any context. */
void ippfvs_real_counters(const struct ippfvs_real *real,
			  struct ippfvs_counters *counters);

/* Count from here on; @before is what it was until then. The namespace's lock. */
void ippfvs_real_zero(struct ippfvs_real *real, struct ippfvs_counters *before);

#endif /* _IPPFVS_REAL_H */
