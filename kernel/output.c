// SPDX-License-Identifier: GPL-2.0
#include "output.h"

#include "forward/forward.h"
#include "forward/ingress.h"
#include "reject.h"
#include "forward/route.h"
#include "service/real.h"

#include <linux/netfilter/nf_conntrack_common.h>
#include <net/dst.h>

/*
 * Conntrack has not seen the request. Therefore it would mark the reply as invalid on the way to
 * LOCAL_IN, where the reply is rewritten.
 */
static void untrack(struct sk_buff *skb)
{
	nf_reset_ct(skb);
	skb_set_nfct(skb, IP_CT_UNTRACKED);
}

/* Replies of Local Node are made on the director. */
static bool has_device_of_real(const struct ippfvs_packet *pkt, const struct ippfvs_conn *conn)
{
	return likely(conn->method != IPPFVS_METHOD_LOCAL) && likely(pkt->in);
}

/*
 * A reply to a client on the director takes the stack's input path, which must see the real
 * server's address as its source. Therefore it is rewritten only at LOCAL_IN. A reply that the
 * director itself sends (Local Node) already has its route.
 */
enum ippfvs_verdict ippfvs_output(struct ippfvs_packet *pkt, struct ippfvs_conn *conn)
{
	struct dst_entry *dst = NULL;
	bool known = !has_device_of_real(pkt, conn) || ippfvs_ingress_is_known(pkt, conn->real);

	if (unlikely(READ_ONCE(conn->real->removed)))
		return ippfvs_drop(pkt, IPPFVS_DROP_SERVER_REMOVED);
	if (unlikely(!known) && !ippfvs_ingress_is_valid(pkt, conn->real))
		return ippfvs_drop(pkt, IPPFVS_DROP_WRONG_DEVICE);

	if (pkt->hook == IPPFVS_PREROUTING || pkt->hook == IPPFVS_FORWARD) {
		dst = ippfvs_route_to_client(pkt, conn);
		if (!dst)
			return ippfvs_drop(pkt, IPPFVS_DROP_NO_ROUTE);
		if (ippfvs_route_is_local(dst, conn->family)) {
			dst_release(dst);
			untrack(pkt->skb);
			return IPPFVS_PASS;
		}
		if (unlikely(!known) && !ippfvs_ingress_may_forward(pkt)) {
			dst_release(dst);
			return ippfvs_drop(pkt, IPPFVS_DROP_NO_ROUTE);
		}
	}

	ippfvs_conn_advance(conn, IPPFVS_CONN_OUT, pkt->wire.tcp_flags, ippfvs_packet_tcp_ack(pkt));
	ippfvs_stats_out(&this_cpu_ptr(conn->real->cpu)->stats, pkt->wire.length);
	return ippfvs_nat_reply(pkt, conn, dst);
}
