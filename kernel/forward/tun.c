// SPDX-License-Identifier: GPL-2.0
/* VS-TUN: the packet is encapsulated, IP in IP (RFC 2003) or IPv6 in IPv6 (RFC 2473). */
#include "forward.h"
#include "send.h"

#include <linux/ip.h>
#include <linux/jiffies.h>
#include <linux/minmax.h>
#include <net/gso.h>
#include <net/inet_ecn.h>
#include <net/ip6_route.h>
#include <net/ip_tunnels.h>

/* Maximum number of identifications to take at once. Unused ones are lost in the next jiffy. */
#define IDENTS_MAX 64

/*
 * Return: the number of identifications to take: one in a new jiffy, then twice as many as before
 * each time, so that at most about half of them are lost.
 */
static u16 idents_wanted(const struct ippfvs_ident_range *idents, unsigned long now)
{
	return idents->stamp == now ? min(2 * idents->taken, IDENTS_MAX) : 1;
}

static void take_idents(struct ippfvs_ident_range *idents, struct net *net, const struct iphdr *iph,
			u16 n, unsigned long now)
{
	struct iphdr ends = {
		.saddr = iph->saddr,
		.daddr = iph->daddr,
		.protocol = iph->protocol,
	};

	__ip_select_ident(net, &ends, n);
	idents->stamp = now;
	idents->next = ntohs(ends.id);
	idents->left = n;
	idents->taken = n;
}

/*
 * Get identifications for @segs consecutive datagrams that may be fragmented (RFC 6864). To take
 * each of them from the stack would cost a keyed hash and an atomic operation on a word that all
 * CPUs share. Return: the first one, network byte order.
 */
static __be16 next_ident(struct ippfvs_ident_range *idents, struct net *net,
			 const struct iphdr *iph, u16 segs)
{
	unsigned long now = jiffies;
	u16 first;

	if (unlikely(idents->stamp != now || idents->left < segs))
		take_idents(idents, net, iph, max(idents_wanted(idents, now), segs), now);

	first = idents->next;
	idents->next += segs;
	idents->left -= segs;
	return htons(first);
}

static u32 overhead(const struct ippfvs_packet *pkt)
{
	return ippfvs_packet_ipv4(pkt) ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);
}

/* Return: true if the packet with its outer header would exceed the length of a datagram. */
static bool is_too_long(const struct ippfvs_packet *pkt)
{
	return pkt->wire.length + overhead(pkt) > IP_MAX_MTU && !skb_is_gso(pkt->skb);
}

/*
 * Return: true if the outer packet must be fragmented (RFC 2473, section 7.2). Only packets that
 * ippfvs_send_prepare() has not refused get here: IPv6 packets of up to 1,280 bytes, packets
 * without DF, and reassembled packets whose fragments were small enough.
 */
static bool needs_fragments(const struct ippfvs_packet *pkt, u32 outer)
{
	const struct sk_buff *skb = pkt->skb;
	u32 fits = outer - overhead(pkt);

	return skb->len > fits && !(skb_is_gso(skb) && skb_gso_validate_network_len(skb, fits));
}

/* Return: the number of datagrams into which the packet will be segmented. */
static u16 segment_count(const struct sk_buff *skb)
{
	const struct skb_shared_info *shared = skb_shinfo(skb);

	if (!shared->gso_size)
		return 1;
	return shared->gso_segs ?: DIV_ROUND_UP(skb->len, shared->gso_size);
}

/* A datagram that is never fragmented needs no identification (RFC 6864, section 4.1). */
static __be16 outer_ident(const struct ippfvs_packet *pkt, struct ippfvs_route *route,
			  const struct iphdr *iph)
{
	const struct sk_buff *skb = pkt->skb;

	if (pkt->wire.dont_fragment && !skb->ignore_df)
		return 0;
	return next_ident(&route->idents, pkt->net, iph, segment_count(skb));
}

/* Return: the length field, or 0 if the length exceeds it, because the packet will be segmented. */
static __be16 length_field(u32 bytes)
{
	return bytes <= IP_MAX_MTU ? htons(bytes) : 0;
}

/* The outer DF bit is that of the inner packet (RFC 2003, section 3.1). */
static void push_outer4(struct ippfvs_packet *pkt, struct ippfvs_route *route, __be32 daddr)
{
	struct sk_buff *skb = pkt->skb;
	struct iphdr *iph;

	skb_push(skb, sizeof(*iph));
	skb_reset_network_header(skb);
	memset(IPCB(skb), 0, sizeof(*IPCB(skb)));

	iph = ip_hdr(skb);
	iph->version = 4;
	iph->ihl = sizeof(*iph) / 4;
	iph->tos = INET_ECN_encapsulate(pkt->wire.tos, pkt->wire.tos);
	iph->tot_len = length_field(skb->len);
	iph->frag_off = pkt->wire.dont_fragment ? htons(IP_DF) : 0;
	iph->ttl = ip4_dst_hoplimit(route->dst);
	iph->protocol = IPPROTO_IPIP;
	iph->saddr = route->saddr.ip;
	iph->daddr = daddr;
	iph->id = outer_ident(pkt, route, iph);
	iph->check = 0;
	iph->check = ip_fast_csum(iph, iph->ihl);
}

static void push_outer6(struct ippfvs_packet *pkt, const struct ippfvs_route *route,
			const union ippfvs_addr *daddr)
{
	struct sk_buff *skb = pkt->skb;
	struct ipv6hdr *iph;

	skb_push(skb, sizeof(*iph));
	skb_reset_network_header(skb);
	memset(IP6CB(skb), 0, sizeof(*IP6CB(skb)));

	iph = ipv6_hdr(skb);
	ip6_flow_hdr(iph, INET_ECN_encapsulate(pkt->wire.tos, pkt->wire.tos), 0);
	iph->payload_len = length_field(skb->len - sizeof(*iph));
	iph->nexthdr = IPPROTO_IPV6;
	iph->hop_limit = ip6_dst_hoplimit(route->dst);
	iph->saddr = route->saddr.ip6;
	iph->daddr = daddr->ip6;
}

/* Let the device or GSO segment the inner packet and compute its checksum. */
static bool prepare_offloads(struct ippfvs_packet *pkt)
{
	struct sk_buff *skb = pkt->skb;
	bool ipv4 = ippfvs_packet_ipv4(pkt);

	/* Most packets need neither segmentation nor a checksum of the inner packet. */
	if (likely(!skb_is_gso(skb) && skb->ip_summed != CHECKSUM_PARTIAL)) {
		skb->ip_summed = CHECKSUM_NONE;
		skb->encapsulation = 0;
		skb_set_transport_header(skb, 0);
		return true;
	}
	if (iptunnel_handle_offloads(skb, ipv4 ? SKB_GSO_IPXIP4 : SKB_GSO_IPXIP6))
		return false;
	skb_set_inner_ipproto(skb, ipv4 ? IPPROTO_IPIP : IPPROTO_IPV6);
	skb_set_transport_header(skb, 0);
	return true;
}

enum ippfvs_verdict ippfvs_tun_forward(struct ippfvs_packet *pkt, const struct ippfvs_conn *conn)
{
	enum ippfvs_verdict verdict;
	struct ippfvs_path path;
	bool fragment;

	verdict = ippfvs_path_open(pkt, conn->real, overhead(pkt), &path);
	if (unlikely(verdict != IPPFVS_PASS))
		return verdict;
	if (is_too_long(pkt))
		return ippfvs_drop(pkt, IPPFVS_DROP_TOO_BIG);

	fragment = needs_fragments(pkt, path.mtu); /* before prepare_offloads() moves headers */
	if (!prepare_offloads(pkt))
		return ippfvs_drop(pkt, IPPFVS_DROP_NOT_WRITABLE);
	/* outer_ident() reads this, because fragments need an identification. */
	pkt->skb->ignore_df = fragment;
	if (ippfvs_packet_ipv4(pkt))
		push_outer4(pkt, path.route, conn->real->addr.ip);
	else
		push_outer6(pkt, path.route, &conn->real->addr);
	return ippfvs_send_noref(pkt, path.route->dst, path.mtu);
}
