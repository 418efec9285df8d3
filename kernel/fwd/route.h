/* SPDX-License-Identifier: GPL-2.0 */
/* Routes to real servers and clients, and the last steps of every packet. */
#ifndef _IPPFVS_FWD_ROUTE_H
#define _IPPFVS_FWD_ROUTE_H

#include "../core/tuple.h"
#include "../packet.h"

struct dst_entry;
struct ippfvs_real;
struct net;
struct sk_buff;

/**
 * struct ippfvs_route - one CPU's way to a real server
 * @dst: holds a reference; NULL until the first packet
 * @cookie: for dst_check()
 * @saddr: the director's address towards it, the outer source of a tunnel
 *
 * Zeroed memory is an empty route. Used with bottom halves off on its CPU.
 * A route pins no device: the stack takes the device from a dead dst.
 */
struct ippfvs_route {
	struct dst_entry *dst;
	u32 cookie;
	union ippfvs_addr saddr;
};

/* The owner is going, nobody uses it any more. */
void ippfvs_route_release(struct ippfvs_route *route);

/*
 * All that follows: RCU, BH off.
 */

/* This CPU's route to @real, looked up again when it has become stale; NULL. */
const struct ippfvs_route *ippfvs_route_to_real(struct net *net,
						struct ippfvs_real *real);

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

/* Must the sender be told that the packet does not fit into @mtu? */
bool ippfvs_route_too_big(const struct ippfvs_packet *pkt, u32 mtu);

/*
 * Send a packet that is complete and has its dst. Goes to the neighbour at once;
 * by way of the stack's output only if it must be cut up or treated specially.
 */
enum ippfvs_verdict ippfvs_route_send(struct ippfvs_packet *pkt);

/* The same, by @dst without taking a reference. */
enum ippfvs_verdict ippfvs_route_send_noref(struct ippfvs_packet *pkt,
					    struct dst_entry *dst);

/*
 * The same, to @real though the packet is addressed to another: as the next hop,
 * or by way of the gateway to it.
 */
enum ippfvs_verdict ippfvs_route_send_direct(struct ippfvs_packet *pkt,
					     struct dst_entry *dst,
					     const struct ippfvs_real *real);

#endif /* _IPPFVS_FWD_ROUTE_H */
