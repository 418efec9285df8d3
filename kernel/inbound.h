/* SPDX-License-Identifier: GPL-2.0 */
/* Packets of connections we know, and the client's way to its server. */
#ifndef _IPPFVS_INBOUND_H
#define _IPPFVS_INBOUND_H

#include "conn.h"
#include "packet.h"

/* All under RCU with bottom halves off. */

/* By the direction in which the packet has found its connection. */
enum ippfvs_verdict ippfvs_on_conn(struct ippfvs_packet *pkt,
				   struct ippfvs_conn *conn,
				   enum ippfvs_conn_dir dir);

/* Move the connection on to its state after the packet. */
void ippfvs_conn_advance(struct ippfvs_conn *conn,
			 const struct ippfvs_packet *pkt, bool from_client);

#endif /* _IPPFVS_INBOUND_H */
