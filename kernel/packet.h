/* SPDX-License-Identifier: GPL-2.0 */
/* A packet on the packet path: its headers and its verdict. */
#ifndef _IPPFVS_PACKET_H
#define _IPPFVS_PACKET_H

#include "core/wire.h"

#include <linux/ipv6.h>
#include <linux/skbuff.h>
#include <linux/tcp.h>
#include <net/ip.h>

struct ippfvs_net;
struct net;
struct net_device;

/* The verdict on a packet; hook.c translates it into a verdict of netfilter. */
enum ippfvs_verdict {
	IPPFVS_PASS,	   /* the packet continues through the stack */
	IPPFVS_DROP,	   /* dropped and counted; the caller frees it */
	IPPFVS_STOLEN,	   /* sent or freed already */
	IPPFVS_RESCHEDULE, /* the connection has ended or the rules have changed; schedule again */
};

/* The hook at which the packet is. The values are those of enum nf_inet_hooks (hook.c). */
enum ippfvs_hook {
	IPPFVS_PREROUTING, /* before routing */
	IPPFVS_LOCAL_IN,   /* routed to the director, accepted by its firewall */
	IPPFVS_FORWARD,	   /* routed onward and accepted; the stack has decremented the TTL */
	IPPFVS_LOCAL_OUT,  /* sent by the director */
};

/**
 * struct ippfvs_packet - a packet and what is known about it
 * @skb: its data points to the network header; the headers in @wire are linear
 * @net: its namespace
 * @ipn: state of the director in this namespace
 * @in: device that received the packet; NULL for a packet that the director sends
 * @hook: the hook that has called us
 * @wire: its headers
 * @hash: hash of its source; valid after ippfvs_conn_lookup()
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

/**
 * ippfvs_packet_pull_and_read() - read headers that are not linear; see ippfvs_packet_read()
 * @pkt: @skb is set
 *
 * Context: RCU, bottom halves off.
 * Return: 0, a negative enum ippfvs_wire_error, or -ENOMEM.
 */
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
 * @offset: offset of the quoted packet from the network header of @pkt
 * @quoted: result
 *
 * Context: RCU, bottom halves off. Pointers into the packet are stale afterwards.
 * Return: 0, a negative enum ippfvs_wire_error, or -ENOMEM.
 */
int ippfvs_packet_read_quoted(struct ippfvs_packet *pkt, u32 offset, struct ippfvs_wire *quoted);

/**
 * ippfvs_packet_make_writable() - the slow part of ippfvs_packet_writable()
 * @pkt: the packet; pointers into it are stale afterwards
 * @headroom: bytes needed before the network header, including the link layer
 *
 * Context: RCU, bottom halves off.
 * Return: false if there is no memory or the headers cannot be changed.
 */
bool ippfvs_packet_make_writable(struct ippfvs_packet *pkt, unsigned int headroom);

/**
 * ippfvs_packet_writable() - make the headers private and provide headroom
 * @pkt: the packet; pointers into it are stale afterwards
 * @headroom: bytes needed before the network header, including the link layer
 *
 * Context: RCU, bottom halves off.
 * Return: false if the packet must be dropped, because there is no memory or the headers cannot be
 * changed.
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
 * route. It leaves the checksum to the code that forwards the packet.
 *
 * Context: RCU, bottom halves off.
 */
void ippfvs_packet_complete_options(struct ippfvs_packet *pkt);

/**
 * ippfvs_packet_tcp() - check whether a packet is a TCP segment
 * @pkt: the packet
 *
 * Context: any.
 * Return: true if it is.
 */
static inline bool ippfvs_packet_tcp(const struct ippfvs_packet *pkt)
{
	return pkt->wire.tuple.protocol == IPPROTO_TCP;
}

/**
 * ippfvs_packet_tcphdr() - get the TCP header of a packet
 * @pkt: a TCP segment
 *
 * Context: any; ippfvs_packet_read() has made the header linear.
 * Return: the header.
 */
static inline const struct tcphdr *ippfvs_packet_tcphdr(const struct ippfvs_packet *pkt)
{
	return (const struct tcphdr *)(pkt->skb->data + pkt->wire.l4);
}

/**
 * ippfvs_packet_tcp_seq() - get the sequence number of a packet
 * @pkt: the packet
 *
 * Context: any; ippfvs_packet_read() has made the header linear.
 * Return: the sequence number of a TCP segment; 0 for UDP.
 */
static inline u32 ippfvs_packet_tcp_seq(const struct ippfvs_packet *pkt)
{
	return ippfvs_packet_tcp(pkt) ? ntohl(ippfvs_packet_tcphdr(pkt)->seq) : 0;
}

/**
 * ippfvs_packet_tcp_ack() - get the acknowledgment number of a packet
 * @pkt: the packet
 *
 * Context: any; ippfvs_packet_read() has made the header linear.
 * Return: the acknowledgment number of a TCP segment; 0 for UDP.
 */
static inline u32 ippfvs_packet_tcp_ack(const struct ippfvs_packet *pkt)
{
	return ippfvs_packet_tcp(pkt) ? ntohl(ippfvs_packet_tcphdr(pkt)->ack_seq) : 0;
}

/**
 * ippfvs_packet_ipv4() - check whether a packet is an IPv4 packet
 * @pkt: the packet
 *
 * Context: any.
 * Return: true if it is; false if it is an IPv6 packet.
 */
static inline bool ippfvs_packet_ipv4(const struct ippfvs_packet *pkt)
{
	return pkt->wire.tuple.family == IPPFVS_FAMILY_IPV4;
}

/**
 * ippfvs_packet_ttl_due() - check whether the TTL or hop limit must still be decremented
 * @pkt: the packet
 *
 * Context: any.
 * Return: true if the director must decrement it, as a router does.
 */
static inline bool ippfvs_packet_ttl_due(const struct ippfvs_packet *pkt)
{
	return pkt->hook == IPPFVS_PREROUTING || pkt->hook == IPPFVS_LOCAL_IN;
}

/**
 * ippfvs_packet_ttl_expired() - check whether the TTL or hop limit is used up
 * @pkt: the packet
 *
 * Context: any.
 * Return: true if the packet must not be forwarded.
 */
static inline bool ippfvs_packet_ttl_expired(const struct ippfvs_packet *pkt)
{
	return ippfvs_packet_ttl_due(pkt) && pkt->wire.ttl <= 1;
}

/**
 * ippfvs_packet_decrement_ttl() - decrement the TTL or hop limit if that is due
 * @pkt: the packet, whose headers are writable
 *
 * Context: any.
 */
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
