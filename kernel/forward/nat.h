/* SPDX-License-Identifier: GPL-2.0 */
/*
 * VS-NAT: rewriting of addresses and ports, and of the checksums that cover them.
 */
#ifndef _IPPFVS_FORWARD_NAT_H
#define _IPPFVS_FORWARD_NAT_H

#include "../conn/conn.h"
#include "../packet.h"

struct dst_entry;

/**
 * ippfvs_nat_forward() - rewrite the destination of a packet from the client, and send it
 * @pkt: the packet
 * @conn: its connection
 *
 * Context: RCU, bottom halves off.
 * Return: a verdict.
 */
enum ippfvs_verdict ippfvs_nat_forward(struct ippfvs_packet *pkt, const struct ippfvs_conn *conn);

/**
 * ippfvs_nat_reply() - rewrite the source of a reply to the virtual address and port
 * @pkt: the reply
 * @conn: its connection
 * @dst: route to the client, whose reference is consumed; NULL if the packet already has a route
 *
 * Context: RCU, bottom halves off.
 * Return: a verdict.
 */
enum ippfvs_verdict ippfvs_nat_reply(struct ippfvs_packet *pkt, const struct ippfvs_conn *conn,
				     struct dst_entry *dst);

/**
 * ippfvs_nat_rewrite_addr() - rewrite an address that no transport checksum covers
 * @nh: writable network header
 * @family: IPPFVS_FAMILY_*
 * @addr: the new address
 * @source: true for the source, false for the destination
 *
 * Context: any.
 */
void ippfvs_nat_rewrite_addr(u8 *nh, u8 family, const union ippfvs_addr *addr, bool source);

/**
 * ippfvs_nat_rewrite_quoted() - rewrite the packet that an ICMP error quotes
 * @nh: its network header, writable as far as @quoted was read
 * @quoted: its headers as they are
 * @conn: its connection
 * @end: the end of @conn with the new address and port
 * @source: true for the source, false for the destination
 *
 * If the client's port is translated, it is rewritten at the other end, too.
 *
 * Context: RCU.
 */
void ippfvs_nat_rewrite_quoted(u8 *nh, const struct ippfvs_wire *quoted,
			       const struct ippfvs_conn *conn, enum ippfvs_conn_end end,
			       bool source);

#endif /* _IPPFVS_FORWARD_NAT_H */
