// SPDX-License-Identifier: GPL-2.0
/* VS-DR: another MAC address; the packet stays as it is, but for its TTL. */
#include "forward.h"

#include "../conn/conn.h"
#include "../reject.h"
#include "ready.h"
#include "ttl.h"

#include <net/dst.h>

enum ippfvs_verdict ippfvs_dr(struct ippfvs_packet *pkt,
			      const struct ippfvs_conn *conn)
{
	const struct ippfvs_route *route;
	enum ippfvs_verdict verdict;
	u32 mtu;

	route = ippfvs_route_to_real(pkt->net, conn->real);
	if (!route)
		return ippfvs_reject_route(pkt);
	mtu = dst_mtu(route->dst);
	verdict = ippfvs_make_ready(pkt, route->dst, mtu, 0);
	if (unlikely(verdict != IPPFVS_PASS))
		return verdict;

	ippfvs_packet_take_ttl(pkt);
	return ippfvs_send_direct(pkt, route->dst, mtu, conn->real);
}
