// SPDX-License-Identifier: GPL-2.0
#include "unserved.h"

#include "forward/route.h"
#include "forward/send.h"
#include "net.h"
#include "reject.h"
#include "service/table.h"

#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/netfilter_ipv4.h>
#include <linux/netfilter_ipv6.h>
#include <net/dst.h>
#include <net/ip6_route.h>
#include <net/route.h>

/*
 * Return: true if the route of the packet leads to a router on the link from which it came. If
 * another host has the address, the route leads elsewhere.
 */
static bool returns(const struct ippfvs_packet *pkt)
{
	const struct dst_entry *dst = skb_dst(pkt->skb);

	if (dst->dev != pkt->in)
		return false;
	return ippfvs_packet_ipv4(pkt) ? dst_rtable(dst)->rt_gw_family :
					 dst_rt6_info(dst)->rt6i_flags & RTF_GATEWAY;
}

static bool is_to_service(const struct ippfvs_packet *pkt)
{
	const struct ippfvs_service_table *table = rcu_dereference(pkt->ipn->services);

	return table &&
	       ippfvs_service_table_has_addr(table, pkt->wire.tuple.family, &pkt->wire.tuple.daddr);
}

static bool is_unserved(const struct ippfvs_packet *pkt)
{
	return pkt->hook == IPPFVS_FORWARD && returns(pkt) && is_to_service(pkt);
}

enum ippfvs_verdict ippfvs_unserved(struct ippfvs_packet *pkt)
{
	if (likely(!is_unserved(pkt)))
		return IPPFVS_PASS;
	if (pkt->wire.inner) /* no error is sent about an error */
		return ippfvs_drop(pkt, IPPFVS_DROP_NO_SERVICE);
	return ippfvs_reject(pkt, IPPFVS_DROP_NO_SERVICE);
}

/*
 * Fill the fields of @pkt->wire that the functions below need. The stack has checked the network
 * header. IPv6 extension headers are not read.
 */
static void read_network_header(struct ippfvs_packet *pkt, u8 family)
{
	struct ippfvs_wire *wire = &pkt->wire;

	memset(wire, 0, sizeof(*wire));
	wire->tuple.family = family;
	if (family == IPPFVS_FAMILY_IPV4) {
		const struct iphdr *iph = ip_hdr(pkt->skb);

		wire->tuple.protocol = iph->protocol;
		wire->tuple.saddr.ip = iph->saddr;
		wire->tuple.daddr.ip = iph->daddr;
		wire->l4 = iph->ihl * 4;
	} else {
		const struct ipv6hdr *iph = ipv6_hdr(pkt->skb);

		wire->tuple.protocol = iph->nexthdr;
		wire->tuple.saddr.ip6 = iph->saddr;
		wire->tuple.daddr.ip6 = iph->daddr;
		wire->l4 = sizeof(*iph);
	}
	wire->l4_size = sizeof(struct icmphdr);
}

/* Echo requests that the administrator lets the director ignore are dropped. */
static bool is_ignored(const struct ippfvs_packet *pkt)
{
	if (ippfvs_packet_ipv4(pkt))
		return READ_ONCE(pkt->net->ipv4.sysctl_icmp_echo_ignore_all);
	return READ_ONCE(pkt->net->ipv6.sysctl.icmpv6_echo_ignore_all);
}

static bool has_valid_echo_checksum(const struct ippfvs_packet *pkt)
{
	if (ippfvs_packet_ipv4(pkt))
		return !nf_ip_checksum(pkt->skb, pkt->hook, pkt->wire.l4, IPPROTO_ICMP);
	return !nf_ip6_checksum(pkt->skb, pkt->hook, pkt->wire.l4, IPPROTO_ICMPV6);
}

static bool is_echo_request(const struct ippfvs_packet *pkt)
{
	bool ipv4 = ippfvs_packet_ipv4(pkt);
	struct icmphdr buffer;
	const struct icmphdr *icmph;

	static_assert(sizeof(struct icmphdr) == sizeof(struct icmp6hdr));

	if (pkt->wire.tuple.protocol != (ipv4 ? IPPROTO_ICMP : IPPROTO_ICMPV6) ||
	    (ipv4 && ip_is_fragment(ip_hdr(pkt->skb))))
		return false;
	icmph = skb_header_pointer(pkt->skb, pkt->wire.l4, sizeof(buffer), &buffer);
	return icmph && icmph->type == (ipv4 ? ICMP_ECHO : ICMPV6_ECHO_REQUEST) && !icmph->code;
}

static void swap_addrs4(struct iphdr *iph, const struct dst_entry *dst)
{
	swap(iph->saddr, iph->daddr);
	iph->frag_off = 0;
	iph->ttl = ip4_dst_hoplimit(dst);
	ip_send_check(iph);
}

static void swap_addrs6(struct ipv6hdr *iph, struct dst_entry *dst)
{
	swap(iph->saddr, iph->daddr);
	iph->hop_limit = ip6_dst_hoplimit(dst);
}

/* Turn the request, whose headers are writable, into the reply. */
static void make_reply(struct ippfvs_packet *pkt, struct dst_entry *dst)
{
	struct icmphdr *icmph = (struct icmphdr *)(pkt->skb->data + pkt->wire.l4);
	bool ipv4 = ippfvs_packet_ipv4(pkt);
	__be16 before = htons(icmph->type << 8);

	if (ipv4)
		swap_addrs4(ip_hdr(pkt->skb), dst);
	else
		swap_addrs6(ipv6_hdr(pkt->skb), dst);
	icmph->type = ipv4 ? ICMP_ECHOREPLY : ICMPV6_ECHO_REPLY;
	csum_replace2(&icmph->checksum, before, htons(icmph->type << 8));
	pkt->skb->ip_summed = CHECKSUM_NONE;
}

static enum ippfvs_verdict reply_to_echo(struct ippfvs_packet *pkt)
{
	struct dst_entry *dst;

	if (is_ignored(pkt))
		return ippfvs_drop(pkt, IPPFVS_DROP_NO_SERVICE);
	if (!has_valid_echo_checksum(pkt))
		return ippfvs_drop(pkt, IPPFVS_DROP_ICMP_CHECKSUM);

	dst = ippfvs_route_to_sender(pkt);
	if (!dst)
		return ippfvs_drop(pkt, IPPFVS_DROP_NO_ROUTE);
	/* No host sends from our own address. */
	if (ippfvs_route_is_local(dst, pkt->wire.tuple.family)) {
		dst_release(dst);
		return ippfvs_drop(pkt, IPPFVS_DROP_NO_ROUTE);
	}
	if (!pskb_may_pull(pkt->skb, pkt->wire.l4 + pkt->wire.l4_size) ||
	    !ippfvs_packet_writable(pkt, LL_RESERVED_SPACE(dst->dev))) {
		dst_release(dst);
		return ippfvs_drop(pkt, IPPFVS_DROP_NOT_WRITABLE);
	}

	make_reply(pkt, dst);
	return ippfvs_send(pkt, dst, dst_mtu(dst));
}

enum ippfvs_verdict ippfvs_unserved_other(struct ippfvs_packet *pkt, u8 family)
{
	read_network_header(pkt, family);
	if (likely(!is_unserved(pkt)))
		return IPPFVS_PASS;
	if (is_echo_request(pkt))
		return reply_to_echo(pkt);
	return ippfvs_drop(pkt, IPPFVS_DROP_NO_SERVICE);
}
