// SPDX-License-Identifier: GPL-2.0
#include "net.h"

#include "hook.h"
#include "main.h"
#include "service/table.h"

#include <linux/netdevice.h>
#include <linux/rcupdate.h>
#include <linux/user_namespace.h>
#include <linux/workqueue.h>
#include <net/net_namespace.h>
#include <net/netfilter/ipv4/nf_defrag_ipv4.h>
#include <net/netfilter/ipv6/nf_defrag_ipv6.h>

unsigned int ippfvs_net_id __read_mostly;

/* Ports stand in a packet's first fragment only: the stack joins them for us. */
static int defrag_enable(struct net *net)
{
	int err;

	err = nf_defrag_ipv4_enable(net);
	if (err)
		return err;
	err = nf_defrag_ipv6_enable(net);
	if (err)
		nf_defrag_ipv4_disable(net);
	return err;
}

static void defrag_disable(struct net *net)
{
	nf_defrag_ipv6_disable(net);
	nf_defrag_ipv4_disable(net);
}

int ippfvs_net_start(struct ippfvs_net *ipn)
{
	int err;

	lockdep_assert_held(&ipn->lock);

	err = ippfvs_conn_table_start(&ipn->conns);
	if (err)
		return err;

	err = defrag_enable(ipn->net);
	if (err)
		goto out_stop_table;

	ippfvs_addr_filter_fill(ipn);
	err = ippfvs_hooks_register(ipn->net);
	if (err)
		goto out_defrag_disable;
	return 0;

out_defrag_disable:
	defrag_disable(ipn->net);
out_stop_table:
	ippfvs_conn_table_stop(&ipn->conns);
	return err;
}

void ippfvs_net_stop(struct ippfvs_net *ipn)
{
	lockdep_assert_held(&ipn->lock);

	ippfvs_hooks_unregister(ipn->net);
	synchronize_net(); /* packets that are in a hook now */
	defrag_disable(ipn->net);
	ippfvs_conn_table_stop(&ipn->conns);
}

static int __net_init net_init(struct net *net)
{
	struct ippfvs_net *ipn = ippfvs_net(net);
	int err;

	ipn->net = net;
	mutex_init(&ipn->lock);
	ippfvs_config_init(&ipn->config, net->user_ns != &init_user_ns);

	ipn->drops = alloc_percpu(struct ippfvs_drops);
	if (!ipn->drops)
		return -ENOMEM;

	err = ippfvs_conn_table_init(&ipn->conns, &ipn->config);
	if (err)
		free_percpu(ipn->drops);
	return err;
}

/*
 * Real servers hold routes, and a route counts in its namespace until it is
 * freed, two grace periods after the last connection has gone. Leaves no callback
 * of ours behind.
 */
static void wait_for_routes(void)
{
	ippfvs_services_barrier();
	rcu_barrier();
	rcu_barrier();
}

static void __net_exit net_exit(struct net *net)
{
	struct ippfvs_net *ipn = ippfvs_net(net);

	mutex_lock(&ipn->lock);
	ippfvs_services_flush(ipn);
	mutex_unlock(&ipn->lock);
}

/* Namespaces that go together wait together. */
static void __net_exit net_exit_batch(struct list_head *list)
{
	struct ippfvs_net *ipn;
	bool used = false;
	struct net *net;

	list_for_each_entry(net, list, exit_list)
		used |= ippfvs_net(net)->changes;
	if (used)
		wait_for_routes();

	list_for_each_entry(net, list, exit_list) {
		ipn = ippfvs_net(net);
		ippfvs_conn_table_exit(&ipn->conns);
		free_percpu(ipn->drops);
		mutex_destroy(&ipn->lock);
	}
}

static struct pernet_operations net_ops = {
	.init = net_init,
	.exit = net_exit,
	.exit_batch = net_exit_batch,
	.id = &ippfvs_net_id,
	.size = sizeof(struct ippfvs_net),
};

/*
 * As a device, though we are none: a namespace removes its devices before its
 * subsystems, and waits for every route through them.
 */
int __init ippfvs_net_init(void)
{
	return register_pernet_device(&net_ops);
}

/* Every namespace has stopped and its callbacks have run. */
void ippfvs_net_exit(void)
{
	unregister_pernet_device(&net_ops);
	wait_for_routes();
}
