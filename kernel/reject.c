// SPDX-License-Identifier: GPL-2.0
#include "reject.h"

#include "net.h"
#include "trace.h"

#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <net/dst_metadata.h>
#include <net/icmp.h>
#include <net/ip.h>
#include <net/netfilter/ipv4/nf_reject.h>
#include <net/netfilter/ipv6/nf_reject.h>
#include <net/route.h>

enum ippfvs_verdict ippfvs_drop(const struct ippfvs_packet *pkt, enum ippfvs_drop reason)
{
	trace_drop(pkt, reason);
	ippfvs_drops_count(&pkt->ipn->drops, reason);
	return IPPFVS_DROP;
}

/* The IPv4 stack answers only packets that have a route. At PREROUTING they have none yet. */
static bool ensure_route(struct ippfvs_packet *pkt)
{
	const struct iphdr *iph = ip_hdr(pkt->skb);

	if (skb_valid_dst(pkt->skb))
		return true;
	skb_dst_drop(pkt->skb); /* tunnel metadata is not a route */
	return !ip_route_input(pkt->skb, iph->daddr, iph->saddr, inet_dsfield_to_dscp(iph->tos),
			       pkt->skb->dev);
}

/*
 * Kernels without "nf_reject: don't leak dst refcount for loopback packets" (2025) look up a route
 * at PREROUTING even if the packet has one, and leak the reference to the old one. These functions
 * use the hook for nothing else.
 */
static unsigned int reset_hook(const struct ippfvs_packet *pkt)
{
	return pkt->hook == IPPFVS_PREROUTING && skb_valid_dst(pkt->skb) ? IPPFVS_LOCAL_IN :
									   pkt->hook;
}

static void send_reset(struct ippfvs_packet *pkt)
{
	struct sk_buff *skb = pkt->skb;

	if (ippfvs_packet_ipv4(pkt)) {
		if (ensure_route(pkt))
			nf_send_reset(pkt->net, NULL, skb, reset_hook(pkt));
	} else {
		if (!skb_valid_dst(skb))
			skb_dst_drop(skb);
		nf_send_reset6(pkt->net, NULL, skb, reset_hook(pkt));
	}
}

/* The type and code of an error in ICMP and in ICMPv6. */
struct error {
	u8 type, code;
	u8 type6, code6;
};

static const struct error port_unreachable = {
	ICMP_DEST_UNREACH,
	ICMP_PORT_UNREACH,
	ICMPV6_DEST_UNREACH,
	ICMPV6_PORT_UNREACH,
};

static const struct error host_unreachable = {
	ICMP_DEST_UNREACH,
	ICMP_HOST_UNREACH,
	ICMPV6_DEST_UNREACH,
	ICMPV6_ADDR_UNREACH,
};

static const struct error too_big = {
	ICMP_DEST_UNREACH,
	ICMP_FRAG_NEEDED,
	ICMPV6_PKT_TOOBIG,
	0,
};

static const struct error ttl_exceeded = {
	ICMP_TIME_EXCEEDED,
	ICMP_EXC_TTL,
	ICMPV6_TIME_EXCEED,
	ICMPV6_EXC_HOPLIMIT,
};

static void send_error(struct ippfvs_packet *pkt, const struct error *error, u32 info)
{
	/* ICMPv6 needs a device, which the director's own packets do not have yet. */
	if (pkt->hook == IPPFVS_LOCAL_OUT && !pkt->skb->dev)
		pkt->skb->dev = pkt->net->loopback_dev;

	if (!ippfvs_packet_ipv4(pkt))
		icmpv6_send(pkt->skb, error->type6, error->code6, info);
	else if (ensure_route(pkt))
		icmp_send(pkt->skb, error->type, error->code, htonl(info));
}

enum ippfvs_verdict ippfvs_reject(struct ippfvs_packet *pkt, enum ippfvs_drop reason)
{
	if (ippfvs_packet_tcp(pkt))
		send_reset(pkt);
	else
		send_error(pkt, &port_unreachable, 0);
	return ippfvs_drop(pkt, reason);
}

enum ippfvs_verdict ippfvs_reject_too_big(struct ippfvs_packet *pkt, u32 mtu)
{
	send_error(pkt, &too_big, mtu);
	return ippfvs_drop(pkt, IPPFVS_DROP_TOO_BIG);
}

enum ippfvs_verdict ippfvs_reject_ttl(struct ippfvs_packet *pkt)
{
	send_error(pkt, &ttl_exceeded, 0);
	return ippfvs_drop(pkt, IPPFVS_DROP_TTL);
}

enum ippfvs_verdict ippfvs_reject_no_route(struct ippfvs_packet *pkt)
{
	send_error(pkt, &host_unreachable, 0);
	return ippfvs_drop(pkt, IPPFVS_DROP_NO_ROUTE);
}
