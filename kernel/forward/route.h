/* SPDX-License-Identifier: GPL-2.0 */
/* Routes to real servers and to clients. */
#ifndef _IPPFVS_FORWARD_ROUTE_H
#define _IPPFVS_FORWARD_ROUTE_H

#include "../core/tuple.h"

#include <net/addrconf.h>
#include <net/dst.h>

struct ippfvs_conn;
struct ippfvs_packet;
struct ippfvs_real;
struct net;
struct sk_buff;

/**
 * struct ippfvs_ident_range - IPv4 identifications for the outer headers of a tunnel
 * @stamp: jiffies; the range is valid only in this jiffy, because the stack's counter, from which
 *	it was taken, is also used by other senders and wraps around
 * @next: first unused identification, host byte order
 * @left: number of unused identifications
 * @taken: number of identifications that were last taken from the stack
 *
 * Zeroed memory is an empty range. See tun.c.
 */
struct ippfvs_ident_range {
	unsigned long stamp;
	u16 next;
	u16 left;
	u16 taken;
};

/**
 * struct ippfvs_route - one CPU's route to a real server
 * @dst: holds a reference; NULL until the first packet
 * @cookie: argument of dst_check()
 * @saddr: the director's address towards the real server, which is the outer source of a tunnel
 * @idents: for the outer headers of a tunnel
 *
 * A route belongs to the real server and is used only on its CPU with bottom halves off. Zeroed
 * memory is an empty route. A route does not prevent the removal of its device, because the stack
 * replaces the device of a dead dst.
 */
struct ippfvs_route {
	struct dst_entry *dst;
	u32 cookie;
	union ippfvs_addr saddr;
	struct ippfvs_ident_range idents;
};

/**
 * ippfvs_route_release() - empty a route
 * @route: the route
 *
 * Context: @route has no other user.
 */
void ippfvs_route_release(struct ippfvs_route *route);

/**
 * ippfvs_route_renew() - look up the route to a real server again
 * @net: namespace
 * @real: the real server; it forgets which devices its packets come from
 * @route: this CPU's route to @real, empty or stale
 *
 * Context: RCU, bottom halves off.
 * Return: @route, or NULL if no route leads to another machine.
 */
struct ippfvs_route *ippfvs_route_renew(struct net *net, struct ippfvs_real *real,
					struct ippfvs_route *route);

/**
 * ippfvs_route_to_client() - find the route for a reply
 * @pkt: the reply or an ICMP error for the client, at PREROUTING or FORWARD; its mark and DSCP
 *	count
 * @conn: its connection
 *
 * Rules (`ip rule`) see the reply as it leaves: from the virtual address and port, in the client's
 * VRF, with the mark that conntrack had for the connection unless @pkt has one. Rules for an input
 * device see the device of @pkt.
 *
 * Context: RCU, bottom halves off.
 * Return: the route with a reference, or NULL.
 */
struct dst_entry *ippfvs_route_to_client(const struct ippfvs_packet *pkt,
					 const struct ippfvs_conn *conn);

/**
 * ippfvs_route_to_sender() - find the route from the destination of a packet to its source
 * @pkt: a packet without a connection
 *
 * Context: RCU, bottom halves off.
 * Return: the route with a reference, or NULL.
 */
struct dst_entry *ippfvs_route_to_sender(const struct ippfvs_packet *pkt);

/**
 * ippfvs_route_source() - find the director's source address for packets to a destination
 * @net: namespace
 * @family: IPPFVS_FAMILY_*
 * @daddr: destination
 * @saddr: result
 *
 * Context: RCU, bottom halves off.
 * Return: false if there is no route or no address.
 */
bool ippfvs_route_source(struct net *net, u8 family, const union ippfvs_addr *daddr,
			 union ippfvs_addr *saddr);

/**
 * ippfvs_route_configured_mtu6() - the configured MTU of an IPv6 route that may have learned one
 * @dst: the route
 *
 * Context: RCU.
 * Return: bytes, or 0 if the route has no MTU of its own.
 */
u32 ippfvs_route_configured_mtu6(const struct dst_entry *dst);

/* The MTU of the route's device for packets of @family. Context: RCU. */
static inline u32 ippfvs_route_device_mtu(const struct dst_entry *dst, u8 family)
{
	const struct inet6_dev *idev;

	if (family == IPPFVS_FAMILY_IPV4)
		return READ_ONCE(dst->dev->mtu);
	idev = __in6_dev_get(dst->dev);
	return idev ? READ_ONCE(idev->cnf.mtu6) : IPV6_MIN_MTU;
}

/**
 * ippfvs_route_is_local() - check whether a route leads to the director itself
 * @dst: the route
 * @family: IPPFVS_FAMILY_*
 *
 * Context: RCU.
 * Return: true if it does.
 */
bool ippfvs_route_is_local(const struct dst_entry *dst, u8 family);

/**
 * ippfvs_route_is_loopback() - check whether a packet of the director stays on the director
 * @skb: a packet that the director has made and routed
 * @family: IPPFVS_FAMILY_*
 *
 * Context: RCU.
 * Return: true if it does.
 */
bool ippfvs_route_is_loopback(const struct sk_buff *skb, u8 family);

/**
 * ippfvs_route_by_next_hop() - find a route for one packet with a real server as its next hop
 * @net: namespace
 * @real: the real server
 *
 * Such a route must not be kept, because it would prevent the removal of its device, and it would
 * not learn the path MTU.
 *
 * Context: RCU, bottom halves off.
 * Return: the route with a reference, or NULL.
 */
struct dst_entry *ippfvs_route_by_next_hop(struct net *net, const struct ippfvs_real *real);

#endif /* _IPPFVS_FORWARD_ROUTE_H */
