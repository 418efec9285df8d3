/* SPDX-License-Identifier: GPL-2.0 */
/* The client's packets on their way to the real server. */
#ifndef _IPPFVS_INBOUND_H
#define _IPPFVS_INBOUND_H

#include "packet.h"

struct ippfvs_conn;

/*
 * RCU, BH off. From the client of @conn. ENDED: no connection any more; the packet
 * goes on through the firewall to where it is scheduled anew.
 */
enum ippfvs_verdict ippfvs_inbound(struct ippfvs_packet *pkt,
				   struct ippfvs_conn *conn);

#endif /* _IPPFVS_INBOUND_H */
