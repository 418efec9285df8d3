/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A real server: its address, its counters and its load.
 *
 * Each pool that lists a real server and each connection to it holds a reference. When
 * the last reference is dropped, the real server is freed after a grace period. So the
 * packet path needs only RCU to use the real server of a pool or of a connection.
 * Address, port and family never change. Weight and forwarding method belong to the
 * pool's member.
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

/* The data of one CPU for a real server. Only that CPU writes it, with BH off. */
struct ippfvs_real_cpu {
	struct ippfvs_stats stats;
	struct ippfvs_route route;
};

/**
 * struct ippfvs_real - a real server
 * @addr: RIP
 * @port: network byte order; 0 in a service on all ports means the packet's own port
 * @family: IPPFVS_FAMILY_*
 * @removed: no current pool lists it, and its connections end; written under the
 *	namespace's lock, read anywhere
 * @index: its index in the current pool; a hint that readers verify
 * @ingress: indices of devices that its packets are known to come from, or 0 (forward/ingress.h);
 *	read and written by any CPU
 * @service: the service that it belongs to, or NULL after its removal; RCU; written under the
 *	namespace's lock
 * @cpu: counters and route of each CPU
 * @refs: a reference for each pool and each connection
 * @rcu: frees it after a grace period
 * @load: number of its active and inactive connections, and whether it accepts new ones; atomic
 * @zeroed: its counters when they were last zeroed; written under the namespace's lock
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
 * Return: the real server, whose only reference the caller owns, or ERR_PTR(-ENOMEM).
 */
struct ippfvs_real *ippfvs_real_create(u8 family, const union ippfvs_addr *addr, __be16 port);

/**
 * ippfvs_real_get() - take a reference
 * @real: a real server to which the caller, or a pool that it reads under RCU, has a
 *	reference
 *
 * Context: any.
 */
void ippfvs_real_get(struct ippfvs_real *real);

/**
 * ippfvs_real_put() - drop a reference
 * @real: the real server, which is freed after a grace period if this is the last one
 *
 * Context: any.
 */
void ippfvs_real_put(struct ippfvs_real *real);

/**
 * ippfvs_real_mark_removed() - end the connections of a real server; it takes no new one
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
 * Return: the number of active connections.
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
 * Return: the number of inactive connections.
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
 * ippfvs_real_zero() - zero the counters of a real server
 * @real: the real server
 * @before: gets the counters before they are zeroed
 *
 * Context: process context; the caller holds the namespace's lock.
 */
void ippfvs_real_zero(struct ippfvs_real *real, struct ippfvs_counters *before);

#endif /* _IPPFVS_REAL_H */
