// SPDX-License-Identifier: GPL-2.0
#include "conn_advance.h"

#include "conn_life.h"
#include "core/tcp_state.h"

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
	if (pkt->wire.tuple.protocol != IPPROTO_TCP)
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
