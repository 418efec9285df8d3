// SPDX-License-Identifier: GPL-2.0
#include "outbound.h"

#include "conn/advance.h"
#include "fwd/forward.h"
#include "service/real.h"

#include <linux/netfilter/nf_conntrack_common.h>
#include <net/dst.h>

static void count(const struct ippfvs_packet *pkt, struct ippfvs_conn *conn)
{
	ippfvs_conn_advance(conn, pkt, IPPFVS_CONN_OUT);
	ippfvs_stats_out(&this_cpu_ptr(conn->real->cpu)->stats,
			 pkt->wire.length);
}

/*
 * Conntrack has not seen the request leave, and would call the answer invalid
 * before we have made it what the client waits for.
 */
static void untrack(struct sk_buff *skb)
{
	nf_reset_ct(skb);
	skb_set_nfct(skb, IP_CT_UNTRACKED);
}

/*
 * A client on the director itself must be reached through the input path, after
 * routing has accepted the packet as the real server's; so it is rewritten there.
 * An answer made by the director (Local Node) has its route already.
 */
enum ippfvs_verdict ippfvs_outbound(struct ippfvs_packet *pkt,
				    struct ippfvs_conn *conn)
{
	struct dst_entry *dst = NULL;

	if (unlikely(READ_ONCE(conn->real->removed)))
		return ippfvs_packet_drop(pkt, IPPFVS_DROP_SERVER_REMOVED);

	if (pkt->place == IPPFVS_ARRIVING || pkt->place == IPPFVS_THROUGH) {
		union ippfvs_addr virtual;

		ippfvs_conn_addr(conn, IPPFVS_END_VIRTUAL, &virtual);
		dst = ippfvs_route_to_client(pkt, &virtual,
					     &pkt->wire.tuple.daddr);
		if (!dst)
			return ippfvs_packet_drop(pkt, IPPFVS_DROP_NO_ROUTE);
		if (ippfvs_route_is_ours(dst, conn->family)) {
			dst_release(dst);
			untrack(pkt->skb);
			return IPPFVS_PASS;
		}
	}

	count(pkt, conn);
	return ippfvs_nat_out(pkt, conn, dst);
}
