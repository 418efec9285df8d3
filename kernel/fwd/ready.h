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
 * ippfvs_make_ready() - may a packet go by a route, and can it be changed?
 * @pkt: unchanged so far: an error to its sender quotes it as the sender knows it
 * @dst: the route
 * @mtu: what fits; in a tunnel, within it
 * @room: bytes that will be put in front of it
 *
 * Return: IPPFVS_PASS: go on, or what became of the packet
 */
static __always_inline enum ippfvs_verdict
ippfvs_make_ready(struct ippfvs_packet *pkt, const struct dst_entry *dst,
		  u32 mtu, u32 room)
{
	if (ippfvs_packet_ttl_spent(pkt))
		return ippfvs_reject_ttl(pkt);
	if (unlikely(ippfvs_send_too_big(pkt, mtu))) {
		/* It died since it was checked: the MTU is that of no device. */
		if (READ_ONCE(dst->obsolete) > 0)
			return ippfvs_packet_drop(pkt, IPPFVS_DROP_NO_ROUTE);
		return ippfvs_reject_too_big(pkt, mtu);
	}
	if (!ippfvs_packet_writable(pkt, LL_RESERVED_SPACE(dst->dev) + room))
		return ippfvs_packet_drop(pkt, IPPFVS_DROP_NOT_WRITABLE);
	return IPPFVS_PASS;
}

#endif /* _IPPFVS_FWD_READY_H */
