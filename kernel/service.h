/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Services, and the rule set that holds all services of a namespace.
 *
 * A rule set is published whole under RCU: one pointer in struct ippfvs_net.
 * Single changes alter the published set in place (a service added or removed,
 * a pool swapped); a replacement builds a second set and swaps the pointer, so
 * that every packet sees the old rules or the new. All changes are made under
 * the namespace's lock. Readers need RCU only and never wait.
 */
#ifndef _IPPFVS_SERVICE_H
#define _IPPFVS_SERVICE_H

#include "core/tuple.h"
#include "stats.h"

#include <linux/rcupdate.h>
#include <linux/rhashtable-types.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

struct ippfvs_net;
struct ippfvs_pool;
struct ippfvs_scheduler;

/* What names a service; compared as bytes, so no padding, all set. */
struct ippfvs_service_key {
	union ippfvs_addr addr;
	__be16 port;		/* 0: every port */
	u8 family;
	u8 protocol;
};

/**
 * struct ippfvs_service - a virtual server
 * @node: in ippfvs_rules.by_key
 * @key: VIP, port, protocol
 * @id: place in ippfvs_rules.by_id; kept by a replacement, so that lists keep
 *	their order
 * @pool: its real servers; never NULL
 * @retired: counters of real servers that were removed, less what was zeroed;
 *	the namespace's lock
 */
struct ippfvs_service {
	struct rhash_head node;
	struct ippfvs_service_key key;
	u32 id;
	struct ippfvs_pool __rcu *pool;
	struct ippfvs_counters retired;
	struct rcu_head rcu;
};

/**
 * struct ippfvs_rules - every service of a namespace
 * @by_key: the packet path's way to a service
 * @by_id: in the order of their making, for lists that resume
 * @n: how many
 * @any_port: how many cover every port: while there are such, look twice
 */
struct ippfvs_rules {
	struct rhashtable by_key;
	struct xarray by_id;
	u32 n;
	u32 any_port;
	struct rcu_work free;
};

/* Packet path, RCU: the service for a packet to @addr:@port, or NULL. */
struct ippfvs_service *
ippfvs_service_find(const struct ippfvs_rules *rules, u8 family, u8 protocol,
		    const union ippfvs_addr *addr, __be16 port);

/* RCU or the lock: the service of exactly that key, or NULL. */
struct ippfvs_service *
ippfvs_service_lookup(const struct ippfvs_rules *rules,
		      const struct ippfvs_service_key *key);

/*
 * Around every publication of rules, a pool or an end: dumps tell by the
 * namespace's generation, odd in between, whether they saw part of a change.
 */
void ippfvs_rules_change_begin(struct ippfvs_net *ipn);
void ippfvs_rules_change_end(struct ippfvs_net *ipn);

/* -- one change; process context, caller holds ipn->lock; 0 or -errno (uapi) */

/* A real server to be, or as it shall be. */
struct ippfvs_real_spec {
	union ippfvs_addr addr;
	__be16 port;
	u16 weight;
	u8 method;
};

/* A service to be, with its real servers. */
struct ippfvs_service_spec {
	struct ippfvs_service_key key;
	const struct ippfvs_scheduler *sched;
	const struct ippfvs_real_spec *real;
	u32 n;
};

int ippfvs_service_add(struct ippfvs_net *ipn,
		       const struct ippfvs_service_spec *spec);
int ippfvs_service_set(struct ippfvs_net *ipn, struct ippfvs_service *service,
		       const struct ippfvs_scheduler *sched);
void ippfvs_service_remove(struct ippfvs_net *ipn,
			   struct ippfvs_service *service);

int ippfvs_service_real_add(struct ippfvs_net *ipn,
			    struct ippfvs_service *service,
			    const struct ippfvs_real_spec *spec);
int ippfvs_service_real_set(struct ippfvs_net *ipn,
			    struct ippfvs_service *service,
			    const struct ippfvs_real_spec *spec);
int ippfvs_service_real_remove(struct ippfvs_net *ipn,
			       struct ippfvs_service *service,
			       const union ippfvs_addr *addr, __be16 port);

/* RCU or the lock: the index of that real server in @pool, or -1. */
int ippfvs_pool_index(const struct ippfvs_pool *pool,
		      const union ippfvs_addr *addr, __be16 port);

/*
 * Counters of a service: its real servers' and the removed ones'. RCU or the
 * lock; a real server that is removed meanwhile may be seen twice.
 */
void ippfvs_service_counters(const struct ippfvs_service *service,
			     struct ippfvs_counters *counters);

/* Caller holds ipn->lock. What the namespace counted in all stays. */
void ippfvs_service_zero(struct ippfvs_net *ipn,
			 struct ippfvs_service *service);

/* -- parts of service.c for rules.c and replace.c; the lock -- */

/**
 * ippfvs_service_create() - a service in no set yet
 * @ipn: of the namespace
 * @spec: what it shall be
 * @before: whose real servers are carried over where @spec names them, whose id
 *	and counters go on; or NULL
 *
 * Return: ERR_PTR(-ENOMEM) on failure.
 */
struct ippfvs_service *
ippfvs_service_create(struct ippfvs_net *ipn,
		      const struct ippfvs_service_spec *spec,
		      const struct ippfvs_service *before);

/* Published: real servers carried over are its own from now on. */
void ippfvs_service_adopt(struct ippfvs_net *ipn,
			  struct ippfvs_service *service);

/*
 * The end of a service, in two steps with a grace period between them. end: it
 * is not found by packets any more, or never was; ends the real servers that no
 * other service has adopted. free: process context.
 */
void ippfvs_service_end(struct ippfvs_service *service);
void ippfvs_service_free(struct ippfvs_service *service);

/* Both steps, without waiting. */
void ippfvs_service_release(struct ippfvs_service *service);

/* -- the whole set (rules.c, replace.c); the lock, process context -- */

/* An empty set for about so many; ERR_PTR(-ENOMEM). */
struct ippfvs_rules *ippfvs_rules_create(u32 services);

/* Add @service under @service->id, or under a new id when @fresh. */
int ippfvs_rules_insert(struct ippfvs_net *ipn, struct ippfvs_rules *rules,
			struct ippfvs_service *service, bool fresh);
void ippfvs_rules_erase(struct ippfvs_rules *rules,
			struct ippfvs_service *service);

/* Make @rules the current set, starting the namespace if there was none. */
int ippfvs_rules_publish(struct ippfvs_net *ipn, struct ippfvs_rules *rules);

/* No set any more; stops the namespace. */
void ippfvs_rules_clear(struct ippfvs_net *ipn);

/* No longer published: ends its services, frees after a grace period. */
void ippfvs_rules_release(struct ippfvs_rules *rules);

/*
 * Sets released before are free; their pools are after a first, their real
 * servers after a second rcu_barrier().
 */
void ippfvs_rules_flush(void);

/**
 * ippfvs_rules_replace() - make the rules exactly these
 * @ipn: caller holds its lock
 * @spec: checked already for duplicates, families and limits
 * @n: how many services; 0 removes everything
 *
 * Real servers that stay keep their connections and counters, services that
 * stay their id and counters. Return: 0, or -errno with nothing changed.
 */
int ippfvs_rules_replace(struct ippfvs_net *ipn,
			 const struct ippfvs_service_spec *spec, u32 n);

#endif /* _IPPFVS_SERVICE_H */
