/* SPDX-License-Identifier: GPL-2.0 */
/* The time to live, or hop limit, which a director takes like a router. */
#ifndef _IPPFVS_FWD_TTL_H
#define _IPPFVS_FWD_TTL_H

#include "../packet.h"

#include <linux/ipv6.h>
#include <net/ip.h>

/* Like a router: is the time to live still to be taken? */
static inline bool ippfvs_packet_ttl_due(const struct ippfvs_packet *pkt)
{
	return pkt->place == IPPFVS_ARRIVING || pkt->place == IPPFVS_FOR_US;
}

static inline bool ippfvs_packet_ttl_spent(const struct ippfvs_packet *pkt)
{
	return ippfvs_packet_ttl_due(pkt) && pkt->wire.ttl <= 1;
}

/* It is writable. */
static inline void ippfvs_packet_take_ttl(struct ippfvs_packet *pkt)
{
	if (!ippfvs_packet_ttl_due(pkt))
		return;
	if (ippfvs_packet_ipv4(pkt))
		ip_decrease_ttl(ip_hdr(pkt->skb));
	else
		ipv6_hdr(pkt->skb)->hop_limit--;
}

#endif /* _IPPFVS_FWD_TTL_H */
