// SPDX-License-Identifier: GPL-2.0
#include "inbound.h"

#include "conn_life.h"
#include "core/tcp_state.h"
#include "fwd/forward.h"
#include "outbound.h"
#include "real.h"
#include "reject.h"

static bool is_tcp(const struct ippfvs_packet *pkt)
{
	return pkt->wire.tuple.protocol == IPPROTO_TCP;
}

static enum ippfvs_side side_of(const struct ippfvs_conn *conn,
				bool from_client)
{
	if (!from_client)
		return IPPFVS_SIDE_SERVER;
	return conn->two_way ? IPPFVS_SIDE_CLIENT : IPPFVS_SIDE_CLIENT_ONLY;
}

static u8 next_state(const struct ippfvs_conn *conn,
		     const struct ippfvs_packet *pkt, u8 state,
		     bool from_client)
{
	if (!is_tcp(pkt))
		return IPPFVS_STATE_UDP;
	return ippfvs_tcp_next(state, side_of(conn, from_client),
			       pkt->wire.tcp_flags);
}

void ippfvs_conn_advance(struct ippfvs_conn *conn,
			 const struct ippfvs_packet *pkt, bool from_client)
{
	u64 life;
	u8 to;

	do {
		life = life_read(conn);
		if (life & LIFE_DEAD)
			return;
		to = next_state(conn, pkt, life_state(life), from_client);
		if (likely(life_fresh(life, to)))
			return;
	} while (!ippfvs_conn_move(conn, life, to));
}

/* Its server is gone: say so to a TCP client, find another for a UDP one. */
static enum ippfvs_verdict bereaved(struct ippfvs_packet *pkt,
				    struct ippfvs_conn *conn)
{
	ippfvs_conn_end(conn);
	if (!is_tcp(pkt) || ippfvs_tcp_opens(pkt->wire.tcp_flags))
		return IPPFVS_PASS;
	return ippfvs_reject(pkt, IPPFVS_DROP_SERVER_REMOVED);
}

/*
 * PASS means: no connection any more. The packet goes on through the firewall
 * to where it is scheduled anew.
 */
static enum ippfvs_verdict inbound(struct ippfvs_packet *pkt,
				   struct ippfvs_conn *conn)
{
	if (unlikely(READ_ONCE(conn->real->removed)))
		return bereaved(pkt, conn);

	if (is_tcp(pkt) && ippfvs_tcp_reopens(ippfvs_conn_state(conn),
					      pkt->wire.tcp_flags)) {
		ippfvs_conn_end(conn);
		return IPPFVS_PASS;
	}

	ippfvs_conn_advance(conn, pkt, true);
	return ippfvs_forward(pkt, conn);
}

enum ippfvs_verdict ippfvs_on_conn(struct ippfvs_packet *pkt,
				   struct ippfvs_conn *conn,
				   enum ippfvs_conn_dir dir)
{
	return dir == IPPFVS_CONN_IN ? inbound(pkt, conn) :
				       ippfvs_outbound(pkt, conn);
}
