// SPDX-License-Identifier: GPL-2.0
/* Every packet of VS-NAT passes here, so everything is inlined into one function. */
#include "rewrite.h"

#include "../core/csum.h"

#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/skbuff.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <net/checksum.h>

static __always_inline u16 update(u16 check, const void *from, const void *to, u32 len,
				  bool partial)
{
	return partial ? ippfvs_csum_update_partial(check, from, to, len) :
			 ippfvs_csum_update(check, from, to, len);
}

/* The lengths are constants, so that the compiler unrolls the sum. */
static __always_inline u16 update_addr(u16 check, u8 family, const union ippfvs_addr *from,
				       const union ippfvs_addr *to, bool partial)
{
	return family == IPPFVS_FAMILY_IPV4 ? update(check, from, to, sizeof(from->ip), partial) :
					      update(check, from, to, sizeof(from->ip6), partial);
}

/*
 * Return: the transport checksum, or NULL if there is none, because a quoted packet ends before it
 * or because the UDP sender did not compute it.
 */
static __always_inline u16 *checksum_field(u8 *th, const struct ippfvs_wire *wire)
{
	u32 offset = wire->tuple.protocol == IPPROTO_TCP ? offsetof(struct tcphdr, check) :
							   offsetof(struct udphdr, check);
	u16 *check = (u16 *)(th + offset);

	if (wire->l4_size < offset + sizeof(*check))
		return NULL;
	if (wire->tuple.protocol == IPPROTO_UDP && !*check)
		return NULL;
	return check;
}

/* The transport checksum covers the addresses and, unless it is partial, the ports. */
static __always_inline void rewrite_port(u8 *th, const struct ippfvs_wire *wire,
					 const union ippfvs_addr *old,
					 const struct ippfvs_new_end *end, bool partial)
{
	__be16 *port = (__be16 *)th + (end->source ? 0 : 1);
	u16 *check = checksum_field(th, wire);
	u16 sum;

	if (check) {
		sum = update_addr(*check, wire->tuple.family, old, &end->addr, partial);
		if (!partial)
			sum = ippfvs_csum_update(sum, port, &end->port, sizeof(*port));
		if (wire->tuple.protocol == IPPROTO_UDP && !sum)
			sum = (__force u16)CSUM_MANGLED_0;
		*check = sum;
	}
	*port = end->port;
}

/* The IPv4 header has a checksum of its own; the IPv6 header has none. */
static __always_inline void rewrite_addr(u8 *nh, u8 family, const union ippfvs_addr *addr,
					 bool source)
{
	if (family == IPPFVS_FAMILY_IPV4) {
		struct iphdr *iph = (struct iphdr *)nh;
		__be32 *field = source ? &iph->saddr : &iph->daddr;

		iph->check = (__force __sum16)ippfvs_csum_update((__force u16)iph->check, field,
								 &addr->ip, sizeof(*field));
		*field = addr->ip;
	} else {
		struct ipv6hdr *iph = (struct ipv6hdr *)nh;

		*(source ? &iph->saddr : &iph->daddr) = addr->ip6;
	}
}

static __always_inline void rewrite(u8 *nh, const struct ippfvs_wire *wire,
				    const struct ippfvs_new_end *end, bool partial)
{
	const union ippfvs_addr *old = end->source ? &wire->tuple.saddr : &wire->tuple.daddr;

	rewrite_port(nh + wire->l4, wire, old, end, partial);
	rewrite_addr(nh, wire->tuple.family, &end->addr, end->source);
}

void ippfvs_rewrite_addr(u8 *nh, u8 family, const union ippfvs_addr *addr, bool source)
{
	rewrite_addr(nh, family, addr, source);
}

void ippfvs_rewrite(u8 *nh, const struct ippfvs_wire *wire, const struct ippfvs_new_end *end,
		    bool partial)
{
	rewrite(nh, wire, end, partial);
}

/*
 * Return: true if the checksum of this header is partial. In a packet of a tunnel device, the
 * partial checksum may be that of the inner header, while that of the outer header is complete.
 */
static __always_inline bool is_partial(const struct sk_buff *skb, const struct ippfvs_wire *wire)
{
	return skb->ip_summed == CHECKSUM_PARTIAL &&
	       (skb_is_gso(skb) || skb_checksum_start_offset(skb) == wire->l4);
}

void ippfvs_rewrite_skb(struct sk_buff *skb, const struct ippfvs_wire *wire,
			const struct ippfvs_new_end *end)
{
	rewrite(skb_network_header(skb), wire, end, is_partial(skb, wire));
	if (skb->ip_summed == CHECKSUM_COMPLETE)
		skb->ip_summed = CHECKSUM_NONE; /* skb->csum is the sum of the old bytes */
}
