/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A virtual service: its key (virtual address, port, protocol) and its pool.
 *
 * The service table owns a published service. The packet path reads only its key and
 * its pool, under RCU. All changes are made in process context under the namespace's
 * lock. A change publishes a new pool, after everything that may fail has been done.
 */
#ifndef _IPPFVS_SERVICE_H
#define _IPPFVS_SERVICE_H

#include "../core/tuple.h"
#include "../stats.h"

#include <linux/rcupdate.h>
#include <linux/rhashtable-types.h>

struct ippfvs_member;
struct ippfvs_member_spec;
struct ippfvs_net;
struct ippfvs_pool;
struct ippfvs_scheduler;

/* The key of a service. It has no padding, because keys are compared as bytes. */
struct ippfvs_service_key {
	union ippfvs_addr addr;
	__be16 port; /* 0: all ports */
	u8 family;
	u8 protocol;
};

/**
 * struct ippfvs_service - a virtual service
 * @node: its link in ippfvs_service_table.by_key
 * @addr_node: its link in ippfvs_service_table.by_addr
 * @key: virtual address, port and protocol; never changes
 * @id: its index in ippfvs_service_table.by_id. A replacement of all services does not
 *	change it, so that dumps keep their order
 * @pool: its members; RCU; written under the namespace's lock; never NULL
 * @retired: counters of removed real servers, zeroed with the service; written under the
 *	namespace's lock
 * @rcu: frees it after a grace period
 */
struct ippfvs_service {
	struct rhash_head node;
	struct rhlist_head addr_node;
	struct ippfvs_service_key key;
	u32 id;
	struct ippfvs_pool __rcu *pool;
	struct ippfvs_counters retired;
	struct rcu_head rcu;
};

/**
 * struct ippfvs_service_spec - the specification of a service and its members
 * @key: virtual address, port and protocol
 * @sched: the scheduler
 * @member: the members
 * @n: number of members
 */
struct ippfvs_service_spec {
	struct ippfvs_service_key key;
	const struct ippfvs_scheduler *sched;
	const struct ippfvs_member_spec *member;
	u32 n;
};

/**
 * ippfvs_service_create() - allocate a service that is in no table yet
 * @ipn: the namespace
 * @spec: the specification
 * @before: the service with the same key that the new one will replace, or NULL. The
 *	new service has its id and counters, and shares the real servers that are in @spec
 *
 * Context: process context; the caller holds ipn->lock; it may sleep.
 * Return: the service, which the caller owns, or ERR_PTR(-ENOMEM).
 */
struct ippfvs_service *ippfvs_service_create(struct ippfvs_net *ipn,
					     const struct ippfvs_service_spec *spec,
					     const struct ippfvs_service *before);

/**
 * ippfvs_service_take_over() - make all real servers of a service its own
 * @ipn: the namespace
 * @service: a service that has just been published
 *
 * Context: process context; the caller holds ipn->lock.
 */
void ippfvs_service_take_over(struct ippfvs_net *ipn, struct ippfvs_service *service);

/**
 * ippfvs_service_mark_removed() - end the connections of a service
 * @service: a service that packets can no longer find, or never could
 *
 * Real servers that another service has taken over keep their connections.
 *
 * Context: process context; the caller holds the namespace's lock, or nobody else
 * knows @service.
 */
void ippfvs_service_mark_removed(struct ippfvs_service *service);

/**
 * ippfvs_service_destroy() - free a service and its pool
 * @service: a service that has no reader any more
 *
 * Context: process context.
 */
void ippfvs_service_destroy(struct ippfvs_service *service);

/**
 * ippfvs_service_destroy_rcu() - end the connections of a service and free it by RCU
 * @ipn: the namespace
 * @service: a service that packets can no longer find, or never could
 *
 * Context: process context; the caller holds ipn->lock. It does not wait.
 */
void ippfvs_service_destroy_rcu(struct ippfvs_net *ipn, struct ippfvs_service *service);

/**
 * ippfvs_service_pool() - get the pool of a service for a change
 * @ipn: the namespace
 * @service: the service
 *
 * Context: the caller holds ipn->lock.
 * Return: the pool, which is valid until the service publishes another one.
 */
struct ippfvs_pool *ippfvs_service_pool(const struct ippfvs_net *ipn,
					const struct ippfvs_service *service);

/**
 * ippfvs_service_set_scheduler() - change the scheduler of a service
 * @ipn: the namespace
 * @service: the service
 * @sched: the scheduler; nothing happens if the service has it already
 *
 * Context: process context; the caller holds ipn->lock; it may sleep.
 * Return: 0, or -ENOMEM with nothing changed.
 */
int ippfvs_service_set_scheduler(struct ippfvs_net *ipn, struct ippfvs_service *service,
				 const struct ippfvs_scheduler *sched);

/**
 * ippfvs_service_member_add() - add a real server to a service
 * @ipn: the namespace
 * @service: the service; its pool must not have this real server
 * @spec: the new member, as ippfvs_check_member() allows it
 *
 * Context: process context; the caller holds ipn->lock; it may sleep.
 * Return: the member in the new pool, or, with nothing changed, ERR_PTR(-ENOSPC) if
 * the service has IPPFVS_REALS_MAX members, ERR_PTR(-ENOMEM).
 */
const struct ippfvs_member *ippfvs_service_member_add(struct ippfvs_net *ipn,
						      struct ippfvs_service *service,
						      const struct ippfvs_member_spec *spec);

/**
 * ippfvs_service_member_set() - change weight and method of a member
 * @ipn: the namespace
 * @service: the service
 * @member: a member of the service's current pool; invalid after success
 * @weight: 0..IPPFVS_WEIGHT_MAX
 * @method: enum ippfvs_method, as ippfvs_check_member() allows it
 *
 * Context: process context; the caller holds ipn->lock; it may sleep.
 * Return: the member in the new pool, or ERR_PTR(-ENOMEM) with nothing changed.
 */
const struct ippfvs_member *ippfvs_service_member_set(struct ippfvs_net *ipn,
						      struct ippfvs_service *service,
						      const struct ippfvs_member *member,
						      u16 weight, u8 method);

/**
 * ippfvs_service_member_remove() - remove a member and end its connections
 * @ipn: the namespace
 * @service: the service
 * @member: a member of the service's current pool; invalid after success
 *
 * Context: process context; the caller holds ipn->lock; it may sleep.
 * Return: 0, or -ENOMEM with nothing changed.
 */
int ippfvs_service_member_remove(struct ippfvs_net *ipn, struct ippfvs_service *service,
				 const struct ippfvs_member *member);

/**
 * ippfvs_service_counters() - sum the counters of a service
 * @service: the service
 * @counters: gets the sums of its present and removed real servers
 *
 * Context: RCU read lock or the namespace's lock. The counters of a real server that is
 * being removed may be missing; see ippfvs_change_begin().
 */
void ippfvs_service_counters(const struct ippfvs_service *service,
			     struct ippfvs_counters *counters);

/**
 * ippfvs_service_zero() - zero the counters of a service
 * @ipn: the namespace, whose totals do not change
 * @service: the service
 *
 * Context: process context; the caller holds ipn->lock; it may sleep.
 */
void ippfvs_service_zero(struct ippfvs_net *ipn, struct ippfvs_service *service);

#endif /* _IPPFVS_SERVICE_H */
