// SPDX-License-Identifier: GPL-2.0
#include "reject.h"

#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <net/dst_metadata.h>
#include <net/icmp.h>
#include <net/ip.h>
#include <net/netfilter/ipv4/nf_reject.h>
#include <net/netfilter/ipv6/nf_reject.h>
#include <net/route.h>

/* The IPv4 stack answers only packets that were routed; ours arrive before. */
static bool find_route(struct ippfvs_packet *pkt)
{
	const struct iphdr *iph = ip_hdr(pkt->skb);

	if (skb_valid_dst(pkt->skb))
		return true;
	skb_dst_drop(pkt->skb);	/* a tunnel's device may have left what is no route */
	return !ip_route_input(pkt->skb, iph->daddr, iph->saddr,
			       inet_dsfield_to_dscp(iph->tos), pkt->skb->dev);
}

/*
 * Told that a packet has just arrived, kernels without "nf_reject: don't leak dst
 * refcount for loopback packets" (2025) look for its route themselves, and forget
 * the reference to one that it has. That hook means nothing else here.
 */
static unsigned int reset_hook(const struct ippfvs_packet *pkt)
{
	return pkt->place == IPPFVS_ARRIVING && skb_valid_dst(pkt->skb) ?
	       NF_INET_LOCAL_IN : pkt->hook;
}

static void reset(struct ippfvs_packet *pkt)
{
	struct sk_buff *skb = pkt->skb;

	if (ippfvs_packet_ipv4(pkt)) {
		if (find_route(pkt))
			nf_send_reset(pkt->net, NULL, skb, reset_hook(pkt));
	} else {
		if (!skb_valid_dst(skb))
			skb_dst_drop(skb);
		nf_send_reset6(pkt->net, NULL, skb, reset_hook(pkt));
	}
}

/* An ICMP error: @type and @code of ICMP, @type6 and @code6 of ICMPv6. */
struct refusal {
	u8 type, code;
	u8 type6, code6;
};

static const struct refusal port_unreachable = {
	ICMP_DEST_UNREACH, ICMP_PORT_UNREACH,
	ICMPV6_DEST_UNREACH, ICMPV6_PORT_UNREACH,
};

static const struct refusal host_unreachable = {
	ICMP_DEST_UNREACH, ICMP_HOST_UNREACH,
	ICMPV6_DEST_UNREACH, ICMPV6_ADDR_UNREACH,
};

static const struct refusal too_big = {
	ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED,
	ICMPV6_PKT_TOOBIG, 0,
};

static const struct refusal ttl_exceeded = {
	ICMP_TIME_EXCEEDED, ICMP_EXC_TTL,
	ICMPV6_TIME_EXCEED, ICMPV6_EXC_HOPLIMIT,
};

static void say(struct ippfvs_packet *pkt, const struct refusal *refusal,
		u32 info)
{
	/* ICMPv6 wants a device, and our own packets have none yet. */
	if (pkt->place == IPPFVS_OUR_OWN && !pkt->skb->dev)
		pkt->skb->dev = pkt->net->loopback_dev;

	if (!ippfvs_packet_ipv4(pkt))
		icmpv6_send(pkt->skb, refusal->type6, refusal->code6, info);
	else if (find_route(pkt))
		icmp_send(pkt->skb, refusal->type, refusal->code, htonl(info));
}

enum ippfvs_verdict ippfvs_reject(struct ippfvs_packet *pkt,
				  enum ippfvs_drop reason)
{
	if (ippfvs_packet_tcp(pkt))
		reset(pkt);
	else
		say(pkt, &port_unreachable, 0);
	return ippfvs_packet_drop(pkt, reason);
}

enum ippfvs_verdict ippfvs_reject_too_big(struct ippfvs_packet *pkt, u32 mtu)
{
	say(pkt, &too_big, mtu);
	return ippfvs_packet_drop(pkt, IPPFVS_DROP_TOO_BIG);
}

enum ippfvs_verdict ippfvs_reject_ttl(struct ippfvs_packet *pkt)
{
	say(pkt, &ttl_exceeded, 0);
	return ippfvs_packet_drop(pkt, IPPFVS_DROP_TTL);
}

enum ippfvs_verdict ippfvs_reject_route(struct ippfvs_packet *pkt)
{
	say(pkt, &host_unreachable, 0);
	return ippfvs_packet_drop(pkt, IPPFVS_DROP_NO_ROUTE);
}
