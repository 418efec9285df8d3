// SPDX-License-Identifier: GPL-2.0
#include "route.h"

#include "../real.h"

#include <linux/if_ether.h>
#include <linux/netfilter.h>
#include <net/addrconf.h>
#include <net/dst.h>
#include <net/gso.h>
#include <net/ip.h>
#include <net/ip6_route.h>
#include <net/neighbour.h>
#include <net/route.h>

void ippfvs_route_release(struct ippfvs_route *route)
{
	dst_release(route->dst);
	route->dst = NULL;
}

/* -- finding a route -------------------------------------------------------- */

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

static struct dst_entry *find_real(struct net *net,
				   const struct ippfvs_real *real, u8 flags,
				   union ippfvs_addr *saddr)
{
	struct dst_entry *dst;

	memset(saddr, 0, sizeof(*saddr));
	if (real->family == IPPFVS_FAMILY_IPV4) {
		struct flowi4 fl4 = {
			.daddr = real->addr.ip,
			.flowi4_flags = flags,
		};

		dst = find4(net, &fl4);
		saddr->ip = fl4.saddr;
	} else {
		struct flowi6 fl6 = {
			.flowi6_flags = flags,
		};

		memcpy(&fl6.daddr, &real->addr, sizeof(fl6.daddr));
		dst = find6(net, &fl6);
		if (dst && ipv6_dev_get_saddr(net, ip6_dst_idev(dst)->dev,
					      &fl6.daddr, 0,
					      (struct in6_addr *)saddr)) {
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

static const struct ippfvs_route *renew(struct net *net,
					const struct ippfvs_real *real,
					struct ippfvs_route *route)
{
	struct dst_entry *dst;

	ippfvs_route_release(route);
	dst = find_real(net, real, 0, &route->saddr);
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

const struct ippfvs_route *ippfvs_route_to_real(struct net *net,
						struct ippfvs_real *real)
{
	struct ippfvs_route *route = &this_cpu_ptr(real->cpu)->route;

	if (likely(route->dst && dst_check(route->dst, route->cookie)))
		return route;
	return renew(net, real, route);
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
	} else {
		struct flowi6 fl6 = {
			.flowi6_mark = pkt->skb->mark,
			.flowi6_flags = FLOWI_FLAG_ANYSRC,
		};

		memcpy(&fl6.daddr, client, sizeof(fl6.daddr));
		memcpy(&fl6.saddr, from, sizeof(fl6.saddr));
		return find6(pkt->net, &fl6);
	}
}

bool ippfvs_route_source(struct net *net, u8 family,
			 const union ippfvs_addr *daddr,
			 union ippfvs_addr *saddr)
{
	struct ippfvs_real towards = { .addr = *daddr, .family = family };
	struct dst_entry *dst = find_real(net, &towards, 0, saddr);

	dst_release(dst);
	return dst && (saddr->word[0] || saddr->word[1] || saddr->word[2] ||
		       saddr->word[3]);
}

/* -- does it fit ------------------------------------------------------------- */

/* The largest fragment the stack has put the packet together from, or 0. */
static u32 fragment_size(const struct ippfvs_packet *pkt)
{
	return ippfvs_packet_ipv4(pkt) ? IPCB(pkt->skb)->frag_max_size :
					 IP6CB(pkt->skb)->frag_max_size;
}

bool ippfvs_route_too_big(const struct ippfvs_packet *pkt, u32 mtu)
{
	const struct sk_buff *skb = pkt->skb;

	if (likely(skb->len <= mtu) || !pkt->wire.dont_fragment)
		return false;
	if (fragment_size(pkt))
		return fragment_size(pkt) > mtu;
	if (skb->ignore_df)
		return false;
	return !(skb_is_gso(skb) && skb_gso_validate_network_len(skb, mtu));
}

/* -- sending ------------------------------------------------------------------ */

/* Packets that the stack's own output must see. */
static bool needs_stack(const struct ippfvs_packet *pkt,
			const struct dst_entry *dst)
{
	const struct sk_buff *skb = pkt->skb;

	if (unlikely(dst->lwtstate || fragment_size(pkt)))
		return true;
	if (skb->len <= dst_mtu(dst))
		return false;
	return !(skb_is_gso(skb) &&
		 skb_gso_validate_network_len(skb, dst_mtu(dst)));
}

/* Who takes the packet over on its way to @towards. */
static struct neighbour *neighbour(const struct ippfvs_packet *pkt,
				   struct dst_entry *dst,
				   const union ippfvs_addr *towards,
				   bool *is_v6gw)
{
	struct rtable *rt;

	if (!ippfvs_packet_ipv4(pkt))
		return ip_neigh_gw6(dst->dev,
				    rt6_nexthop(dst_rt6_info(dst),
						(struct in6_addr *)towards));

	rt = dst_rtable(dst);
	*is_v6gw = rt->rt_gw_family == AF_INET6;
	if (*is_v6gw)
		return ip_neigh_gw6(dst->dev, &rt->rt_gw6);
	return ip_neigh_gw4(dst->dev, rt->rt_gw_family ? rt->rt_gw4 :
							 towards->ip);
}

/* What is not this packet's any more, or not what the device wants to see. */
static void clean(struct ippfvs_packet *pkt)
{
	struct sk_buff *skb = pkt->skb;

	/* The stack has guessed a socket, but the packet goes elsewhere. */
	if (pkt->place != IPPFVS_OUR_OWN)
		skb_orphan(skb);
	nf_reset_ct(skb);
	skb_clear_tstamp(skb);
	skb_forward_csum(skb);
}

/*
 * The stack knows only the packet's own address, unless the next hop is written
 * into the route. Such a route is made for one packet and not kept: it would
 * hold its device, and learn nothing of the path.
 */
static bool write_next_hop(struct ippfvs_packet *pkt,
			   const struct ippfvs_real *real)
{
	union ippfvs_addr saddr;
	struct dst_entry *dst;

	dst = find_real(pkt->net, real, FLOWI_FLAG_KNOWN_NH, &saddr);
	skb_dst_drop(pkt->skb);
	if (dst)
		skb_dst_set(pkt->skb, dst);
	return dst;
}

/* @direct: the real server that a packet addressed to another goes to, or NULL. */
static enum ippfvs_verdict transmit(struct ippfvs_packet *pkt,
				    const union ippfvs_addr *towards,
				    const struct ippfvs_real *direct)
{
	struct sk_buff *skb = pkt->skb;
	struct dst_entry *dst = skb_dst(skb);
	struct neighbour *neigh;
	bool is_v6gw = false;

	/* Merged by a device in a way that cannot be taken apart again. */
	if (unlikely(skb_warn_if_lro(skb)))
		return ippfvs_packet_drop(pkt, IPPFVS_DROP_NOT_WRITABLE);

	clean(pkt);
	if (unlikely(needs_stack(pkt, dst))) {
		skb_dst_force(skb);
		dst_output(pkt->net, skb->sk, skb);
		return IPPFVS_TAKEN;
	}

	skb->dev = dst->dev;
	skb->protocol = ippfvs_packet_ipv4(pkt) ? htons(ETH_P_IP) :
						  htons(ETH_P_IPV6);
	neigh = neighbour(pkt, dst, towards, &is_v6gw);
	if (IS_ERR(neigh))
		return ippfvs_packet_drop(pkt, IPPFVS_DROP_NO_ROUTE);
	/* It waits to be resolved; the stack then looks for the neighbour anew. */
	if (unlikely(direct && !(READ_ONCE(neigh->nud_state) & NUD_VALID)) &&
	    !write_next_hop(pkt, direct))
		return ippfvs_packet_drop(pkt, IPPFVS_DROP_NO_ROUTE);
	neigh_output(neigh, skb, is_v6gw);
	return IPPFVS_TAKEN;
}

enum ippfvs_verdict ippfvs_route_send(struct ippfvs_packet *pkt)
{
	union ippfvs_addr towards = {};

	if (ippfvs_packet_ipv4(pkt))
		towards.ip = ip_hdr(pkt->skb)->daddr;
	else
		memcpy(&towards, &ipv6_hdr(pkt->skb)->daddr, sizeof(towards));
	return transmit(pkt, &towards, NULL);
}

enum ippfvs_verdict ippfvs_route_send_noref(struct ippfvs_packet *pkt,
					    struct dst_entry *dst)
{
	skb_dst_drop(pkt->skb);
	skb_dst_set_noref(pkt->skb, dst);
	return ippfvs_route_send(pkt);
}

enum ippfvs_verdict ippfvs_route_send_direct(struct ippfvs_packet *pkt,
					     struct dst_entry *dst,
					     const struct ippfvs_real *real)
{
	skb_dst_drop(pkt->skb);
	skb_dst_set_noref(pkt->skb, dst);
	if (unlikely(needs_stack(pkt, dst)) && !write_next_hop(pkt, real))
		return ippfvs_packet_drop(pkt, IPPFVS_DROP_NO_ROUTE);
	return transmit(pkt, &real->addr, real);
}
