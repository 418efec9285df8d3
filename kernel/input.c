// SPDX-License-Identifier: GPL-2.0
#include "input.h"

#include "conn/table.h"
#include "core/tcp_state.h"
#include "forward/forward.h"
#include "forward/route.h"
#include "icmp.h"
#include "net.h"
#include "output.h"
#include "reject.h"
#include "service/real.h"
#include "schedule.h"
#include "unserved.h"

#include <linux/netdevice.h>

static __always_inline struct ippfvs_conn *lookup_conn(struct ippfvs_packet *pkt,
						       enum ippfvs_conn_dir *dir)
{
	return ippfvs_conn_lookup(&pkt->ipn->conns, &pkt->wire.tuple, &pkt->hash, dir);
}

/* A TCP client gets an RST unless its packet opens a connection. A UDP flow is scheduled again. */
static enum ippfvs_verdict real_removed(struct ippfvs_packet *pkt, struct ippfvs_conn *conn)
{
	ippfvs_conn_entomb(&pkt->ipn->conns, conn);
	if (!ippfvs_packet_tcp(pkt) || ippfvs_tcp_opens(pkt->wire.tcp_flags))
		return IPPFVS_RESCHEDULE;
	return ippfvs_reject(pkt, IPPFVS_DROP_SERVER_REMOVED);
}

static enum ippfvs_verdict input_known(struct ippfvs_packet *pkt, struct ippfvs_conn *conn)
{
	if (unlikely(READ_ONCE(conn->real->removed)))
		return real_removed(pkt, conn);

	if (unlikely(ippfvs_tcp_opens(pkt->wire.tcp_flags)) &&
	    ippfvs_conn_reopens(conn, pkt->wire.tcp_flags)) {
		ippfvs_conn_end(conn);
		return IPPFVS_RESCHEDULE;
	}

	ippfvs_conn_advance(conn, IPPFVS_CONN_IN, pkt->wire.tcp_flags, ippfvs_packet_tcp_seq(pkt));
	return ippfvs_forward(pkt, conn);
}

/*
 * Return: true if the stack must handle this packet of a Local Node connection first. A client's
 * packet at PREROUTING has not passed the firewall yet. Replies are sent by the director itself, so
 * a reply from outside is forged, and the stack drops it because of its source address.
 */
static bool is_for_stack(const struct ippfvs_packet *pkt, enum ippfvs_conn_dir dir)
{
	if (dir == IPPFVS_CONN_IN)
		return pkt->hook == IPPFVS_PREROUTING;
	return pkt->hook != IPPFVS_LOCAL_OUT && !(pkt->in->flags & IFF_LOOPBACK);
}

static __always_inline enum ippfvs_verdict
dispatch(struct ippfvs_packet *pkt, struct ippfvs_conn *conn, enum ippfvs_conn_dir dir)
{
	if (conn->method == IPPFVS_METHOD_LOCAL && is_for_stack(pkt, dir))
		return IPPFVS_PASS;
	return dir == IPPFVS_CONN_IN ? input_known(pkt, conn) : ippfvs_output(pkt, conn);
}

enum ippfvs_verdict ippfvs_input_early(struct ippfvs_packet *pkt)
{
	struct ippfvs_conn *conn;
	enum ippfvs_conn_dir dir;

	/* The stack processes IPv4 options, and refuses source routes, before the later hooks. */
	if (unlikely(pkt->wire.options) && ippfvs_packet_ipv4(pkt))
		return IPPFVS_PASS;
	if (unlikely(pkt->wire.inner))
		return ippfvs_icmp_input(pkt);
	conn = lookup_conn(pkt, &dir);
	return conn ? dispatch(pkt, conn, dir) : ippfvs_schedule_early(pkt);
}

enum ippfvs_verdict ippfvs_input_bridged(struct ippfvs_packet *pkt)
{
	struct ippfvs_conn *conn;
	enum ippfvs_conn_dir dir;

	if (pkt->wire.inner)
		return IPPFVS_PASS;
	conn = lookup_conn(pkt, &dir);
	return conn && dir == IPPFVS_CONN_OUT ? dispatch(pkt, conn, dir) : IPPFVS_PASS;
}

/*
 * Most packets of known connections are forwarded at PREROUTING. The others are packets of a Local
 * Node, replies to a client on the director, packets that the director sends, and packets whose
 * connection another packet has opened since PREROUTING.
 */
enum ippfvs_verdict ippfvs_input(struct ippfvs_packet *pkt)
{
	struct ippfvs_conn *conn;
	enum ippfvs_conn_dir dir;
	enum ippfvs_verdict verdict;

	if (unlikely(pkt->wire.inner)) {
		verdict = ippfvs_icmp_input(pkt);
		return verdict == IPPFVS_PASS ? ippfvs_unserved(pkt) : verdict;
	}
	/* A packet to an address of the director will come back through the loopback device. */
	if (pkt->hook == IPPFVS_LOCAL_OUT &&
	    ippfvs_route_is_loopback(pkt->skb, pkt->wire.tuple.family))
		return IPPFVS_PASS;

	conn = lookup_conn(pkt, &dir);
	if (conn) {
		verdict = dispatch(pkt, conn, dir);
		if (verdict != IPPFVS_RESCHEDULE)
			return verdict;
	}
	return ippfvs_schedule(pkt);
}
