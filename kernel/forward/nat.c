// SPDX-License-Identifier: GPL-2.0
/* VS-NAT: the packet is rewritten on its way to the real server, the reply on its way back. */
#include "forward.h"
#include "send.h"
#include "rewrite.h"

enum ippfvs_verdict ippfvs_nat_forward(struct ippfvs_packet *pkt, const struct ippfvs_conn *conn)
{
	struct ippfvs_new_end dest;
	struct ippfvs_path path;
	enum ippfvs_verdict verdict;

	verdict = ippfvs_path_open(pkt, conn->real, 0, &path);
	if (unlikely(verdict != IPPFVS_PASS))
		return verdict;

	ippfvs_new_end_set(conn, IPPFVS_END_REAL, false, &dest);
	ippfvs_rewrite_skb(pkt->skb, &pkt->wire, &dest);
	ippfvs_packet_decrement_ttl(pkt);
	return ippfvs_send_noref(pkt, path.route->dst, path.mtu);
}

enum ippfvs_verdict ippfvs_nat_reply(struct ippfvs_packet *pkt, const struct ippfvs_conn *conn,
				     struct dst_entry *dst)
{
	struct ippfvs_new_end source;
	enum ippfvs_verdict verdict;
	u32 mtu;

	ippfvs_new_end_set(conn, IPPFVS_END_VIRTUAL, true, &source);
	if (!dst) {
		if (!ippfvs_packet_writable(pkt, 0))
			return ippfvs_drop(pkt, IPPFVS_DROP_NOT_WRITABLE);
		ippfvs_rewrite_skb(pkt->skb, &pkt->wire, &source);
		return IPPFVS_PASS;
	}

	mtu = ippfvs_send_mtu(pkt, dst);
	verdict = ippfvs_send_prepare(pkt, dst, mtu, 0);
	if (unlikely(verdict != IPPFVS_PASS)) {
		dst_release(dst);
		return verdict;
	}

	ippfvs_rewrite_skb(pkt->skb, &pkt->wire, &source);
	ippfvs_packet_decrement_ttl(pkt);
	return ippfvs_send(pkt, dst, mtu);
}
