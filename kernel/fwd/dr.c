// SPDX-License-Identifier: GPL-2.0
/* VS-DR: another MAC address; the packet stays as it is, but for its TTL. */
#include "forward.h"

#include "../conn.h"
#include "../reject.h"
#include "ttl.h"

#include <linux/netdevice.h>
#include <net/dst.h>

enum ippfvs_verdict ippfvs_dr(struct ippfvs_packet *pkt,
			      const struct ippfvs_conn *conn)
{
	const struct ippfvs_route *route;
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

	ippfvs_packet_take_ttl(pkt);
	return ippfvs_send_direct(pkt, route->dst, mtu, conn->real);
}
