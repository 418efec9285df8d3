// SPDX-License-Identifier: GPL-2.0
/* VS-NAT: the packet is rewritten towards the server, its answer back. */
#include "forward.h"

#include "../conn.h"
#include "../reject.h"
#include "rewrite.h"
#include "ttl.h"

#include <linux/netdevice.h>
#include <net/dst.h>

enum ippfvs_verdict ippfvs_nat_in(struct ippfvs_packet *pkt,
				  const struct ippfvs_conn *conn)
{
	const struct ippfvs_route *route;
	struct ippfvs_end to;
	u32 mtu;

	route = ippfvs_route_to_real(pkt->net, conn->real);
	if (!route)
		return ippfvs_reject_route(pkt);
	if (ippfvs_packet_ttl_spent(pkt))
		return ippfvs_reject_ttl(pkt);
	mtu = dst_mtu(route->dst);
	if (ippfvs_send_too_big(pkt, mtu))
		return ippfvs_reject_too_big(pkt, mtu);
	if (!ippfvs_packet_writable(pkt, LL_RESERVED_SPACE(route->dst->dev)))
		return ippfvs_packet_drop(pkt, IPPFVS_DROP_NOT_WRITABLE);

	ippfvs_end_of(conn, IPPFVS_END_REAL, false, &to);
	ippfvs_rewrite_skb(pkt->skb, &pkt->wire, &to);
	ippfvs_packet_take_ttl(pkt);
	return ippfvs_send_noref(pkt, route->dst, mtu);
}

enum ippfvs_verdict ippfvs_nat_out(struct ippfvs_packet *pkt,
				   const struct ippfvs_conn *conn,
				   struct dst_entry *dst)
{
	struct ippfvs_end from;
	u32 mtu;

	ippfvs_end_of(conn, IPPFVS_END_VIRTUAL, true, &from);
	if (!dst) {
		if (!ippfvs_packet_writable(pkt, 0))
			return ippfvs_packet_drop(pkt,
						  IPPFVS_DROP_NOT_WRITABLE);
		ippfvs_rewrite_skb(pkt->skb, &pkt->wire, &from);
		return IPPFVS_PASS;
	}

	/* The server is told, in the words it knows: nothing is rewritten yet. */
	if (ippfvs_packet_ttl_spent(pkt)) {
		dst_release(dst);
		return ippfvs_reject_ttl(pkt);
	}
	mtu = dst_mtu(dst);
	if (ippfvs_send_too_big(pkt, mtu)) {
		dst_release(dst);
		return ippfvs_reject_too_big(pkt, mtu);
	}
	if (!ippfvs_packet_writable(pkt, LL_RESERVED_SPACE(dst->dev))) {
		dst_release(dst);
		return ippfvs_packet_drop(pkt, IPPFVS_DROP_NOT_WRITABLE);
	}

	ippfvs_rewrite_skb(pkt->skb, &pkt->wire, &from);
	ippfvs_packet_take_ttl(pkt);
	skb_dst_drop(pkt->skb);
	skb_dst_set(pkt->skb, dst);
	return ippfvs_send(pkt, mtu);
}
