// SPDX-License-Identifier: GPL-2.0
/*
 * The start and end of the module, of its state in a network namespace, and of the parts that run
 * only while the namespace has services.
 */
#include "conn/worker.h"
#include "forward/link.h"
#include "hook.h"
#include "net.h"
#include "nl/nl.h"
#include "service/table.h"
#include "version.h"

#include <linux/bottom_half.h>
#include <linux/inetdevice.h>
#include <linux/module.h>
#include <linux/netdevice.h>
#include <linux/notifier.h>
#include <linux/nsproxy.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/user_namespace.h>
#include <net/genetlink.h>
#include <net/net_namespace.h>
#include <net/netfilter/ipv4/nf_defrag_ipv4.h>
#include <net/netfilter/ipv6/nf_defrag_ipv6.h>

#if !IS_ENABLED(CONFIG_IPV6)
#error "ippfvs needs a kernel with CONFIG_IPV6"
#endif

unsigned int ippfvs_net_id __read_mostly;

/* False while the module is being loaded and existing namespaces get their state. */
static bool registered;

/* Only the first fragment of a packet has the ports, so the stack must reassemble packets first. */
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

/* Called before the first service of a namespace is published. */
static int start(struct ippfvs_net *ipn)
{
	int err;

	lockdep_assert_held(&ipn->lock);

	err = ippfvs_conn_table_start(&ipn->conns);
	if (err)
		return err;

	err = -ENOMEM;
	ipn->links = ippfvs_links_create();
	if (!ipn->links)
		goto out_stop_table;

	err = defrag_enable(ipn->net);
	if (err)
		goto out_free_links;

	ippfvs_addr_filter_fill(&ipn->own_addrs, ipn->net);
	/* The host's own connections are not charged to the shell that adds the service. */
	if (!net_eq(ipn->net, &init_net))
		ippfvs_config_charge_start(&ipn->config);
	err = ippfvs_hooks_register(ipn->net);
	if (err)
		goto out_charge_stop;
	return 0;

out_charge_stop:
	ippfvs_config_charge_stop(&ipn->config);
	defrag_disable(ipn->net);
out_free_links:
	kfree(ipn->links);
	ipn->links = NULL;
out_stop_table:
	ippfvs_conn_table_stop(&ipn->conns, true);
	return err;
}

/*
 * Called before the last service of a namespace is unpublished. If @ipn is exiting, net_pre_exit()
 * has removed the hooks, a grace period has passed, and no netlink request can read the table.
 */
static void stop(struct ippfvs_net *ipn)
{
	lockdep_assert_held(&ipn->lock);

	if (!ipn->exiting) {
		ippfvs_hooks_unregister(ipn->net);
		synchronize_net(); /* wait for packets that are in a hook */
	}
	defrag_disable(ipn->net);
	ippfvs_conn_table_stop(&ipn->conns, !ipn->exiting);
	ippfvs_config_charge_stop(&ipn->config);
	kfree(ipn->links);
	ipn->links = NULL;
}

static const struct ippfvs_service_events service_events = {
	.first = start,
	.last = stop,
};

/*
 * The settings of the namespace from which a process creates another one, or NULL. The process does
 * not leave its own namespace before the new one is ready. Namespaces that are older than the
 * module have no known creator: then the process is the one that loads the module.
 */
static const struct ippfvs_config *creator_config(void)
{
	if (!READ_ONCE(registered))
		return NULL;
	return &ippfvs_net(current->nsproxy->net_ns)->config;
}

static int __net_init net_init(struct net *net)
{
	struct ippfvs_net *ipn = ippfvs_net(net);
	int err;

	ipn->net = net;
	mutex_init(&ipn->lock);
	spin_lock_init(&ipn->totals_lock);
	ippfvs_config_init(&ipn->config, net->user_ns != &init_user_ns, creator_config());

	err = ippfvs_drops_init(&ipn->drops);
	if (err)
		return err;

	err = ippfvs_conn_table_init(&ipn->conns, &ipn->config);
	if (err)
		ippfvs_drops_exit(&ipn->drops);
	return err;
}

/*
 * Real servers hold routes, and the namespace waits until they are freed. They are freed two grace
 * periods after the last connection. After that, no RCU callback of this module is pending.
 */
static void wait_for_routes(void)
{
	ippfvs_services_barrier();
	rcu_barrier();
	rcu_barrier();
}

/* Runs before the grace period that all namespaces of one cleanup share. */
static void __net_exit net_pre_exit(struct net *net)
{
	struct ippfvs_net *ipn = ippfvs_net(net);

	mutex_lock(&ipn->lock);
	if (ippfvs_service_table_locked(ipn))
		ippfvs_hooks_unregister(net);
	ipn->exiting = true;
	mutex_unlock(&ipn->lock);
}

static void __net_exit net_exit(struct net *net)
{
	struct ippfvs_net *ipn = ippfvs_net(net);

	mutex_lock(&ipn->lock);
	ippfvs_services_flush(ipn);
	mutex_unlock(&ipn->lock);
}

/* Wait once for all namespaces that end together. */
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
		ippfvs_drops_exit(&ipn->drops);
		mutex_destroy(&ipn->lock);
	}
}

static struct pernet_operations net_ops = {
	.init = net_init,
	.pre_exit = net_pre_exit,
	.exit = net_exit,
	.exit_batch = net_exit_batch,
	.id = &ippfvs_net_id,
	.size = sizeof(struct ippfvs_net),
};

static int addr_event(struct notifier_block *block, unsigned long event, void *data)
{
	const struct in_ifaddr *ifa = data;
	struct ippfvs_net *ipn = ippfvs_net(dev_net(ifa->ifa_dev->dev));

	if (event == NETDEV_UP)
		ippfvs_addr_filter_add(&ipn->own_addrs, ifa->ifa_local);
	return NOTIFY_DONE;
}

static struct notifier_block addr_notifier = {
	.notifier_call = addr_event,
};

/*
 * Our operations are registered as those of a device, so that our exit function runs before the
 * namespace removes its devices. The removal of a device waits for every route through it.
 */
static int __init register_namespaces(void)
{
	int err;

	err = register_pernet_device(&net_ops);
	if (err)
		return err;
	WRITE_ONCE(registered, true);
	err = register_inetaddr_notifier(&addr_notifier);
	if (err)
		unregister_pernet_device(&net_ops);
	return err;
}

/* After this function, every namespace has been stopped and its RCU callbacks have run. */
static void unregister_namespaces(void)
{
	unregister_inetaddr_notifier(&addr_notifier);
	unregister_pernet_device(&net_ops);
	wait_for_routes();
}

/*
 * Per-CPU data is protected by local_bh_disable(). On PREEMPT_RT it excludes other tasks on the
 * same CPU only with CONFIG_PREEMPT_RT_NEEDS_BH_LOCK.
 */
static bool bh_excludes_others(void)
{
	return !IS_ENABLED(CONFIG_PREEMPT_RT) || IS_ENABLED(CONFIG_PREEMPT_RT_NEEDS_BH_LOCK);
}

static int __init ippfvs_init(void)
{
	int err;

	if (!bh_excludes_others()) {
		pr_err("ippfvs: not safe on a PREEMPT_RT kernel without PREEMPT_RT_NEEDS_BH_LOCK; use another kernel\n");
		return -EOPNOTSUPP;
	}

	err = ippfvs_conn_init();
	if (err)
		return err;
	err = ippfvs_conn_worker_init();
	if (err)
		goto out_exit_conn;
	err = ippfvs_services_init(&service_events);
	if (err)
		goto out_exit_worker;
	err = register_namespaces();
	if (err)
		goto out_exit_services;
	err = ippfvs_nl_init();
	if (err)
		goto out_unregister_namespaces;
	return 0;

out_unregister_namespaces:
	unregister_namespaces();
out_exit_services:
	ippfvs_services_exit();
out_exit_worker:
	ippfvs_conn_worker_exit();
out_exit_conn:
	ippfvs_conn_exit();
	return err;
}

static void __exit ippfvs_exit(void)
{
	ippfvs_nl_exit();
	unregister_namespaces();
	ippfvs_services_exit();
	ippfvs_conn_worker_exit();
	ippfvs_conn_exit();
}

module_init(ippfvs_init);
module_exit(ippfvs_exit);
MODULE_LICENSE("GPL");
MODULE_AUTHOR("The ippfvs developers");
MODULE_VERSION(IPPFVS_VERSION);
MODULE_DESCRIPTION("IP port forwarding and virtual server: a layer-4 load balancer");
MODULE_ALIAS_GENL_FAMILY(IPPFVS_GENL_NAME);
