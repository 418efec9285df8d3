// SPDX-License-Identifier: GPL-2.0
#include "inbound.h"

#include "conn/advance.h"
#include "conn/orphan.h"
#include "core/tcp_state.h"
#include "fwd/forward.h"
#include "net.h"
#include "reject.h"
#include "service/real.h"

/* Its server is gone: say so to a TCP client, find another for a UDP one. */
static enum ippfvs_verdict server_removed(struct ippfvs_packet *pkt,
					  struct ippfvs_conn *conn)
{
	ippfvs_conn_orphan(&pkt->ipn->conns, conn);
	if (!ippfvs_packet_tcp(pkt) || ippfvs_tcp_opens(pkt->wire.tcp_flags))
		return IPPFVS_ENDED;
	return ippfvs_reject(pkt, IPPFVS_DROP_SERVER_REMOVED);
}

enum ippfvs_verdict ippfvs_inbound(struct ippfvs_packet *pkt,
				   struct ippfvs_conn *conn)
{
	if (unlikely(READ_ONCE(conn->real->removed)))
		return server_removed(pkt, conn);

	if (ippfvs_packet_tcp(pkt) &&
	    ippfvs_tcp_reopens(ippfvs_conn_state(conn), pkt->wire.tcp_flags)) {
		ippfvs_conn_end(conn);
		return IPPFVS_ENDED;
	}

	ippfvs_conn_advance(conn, pkt, IPPFVS_CONN_IN);
	return ippfvs_forward(pkt, conn);
}
