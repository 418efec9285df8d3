/* SPDX-License-Identifier: GPL-2.0 */
/* The state of a network namespace, and the start and stop of its packet path. */
#ifndef _IPPFVS_NET_H
#define _IPPFVS_NET_H

#include "addr_filter.h"
#include "config.h"
#include "conn/table.h"
#include "stats.h"

#include <linux/mutex.h>
#include <net/netns/generic.h>

struct ippfvs_rules;
struct net;

extern unsigned int ippfvs_net_id;

/**
 * struct ippfvs_net - the director of one network namespace
 * @net: the namespace, which outlives this structure
 * @lock: held for every change of rules and settings; process context
 * @rules: RCU; NULL while there is no service, when nothing is hooked
 * @changes: number of changes begun and ended (change.h); @lock
 * @next_id: id of the next service; @lock
 * @retired: counters of removed services; @lock
 * @config: settings
 * @conns: connections; it has buckets only while there is a service
 * @own_addrs: filter of the namespace's IPv4 addresses
 * @drops: dropped packets by reason, per CPU
 * @drops_zeroed: values of @drops at the last zeroing; @lock
 */
struct ippfvs_net {
	struct net *net;
	struct mutex lock;
	struct ippfvs_rules __rcu *rules;
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

/* Register and unregister the namespaces' state. Context: process, with the module. */
int ippfvs_net_init(void);
void ippfvs_net_exit(void);

/**
 * ippfvs_net_start() - prepare for the namespace's first service
 * @ipn: the namespace
 *
 * Creates the connection table, enables defragmentation and registers the hooks.
 *
 * Context: process, @ipn->lock.
 * Return: 0, or -errno with nothing changed.
 */
int ippfvs_net_start(struct ippfvs_net *ipn);

/**
 * ippfvs_net_stop() - undo ippfvs_net_start() after the namespace's last service
 * @ipn: the namespace; its rules are still there, and on return no packet reads them
 *
 * Context: process, @ipn->lock; waits for RCU.
 */
void ippfvs_net_stop(struct ippfvs_net *ipn);

#endif /* _IPPFVS_NET_H */
