// SPDX-License-Identifier: GPL-2.0
/* The filter of the director's own addresses: filling it and keeping it complete. */
#include "addr_filter.h"

#include "net.h"

#include <linux/bitmap.h>
#include <linux/inetdevice.h>
#include <linux/netdevice.h>
#include <linux/notifier.h>
#include <linux/rcupdate.h>

static void addr_filter_add(struct ippfvs_addr_filter *filter, __be32 addr)
{
	/* The address is visible before its bit; pairs with ippfvs_addr_filter_fill(). */
	smp_mb__before_atomic();
	set_bit(hash_32((__force u32)addr, IPPFVS_ADDR_FILTER_BITS), filter->seen);
}

static int address_event(struct notifier_block *block, unsigned long event,
			 void *data)
{
	const struct in_ifaddr *ifa = data;

	if (event == NETDEV_UP)
		addr_filter_add(&ippfvs_net(dev_net(ifa->ifa_dev->dev))->own_addrs,
				ifa->ifa_local);
	return NOTIFY_DONE;
}

static struct notifier_block address_notifier = {
	.notifier_call = address_event,
};

/* An address that is added meanwhile is in the list, or its notification sets its bit. */
void ippfvs_addr_filter_fill(struct ippfvs_net *ipn)
{
	const struct in_device *in_dev;
	const struct in_ifaddr *ifa;
	struct net_device *dev;

	bitmap_zero(ipn->own_addrs.seen, 1 << IPPFVS_ADDR_FILTER_BITS);
	smp_mb();	/* clear before addresses are read; pairs with addr_filter_add() */

	rcu_read_lock();
	for_each_netdev_rcu(ipn->net, dev) {
		in_dev = __in_dev_get_rcu(dev);
		if (!in_dev)
			continue;
		in_dev_for_each_ifa_rcu(ifa, in_dev)
			addr_filter_add(&ipn->own_addrs, ifa->ifa_local);
	}
	rcu_read_unlock();
}

int ippfvs_addr_filter_init(void)
{
	return register_inetaddr_notifier(&address_notifier);
}

void ippfvs_addr_filter_exit(void)
{
	unregister_inetaddr_notifier(&address_notifier);
}
