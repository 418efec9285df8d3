// SPDX-License-Identifier: GPL-2.0
#include "journey.h"

#include "conn/hash.h"
#include "fwd/route.h"
#include "icmp.h"
#include "inbound.h"
#include "net.h"
#include "outbound.h"
#include "schedule.h"

#include <linux/netdevice.h>

static __always_inline struct ippfvs_conn *
find(struct ippfvs_packet *pkt, enum ippfvs_conn_dir *dir)
{
	struct ippfvs_conn_table *table = &pkt->ipn->conns;

	pkt->hash = ippfvs_conn_hash(table, &pkt->wire.tuple);
	return ippfvs_conn_find(table, &pkt->wire.tuple, pkt->hash, dir);
}

/*
 * Of Local Node's, by its addresses: is it the stack's to judge? Clients' packets
 * arrive with the firewall still before them. Answers are made here; one that comes
 * from outside bears our own address, and is forged.
 */
static bool is_for_stack(const struct ippfvs_packet *pkt,
			 enum ippfvs_conn_dir dir)
{
	if (dir == IPPFVS_CONN_IN)
		return pkt->place == IPPFVS_ARRIVING;
	return pkt->place != IPPFVS_OUR_OWN &&
	       !(pkt->in->flags & IFF_LOOPBACK);
}

static __always_inline enum ippfvs_verdict
on_conn(struct ippfvs_packet *pkt, struct ippfvs_conn *conn,
	enum ippfvs_conn_dir dir)
{
	if (conn->method == IPPFVS_METHOD_LOCAL && is_for_stack(pkt, dir))
		return IPPFVS_PASS;
	return dir == IPPFVS_CONN_IN ? ippfvs_inbound(pkt, conn) :
				       ippfvs_outbound(pkt, conn);
}

enum ippfvs_verdict ippfvs_arrived(struct ippfvs_packet *pkt)
{
	struct ippfvs_conn *conn;
	enum ippfvs_conn_dir dir;

	if (unlikely(pkt->wire.inner))
		return ippfvs_icmp(pkt);
	conn = find(pkt, &dir);
	return conn ? on_conn(pkt, conn, dir) : ippfvs_schedule_early(pkt);
}

enum ippfvs_verdict ippfvs_overheard(struct ippfvs_packet *pkt)
{
	struct ippfvs_conn *conn;
	enum ippfvs_conn_dir dir;

	if (pkt->wire.inner)
		return IPPFVS_PASS;
	conn = find(pkt, &dir);
	return conn && dir == IPPFVS_CONN_OUT ? on_conn(pkt, conn, dir) :
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

	if (unlikely(pkt->wire.inner))
		return ippfvs_icmp(pkt);
	/* To one of our own addresses: it comes back by the loopback device. */
	if (pkt->place == IPPFVS_OUR_OWN &&
	    ippfvs_route_loops(pkt->skb, pkt->wire.tuple.family))
		return IPPFVS_PASS;

	conn = find(pkt, &dir);
	if (conn) {
		verdict = on_conn(pkt, conn, dir);
		if (verdict != IPPFVS_ENDED)
			return verdict;
	}
	return ippfvs_schedule(pkt);
}
