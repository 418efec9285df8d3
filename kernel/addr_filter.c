// SPDX-License-Identifier: GPL-2.0
#include "addr_filter.h"

#include <linux/bitmap.h>
#include <linux/inetdevice.h>
#include <linux/netdevice.h>
#include <linux/rcupdate.h>
#include <net/net_namespace.h>

void ippfvs_addr_filter_add(struct ippfvs_addr_filter *filter, __be32 addr)
{
	/* The address is visible before its bit is set; pairs with ippfvs_addr_filter_fill(). */
	smp_mb__before_atomic();
	set_bit(hash_32((__force u32)addr, IPPFVS_ADDR_FILTER_BITS), filter->seen);
}

/* If an address is added meanwhile, this function or ippfvs_addr_filter_add() sets its bit. */
void ippfvs_addr_filter_fill(struct ippfvs_addr_filter *filter, struct net *net)
{
	const struct in_device *in_dev;
	const struct in_ifaddr *ifa;
	struct net_device *dev;

	bitmap_zero(filter->seen, 1 << IPPFVS_ADDR_FILTER_BITS);
	smp_mb(); /* clear bits before reading addresses; pairs with ippfvs_addr_filter_add() */

	rcu_read_lock();
	for_each_netdev_rcu(net, dev) {
		in_dev = __in_dev_get_rcu(dev);
		if (!in_dev)
			continue;
		in_dev_for_each_ifa_rcu(ifa, in_dev)
			ippfvs_addr_filter_add(filter, ifa->ifa_local);
	}
	rcu_read_unlock();
}
