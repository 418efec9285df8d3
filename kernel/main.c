// SPDX-License-Identifier: GPL-2.0
#include "main.h"

#include "addr_filter.h"
#include "conn/buckets.h"
#include "conn/make.h"
#include "net.h"
#include "nl/nl.h"
#include "version.h"

#include <linux/bottom_half.h>
#include <linux/module.h>
#include <linux/workqueue.h>
#include <net/genetlink.h>

#if !IS_ENABLED(CONFIG_IPV6)
#error "ippfvs needs a kernel with CONFIG_IPV6"
#endif

struct workqueue_struct *ippfvs_wq;

unsigned int ippfvs_conn_tab_bits = 12;

static int set_conn_tab_bits(const char *value, const struct kernel_param *param)
{
	return param_set_uint_minmax(value, param, IPPFVS_BUCKETS_MIN_BITS,
				     IPPFVS_BUCKETS_MAX_BITS);
}

static const struct kernel_param_ops conn_tab_bits_ops = {
	.set = set_conn_tab_bits,
	.get = param_get_uint,
};
module_param_cb(conn_tab_bits, &conn_tab_bits_ops, &ippfvs_conn_tab_bits, 0444);
__MODULE_PARM_TYPE(conn_tab_bits, "uint");
MODULE_PARM_DESC(conn_tab_bits,
		 "A connection table starts with 2^conn_tab_bits buckets of 7 places, 8..24 (default 12)");

unsigned int ippfvs_conn_limit;

module_param_named(conn_limit, ippfvs_conn_limit, uint, 0644);
MODULE_PARM_DESC(conn_limit,
		 "Most connections of all network namespaces together (default 0: as many as fill three quarters of the memory)");

/*
 * Per-CPU data is protected by local_bh_disable(). On PREEMPT_RT this excludes other tasks of the
 * CPU only with CONFIG_PREEMPT_RT_NEEDS_BH_LOCK.
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

	ippfvs_wq = alloc_workqueue("ippfvs", WQ_UNBOUND, 0);
	if (!ippfvs_wq)
		return -ENOMEM;

	err = ippfvs_conn_init();
	if (err)
		goto out_destroy_wq;

	err = ippfvs_net_init();
	if (err)
		goto out_exit_conn;

	err = ippfvs_addr_filter_init();
	if (err)
		goto out_exit_net;

	err = ippfvs_nl_init();
	if (err)
		goto out_exit_addr_filter;
	return 0;

out_exit_addr_filter:
	ippfvs_addr_filter_exit();
out_exit_net:
	ippfvs_net_exit();
out_exit_conn:
	ippfvs_conn_exit();
out_destroy_wq:
	destroy_workqueue(ippfvs_wq);
	return err;
}

static void __exit ippfvs_exit(void)
{
	ippfvs_nl_exit();
	ippfvs_addr_filter_exit();
	ippfvs_net_exit();
	ippfvs_conn_exit();
	destroy_workqueue(ippfvs_wq);
}

module_init(ippfvs_init);
module_exit(ippfvs_exit);
MODULE_LICENSE("GPL");
MODULE_VERSION(IPPFVS_VERSION);
MODULE_DESCRIPTION("IP port forwarding and virtual server: a layer-4 load balancer");
MODULE_ALIAS_GENL_FAMILY(IPPFVS_GENL_NAME);
