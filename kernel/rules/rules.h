/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The rule set: all services of a namespace.
 *
 * It is published whole under RCU: one pointer in struct ippfvs_net. Single
 * changes alter the published set in place (a service added or removed, a pool
 * swapped); a replacement builds a second set and swaps the pointer, so that
 * every packet sees the old rules or the new. All changes are made under the
 * namespace's lock, in process context. Packets need RCU only and never wait.
 */
#ifndef _IPPFVS_RULES_H
#define _IPPFVS_RULES_H

#include "../core/tuple.h"

#include <linux/rhashtable-types.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

struct ippfvs_net;
struct ippfvs_service;
struct ippfvs_service_key;
struct ippfvs_service_spec;

/**
 * struct ippfvs_rules - every service of a namespace
 * @by_key: the packet path's way to a service
 * @by_id: in the order of their making, for lists that resume
 * @n: how many
 * @any_port: how many cover every port: while there are such, look twice
 * @free: frees it after a grace period
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
ippfvs_rules_find(const struct ippfvs_rules *rules, u8 family, u8 protocol,
		  const union ippfvs_addr *addr, __be16 port);

/* RCU or the lock: the service of exactly that key, or NULL. */
struct ippfvs_service *
ippfvs_rules_lookup(const struct ippfvs_rules *rules,
		    const struct ippfvs_service_key *key);

/* Changes: process context, caller holds ipn->lock; 0 or -errno (uapi). */

/* The published set, or NULL. */
struct ippfvs_rules *ippfvs_rules_published(const struct ippfvs_net *ipn);

/* An empty set for about so many; ERR_PTR(-ENOMEM). */
struct ippfvs_rules *ippfvs_rules_create(u32 services);

/* Add @service under @service->id, or under a new id when @fresh. */
int ippfvs_rules_insert(struct ippfvs_net *ipn, struct ippfvs_rules *rules,
			struct ippfvs_service *service, bool fresh);
void ippfvs_rules_erase(struct ippfvs_rules *rules,
			struct ippfvs_service *service);

/*
 * Make @rules the published set, within a change. The namespace has been started:
 * hooks that run before there are rules let every packet pass.
 */
void ippfvs_rules_publish(struct ippfvs_net *ipn, struct ippfvs_rules *rules);

/* No set any more; stops the namespace. */
void ippfvs_rules_clear(struct ippfvs_net *ipn);

/* No longer published: its real servers serve nobody, but who was taken over. */
void ippfvs_rules_end(struct ippfvs_rules *rules);

/* The same, and frees it after a grace period. */
void ippfvs_rules_release(struct ippfvs_rules *rules);

/*
 * Sets released before are free; their pools are after a first, their real
 * servers after a second rcu_barrier().
 */
void ippfvs_rules_flush(void);

/**
 * ippfvs_rules_replace() - make the rules exactly these (replace.c)
 * @ipn: caller holds its lock
 * @spec: checked already for duplicates, families and limits
 * @n: how many services; 0 removes everything
 *
 * Real servers that stay keep their connections and counters, services that
 * stay their id and counters.
 *
 * Return: 0, or -errno with nothing changed.
 */
int ippfvs_rules_replace(struct ippfvs_net *ipn,
			 const struct ippfvs_service_spec *spec, u32 n);

#endif /* _IPPFVS_RULES_H */
