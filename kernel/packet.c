// SPDX-License-Identifier: GPL-2.0
#include "packet.h"

/*
 * Call @read for the headers at @offset until all bytes that it needs are linear. These bytes are
 * before @end, so a failure to pull them means that there is no memory. The function is inlined, so
 * that the call of @read is direct.
 */
static __always_inline int read_headers(struct sk_buff *skb, u32 offset, u32 end,
					struct ippfvs_wire *wire,
					int (*read)(struct ippfvs_wire *, const u8 *, u32, u32))
{
	int need;

	if (offset >= end)
		return -IPPFVS_WIRE_MALFORMED;

	for (;;) {
		u32 linear = min(skb_headlen(skb), end);
		u32 avail = linear > offset ? linear - offset : 0;

		need = read(wire, skb->data + offset, avail, end - offset);
		if (need <= 0)
			return need;
		if (!pskb_may_pull(skb, offset + need))
			return -ENOMEM;
	}
}

int ippfvs_packet_pull_and_read(struct ippfvs_packet *pkt)
{
	return read_headers(pkt->skb, 0, pkt->skb->len, &pkt->wire, ippfvs_wire_read);
}

/* The quoted packet ends where the ICMP error ends according to its length, without padding. */
int ippfvs_packet_read_quoted(struct ippfvs_packet *pkt, u32 offset, struct ippfvs_wire *quoted)
{
	return read_headers(pkt->skb, offset, pkt->wire.length, quoted, ippfvs_wire_read_quoted);
}

void ippfvs_packet_complete_options(struct ippfvs_packet *pkt)
{
	struct ip_options *opt = &IPCB(pkt->skb)->opt;

	if (!ippfvs_packet_ipv4(pkt) || !opt->is_changed)
		return;
	opt->is_changed = 0;
	ip_send_check(ip_hdr(pkt->skb));
}

bool ippfvs_packet_make_writable(struct ippfvs_packet *pkt, unsigned int headroom)
{
	struct sk_buff *skb = pkt->skb;

	return !skb_ensure_writable(skb, min_t(u32, skb->len, pkt->wire.l4 + pkt->wire.l4_size)) &&
	       !skb_cow_head(skb, headroom);
}
