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
#include <net/netns/generic.h>

struct ippfvs_service_table;
struct net;

/* Set when main.c registers the per-namespace state. */
extern unsigned int ippfvs_net_id;

/**
 * struct ippfvs_net - the director of one network namespace
 * @net: the namespace, which outlives this structure
 * @lock: held for every change of rules and settings; process context
 * @services: RCU; NULL while there is no service, when nothing is hooked
 * @changes: number of changes begun and ended, see ippfvs_change_begin(); @lock
 * @next_id: id of the next service; @lock
 * @retired: counters of removed services; @lock
 * @config: settings
 * @conns: connections; it has buckets only while there is a service
 * @own_addrs: filter of the namespace's IPv4 addresses
 * @drops: dropped packets by reason
 */
struct ippfvs_net {
	struct net *net;
	struct mutex lock;
	struct ippfvs_service_table __rcu *services;
	u32 changes;
	u32 next_id;
	struct ippfvs_counters retired;
	struct ippfvs_config config;
	struct ippfvs_conn_table conns;
	struct ippfvs_addr_filter own_addrs;
	struct ippfvs_drops drops;
};

static inline struct ippfvs_net *ippfvs_net(const struct net *net)
{
	return net_generic(net, ippfvs_net_id);
}

/*
 * The sequence count of the changes of services.
 *
 * Readers that must not see half of a change compare the count before and after they read. The
 * kernel's seqcount_t is not used, because writers may sleep within a change: readers of a
 * seqcount_t would spin meanwhile.
 */

/**
 * ippfvs_change_begin() - begin a change of the services
 * @ipn: the namespace
 *
 * A change ends only after the counters of what it removed have been added to those
 * of what stays. Changes do not nest.
 *
 * Context: process context; the caller holds ipn->lock and may sleep until
 * ippfvs_change_end().
 */
static inline void ippfvs_change_begin(struct ippfvs_net *ipn)
{
	lockdep_assert_held(&ipn->lock);

	WRITE_ONCE(ipn->changes, ipn->changes + 1);
	smp_wmb(); /* odd before the change is visible; pairs with ippfvs_read_retry() */
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
 * Return: the count. It is odd while a change is being made.
 */
static inline u32 ippfvs_read_begin(const struct ippfvs_net *ipn)
{
	/* Before anything is read; pairs with ippfvs_change_end() */
	return smp_load_acquire(&ipn->changes);
}

/**
 * ippfvs_read_retry() - tell whether the services changed while they were read
 * @ipn: the namespace
 * @count: what ippfvs_read_begin() returned
 *
 * Context: any. It never waits.
 * Return: true if what was read may include a part of a change.
 */
static inline bool ippfvs_read_retry(const struct ippfvs_net *ipn, u32 count)
{
	smp_rmb(); /* after everything was read; pairs with ippfvs_change_begin() */
	return count & 1 || READ_ONCE(ipn->changes) != count;
}

#endif /* _IPPFVS_NET_H */
