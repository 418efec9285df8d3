// SPDX-License-Identifier: GPL-2.0
/*
 * VS-TUN: the packet travels whole inside another one, IP in IP (RFC 2003) or
 * IPv6 in IPv6 (RFC 2473).
 */
#include "forward.h"

#include "../conn/conn.h"
#include "../reject.h"
#include "../service/real.h"
#include "ident.h"
#include "ready.h"
#include "ttl.h"

#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/netdevice.h>
#include <net/dst.h>
#include <net/gso.h>
#include <net/inet_ecn.h>
#include <net/ip.h>
#include <net/ip6_route.h>
#include <net/ip_tunnels.h>
#include <net/ipv6.h>

static u32 overhead(const struct ippfvs_packet *pkt)
{
	return ippfvs_packet_ipv4(pkt) ? sizeof(struct iphdr) :
					 sizeof(struct ipv6hdr);
}

/* What fits into the tunnel; IPv6 must carry 1280 bytes, in pieces if need be. */
static u32 inner_mtu(const struct ippfvs_packet *pkt, u32 outer)
{
	u32 mtu = outer - overhead(pkt);

	return ippfvs_packet_ipv4(pkt) ? mtu : max_t(u32, mtu, IPV6_MIN_MTU);
}

/* With the outer header it would be longer than any datagram. */
static bool is_too_long(const struct ippfvs_packet *pkt)
{
	return pkt->wire.length + overhead(pkt) > IP_MAX_MTU &&
	       !skb_is_gso(pkt->skb);
}

/*
 * What was allowed in, because IPv6 must carry it or a piece was small enough, but
 * does not fit with the outer header, is cut outside (RFC 2473, section 7.2).
 */
static bool must_be_cut(const struct ippfvs_packet *pkt, u32 outer)
{
	const struct sk_buff *skb = pkt->skb;
	u32 fits = outer - overhead(pkt);

	return skb->len > fits &&
	       !(skb_is_gso(skb) && skb_gso_validate_network_len(skb, fits));
}

/* As how many datagrams will it leave? Some who make large ones do not say. */
static u16 segments(const struct sk_buff *skb)
{
	const struct skb_shared_info *shared = skb_shinfo(skb);

	if (!shared->gso_size)
		return 1;
	return shared->gso_segs ?: DIV_ROUND_UP(skb->len, shared->gso_size);
}

/* What is never cut needs none (RFC 6864, section 4.1). */
static __be16 ident(const struct ippfvs_packet *pkt,
		    struct ippfvs_route *route, const struct iphdr *iph)
{
	const struct sk_buff *skb = pkt->skb;

	if (pkt->wire.dont_fragment && !skb->ignore_df)
		return 0;
	return ippfvs_ident(&route->idents, pkt->net, iph, segments(skb));
}

/* Too long for the field it is 0: only what will be cut into segments is. */
static __be16 length(u32 bytes)
{
	return bytes <= IP_MAX_MTU ? htons(bytes) : 0;
}

/* RFC 2003, section 3.1: don't-fragment is the inner packet's. */
static void push4(struct ippfvs_packet *pkt, struct ippfvs_route *route,
		  __be32 daddr)
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
	iph->tot_len = length(skb->len);
	iph->frag_off = pkt->wire.dont_fragment ? htons(IP_DF) : 0;
	iph->ttl = ip4_dst_hoplimit(route->dst);
	iph->protocol = IPPROTO_IPIP;
	iph->saddr = route->saddr.ip;
	iph->daddr = daddr;
	iph->id = ident(pkt, route, iph);
	iph->check = 0;
	iph->check = ip_fast_csum(iph, iph->ihl);
}

static void push6(struct ippfvs_packet *pkt, const struct ippfvs_route *route,
		  const union ippfvs_addr *daddr)
{
	struct sk_buff *skb = pkt->skb;
	struct ipv6hdr *iph;

	skb_push(skb, sizeof(*iph));
	skb_reset_network_header(skb);
	memset(IP6CB(skb), 0, sizeof(*IP6CB(skb)));

	iph = ipv6_hdr(skb);
	ip6_flow_hdr(iph, INET_ECN_encapsulate(pkt->wire.tos, pkt->wire.tos),
		     0);
	iph->payload_len = length(skb->len - sizeof(*iph));
	iph->nexthdr = IPPROTO_IPV6;
	iph->hop_limit = ip6_dst_hoplimit(route->dst);
	iph->saddr = route->saddr.ip6;
	iph->daddr = daddr->ip6;
}

/* A tunnel's segments are cut below the outer header, by whoever does it. */
static bool prepare(struct ippfvs_packet *pkt)
{
	struct sk_buff *skb = pkt->skb;
	bool ipv4 = ippfvs_packet_ipv4(pkt);

	/* As most are: nothing is left to be done for what is within. */
	if (likely(!skb_is_gso(skb) && skb->ip_summed != CHECKSUM_PARTIAL)) {
		skb->ip_summed = CHECKSUM_NONE;
		skb->encapsulation = 0;
		skb_set_transport_header(skb, 0);
		return true;
	}
	if (iptunnel_handle_offloads(skb, ipv4 ? SKB_GSO_IPXIP4 :
						 SKB_GSO_IPXIP6))
		return false;
	skb_set_inner_ipproto(skb, ipv4 ? IPPROTO_IPIP : IPPROTO_IPV6);
	skb_set_transport_header(skb, 0);
	return true;
}

/* Without one nobody takes the outer packet (RFC 1122, section 3.2.1.3). */
static bool has_source(const struct ippfvs_packet *pkt,
		       const struct ippfvs_route *route)
{
	return !ippfvs_packet_ipv4(pkt) || route->saddr.ip;
}

enum ippfvs_verdict ippfvs_tun(struct ippfvs_packet *pkt,
			       const struct ippfvs_conn *conn)
{
	struct ippfvs_route *route;
	enum ippfvs_verdict verdict;
	bool cut;
	u32 mtu;

	route = ippfvs_route_to_real(pkt->net, conn->real);
	if (!route || !has_source(pkt, route))
		return ippfvs_reject_route(pkt);
	mtu = dst_mtu(route->dst);
	verdict = ippfvs_make_ready(pkt, route->dst, inner_mtu(pkt, mtu),
				    overhead(pkt));
	if (unlikely(verdict != IPPFVS_PASS))
		return verdict;
	if (is_too_long(pkt))
		return ippfvs_packet_drop(pkt, IPPFVS_DROP_TOO_BIG);

	ippfvs_packet_take_ttl(pkt);
	cut = must_be_cut(pkt, mtu);	/* reads headers that prepare() moves */
	if (!prepare(pkt))
		return ippfvs_packet_drop(pkt, IPPFVS_DROP_NOT_WRITABLE);
	/* Said before the header is made: the pieces need an identification. */
	pkt->skb->ignore_df = cut;
	if (ippfvs_packet_ipv4(pkt))
		push4(pkt, route, conn->real->addr.ip);
	else
		push6(pkt, route, &conn->real->addr);
	return ippfvs_send_noref(pkt, route->dst, mtu);
}
