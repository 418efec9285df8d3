/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A service: a virtual address and port, and who serves there.
 *
 * A published service belongs to its rule set; packets see only its key and its
 * pool, which is swapped. All changes are made in process context under the
 * namespace's lock; those that fail return -errno (uapi) with nothing changed.
 */
#ifndef _IPPFVS_SERVICE_H
#define _IPPFVS_SERVICE_H

#include "../core/tuple.h"
#include "../stats.h"

#include <linux/rcupdate.h>
#include <linux/rhashtable-types.h>

struct ippfvs_net;
struct ippfvs_pool;
struct ippfvs_real_spec;
struct ippfvs_scheduler;

/* What names a service; no padding, all set: refusals compare it as bytes. */
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
 * @rcu: frees it after a grace period
 */
struct ippfvs_service {
	struct rhash_head node;
	struct ippfvs_service_key key;
	u32 id;
	struct ippfvs_pool __rcu *pool;
	struct ippfvs_counters retired;
	struct rcu_head rcu;
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
void ippfvs_service_remove(struct ippfvs_net *ipn, struct ippfvs_service *service);

/* The lock. Its pool; and, within a change, @pool in place of it, which is released. */
struct ippfvs_pool *ippfvs_service_pool(const struct ippfvs_net *ipn,
					const struct ippfvs_service *service);
void ippfvs_service_swap(struct ippfvs_net *ipn, struct ippfvs_service *service,
			 struct ippfvs_pool *pool);

/*
 * Counters of a service: its real servers' and the removed ones'. RCU or the
 * lock; what is removed by a change meanwhile may be missing.
 */
void ippfvs_service_counters(const struct ippfvs_service *service,
			     struct ippfvs_counters *counters);

/* The lock. What the namespace counted in all stays. */
void ippfvs_service_zero(struct ippfvs_net *ipn, struct ippfvs_service *service);

/**
 * ippfvs_service_create() - a service in no set yet
 * @ipn: of the namespace; the lock
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

/* Published: real servers carried over are its own from now on. The lock. */
void ippfvs_service_adopt(struct ippfvs_net *ipn,
			  struct ippfvs_service *service);

/*
 * The end of a service, in two steps with a grace period between them. end: it
 * is not found by packets any more, or never was; ends the real servers that no
 * other service has adopted. free: process context.
 */
void ippfvs_service_end(struct ippfvs_service *service);
void ippfvs_service_free(struct ippfvs_service *service);

/* Both steps, without waiting. The lock. */
void ippfvs_service_release(struct ippfvs_net *ipn,
			    struct ippfvs_service *service);

#endif /* _IPPFVS_SERVICE_H */
