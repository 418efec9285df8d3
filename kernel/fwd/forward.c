// SPDX-License-Identifier: GPL-2.0
#include "forward.h"

#include "../conn.h"
#include "../real.h"

enum ippfvs_verdict ippfvs_forward_uncounted(struct ippfvs_packet *pkt,
					     struct ippfvs_conn *conn)
{
	switch (conn->method) {
	case IPPFVS_METHOD_NAT:
		return ippfvs_nat_in(pkt, conn);
	case IPPFVS_METHOD_TUN:
		return ippfvs_tun(pkt, conn);
	case IPPFVS_METHOD_DR:
		return ippfvs_dr(pkt, conn);
	default:
		return ippfvs_local(pkt, conn);
	}
}

enum ippfvs_verdict ippfvs_forward(struct ippfvs_packet *pkt,
				   struct ippfvs_conn *conn)
{
	ippfvs_stats_in(&this_cpu_ptr(conn->real->cpu)->stats,
			pkt->wire.length);
	return ippfvs_forward_uncounted(pkt, conn);
}
