/* SPDX-License-Identifier: GPL-2.0 */
/* The real server's answers on their way back to the client. */
#ifndef _IPPFVS_OUTBOUND_H
#define _IPPFVS_OUTBOUND_H

#include "packet.h"

struct ippfvs_conn;

/* RCU, BH off. From the real server of @conn. */
enum ippfvs_verdict ippfvs_outbound(struct ippfvs_packet *pkt,
				    struct ippfvs_conn *conn);

#endif /* _IPPFVS_OUTBOUND_H */
