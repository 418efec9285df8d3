/* SPDX-License-Identifier: GPL-2.0 */
/* Routes to real servers and clients. */
#ifndef _IPPFVS_FWD_ROUTE_H
#define _IPPFVS_FWD_ROUTE_H

#include "../core/tuple.h"
#include "ident.h"

struct dst_entry;
struct ippfvs_packet;
struct ippfvs_real;
struct net;
struct sk_buff;

/**
 * struct ippfvs_route - one CPU's way to a real server
 * @dst: holds a reference; NULL until the first packet
 * @cookie: for dst_check()
 * @saddr: the director's address towards it, the outer source of a tunnel
 * @idents: for the outer headers of a tunnel
 *
 * Zeroed memory is an empty route. Used with bottom halves off on its CPU.
 * A route pins no device: the stack takes the device from a dead dst.
 */
struct ippfvs_route {
	struct dst_entry *dst;
	u32 cookie;
	union ippfvs_addr saddr;
	struct ippfvs_idents idents;
};

/* Empty it: its owner is going, or it is looked up anew. */
void ippfvs_route_release(struct ippfvs_route *route);

/* All that follows: RCU, BH off. */

/* Look up the way to @real for @route, which is empty or stale. Return: it, or NULL. */
struct ippfvs_route *ippfvs_route_renew(struct net *net,
					const struct ippfvs_real *real,
					struct ippfvs_route *route);

/* A route for an answer to the client, with a reference; NULL when none. */
struct dst_entry *ippfvs_route_to_client(const struct ippfvs_packet *pkt,
					 const union ippfvs_addr *from,
					 const union ippfvs_addr *client);

/* The address that the director would use towards @daddr. */
bool ippfvs_route_source(struct net *net, u8 family,
			 const union ippfvs_addr *daddr,
			 union ippfvs_addr *saddr);

/* Does the route lead to the director itself? */
bool ippfvs_route_is_ours(const struct dst_entry *dst, u8 family);

/* The same of a packet that was made here and has its route. */
bool ippfvs_route_loops(const struct sk_buff *skb, u8 family);

/*
 * A route for one packet with @real written into it as the next hop, with a
 * reference; NULL when none. It is not kept: it would hold its device, and learn
 * nothing of the path.
 */
struct dst_entry *ippfvs_route_by_next_hop(struct net *net,
					   const struct ippfvs_real *real);

#endif /* _IPPFVS_FWD_ROUTE_H */
