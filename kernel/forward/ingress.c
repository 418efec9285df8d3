// SPDX-License-Identifier: GPL-2.0
#include "ingress.h"

#include <linux/inetdevice.h>
#include <net/ip6_fib.h>
#include <net/ip6_route.h>
#include <net/ip_fib.h>
#include <net/l3mdev.h>
#include <net/xfrm.h>

/* Whether @dev, or the VRF that it belongs to, is a next hop's device of the route. */
static bool is_device_of_route4(struct fib_info *info, const struct net_device *dev)
{
	const struct net_device *vrf = l3mdev_master_dev_rcu(dev);

	return fib_info_nh_uses_dev(info, dev) || (vrf && fib_info_nh_uses_dev(info, vrf));
}

/*
 * A lookup with an output device may find a less specific route, such as the default route. This is
 * not a route to the real server.
 */
static bool leads_through4(struct net *net, const union ippfvs_addr *addr,
			   const struct net_device *dev)
{
	struct flowi4 any = {
		.daddr = addr->ip,
		.flowi4_iif = LOOPBACK_IFINDEX,
	};
	struct flowi4 by_device = any;
	struct fib_result best, other;

	if (fib_lookup(net, &any, &best, 0) || best.type != RTN_UNICAST)
		return false;
	if (is_device_of_route4(best.fi, dev))
		return true;

	by_device.flowi4_oif = dev->ifindex;
	return !fib_lookup(net, &by_device, &other, FIB_LOOKUP_IGNORE_LINKSTATE) &&
	       other.type == RTN_UNICAST && other.table == best.table &&
	       other.prefixlen == best.prefixlen;
}

/* Whether two routes lead to the same prefix in the same table. */
static bool is_same_prefix6(const struct dst_entry *a, const struct dst_entry *b)
{
	const struct fib6_info *from_a = rcu_dereference(dst_rt6_info(a)->from);
	const struct fib6_info *from_b = rcu_dereference(dst_rt6_info(b)->from);

	return from_a && from_b && from_a->fib6_table == from_b->fib6_table &&
	       from_a->fib6_dst.plen == from_b->fib6_dst.plen;
}

static bool leads_through6(struct net *net, const union ippfvs_addr *addr,
			   const struct net_device *dev)
{
	struct flowi6 any = { .daddr = addr->ip6 };
	struct flowi6 by_device = {
		.daddr = addr->ip6,
		.flowi6_iif = LOOPBACK_IFINDEX,
		.flowi6_oif = dev->ifindex,
	};
	struct dst_entry *best, *other;
	bool found;

	best = ip6_route_output(net, NULL, &any);
	found = !best->error && (best->dev == dev || best->dev == l3mdev_master_dev_rcu(dev));
	if (!found && !best->error) {
		other = ip6_route_lookup(net, &by_device, NULL, RT6_LOOKUP_F_IFACE);
		found = !other->error && other->dev == dev && is_same_prefix6(best, other);
		dst_release(other);
	}
	dst_release(best);
	return found;
}

/*
 * Two devices are enough for most real servers. Packets of a third device cost lookups each time:
 * replacing a device would make all CPUs write this cache line. If the route changes between the
 * lookup and the write, the stale device stays until the next change of routes.
 */
static void remember(struct ippfvs_real *real, int ifindex)
{
	if (!READ_ONCE(real->ingress[0]))
		WRITE_ONCE(real->ingress[0], ifindex);
	else if (!READ_ONCE(real->ingress[1]))
		WRITE_ONCE(real->ingress[1], ifindex);
}

bool ippfvs_ingress_is_valid(const struct ippfvs_packet *pkt, struct ippfvs_real *real)
{
	if (secpath_exists(pkt->skb))
		return true;
	if (!(ippfvs_packet_ipv4(pkt) ? leads_through4(pkt->net, &real->addr, pkt->in) :
					leads_through6(pkt->net, &real->addr, pkt->in)))
		return false;
	/*
	 * A device that may not forward is not remembered, so that output.c checks it for each
	 * packet.
	 */
	if (ippfvs_ingress_may_forward(pkt))
		remember(real, pkt->in->ifindex);
	return true;
}

bool ippfvs_ingress_may_forward(const struct ippfvs_packet *pkt)
{
	struct in_device *in_dev;

	if (!ippfvs_packet_ipv4(pkt) || !IPV4_DEVCONF_ALL(pkt->net, FORWARDING))
		return true;
	in_dev = __in_dev_get_rcu(pkt->in);
	return in_dev && IN_DEV_FORWARD(in_dev);
}
