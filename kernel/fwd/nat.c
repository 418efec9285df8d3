// SPDX-License-Identifier: GPL-2.0
/* VS-NAT: the packet is rewritten towards the server, its answer back. */
#include "forward.h"

#include "../conn/conn.h"
#include "../reject.h"
#include "ready.h"
#include "rewrite.h"
#include "ttl.h"

#include <net/dst.h>

enum ippfvs_verdict ippfvs_nat_in(struct ippfvs_packet *pkt,
				  const struct ippfvs_conn *conn)
{
	const struct ippfvs_route *route;
	enum ippfvs_verdict verdict;
	struct ippfvs_new_end to;
	u32 mtu;

	route = ippfvs_route_to_real(pkt->net, conn->real);
	if (!route)
		return ippfvs_reject_route(pkt);
	mtu = dst_mtu(route->dst);
	verdict = ippfvs_make_ready(pkt, route->dst, mtu, 0);
	if (unlikely(verdict != IPPFVS_PASS))
		return verdict;

	ippfvs_new_end_set(conn, IPPFVS_END_REAL, false, &to);
	ippfvs_rewrite_skb(pkt->skb, &pkt->wire, &to);
	ippfvs_packet_take_ttl(pkt);
	return ippfvs_send_noref(pkt, route->dst, mtu);
}

enum ippfvs_verdict ippfvs_nat_out(struct ippfvs_packet *pkt,
				   const struct ippfvs_conn *conn,
				   struct dst_entry *dst)
{
	enum ippfvs_verdict verdict;
	struct ippfvs_new_end from;
	u32 mtu;

	ippfvs_new_end_set(conn, IPPFVS_END_VIRTUAL, true, &from);
	if (!dst) {
		if (!ippfvs_packet_writable(pkt, 0))
			return ippfvs_packet_drop(pkt,
						  IPPFVS_DROP_NOT_WRITABLE);
		ippfvs_rewrite_skb(pkt->skb, &pkt->wire, &from);
		return IPPFVS_PASS;
	}

	mtu = dst_mtu(dst);
	verdict = ippfvs_make_ready(pkt, dst, mtu, 0);
	if (unlikely(verdict != IPPFVS_PASS)) {
		dst_release(dst);
		return verdict;
	}

	ippfvs_rewrite_skb(pkt->skb, &pkt->wire, &from);
	ippfvs_packet_take_ttl(pkt);
	return ippfvs_send(pkt, dst, mtu);
}
