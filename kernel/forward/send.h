/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Sending to the next hop: find the route to a real server, check that the packet fits, and give
 * the packet to the neighbour.
 *
 * Context of everything here: RCU, bottom halves off.
 */
#ifndef _IPPFVS_FORWARD_SEND_H
#define _IPPFVS_FORWARD_SEND_H

#include "../packet.h"
#include "../reject.h"
#include "../service/real.h"
#include "route.h"

#include <linux/lockdep.h>
#include <linux/netdevice.h>
#include <net/dst.h>
#include <net/ip6_fib.h>
#include <net/lwtunnel.h>

/**
 * ippfvs_send_mtu() - the MTU of a route for packets that the director only forwards
 * @pkt: the packet; its family is that of @dst
 * @dst: the route
 *
 * It is that of the route's configuration or of the device. Learned path MTUs do not count, because
 * one forged ICMP error, for example about an echo reply, would reduce the MTU for all flows to
 * that host. A router after the director that has a smaller MTU tells the sender itself. Only the
 * sysctl ip_forward_use_pmtu makes the IPv4 stack and the director trust learned path MTUs.
 *
 * Return: bytes.
 */
static __always_inline u32 ippfvs_send_mtu(const struct ippfvs_packet *pkt,
					   const struct dst_entry *dst)
{
	u32 mtu;

	if (ippfvs_packet_ipv4(pkt)) {
		if (unlikely(READ_ONCE(pkt->net->ipv4.sysctl_ip_fwd_use_pmtu)))
			return dst_mtu(dst);
		mtu = dst_metric_raw(dst, RTAX_MTU);
	} else {
		mtu = likely(!(dst_rt6_info(dst)->rt6i_flags & RTF_CACHE)) ?
			      dst_metric_raw(dst, RTAX_MTU) :
			      ippfvs_route_configured_mtu6(dst);
	}
	if (likely(!mtu))
		mtu = ippfvs_route_device_mtu(dst, pkt->wire.tuple.family);
	mtu = min_t(u32, mtu, IP_MAX_MTU);
	return mtu - lwtunnel_headroom(dst->lwtstate, mtu);
}

/**
 * ippfvs_send_too_big() - check a long packet; the slow part of ippfvs_send_prepare()
 * @pkt: a packet that is longer than @mtu
 * @mtu: number of bytes that fit
 *
 * Return: true if the packet must be refused, because it may not be fragmented.
 */
bool ippfvs_send_too_big(const struct ippfvs_packet *pkt, u32 mtu);

/**
 * ippfvs_send_prepare() - check a packet against a route, make it writable, decrement its TTL
 * @pkt: the packet, which has not been changed, because an ICMP error would quote it
 * @dst: the route
 * @mtu: number of bytes that fit; for a tunnel, the number that fit inside it
 * @headroom: bytes that will be put in front of the packet, without the link layer
 *
 * Return: IPPFVS_PASS if the packet may be sent, else its final verdict. A refused packet is
 * unchanged.
 */
static __always_inline enum ippfvs_verdict
ippfvs_send_prepare(struct ippfvs_packet *pkt, const struct dst_entry *dst, u32 mtu, u32 headroom)
{
	if (ippfvs_packet_ttl_expired(pkt))
		return ippfvs_reject_ttl(pkt);
	if (unlikely(pkt->skb->len > mtu && ippfvs_send_too_big(pkt, mtu))) {
		/* If the route died after the check, its MTU is not that of a device. */
		if (READ_ONCE(dst->obsolete) > 0)
			return ippfvs_drop(pkt, IPPFVS_DROP_NO_ROUTE);
		return ippfvs_reject_too_big(pkt, mtu);
	}
	if (!ippfvs_packet_writable(pkt, LL_RESERVED_SPACE(dst->dev) + headroom))
		return ippfvs_drop(pkt, IPPFVS_DROP_NOT_WRITABLE);
	if (unlikely(pkt->wire.options))
		ippfvs_packet_complete_options(pkt);
	ippfvs_packet_decrement_ttl(pkt);
	return IPPFVS_PASS;
}

/**
 * ippfvs_route_to_real() - get this CPU's route to a real server
 * @net: namespace
 * @real: the real server
 *
 * A stale route is looked up again.
 *
 * Return: the route, or NULL if no route leads to another machine.
 */
static inline struct ippfvs_route *ippfvs_route_to_real(struct net *net, struct ippfvs_real *real)
{
	struct ippfvs_route *route = &this_cpu_ptr(real->cpu)->route;

	lockdep_assert_in_softirq();

	if (likely(route->dst && dst_check(route->dst, route->cookie)))
		return route;
	return ippfvs_route_renew(net, real, route);
}

/**
 * struct ippfvs_path - the path of one packet to its real server
 * @route: this CPU's route to the real server
 * @mtu: MTU of the route in bytes; for a tunnel it is that of the path as far as it is known
 */
struct ippfvs_path {
	struct ippfvs_route *route;
	u32 mtu;
};

/**
 * ippfvs_path_open() - find the path to a real server and prepare a packet for it
 * @pkt: the packet
 * @real: the real server
 * @overhead: bytes of the header that encapsulation will put in front of the packet, or 0
 * @path: result
 *
 * IPv6 packets of up to IPV6_MIN_MTU bytes are never refused. If they do not fit into a tunnel, the
 * outer packet is fragmented.
 *
 * Return: IPPFVS_PASS if the packet may be changed and sent, else its final verdict.
 */
static __always_inline enum ippfvs_verdict ippfvs_path_open(struct ippfvs_packet *pkt,
							    struct ippfvs_real *real, u32 overhead,
							    struct ippfvs_path *path)
{
	u32 mtu;

	path->route = ippfvs_route_to_real(pkt->net, real);
	/*
	 * Hosts drop packets from 0.0.0.0 (RFC 1122, 3.2.1.3), so a tunnel needs a source address.
	 */
	if (!path->route || (overhead && ippfvs_packet_ipv4(pkt) && !path->route->saddr.ip))
		return ippfvs_reject_no_route(pkt);
	/*
	 * The director is the sender of a tunnel's outer packets and the only host that learns of a
	 * small MTU on their path. It can tell the client only what it has learned.
	 */
	path->mtu = overhead ? dst_mtu(path->route->dst) : ippfvs_send_mtu(pkt, path->route->dst);
	mtu = path->mtu - overhead;
	if (overhead && !ippfvs_packet_ipv4(pkt))
		mtu = max_t(u32, mtu, IPV6_MIN_MTU);
	return ippfvs_send_prepare(pkt, path->route->dst, mtu, overhead);
}

/**
 * ippfvs_send() - send a packet by a route whose reference is consumed
 * @pkt: the packet, complete
 * @dst: the route
 * @mtu: ippfvs_send_mtu() of @dst; dst_mtu() for packets that the director itself sends: outer
 *	packets of a tunnel, echo replies
 *
 * The packet is given directly to the neighbour. The stack sends it only if it must be fragmented
 * or the route is special.
 *
 * Return: IPPFVS_STOLEN or IPPFVS_DROP.
 */
enum ippfvs_verdict ippfvs_send(struct ippfvs_packet *pkt, struct dst_entry *dst, u32 mtu);

/**
 * ippfvs_send_noref() - send a packet by a route that RCU protects; see ippfvs_send()
 * @pkt: the packet, complete
 * @dst: the route; no reference is consumed
 * @mtu: dst_mtu() of @dst
 *
 * Return: IPPFVS_STOLEN or IPPFVS_DROP.
 */
enum ippfvs_verdict ippfvs_send_noref(struct ippfvs_packet *pkt, struct dst_entry *dst, u32 mtu);

/**
 * ippfvs_send_direct() - send a packet to a real server, whatever its destination address
 * @pkt: the packet, complete
 * @dst: the route to @real; no reference is consumed
 * @mtu: dst_mtu() of @dst
 * @real: the real server, which is the next hop unless @dst has a gateway
 *
 * Return: IPPFVS_STOLEN or IPPFVS_DROP.
 */
enum ippfvs_verdict ippfvs_send_direct(struct ippfvs_packet *pkt, struct dst_entry *dst, u32 mtu,
				       const struct ippfvs_real *real);

#endif /* _IPPFVS_FORWARD_SEND_H */
