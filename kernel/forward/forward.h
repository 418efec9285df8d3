/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The forwarding methods: how a packet reaches its real server, one method per file.
 *
 * A method finds the path to the real server, changes the packet and sends it, in this order. A
 * packet that is refused has not been changed, so that an ICMP error can quote it.
 *
 * Context of everything here: RCU, bottom halves off.
 */
#ifndef _IPPFVS_FORWARD_FORWARD_H
#define _IPPFVS_FORWARD_FORWARD_H

#include "../conn/conn.h"
#include "../packet.h"
#include "../service/real.h"
#include "nat.h"

/**
 * ippfvs_tun_forward() - encapsulate a packet and send it, VS-TUN (tun.c)
 * @pkt: a packet from the client
 * @conn: its connection
 *
 * Return: a verdict.
 */
enum ippfvs_verdict ippfvs_tun_forward(struct ippfvs_packet *pkt, const struct ippfvs_conn *conn);

/**
 * ippfvs_dr_forward() - send a packet to the MAC address of the real server, VS-DR (dr.c)
 * @pkt: a packet from the client
 * @conn: its connection
 *
 * Return: a verdict.
 */
enum ippfvs_verdict ippfvs_dr_forward(struct ippfvs_packet *pkt, const struct ippfvs_conn *conn);

/**
 * ippfvs_local_forward() - give a packet to the socket of a Local Node (local.c)
 * @pkt: a packet from the client
 * @conn: its connection; ended if no socket listens
 *
 * Return: IPPFVS_PASS to let the stack deliver the packet, or IPPFVS_DROP.
 */
enum ippfvs_verdict ippfvs_local_forward(struct ippfvs_packet *pkt, struct ippfvs_conn *conn);

/**
 * ippfvs_local_has_socket() - check whether a socket serves a new connection (local.c)
 * @pkt: the first packet of the connection
 * @real: address of the real server; the socket may be on it or on the virtual address
 * @port: port of the real server, network byte order
 *
 * Return: true if there is a socket; false if there is none, or if @pkt is not at LOCAL_IN.
 */
bool ippfvs_local_has_socket(const struct ippfvs_packet *pkt, const union ippfvs_addr *real,
			     __be16 port);

/**
 * ippfvs_local_has_client() - check whether a packet is for a client on the director (local.c)
 * @pkt: the packet
 *
 * Return: true if the director has a socket that is connected to the sender of @pkt.
 */
bool ippfvs_local_has_client(const struct ippfvs_packet *pkt);

/* Whether the director has a socket for @pkt, at LOCAL_IN, that is not connected (local.c). */
bool ippfvs_local_has_server(const struct ippfvs_packet *pkt);

/**
 * ippfvs_local_rewrites_reply() - check whether replies of Local Node must be rewritten (local.c)
 * @pkt: the first packet of a connection
 * @real: address of the real server
 * @port: port of the real server, network byte order
 * @source: result: the address from which replies will come
 *
 * Return: true if replies will not come from the virtual address and port.
 */
bool ippfvs_local_rewrites_reply(const struct ippfvs_packet *pkt, const union ippfvs_addr *real,
				 __be16 port, union ippfvs_addr *source);

/**
 * ippfvs_forward_uncounted() - forward an ICMP error that is not rewritten
 * @pkt: the error
 * @conn: its connection, which determines the forwarding method
 *
 * Return: a verdict.
 */
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

/**
 * ippfvs_forward() - forward a packet and count it for its real server
 * @pkt: a packet from the client
 * @conn: its connection, which determines the forwarding method
 *
 * Return: a verdict.
 */
static inline enum ippfvs_verdict ippfvs_forward(struct ippfvs_packet *pkt,
						 struct ippfvs_conn *conn)
{
	ippfvs_stats_in(&this_cpu_ptr(conn->real->cpu)->stats, pkt->wire.length);
	return ippfvs_forward_uncounted(pkt, conn);
}

#endif /* _IPPFVS_FORWARD_FORWARD_H */
