/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Ingress: from which devices the packets of a real server come.
 *
 * Any host can send a packet with a real server's source address. So a packet is a reply only if it
 * comes from a device by which a route leads to the real server. The first packet from a device
 * pays for lookups of routes. Afterwards the real server knows the device until the director finds
 * its route to it again, which happens after every change of routes.
 *
 * Context of everything here: RCU, bottom halves off.
 */
#ifndef _IPPFVS_FORWARD_INGRESS_H
#define _IPPFVS_FORWARD_INGRESS_H

#include "../packet.h"
#include "../service/real.h"

#include <linux/netdevice.h>

/* Whether @pkt comes from a device that the real server's packets are known to come from. */
static __always_inline bool ippfvs_ingress_is_known(const struct ippfvs_packet *pkt,
						    const struct ippfvs_real *real)
{
	int ifindex = pkt->in->ifindex;

	return likely(ifindex == READ_ONCE(real->ingress[0])) ||
	       ifindex == READ_ONCE(real->ingress[1]);
}

/**
 * ippfvs_ingress_is_valid() - check the device that a packet came from, and learn it
 * @pkt: a packet with a device, which claims to come from @real or from a router on the way to it
 * @real: the real server
 *
 * Valid are the device of the route to the real server, those of the other next hops of that route,
 * and those of other routes to the same prefix, whatever their metric. A VRF stands for its
 * devices. A packet that IPsec has authenticated is valid.
 *
 * Return: false if the packet may be forged.
 */
bool ippfvs_ingress_is_valid(const struct ippfvs_packet *pkt, struct ippfvs_real *real);

/**
 * ippfvs_ingress_may_forward() - whether packets from a device may be forwarded
 * @pkt: a packet with a device
 *
 * The director forwards replies even if the host is no router (ip_forward is 0). If it is one, a
 * device for which forwarding is switched off is respected. IPv6 has no such setting.
 *
 * Return: false if forwarding is switched off for the device.
 */
bool ippfvs_ingress_may_forward(const struct ippfvs_packet *pkt);

/* Forget the devices of a real server, because routes have changed. */
static inline void ippfvs_ingress_forget(struct ippfvs_real *real)
{
	WRITE_ONCE(real->ingress[0], 0);
	WRITE_ONCE(real->ingress[1], 0);
}

#endif /* _IPPFVS_FORWARD_INGRESS_H */
