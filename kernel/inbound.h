/* SPDX-License-Identifier: GPL-2.0 */
/* Packets of connections we know, and the client's way to its server. */
#ifndef _IPPFVS_INBOUND_H
#define _IPPFVS_INBOUND_H

#include "packet.h"

struct ippfvs_conn;

/* All under RCU with bottom halves off. */

/* A packet arrives: forward it if its connection is known. */
enum ippfvs_verdict ippfvs_known(struct ippfvs_packet *pkt);

/* From the client on connection @conn. */
enum ippfvs_verdict ippfvs_inbound(struct ippfvs_packet *pkt,
				   struct ippfvs_conn *conn);

/* Judge the packet: the connection's state after it. */
void ippfvs_conn_advance(struct ippfvs_conn *conn,
			 const struct ippfvs_packet *pkt, bool from_client);

#endif /* _IPPFVS_INBOUND_H */
