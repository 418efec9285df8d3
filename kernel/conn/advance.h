/* SPDX-License-Identifier: GPL-2.0 */
/* What a packet does to the state of its connection. */
#ifndef _IPPFVS_CONN_ADVANCE_H
#define _IPPFVS_CONN_ADVANCE_H

#include "../packet.h"
#include "conn.h"

/* RCU, BH off: move the connection on to its state after the packet, which goes @dir. */
void ippfvs_conn_advance(struct ippfvs_conn *conn,
			 const struct ippfvs_packet *pkt,
			 enum ippfvs_conn_dir dir);

#endif /* _IPPFVS_CONN_ADVANCE_H */
