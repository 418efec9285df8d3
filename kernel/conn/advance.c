// SPDX-License-Identifier: GPL-2.0
#include "advance.h"

#include "../core/tcp_state.h"
#include "life.h"

static enum ippfvs_side side_of(const struct ippfvs_conn *conn,
				enum ippfvs_conn_dir dir)
{
	if (dir == IPPFVS_CONN_OUT)
		return IPPFVS_SIDE_SERVER;
	return conn->two_way ? IPPFVS_SIDE_CLIENT : IPPFVS_SIDE_CLIENT_ONLY;
}

static u8 next_state(const struct ippfvs_conn *conn,
		     const struct ippfvs_packet *pkt, u8 state,
		     enum ippfvs_conn_dir dir)
{
	if (!ippfvs_packet_tcp(pkt))
		return IPPFVS_STATE_UDP;
	return ippfvs_tcp_next(state, side_of(conn, dir),
			       pkt->wire.tcp_flags);
}

void ippfvs_conn_advance(struct ippfvs_conn *conn,
			 const struct ippfvs_packet *pkt,
			 enum ippfvs_conn_dir dir)
{
	u64 life;
	u8 to;

	do {
		life = life_read(conn);
		if (life & LIFE_DEAD)
			return;
		to = next_state(conn, pkt, life_state(life), dir);
		if (likely(life_fresh(life, to)))
			return;
	} while (!ippfvs_conn_move(conn, life, to));
}
