// SPDX-License-Identifier: GPL-2.0
#include "route.h"

#include "../real.h"

#include <net/addrconf.h>
#include <net/dst.h>
#include <net/ip.h>
#include <net/ip6_route.h>
#include <net/route.h>

void ippfvs_route_release(struct ippfvs_route *route)
{
	dst_release(route->dst);
	route->dst = NULL;
	route->idents.left = 0;	/* they were of the old source address */
}

static struct dst_entry *find4(struct net *net, struct flowi4 *fl4)
{
	struct rtable *rt = ip_route_output_key(net, fl4);

	return IS_ERR(rt) ? NULL : &rt->dst;
}

static struct dst_entry *find6(struct net *net, struct flowi6 *fl6)
{
	struct dst_entry *dst = ip6_route_output(net, NULL, fl6);

	if (!dst->error)
		return dst;
	dst_release(dst);
	return NULL;
}

/*
 * The director's address towards @addr; false if there is none. A device may be
 * losing IPv6 just now: the route that was found before has no inet6_dev then.
 */
static bool source6(struct net *net, struct dst_entry *dst,
		    const union ippfvs_addr *addr, union ippfvs_addr *saddr)
{
	const struct inet6_dev *idev = READ_ONCE(dst_rt6_info(dst)->rt6i_idev);

	return idev && !ipv6_dev_get_saddr(net, idev->dev, &addr->ip6, 0,
					   &saddr->ip6);
}

/* The route to @addr and the director's address on it; NULL if one lacks. */
static struct dst_entry *find(struct net *net, u8 family,
			      const union ippfvs_addr *addr, u8 flags,
			      union ippfvs_addr *saddr)
{
	struct dst_entry *dst;

	ippfvs_addr_clear(saddr);
	if (family == IPPFVS_FAMILY_IPV4) {
		struct flowi4 fl4 = {
			.daddr = addr->ip,
			.flowi4_flags = flags,
		};

		dst = find4(net, &fl4);
		saddr->ip = fl4.saddr;
	} else {
		struct flowi6 fl6 = {
			.daddr = addr->ip6,
			.flowi6_flags = flags,
		};

		dst = find6(net, &fl6);
		if (dst && !source6(net, dst, addr, saddr)) {
			dst_release(dst);
			return NULL;
		}
	}
	return dst;
}

bool ippfvs_route_is_ours(const struct dst_entry *dst, u8 family)
{
	if (family == IPPFVS_FAMILY_IPV4)
		return dst_rtable(dst)->rt_flags & RTCF_LOCAL;
	return dst_rt6_info(dst)->rt6i_flags & RTF_LOCAL;
}

bool ippfvs_route_loops(const struct sk_buff *skb, u8 family)
{
	const struct dst_entry *dst = skb_dst(skb);

	return dst && ippfvs_route_is_ours(dst, family);
}

/* A real server is another machine, and one machine. */
static bool leads_away(const struct dst_entry *dst, u8 family)
{
	if (family == IPPFVS_FAMILY_IPV4)
		return !(dst_rtable(dst)->rt_flags &
			 (RTCF_LOCAL | RTCF_BROADCAST | RTCF_MULTICAST));
	return !(dst_rt6_info(dst)->rt6i_flags & RTF_LOCAL);
}

static u32 cookie_of(const struct dst_entry *dst, u8 family)
{
	if (family == IPPFVS_FAMILY_IPV4)
		return 0;
	return rt6_get_cookie(dst_rt6_info(dst));
}

struct ippfvs_route *ippfvs_route_renew(struct net *net,
					const struct ippfvs_real *real,
					struct ippfvs_route *route)
{
	struct dst_entry *dst;

	ippfvs_route_release(route);
	dst = find(net, real->family, &real->addr, 0, &route->saddr);
	if (!dst)
		return NULL;
	if (!leads_away(dst, real->family)) {
		dst_release(dst);
		return NULL;
	}

	route->dst = dst;
	route->cookie = cookie_of(dst, real->family);
	return route;
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

		return find4(pkt->net, &fl4);
	}
	return find6(pkt->net, &(struct flowi6){
		.daddr = client->ip6,
		.saddr = from->ip6,
		.flowi6_mark = pkt->skb->mark,
		.flowi6_flags = FLOWI_FLAG_ANYSRC,
	});
}

bool ippfvs_route_source(struct net *net, u8 family,
			 const union ippfvs_addr *daddr,
			 union ippfvs_addr *saddr)
{
	struct dst_entry *dst = find(net, family, daddr, 0, saddr);

	dst_release(dst);
	return dst && !ippfvs_addr_empty(saddr);
}

struct dst_entry *ippfvs_route_by_next_hop(struct net *net,
					   const struct ippfvs_real *real)
{
	union ippfvs_addr saddr;

	return find(net, real->family, &real->addr, FLOWI_FLAG_KNOWN_NH,
		    &saddr);
}
