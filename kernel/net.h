/* SPDX-License-Identifier: GPL-2.0 */
/* The state of a network namespace. */
#ifndef _IPPFVS_NET_H
#define _IPPFVS_NET_H

#include "addr_filter.h"
#include "config.h"
#include "conn/table.h"
#include "stats.h"

#include <linux/lockdep.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <net/netns/generic.h>

struct ippfvs_links;
struct ippfvs_service_table;
struct net;

/* The id of the per-namespace state; set when main.c registers it. */
extern unsigned int ippfvs_net_id;

/**
 * struct ippfvs_net - the director of one network namespace
 * @net: the namespace, which outlives this structure
 * @lock: held for every change of rules and settings; process context
 * @services: RCU; NULL while there is no service; then no hook is registered
 * @exiting: the namespace or the module ends, and the hooks are gone; @lock
 * @changes: number of begun changes plus number of ended changes, see ippfvs_change_begin(); @lock
 * @next_id: id of the next service; @lock
 * @retired: counters of removed services; @lock
 * @config: settings
 * @conns: connections; it has buckets only while there is a service
 * @own_addrs: filter of the namespace's IPv4 addresses
 * @drops: dropped packets by reason
 * @links: links to clients; NULL while there is no service
 * @totals_lock: protects @totals and @zeroings; process context
 * @totals: what STATS_GET has answered last, so that its sums do not decrease
 * @zeroings: number of times that all counters were zeroed
 */
struct ippfvs_net {
	struct net *net;
	struct mutex lock;
	struct ippfvs_service_table __rcu *services;
	bool exiting;
	u32 changes;
	u32 next_id;
	struct ippfvs_counters retired;
	struct ippfvs_config config;
	struct ippfvs_conn_table conns;
	struct ippfvs_addr_filter own_addrs;
	struct ippfvs_drops drops;
	struct ippfvs_links *links;
	spinlock_t totals_lock;
	struct ippfvs_counters totals;
	u32 zeroings;
};

/**
 * ippfvs_net() - get the director of a network namespace
 * @net: the namespace
 *
 * Context: any.
 * Return: the director.
 */
static inline struct ippfvs_net *ippfvs_net(const struct net *net)
{
	return net_generic(net, ippfvs_net_id);
}

/*
 * The sequence count of the changes of services.
 *
 * A reader that must not see half of a change compares the count before and after it reads. The
 * kernel's seqcount_t is not used, because its readers would spin while a writer sleeps within a
 * change.
 */

/**
 * ippfvs_change_begin() - begin a change of the services
 * @ipn: the namespace
 *
 * Before a change ends, the counters of the services and real servers that it removed
 * are added to those of the service or the namespace. Changes do not nest.
 *
 * Context: process context; the caller holds ipn->lock and may sleep until
 * ippfvs_change_end().
 */
static inline void ippfvs_change_begin(struct ippfvs_net *ipn)
{
	lockdep_assert_held(&ipn->lock);

	WRITE_ONCE(ipn->changes, ipn->changes + 1);
	smp_wmb(); /* the count is odd before the change; pairs with ippfvs_read_retry() */
}

/**
 * ippfvs_change_end() - end a change of the services
 * @ipn: the namespace
 *
 * Context: process context; the caller holds ipn->lock.
 */
static inline void ippfvs_change_end(struct ippfvs_net *ipn)
{
	lockdep_assert_held(&ipn->lock);

	/* The whole change is visible before the even count; pairs with ippfvs_read_begin() */
	smp_store_release(&ipn->changes, ipn->changes + 1);
}

/**
 * ippfvs_read_begin() - get the count before the services are read
 * @ipn: the namespace
 *
 * Context: any. It never waits.
 * Return: the count, which is odd during a change.
 */
static inline u32 ippfvs_read_begin(const struct ippfvs_net *ipn)
{
	/* The count is read before the services; pairs with ippfvs_change_end() */
	return smp_load_acquire(&ipn->changes);
}

/**
 * ippfvs_read_retry() - check whether the services changed while they were read
 * @ipn: the namespace
 * @count: return value of ippfvs_read_begin()
 *
 * Context: any. It never waits.
 * Return: true if the reader may have seen part of a change.
 */
static inline bool ippfvs_read_retry(const struct ippfvs_net *ipn, u32 count)
{
	smp_rmb(); /* the count is read after the services; pairs with ippfvs_change_begin() */
	return count & 1 || READ_ONCE(ipn->changes) != count;
}

#endif /* _IPPFVS_NET_H */
