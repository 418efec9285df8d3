// SPDX-License-Identifier: GPL-2.0
#include "journey.h"

#include "conn_table.h"
#include "fwd/route.h"
#include "inbound.h"
#include "net.h"
#include "outbound.h"
#include "schedule.h"

static enum ippfvs_verdict on_conn(struct ippfvs_packet *pkt,
				   struct ippfvs_conn *conn,
				   enum ippfvs_conn_dir dir)
{
	return dir == IPPFVS_CONN_IN ? ippfvs_inbound(pkt, conn) :
				       ippfvs_outbound(pkt, conn);
}

enum ippfvs_verdict ippfvs_arrived(struct ippfvs_packet *pkt)
{
	struct ippfvs_conn *conn;
	enum ippfvs_conn_dir dir;

	conn = ippfvs_conn_find(&pkt->ipn->conns, &pkt->wire.tuple, pkt->hash,
				&dir);
	if (!conn)
		return ippfvs_schedule_early(pkt);
	/* Local Node's packets have the host's firewall still before them. */
	if (dir == IPPFVS_CONN_IN && conn->method == IPPFVS_METHOD_LOCAL)
		return IPPFVS_PASS;
	return on_conn(pkt, conn, dir);
}

enum ippfvs_verdict ippfvs_overheard(struct ippfvs_packet *pkt)
{
	struct ippfvs_conn *conn;
	enum ippfvs_conn_dir dir;

	conn = ippfvs_conn_find(&pkt->ipn->conns, &pkt->wire.tuple, pkt->hash,
				&dir);
	return conn && dir == IPPFVS_CONN_OUT ? ippfvs_outbound(pkt, conn) :
						IPPFVS_PASS;
}

/*
 * Packets of known connections were met on arrival. Who still comes here with
 * one: Local Node's, for delivery; a server's answer to a client on the director;
 * the director's own; and whoever lost a race with another packet of its flow.
 */
enum ippfvs_verdict ippfvs_admitted(struct ippfvs_packet *pkt)
{
	struct ippfvs_conn *conn;
	enum ippfvs_conn_dir dir;
	enum ippfvs_verdict verdict;

	/* To one of our own addresses: it comes back by the loopback device. */
	if (pkt->place == IPPFVS_OUR_OWN &&
	    ippfvs_route_loops(pkt->skb, pkt->wire.tuple.family))
		return IPPFVS_PASS;

	conn = ippfvs_conn_find(&pkt->ipn->conns, &pkt->wire.tuple, pkt->hash,
				&dir);
	if (conn) {
		verdict = on_conn(pkt, conn, dir);
		/* Answers are rewritten already, whether theirs ends just now or not. */
		if (verdict != IPPFVS_PASS || dir == IPPFVS_CONN_OUT ||
		    !ippfvs_conn_ended(conn))
			return verdict;
	}
	return ippfvs_schedule(pkt);
}
