// SPDX-License-Identifier: GPL-2.0
/*
 * Routes: to real servers, kept per CPU, and to clients, looked up for each reply by all that rules
 * of policy routing can ask for.
 */
#include "route.h"

#include "../conn/conn.h"
#include "../packet.h"
#include "../service/real.h"
#include "ingress.h"
#include "link.h"

#include <net/addrconf.h>
#include <net/dst.h>
#include <net/flow.h>
#include <net/ip.h>
#include <net/ip6_fib.h>
#include <net/ip6_route.h>
#include <net/ip_fib.h>
#include <net/route.h>

void ippfvs_route_release(struct ippfvs_route *route)
{
	dst_release(route->dst);
	route->dst = NULL;
	route->idents.left = 0; /* they belong to the old source address */
}

static struct dst_entry *output_route4(struct net *net, struct flowi4 *fl4)
{
	struct rtable *rt = __ip_route_output_key(net, fl4); /* no IPsec policy */

	return IS_ERR(rt) ? NULL : &rt->dst;
}

static struct dst_entry *check_route6(struct dst_entry *dst)
{
	if (!dst->error)
		return dst;
	dst_release(dst);
	return NULL;
}

static struct dst_entry *output_route6(struct net *net, struct flowi6 *fl6)
{
	return check_route6(ip6_route_output(net, NULL, fl6));
}

/*
 * Find the director's source address for packets to @addr. A route that was found while IPv6 is
 * being removed from its device has no inet6_dev. Return: false if there is no address.
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
 * Fill an empty route with the route to @addr and the director's source address on it. Return:
 * false if there is no route or, for IPv6, no source address; @route is then still empty.
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

/* Return: true if the route leads to one other machine, as that of a real server must. */
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

/*
 * A rule for an input device does not match in a lookup of output routes. Devices of a VRF are
 * excluded: the VRF selects the table by a rule of its own, and replies use the client's VRF.
 */
static bool has_input_rules(const struct ippfvs_packet *pkt)
{
	return !(pkt->in->flags & IFF_LOOPBACK) && !netif_is_l3_slave(pkt->in) &&
	       !netif_is_l3_master(pkt->in);
}

/* Whether rules choose another table because the packet came from a device. */
static bool is_table_by_device4(struct net *net, const struct flowi4 *fl4, int ifindex)
{
	struct fib_result output = {}, input = {};
	struct flowi4 key = *fl4;

	key.flowi4_iif = LOOPBACK_IFINDEX;
	if (fib_lookup(net, &key, &output, 0))
		output.table = NULL;
	key = *fl4;
	key.flowi4_iif = ifindex;
	if (fib_lookup(net, &key, &input, 0))
		input.table = NULL;
	return input.table != output.table;
}

/*
 * Return the stack's route for the packet with the real server's address as its source. The stack
 * would refuse the virtual address as a source, because it may be the director's own.
 */
static struct dst_entry *input_route4(const struct ippfvs_packet *pkt)
{
	struct sk_buff *skb = pkt->skb;
	const struct iphdr *iph = ip_hdr(skb);
	struct dst_entry *dst;

	if (pkt->hook == IPPFVS_PREROUTING) {
		skb_dst_drop(skb);
		if (ip_route_input(skb, iph->daddr, iph->saddr, inet_dsfield_to_dscp(iph->tos),
				   skb->dev))
			return NULL;
	}
	dst = skb_dst(skb);
	return !dst->error && dst_hold_safe(dst) ? dst : NULL;
}

static struct dst_entry *route_to_client4(const struct ippfvs_packet *pkt,
					  const struct ippfvs_conn *conn)
{
	struct flowi4 fl4 = {
		.daddr = conn->ip[IPPFVS_END_CLIENT],
		.saddr = conn->ip[IPPFVS_END_VIRTUAL],
		.fl4_dport = conn->port[IPPFVS_END_CLIENT],
		.fl4_sport = conn->port[IPPFVS_END_VIRTUAL],
		.flowi4_proto = conn->protocol,
		.flowi4_mark = pkt->skb->mark,
		.flowi4_flags = FLOWI_FLAG_ANYSRC,
	};

	flowi4_set_tos(&fl4, pkt->wire.tos);
	if (unlikely(conn->link)) {
		const struct ippfvs_link *link = ippfvs_link_of(pkt, conn);

		fl4.flowi4_l3mdev = link->l3mdev;
		fl4.flowi4_mark = fl4.flowi4_mark ?: link->mark;
	}
	if (unlikely(fib4_has_custom_rules(pkt->net)) && has_input_rules(pkt) &&
	    is_table_by_device4(pkt->net, &fl4, pkt->in->ifindex))
		return input_route4(pkt);
	return output_route4(pkt->net, &fl4);
}

static struct dst_entry *route_to_client6(const struct ippfvs_packet *pkt,
					  const struct ippfvs_conn *conn)
{
	struct flowi6 fl6 = {
		.daddr = conn->ip6[IPPFVS_END_CLIENT],
		.saddr = conn->ip6[IPPFVS_END_VIRTUAL],
		.fl6_dport = conn->port[IPPFVS_END_CLIENT],
		.fl6_sport = conn->port[IPPFVS_END_VIRTUAL],
		.flowlabel = ip6_make_flowinfo(pkt->wire.tos, 0),
		.flowi6_proto = conn->protocol,
		.flowi6_mark = pkt->skb->mark,
		.flowi6_flags = FLOWI_FLAG_ANYSRC,
	};

	if (unlikely(conn->link)) {
		const struct ippfvs_link *link = ippfvs_link_of(pkt, conn);

		fl6.flowi6_l3mdev = link->l3mdev;
		fl6.flowi6_mark = fl6.flowi6_mark ?: link->mark;
	}
	if (likely(!fib6_has_custom_rules(pkt->net)) || !has_input_rules(pkt))
		return output_route6(pkt->net, &fl6);
	fl6.flowi6_iif = pkt->in->ifindex;
	return check_route6(ip6_route_input_lookup(pkt->net, pkt->skb->dev, &fl6, pkt->skb,
						   RT6_LOOKUP_F_HAS_SADDR));
}

struct dst_entry *ippfvs_route_to_client(const struct ippfvs_packet *pkt,
					 const struct ippfvs_conn *conn)
{
	return ippfvs_packet_ipv4(pkt) ? route_to_client4(pkt, conn) : route_to_client6(pkt, conn);
}

struct dst_entry *ippfvs_route_to_sender(const struct ippfvs_packet *pkt)
{
	const struct ippfvs_tuple *tuple = &pkt->wire.tuple;

	if (ippfvs_packet_ipv4(pkt)) {
		struct flowi4 fl4 = {
			.daddr = tuple->saddr.ip,
			.saddr = tuple->daddr.ip,
			.flowi4_mark = pkt->skb->mark,
			.flowi4_flags = FLOWI_FLAG_ANYSRC,
		};

		return output_route4(pkt->net, &fl4);
	}
	return output_route6(pkt->net, &(struct flowi6){
					       .daddr = tuple->saddr.ip6,
					       .saddr = tuple->daddr.ip6,
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
