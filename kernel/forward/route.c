// SPDX-License-Identifier: GPL-2.0
#include "route.h"

#include "../packet.h"
#include "../service/real.h"
#include "ingress.h"

#include <net/addrconf.h>
#include <net/dst.h>
#include <net/ip.h>
#include <net/ip6_route.h>
#include <net/route.h>

void ippfvs_route_release(struct ippfvs_route *route)
{
	dst_release(route->dst);
	route->dst = NULL;
	route->idents.left = 0; /* they belong to the old source address */
}

static struct dst_entry *output_route4(struct net *net, struct flowi4 *fl4)
{
	struct rtable *rt = ip_route_output_key(net, fl4);

	return IS_ERR(rt) ? NULL : &rt->dst;
}

static struct dst_entry *output_route6(struct net *net, struct flowi6 *fl6)
{
	struct dst_entry *dst = ip6_route_output(net, NULL, fl6);

	if (!dst->error)
		return dst;
	dst_release(dst);
	return NULL;
}

/*
 * Find the director's address towards @addr. If the device is losing IPv6 at this moment, the route
 * that was found has no inet6_dev. Return: false if there is no address.
 */
static bool source6(struct net *net, struct dst_entry *dst, const union ippfvs_addr *addr,
		    union ippfvs_addr *saddr)
{
	const struct inet6_dev *idev = READ_ONCE(dst_rt6_info(dst)->rt6i_idev);

	return idev && !ipv6_dev_get_saddr(net, idev->dev, &addr->ip6, 0, &saddr->ip6);
}

static bool lookup4(struct net *net, const union ippfvs_addr *addr, u8 flags,
		    struct ippfvs_route *route)
{
	struct flowi4 fl4 = {
		.daddr = addr->ip,
		.flowi4_flags = flags,
	};

	route->dst = output_route4(net, &fl4);
	route->cookie = 0;
	route->saddr.ip = fl4.saddr;
	return route->dst;
}

/* The cookie is read before the address is chosen, so that any later change makes it stale. */
static bool lookup6(struct net *net, const union ippfvs_addr *addr, u8 flags,
		    struct ippfvs_route *route)
{
	struct flowi6 fl6 = {
		.daddr = addr->ip6,
		.flowi6_flags = flags,
	};

	route->dst = output_route6(net, &fl6);
	if (!route->dst)
		return false;
	route->cookie = rt6_get_cookie(dst_rt6_info(route->dst));
	if (source6(net, route->dst, addr, &route->saddr))
		return true;
	ippfvs_route_release(route);
	return false;
}

/*
 * Fill an empty route: the route to @addr and the director's address on it. Return: false, and
 * @route stays empty, if there is no route, or for IPv6 no address.
 */
static bool lookup_route(struct net *net, u8 family, const union ippfvs_addr *addr, u8 flags,
			 struct ippfvs_route *route)
{
	ippfvs_addr_clear(&route->saddr);
	return family == IPPFVS_FAMILY_IPV4 ? lookup4(net, addr, flags, route) :
					      lookup6(net, addr, flags, route);
}

bool ippfvs_route_is_local(const struct dst_entry *dst, u8 family)
{
	if (family == IPPFVS_FAMILY_IPV4)
		return dst_rtable(dst)->rt_flags & RTCF_LOCAL;
	return dst_rt6_info(dst)->rt6i_flags & RTF_LOCAL;
}

bool ippfvs_route_is_loopback(const struct sk_buff *skb, u8 family)
{
	const struct dst_entry *dst = skb_dst(skb);

	return dst && ippfvs_route_is_local(dst, family);
}

/* Whether the route leads to one other machine, as a real server must be. */
static bool is_unicast_route(const struct dst_entry *dst, u8 family)
{
	if (family == IPPFVS_FAMILY_IPV4)
		return !(dst_rtable(dst)->rt_flags &
			 (RTCF_LOCAL | RTCF_BROADCAST | RTCF_MULTICAST));
	return !(dst_rt6_info(dst)->rt6i_flags & RTF_LOCAL);
}

/* The learned MTU has replaced the configured one in the metrics of such a route. */
u32 ippfvs_route_configured_mtu6(const struct dst_entry *dst)
{
	const struct fib6_info *from = rcu_dereference(dst_rt6_info(dst)->from);

	return from ? from->fib6_pmtu : 0;
}

struct ippfvs_route *ippfvs_route_renew(struct net *net, struct ippfvs_real *real,
					struct ippfvs_route *route)
{
	ippfvs_route_release(route);
	ippfvs_ingress_forget(real);
	if (!lookup_route(net, real->family, &real->addr, 0, route))
		return NULL;
	if (is_unicast_route(route->dst, real->family))
		return route;
	ippfvs_route_release(route);
	return NULL;
}

struct dst_entry *ippfvs_route_to_client(const struct ippfvs_packet *pkt,
					 const union ippfvs_addr *from,
					 const union ippfvs_addr *client)
{
	if (ippfvs_packet_ipv4(pkt)) {
		struct flowi4 fl4 = {
			.daddr = client->ip,
			.saddr = from->ip,
			.flowi4_mark = pkt->skb->mark,
			.flowi4_flags = FLOWI_FLAG_ANYSRC,
		};

		return output_route4(pkt->net, &fl4);
	}
	return output_route6(pkt->net, &(struct flowi6){
					       .daddr = client->ip6,
					       .saddr = from->ip6,
					       .flowi6_mark = pkt->skb->mark,
					       .flowi6_flags = FLOWI_FLAG_ANYSRC,
				       });
}

bool ippfvs_route_source(struct net *net, u8 family, const union ippfvs_addr *daddr,
			 union ippfvs_addr *saddr)
{
	struct ippfvs_route route = {};
	bool found = lookup_route(net, family, daddr, 0, &route);

	*saddr = route.saddr;
	ippfvs_route_release(&route);
	return found && !ippfvs_addr_empty(saddr);
}

struct dst_entry *ippfvs_route_by_next_hop(struct net *net, const struct ippfvs_real *real)
{
	struct ippfvs_route route = {};

	lookup_route(net, real->family, &real->addr, FLOWI_FLAG_KNOWN_NH, &route);
	return route.dst;
}
