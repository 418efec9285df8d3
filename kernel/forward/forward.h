/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The forwarding methods: how a packet reaches its real server, one method per file.
 *
 * A method opens the path to the real server, changes the packet and sends it, in this order. A
 * packet that is refused is still unchanged, so that an ICMP error can quote it.
 *
 * Context of everything here: RCU, bottom halves off.
 */
#ifndef _IPPFVS_FORWARD_FORWARD_H
#define _IPPFVS_FORWARD_FORWARD_H

#include "../conn/conn.h"
#include "../packet.h"
#include "../service/real.h"

struct dst_entry;

/* VS-NAT: rewrite the destination of a packet from the client (nat.c). */
enum ippfvs_verdict ippfvs_nat_forward(struct ippfvs_packet *pkt, const struct ippfvs_conn *conn);

/**
 * ippfvs_nat_reply() - rewrite the source of a reply to the virtual address and port (nat.c)
 * @pkt: the reply
 * @conn: its connection
 * @dst: route to the client, whose reference is consumed; NULL if the packet has its route
 *
 * Return: a verdict.
 */
enum ippfvs_verdict ippfvs_nat_reply(struct ippfvs_packet *pkt, const struct ippfvs_conn *conn,
				     struct dst_entry *dst);

/* VS-TUN: encapsulate the packet (tun.c). */
enum ippfvs_verdict ippfvs_tun_forward(struct ippfvs_packet *pkt, const struct ippfvs_conn *conn);

/* VS-DR: send the packet unchanged to the real server's MAC address (dr.c). */
enum ippfvs_verdict ippfvs_dr_forward(struct ippfvs_packet *pkt, const struct ippfvs_conn *conn);

/* Local Node: give a packet at LOCAL_IN to the socket that serves it (local.c). */
enum ippfvs_verdict ippfvs_local_forward(struct ippfvs_packet *pkt, struct ippfvs_conn *conn);

/* Whether the director has a socket for @pkt, the first of a connection, at @port (local.c). */
bool ippfvs_local_has_socket(const struct ippfvs_packet *pkt, const union ippfvs_addr *real,
			     __be16 port);

/* Whether a client on the director has a socket that is connected to the sender (local.c). */
bool ippfvs_local_has_client(const struct ippfvs_packet *pkt);

/* Whether the director has a socket for @pkt, at LOCAL_IN, that is not connected (local.c). */
bool ippfvs_local_has_server(const struct ippfvs_packet *pkt);

/**
 * ippfvs_local_rewrites_reply() - whether replies of Local Node must be rewritten (local.c)
 * @pkt: the first packet of a connection
 * @real: address of the real server
 * @port: port of the real server, network byte order
 * @source: result: the address from which replies will come
 *
 * Return: true if replies will not come from the virtual address and port.
 */
bool ippfvs_local_rewrites_reply(const struct ippfvs_packet *pkt, const union ippfvs_addr *real,
				 __be16 port, union ippfvs_addr *source);

/* Forward by the method of @conn without counting: for ICMP errors that are not rewritten. */
static inline enum ippfvs_verdict ippfvs_forward_uncounted(struct ippfvs_packet *pkt,
							   struct ippfvs_conn *conn)
{
	switch (conn->method) {
	case IPPFVS_METHOD_NAT:
		return ippfvs_nat_forward(pkt, conn);
	case IPPFVS_METHOD_TUN:
		return ippfvs_tun_forward(pkt, conn);
	case IPPFVS_METHOD_DR:
		return ippfvs_dr_forward(pkt, conn);
	default:
		return ippfvs_local_forward(pkt, conn);
	}
}

/* Forward by the method of @conn, and count the packet for its real server. */
static inline enum ippfvs_verdict ippfvs_forward(struct ippfvs_packet *pkt,
						 struct ippfvs_conn *conn)
{
	ippfvs_stats_in(&this_cpu_ptr(conn->real->cpu)->stats, pkt->wire.length);
	return ippfvs_forward_uncounted(pkt, conn);
}

#endif /* _IPPFVS_FORWARD_FORWARD_H */
