/* SPDX-License-Identifier: GPL-2.0 */
/* A packet on its way through the director: its headers, read once. */
#ifndef _IPPFVS_PACKET_H
#define _IPPFVS_PACKET_H

#include "core/wire.h"
#include "stats.h"

#include <linux/skbuff.h>

struct ippfvs_net;
struct net;
struct net_device;

/* What becomes of a packet; hook.c says it in netfilter's words. */
enum ippfvs_verdict {
	IPPFVS_PASS,		/* goes on through the stack, as it is now */
	IPPFVS_DROP,		/* counted */
	IPPFVS_TAKEN,		/* sent, or freed */
	IPPFVS_ENDED,		/* its connection has ended: it may open another */
};

/* Where on the journey the packet is (docs/ARCHITECTURE.md). */
enum ippfvs_place {
	IPPFVS_ARRIVING,	/* before routing */
	IPPFVS_FOR_US,		/* routed to the director, past its firewall */
	IPPFVS_THROUGH,		/* routed onward, past the firewall; TTL was taken */
	IPPFVS_OUR_OWN,		/* made by the director */
};

/**
 * struct ippfvs_packet - a packet and what is known of it
 * @skb: data points to the network header, the read headers are linear
 * @net: its namespace
 * @ipn: our state of it
 * @in: device it came by; NULL for our own
 * @place: on the journey
 * @hook: enum nf_inet_hooks, for netfilter's helpers
 * @wire: its headers
 * @hash: ippfvs_conn_hash() of its tuple; set when its connection is looked for (journey.c)
 */
struct ippfvs_packet {
	struct sk_buff *skb;
	struct net *net;
	struct ippfvs_net *ipn;
	const struct net_device *in;
	enum ippfvs_place place;
	unsigned int hook;
	struct ippfvs_wire wire;
	u32 hash;
};

/* What ippfvs_packet_read() does when the headers are not all linear. */
int ippfvs_packet_pull_and_read(struct ippfvs_packet *pkt);

/* Read the headers. 0, a negative enum ippfvs_wire_error, or -ENOMEM. */
static inline int ippfvs_packet_read(struct ippfvs_packet *pkt)
{
	const struct sk_buff *skb = pkt->skb;
	int need = ippfvs_wire_read(&pkt->wire, skb->data, skb_headlen(skb),
				    skb->len);

	return likely(need <= 0) ? need : ippfvs_packet_pull_and_read(pkt);
}

/* Read the packet that an ICMP error quotes at @offset. 0, or as above. */
int ippfvs_packet_read_quoted(struct ippfvs_packet *pkt, u32 offset,
			      struct ippfvs_wire *quoted);

/* What ippfvs_packet_writable() does when it must do something. */
bool ippfvs_packet_make_writable(struct ippfvs_packet *pkt,
				 unsigned int headroom);

/**
 * ippfvs_packet_writable() - make headers private, with room before them
 * @pkt: to be changed; pointers into it are stale afterwards
 * @headroom: bytes needed before the network header, link layer included
 *
 * Return: false without memory, or if they cannot be changed: drop the packet.
 */
static inline bool ippfvs_packet_writable(struct ippfvs_packet *pkt,
					  unsigned int headroom)
{
	/* As a driver delivers it: the headers that were read are linear. */
	return likely(!skb_cloned(pkt->skb) &&
		      skb_headroom(pkt->skb) >= headroom) ||
	       ippfvs_packet_make_writable(pkt, headroom);
}

static inline bool ippfvs_packet_tcp(const struct ippfvs_packet *pkt)
{
	return pkt->wire.tuple.protocol == IPPROTO_TCP;
}

static inline bool ippfvs_packet_ipv4(const struct ippfvs_packet *pkt)
{
	return pkt->wire.tuple.family == IPPFVS_FAMILY_IPV4;
}

/* Count the reason and drop. */
enum ippfvs_verdict ippfvs_packet_drop(const struct ippfvs_packet *pkt,
				       enum ippfvs_drop reason);

#endif /* _IPPFVS_PACKET_H */
