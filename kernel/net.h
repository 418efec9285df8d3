/* SPDX-License-Identifier: GPL-2.0 */
/* What a network namespace has: rules, connections, settings, counters. */
#ifndef _IPPFVS_NET_H
#define _IPPFVS_NET_H

#include "addr_filter.h"
#include "config.h"
#include "conn/table.h"
#include "stats.h"

#include <linux/mutex.h>
#include <net/netns/generic.h>

struct ippfvs_service_table;
struct net;

extern unsigned int ippfvs_net_id;

/**
 * struct ippfvs_net - the virtual server of one network namespace
 * @net: whose; we live no longer than it
 * @lock: every change of rules and settings
 * @services: RCU; NULL while there is no service: then nothing is hooked
 * @changes: beginnings and ends of changes (change.h); the lock
 * @next_id: of the next service; the lock
 * @retired: counters of services that were removed; the lock
 * @config: settings
 * @conns: connections; its buckets exist only while there is a service
 * @own_addrs: its IPv4 addresses, perhaps
 * @drops: packets dropped by reason, per CPU
 * @drops_zeroed: what they were at the last zeroing; the lock
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
	struct ippfvs_drops __percpu *drops;
	struct ippfvs_drops drops_zeroed;
};

static inline struct ippfvs_net *ippfvs_net(const struct net *net)
{
	return net_generic(net, ippfvs_net_id);
}

int ippfvs_net_init(void);
void ippfvs_net_exit(void);

/*
 * The first service brings hooks and connection table, the last one takes them
 * away. Process context, caller holds ipn->lock. start: 0 or -errno, and what
 * it did is undone. stop: @rules are still there, and no packet asks them any more.
 */
int ippfvs_net_start(struct ippfvs_net *ipn);
void ippfvs_net_stop(struct ippfvs_net *ipn);

#endif /* _IPPFVS_NET_H */
