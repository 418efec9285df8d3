/* SPDX-License-Identifier: GPL-2.0 */
/* What is asked of a packet before it is changed and sent on. */
#ifndef _IPPFVS_FWD_READY_H
#define _IPPFVS_FWD_READY_H

#include "../packet.h"
#include "../reject.h"
#include "send.h"
#include "ttl.h"

#include <linux/netdevice.h>
#include <net/dst.h>

/**
 * ippfvs_ready() - make a packet ready to be changed and sent by a route
 * @pkt: who sent it is told if it may not go, in the words that the sender knows:
 *	nothing has been changed yet
 * @dst: the route
 * @mtu: set to what it takes
 *
 * Return: IPPFVS_PASS, or what became of the packet
 */
static __always_inline enum ippfvs_verdict
ippfvs_ready(struct ippfvs_packet *pkt, const struct dst_entry *dst, u32 *mtu)
{
	if (ippfvs_packet_ttl_spent(pkt))
		return ippfvs_reject_ttl(pkt);
	*mtu = dst_mtu(dst);
	if (ippfvs_send_too_big(pkt, *mtu))
		return ippfvs_reject_too_big(pkt, *mtu);
	if (!ippfvs_packet_writable(pkt, LL_RESERVED_SPACE(dst->dev)))
		return ippfvs_packet_drop(pkt, IPPFVS_DROP_NOT_WRITABLE);
	return IPPFVS_PASS;
}

#endif /* _IPPFVS_FWD_READY_H */
