// SPDX-License-Identifier: GPL-2.0
#include "send.h"

#include "../service/real.h"

#include <linux/if_ether.h>
#include <linux/netfilter.h>
#include <net/dst.h>
#include <net/gso.h>
#include <net/ip.h>
#include <net/ip6_route.h>
#include <net/neighbour.h>
#include <net/route.h>

/* Return: the size of the largest fragment if the stack has reassembled the packet, else 0. */
static u32 fragment_size(const struct ippfvs_packet *pkt)
{
	return ippfvs_packet_ipv4(pkt) ? IPCB(pkt->skb)->frag_max_size :
					 IP6CB(pkt->skb)->frag_max_size;
}

bool ippfvs_send_too_big(const struct ippfvs_packet *pkt, u32 mtu)
{
	const struct sk_buff *skb = pkt->skb;

	if (!pkt->wire.dont_fragment)
		return false;
	if (fragment_size(pkt))
		return fragment_size(pkt) > mtu;
	if (skb->ignore_df)
		return false;
	return !(skb_is_gso(skb) && skb_gso_validate_network_len(skb, mtu));
}

/* Return: true if the stack must send the packet: to fragment it, or by a special route. */
static __always_inline bool needs_stack(const struct ippfvs_packet *pkt,
					const struct dst_entry *dst, u32 mtu)
{
	const struct sk_buff *skb = pkt->skb;

	if (unlikely(dst->lwtstate || fragment_size(pkt)))
		return true;
	if (likely(skb->len <= mtu))
		return false;
	return !(skb_is_gso(skb) && skb_gso_validate_network_len(skb, mtu));
}

/* Return: the next hop on the way to @daddr. */
static __always_inline struct neighbour *lookup_neighbour(const struct ippfvs_packet *pkt,
							  struct dst_entry *dst,
							  const union ippfvs_addr *daddr,
							  bool *is_v6gw)
{
	struct rtable *rt;

	if (!ippfvs_packet_ipv4(pkt))
		return ip_neigh_gw6(dst->dev,
				    rt6_nexthop(dst_rt6_info(dst), (struct in6_addr *)&daddr->ip6));

	rt = dst_rtable(dst);
	*is_v6gw = rt->rt_gw_family == AF_INET6;
	if (*is_v6gw)
		return ip_neigh_gw6(dst->dev, &rt->rt_gw6);
	return ip_neigh_gw4(dst->dev, rt->rt_gw_family ? rt->rt_gw4 : daddr->ip);
}

/* Clear the state of the receive path: socket, conntrack, timestamp, checksum. */
static __always_inline void scrub(struct ippfvs_packet *pkt)
{
	struct sk_buff *skb = pkt->skb;

	/* Early demultiplexing may have assigned a socket. */
	if (pkt->hook != IPPFVS_LOCAL_OUT)
		skb_orphan(skb);
	nf_reset_ct(skb);
	skb_clear_tstamp(skb);
	skb_forward_csum(skb);
}

/*
 * Count a forwarded packet and derive its priority from its TOS, as the stack does. A TOS of 0
 * means the priority that packets have when they arrive.
 */
static __always_inline void note_forwarding(struct ippfvs_packet *pkt, const struct dst_entry *dst)
{
	/* At FORWARD the stack has done so. At LOCAL_OUT the packet is the director's own. */
	if (!ippfvs_packet_ttl_due(pkt))
		return;
	if (!ippfvs_packet_ipv4(pkt)) {
		__IP6_INC_STATS(pkt->net, ip6_dst_idev(dst), IPSTATS_MIB_OUTFORWDATAGRAMS);
		return;
	}
	__IP_INC_STATS(pkt->net, IPSTATS_MIB_OUTFORWDATAGRAMS);
	if (unlikely(pkt->wire.tos) && READ_ONCE(pkt->net->ipv4.sysctl_ip_fwd_update_priority))
		pkt->skb->priority = rt_tos2priority(pkt->wire.tos);
}

#ifdef CONFIG_NET_SWITCHDEV

/* Return: true if a switch has already routed the packet, and the host got only a copy. */
static bool is_forwarded_by_hardware(const struct sk_buff *skb)
{
	return skb->offload_l3_fwd_mark;
}

#else

static bool is_forwarded_by_hardware(const struct sk_buff *skb)
{
	return false;
}

#endif

/* Give the packet a route whose next hop is @real, which is not the packet's destination. */
static bool set_next_hop(struct ippfvs_packet *pkt, const struct ippfvs_real *real)
{
	struct dst_entry *dst = ippfvs_route_by_next_hop(pkt->net, real);

	skb_dst_drop(pkt->skb);
	if (dst)
		skb_dst_set(pkt->skb, dst);
	return dst;
}

/* @direct: the real server if the packet is not addressed to it (VS-DR), otherwise NULL. */
static __always_inline enum ippfvs_verdict transmit(struct ippfvs_packet *pkt, u32 mtu,
						    const union ippfvs_addr *daddr,
						    const struct ippfvs_real *direct)
{
	struct sk_buff *skb = pkt->skb;
	struct dst_entry *dst = skb_dst(skb);
	struct neighbour *neigh;
	bool is_v6gw = false;

	/* Packets that a device merged by LRO cannot be segmented again. */
	if (unlikely(skb_warn_if_lro(skb)))
		return ippfvs_drop(pkt, IPPFVS_DROP_NOT_WRITABLE);

	note_forwarding(pkt, dst);
	if (unlikely(is_forwarded_by_hardware(skb))) {
		consume_skb(skb);
		return IPPFVS_STOLEN;
	}
	scrub(pkt);
	if (unlikely(needs_stack(pkt, dst, mtu))) {
		if (!skb_dst_force(skb))
			return ippfvs_drop(pkt, IPPFVS_DROP_NO_ROUTE);
		/*
		 * The stack fragments by ippfvs_send_mtu(), too, but not the outer packets of a
		 * tunnel.
		 */
		if (ippfvs_packet_ipv4(pkt) && ip_hdr(skb)->protocol != IPPROTO_IPIP)
			IPCB(skb)->flags |= IPSKB_FORWARDED;
		dst_output(pkt->net, skb->sk, skb);
		return IPPFVS_STOLEN;
	}

	skb->dev = dst->dev;
	skb->protocol = ippfvs_packet_ipv4(pkt) ? htons(ETH_P_IP) : htons(ETH_P_IPV6);
	neigh = lookup_neighbour(pkt, dst, daddr, &is_v6gw);
	if (IS_ERR(neigh))
		return ippfvs_drop(pkt, IPPFVS_DROP_NO_ROUTE);
	/*
	 * The packet is queued for the neighbour. Later the stack uses the next hop of its route.
	 */
	if (unlikely(direct && !(READ_ONCE(neigh->nud_state) & NUD_VALID)) &&
	    !set_next_hop(pkt, direct))
		return ippfvs_drop(pkt, IPPFVS_DROP_NO_ROUTE);
	neigh_output(neigh, skb, is_v6gw);
	return IPPFVS_STOLEN;
}

static __always_inline enum ippfvs_verdict send_to_daddr(struct ippfvs_packet *pkt, u32 mtu)
{
	union ippfvs_addr daddr;

	if (ippfvs_packet_ipv4(pkt))
		daddr.ip = ip_hdr(pkt->skb)->daddr;
	else
		daddr.ip6 = ipv6_hdr(pkt->skb)->daddr;
	return transmit(pkt, mtu, &daddr, NULL);
}

enum ippfvs_verdict ippfvs_send(struct ippfvs_packet *pkt, struct dst_entry *dst, u32 mtu)
{
	skb_dst_drop(pkt->skb);
	skb_dst_set(pkt->skb, dst);
	return send_to_daddr(pkt, mtu);
}

enum ippfvs_verdict ippfvs_send_noref(struct ippfvs_packet *pkt, struct dst_entry *dst, u32 mtu)
{
	skb_dst_drop(pkt->skb);
	skb_dst_set_noref(pkt->skb, dst);
	return send_to_daddr(pkt, mtu);
}

enum ippfvs_verdict ippfvs_send_direct(struct ippfvs_packet *pkt, struct dst_entry *dst, u32 mtu,
				       const struct ippfvs_real *real)
{
	skb_dst_drop(pkt->skb);
	skb_dst_set_noref(pkt->skb, dst);
	if (unlikely(needs_stack(pkt, dst, mtu)) && !set_next_hop(pkt, real))
		return ippfvs_drop(pkt, IPPFVS_DROP_NO_ROUTE);
	return transmit(pkt, mtu, &real->addr, real);
}
