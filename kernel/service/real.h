/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A real server: its address, its counters and the load that it carries.
 *
 * Each pool that lists a real server and each connection that leads to it holds a
 * reference. The last reference frees it after a grace period, so the packet path
 * uses under RCU alone what it finds in a pool or in a connection. Address, port and
 * family never change. Weight and forwarding method belong to the pool's member.
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

/* What one CPU keeps for a real server. Only that CPU touches it, with BH off. */
struct ippfvs_real_cpu {
	struct ippfvs_stats stats;
	struct ippfvs_route route;
};

/**
 * struct ippfvs_real - a real server
 * @addr: RIP
 * @port: network byte order; 0 in a service of every port: the packet's own port
 * @family: IPPFVS_FAMILY_*
 * @removed: no current pool lists it, and its connections end; written under the
 *	namespace's lock, read anywhere
 * @index: its index in the current pool; a hint that readers verify
 * @ingress: indices of devices that its packets are known to come from, or 0 (forward/ingress.h);
 *	read and written by any CPU
 * @service: the service that it belongs to; RCU; written under the namespace's lock;
 *	NULL once removed
 * @cpu: counters and route of each CPU
 * @refs: a reference for each pool and each connection
 * @rcu: frees it after a grace period
 * @load: its active and inactive connections; atomic
 * @zeroed: its counters at the last zeroing; written under the namespace's lock
 */
struct ippfvs_real {
	union ippfvs_addr addr;
	__be16 port;
	u8 family;
	bool removed;
	u32 index;
	int ingress[2];
	struct ippfvs_service __rcu *service;
	struct ippfvs_real_cpu __percpu *cpu;
	struct ippfvs_counters zeroed;
	refcount_t refs;
	struct rcu_head rcu;

	struct ippfvs_load load ____cacheline_aligned_in_smp;
};

/**
 * ippfvs_real_create() - allocate a real server
 * @family: IPPFVS_FAMILY_*
 * @addr: RIP
 * @port: network byte order
 *
 * Context: process context; it may sleep.
 * Return: the real server, whose one reference the caller owns, or ERR_PTR(-ENOMEM).
 */
struct ippfvs_real *ippfvs_real_create(u8 family, const union ippfvs_addr *addr, __be16 port);

/**
 * ippfvs_real_get() - take a reference
 * @real: a real server to which the caller or a pool under RCU has a reference
 *
 * Context: any.
 */
void ippfvs_real_get(struct ippfvs_real *real);

/**
 * ippfvs_real_put() - drop a reference; the last one frees after a grace period
 * @real: the real server
 *
 * Context: any.
 */
void ippfvs_real_put(struct ippfvs_real *real);

/**
 * ippfvs_real_mark_removed() - end the connections of a real server
 * @real: a real server that no current pool lists any more
 *
 * Context: the caller holds the namespace's lock, or @real was never published.
 */
void ippfvs_real_mark_removed(struct ippfvs_real *real);

/**
 * ippfvs_real_active() - count the established connections
 * @real: the real server
 *
 * Context: any.
 * Return: how many connections are active.
 */
static inline u32 ippfvs_real_active(const struct ippfvs_real *real)
{
	return max_t(s32, ippfvs_atomic64_read(&real->load.counts) >> 32, 0);
}

/**
 * ippfvs_real_inactive() - count all other connections
 * @real: the real server
 *
 * Context: any.
 * Return: how many connections are inactive.
 */
static inline u32 ippfvs_real_inactive(const struct ippfvs_real *real)
{
	return max_t(s32, ippfvs_atomic64_read(&real->load.counts), 0);
}

/**
 * ippfvs_real_counters() - sum the counters of all CPUs since the last zeroing
 * @real: the real server
 * @counters: gets the sums
 *
 * Context: any.
 */
void ippfvs_real_counters(const struct ippfvs_real *real, struct ippfvs_counters *counters);

/**
 * ippfvs_real_zero() - count from 0 again
 * @real: the real server
 * @before: gets what the counters were until now
 *
 * Context: process context; the caller holds the namespace's lock.
 */
void ippfvs_real_zero(struct ippfvs_real *real, struct ippfvs_counters *before);

#endif /* _IPPFVS_REAL_H */
