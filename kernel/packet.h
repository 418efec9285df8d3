/* SPDX-License-Identifier: GPL-2.0 */
/* A packet on the packet path: its headers, read once, and what becomes of it. */
#ifndef _IPPFVS_PACKET_H
#define _IPPFVS_PACKET_H

#include "core/wire.h"

#include <linux/ipv6.h>
#include <linux/skbuff.h>
#include <net/ip.h>

struct ippfvs_net;
struct net;
struct net_device;

/* What becomes of a packet; hook.c translates it into netfilter's verdicts. */
enum ippfvs_verdict {
	IPPFVS_PASS,	   /* the packet continues through the stack */
	IPPFVS_DROP,	   /* dropped and counted; the caller frees it */
	IPPFVS_STOLEN,	   /* sent or freed already */
	IPPFVS_RESCHEDULE, /* its connection has ended; it may open another one */
};

/* The hook at which the packet is. The values are those of enum nf_inet_hooks (hook.c). */
enum ippfvs_hook {
	IPPFVS_PREROUTING, /* before routing */
	IPPFVS_LOCAL_IN,   /* routed to the director, accepted by its firewall */
	IPPFVS_FORWARD,	   /* routed onward and accepted; the stack has taken the TTL */
	IPPFVS_LOCAL_OUT,  /* made by the director */
};

/**
 * struct ippfvs_packet - a packet and what is known about it
 * @skb: its data points to the network header; the headers in @wire are linear
 * @net: its namespace
 * @ipn: our state of the namespace
 * @in: device that received it; NULL for a packet of the director's own
 * @hook: where it is
 * @wire: its headers
 * @hash: ippfvs_conn_hash() of its tuple; valid after its connection was looked up
 *
 * It lives on the stack of one hook call.
 */
struct ippfvs_packet {
	struct sk_buff *skb;
	struct net *net;
	struct ippfvs_net *ipn;
	const struct net_device *in;
	enum ippfvs_hook hook;
	struct ippfvs_wire wire;
	u32 hash;
};

/* The slow part of ippfvs_packet_read(), for headers that are not all linear. */
int ippfvs_packet_pull_and_read(struct ippfvs_packet *pkt);

/**
 * ippfvs_packet_read() - read the headers into @pkt->wire
 * @pkt: @skb is set
 *
 * Context: RCU, bottom halves off.
 * Return: 0, a negative enum ippfvs_wire_error, or -ENOMEM.
 */
static inline int ippfvs_packet_read(struct ippfvs_packet *pkt)
{
	const struct sk_buff *skb = pkt->skb;
	int need = ippfvs_wire_read(&pkt->wire, skb->data, skb_headlen(skb), skb->len);

	return likely(need <= 0) ? need : ippfvs_packet_pull_and_read(pkt);
}

/**
 * ippfvs_packet_read_quoted() - read the packet that an ICMP error quotes
 * @pkt: the ICMP error
 * @offset: of the quoted packet from the network header of @pkt
 * @quoted: result
 *
 * Context: RCU, bottom halves off. Pointers into the packet are stale afterwards.
 * Return: 0, a negative enum ippfvs_wire_error, or -ENOMEM.
 */
int ippfvs_packet_read_quoted(struct ippfvs_packet *pkt, u32 offset, struct ippfvs_wire *quoted);

/* The slow part of ippfvs_packet_writable(). */
bool ippfvs_packet_make_writable(struct ippfvs_packet *pkt, unsigned int headroom);

/**
 * ippfvs_packet_writable() - make the headers private and provide room before them
 * @pkt: the packet; pointers into it are stale afterwards
 * @headroom: bytes needed before the network header, including the link layer
 *
 * Context: RCU, bottom halves off.
 * Return: false if there is no memory or the headers cannot be changed; drop the packet then.
 */
static inline bool ippfvs_packet_writable(struct ippfvs_packet *pkt, unsigned int headroom)
{
	/* Packets from a driver are not cloned, and the headers that were read are linear. */
	return likely(!skb_cloned(pkt->skb) && skb_headroom(pkt->skb) >= headroom) ||
	       ippfvs_packet_make_writable(pkt, headroom);
}

/**
 * ippfvs_packet_complete_options() - complete the header of an IPv4 packet with options
 * @pkt: a writable packet
 *
 * The stack may have changed the options when it received the packet, for example by recording a
 * route. It leaves the checksum to whoever forwards the packet.
 *
 * Context: RCU, bottom halves off.
 */
void ippfvs_packet_complete_options(struct ippfvs_packet *pkt);

static inline bool ippfvs_packet_tcp(const struct ippfvs_packet *pkt)
{
	return pkt->wire.tuple.protocol == IPPROTO_TCP;
}

static inline bool ippfvs_packet_ipv4(const struct ippfvs_packet *pkt)
{
	return pkt->wire.tuple.family == IPPFVS_FAMILY_IPV4;
}

/* Whether the director still has to decrement the TTL or hop limit, as a router does. */
static inline bool ippfvs_packet_ttl_due(const struct ippfvs_packet *pkt)
{
	return pkt->hook == IPPFVS_PREROUTING || pkt->hook == IPPFVS_LOCAL_IN;
}

/* Whether the packet must not be forwarded because its TTL or hop limit is used up. */
static inline bool ippfvs_packet_ttl_expired(const struct ippfvs_packet *pkt)
{
	return ippfvs_packet_ttl_due(pkt) && pkt->wire.ttl <= 1;
}

/* Decrement the TTL or hop limit if that is due. The packet must be writable. */
static inline void ippfvs_packet_decrement_ttl(struct ippfvs_packet *pkt)
{
	if (!ippfvs_packet_ttl_due(pkt))
		return;
	if (ippfvs_packet_ipv4(pkt))
		ip_decrease_ttl(ip_hdr(pkt->skb));
	else
		ipv6_hdr(pkt->skb)->hop_limit--;
}

#endif /* _IPPFVS_PACKET_H */
