/* SPDX-License-Identifier: GPL-2.0 */
/* The state of a network namespace. */
#ifndef _IPPFVS_NET_H
#define _IPPFVS_NET_H

#include "addr_filter.h"
#include "config.h"
#include "conn/table.h"
#include "stats.h"

#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <net/netns/generic.h>

struct ippfvs_links;
struct ippfvs_service_table;
struct net;

/* Set when main.c registers the per-namespace state. */
extern unsigned int ippfvs_net_id;

/**
 * struct ippfvs_net - the director of one network namespace
 * @net: the namespace, which outlives this structure
 * @lock: held for every change of rules and settings; process context
 * @services: RCU; NULL while there is no service, when nothing is hooked
 * @exiting: the namespace or the module ends, and the hooks are gone; @lock
 * @changes: number of changes begun and ended (change.h); @lock
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

static inline struct ippfvs_net *ippfvs_net(const struct net *net)
{
	return net_generic(net, ippfvs_net_id);
}

#endif /* _IPPFVS_NET_H */
