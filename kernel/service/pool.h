/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A pool: the members (real servers with weight and method) of a service.
 *
 * The members of a published pool never change. To change a member, a changed copy of
 * the pool is published in place of the old one. Readers need only RCU.
 */
#ifndef _IPPFVS_POOL_H
#define _IPPFVS_POOL_H

#include "../core/tuple.h"
#include "../sched/sched.h"

#include <linux/rcupdate.h>
#include <linux/spinlock.h>

struct ippfvs_real;
struct ippfvs_service;

#define IPPFVS_EARLY_SLOTS 4

/**
 * struct ippfvs_member - a real server within a service's pool
 * @real: the real server; the pool holds a reference
 * @weight: 0..IPPFVS_WEIGHT_MAX
 * @method: enum ippfvs_method of new connections
 */
struct ippfvs_member {
	struct ippfvs_real *real;
	u16 weight;
	u8 method;
};

/**
 * struct ippfvs_member_spec - the specification of a member
 * @addr: RIP
 * @port: network byte order; 0: the packet's own port
 * @weight: 0..IPPFVS_WEIGHT_MAX
 * @method: enum ippfvs_method
 */
struct ippfvs_member_spec {
	union ippfvs_addr addr;
	__be16 port;
	u16 weight;
	u8 method;
};

/**
 * struct ippfvs_pool - an array of members, owned by its service
 * @sched: the scheduler
 * @view: the real servers, as the scheduler sees them; @view.real[i] belongs to @member[i]
 * @state: private data of the scheduler; written by its pick() on all CPUs
 * @lock: serialises @sched->changed(); taken with BH off
 * @early: for early scheduling (early.c); each element is 0 or has the device, the DSCP and the
 *	route generation of a packet that has reached LOCAL_IN; read and written without a lock
 * @rcu: frees the pool after a grace period
 * @any_local: at least one member has the method local
 * @n: number of members
 * @member: the members, in the order in which they were added
 *
 * After publication, only @state and @early change.
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
	struct ippfvs_member member[];
};

/**
 * ippfvs_pool_create() - create a pool from specifications
 * @service: the service that new real servers belong to
 * @sched: the scheduler
 * @spec: the members
 * @n: number of members, at most IPPFVS_REALS_MAX
 * @before: the pool that the new one will replace, or NULL. The new pool shares its
 *	real servers, and round robin continues at its position
 *
 * Context: process context; it may sleep. @before must stay during the call.
 * Return: the pool, which is not published, or ERR_PTR(-ENOMEM).
 */
struct ippfvs_pool *ippfvs_pool_create(struct ippfvs_service *service,
				       const struct ippfvs_scheduler *sched,
				       const struct ippfvs_member_spec *spec, u32 n,
				       const struct ippfvs_pool *before);

/**
 * ippfvs_pool_copy() - copy a pool with another scheduler
 * @before: the pool to copy
 * @sched: the scheduler of the copy
 *
 * Context: process context; it may sleep. @before must stay during the call.
 * Return: the pool, which is not published, or ERR_PTR(-ENOMEM).
 */
struct ippfvs_pool *ippfvs_pool_copy(const struct ippfvs_pool *before,
				     const struct ippfvs_scheduler *sched);

/**
 * ippfvs_pool_copy_add() - copy a pool and append a member
 * @before: the pool to copy; it must not have this real server
 * @service: the service that the new real server belongs to
 * @spec: the new member
 *
 * Context: process context; it may sleep. @before must stay during the call.
 * Return: the pool, which is not published, or ERR_PTR(-ENOMEM).
 */
struct ippfvs_pool *ippfvs_pool_copy_add(const struct ippfvs_pool *before,
					 struct ippfvs_service *service,
					 const struct ippfvs_member_spec *spec);

/**
 * ippfvs_pool_copy_set() - copy a pool and change the weight and method of a member
 * @before: the pool to copy
 * @index: index of the member in @before and in the copy
 * @weight: its weight in the copy
 * @method: its method in the copy
 *
 * Context: process context; it may sleep. @before must stay during the call.
 * Return: the pool, which is not published, or ERR_PTR(-ENOMEM).
 */
struct ippfvs_pool *ippfvs_pool_copy_set(const struct ippfvs_pool *before, u32 index, u16 weight,
					 u8 method);

/**
 * ippfvs_pool_copy_remove() - copy a pool without one member
 * @before: the pool to copy
 * @index: index of the member in @before
 *
 * Context: process context; it may sleep. @before must stay during the call.
 * Return: the pool, which is not published, or ERR_PTR(-ENOMEM).
 */
struct ippfvs_pool *ippfvs_pool_copy_remove(const struct ippfvs_pool *before, u32 index);

/**
 * ippfvs_pool_sync() - update real servers and scheduler after a pool was published
 * @pool: the pool
 *
 * It sets real->index of every member, and lets the scheduler read all loads again.
 *
 * Context: process context; the caller holds the namespace's lock.
 */
void ippfvs_pool_sync(struct ippfvs_pool *pool);

/**
 * ippfvs_pool_destroy() - free a pool and drop its references to real servers
 * @pool: a pool that has no reader, or that was never published
 *
 * Context: any.
 */
void ippfvs_pool_destroy(struct ippfvs_pool *pool);

/**
 * ippfvs_pool_destroy_rcu() - free a pool after a grace period
 * @pool: a pool that is no longer published
 *
 * Context: any.
 */
void ippfvs_pool_destroy_rcu(struct ippfvs_pool *pool);

/**
 * ippfvs_pool_pick() - choose the member for a new connection
 * @pool: the pool
 * @flow: the new connection
 * @excluded: indexes of the members that must not get it
 *
 * Context: RCU read lock.
 * Return: the member, or NULL if no member accepts the connection.
 */
const struct ippfvs_member *ippfvs_pool_pick(struct ippfvs_pool *pool,
					     const struct ippfvs_flow *flow,
					     const struct ippfvs_excluded *excluded);

/**
 * ippfvs_pool_lookup() - find a member by address and port, by a linear search
 * @pool: the pool
 * @addr: RIP
 * @port: network byte order
 *
 * Context: RCU read lock or the namespace's lock.
 * Return: the member, or NULL.
 */
const struct ippfvs_member *ippfvs_pool_lookup(const struct ippfvs_pool *pool,
					       const union ippfvs_addr *addr, __be16 port);

/**
 * ippfvs_pool_load_add() - count connections of a real server and inform its scheduler
 * @real: the real server
 * @active: change of the number of established connections
 * @inactive: change of the number of other connections
 *
 * Context: any but hard interrupts. It takes pool->lock of the current pool.
 */
void ippfvs_pool_load_add(struct ippfvs_real *real, int active, int inactive);

/**
 * ippfvs_pool_set_eligible() - let a real server accept new connections, or none
 * @real: the real server
 * @eligible: whether it accepts new connections, as far as its weight allows
 *
 * No pool is copied. It also takes effect for packets that still use a previous pool.
 *
 * Context: any but hard interrupts. It takes pool->lock of the current pool.
 */
void ippfvs_pool_set_eligible(struct ippfvs_real *real, bool eligible);

#endif /* _IPPFVS_POOL_H */
