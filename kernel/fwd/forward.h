/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How a packet reaches its real server: one method a file, each deciding first
 * (route, size, time to live), then writing, then sending. RCU, BH off.
 */
#ifndef _IPPFVS_FWD_FORWARD_H
#define _IPPFVS_FWD_FORWARD_H

#include "../conn/conn.h"
#include "../packet.h"
#include "../service/real.h"
#include "route.h"
#include "send.h"

#include <linux/lockdep.h>
#include <net/dst.h>

enum ippfvs_verdict ippfvs_nat_in(struct ippfvs_packet *pkt,
				  const struct ippfvs_conn *conn);

/* The answer, by @dst, whose reference it takes; NULL: it has its route. */
enum ippfvs_verdict ippfvs_nat_out(struct ippfvs_packet *pkt,
				   const struct ippfvs_conn *conn,
				   struct dst_entry *dst);

enum ippfvs_verdict ippfvs_tun(struct ippfvs_packet *pkt,
			       const struct ippfvs_conn *conn);
enum ippfvs_verdict ippfvs_dr(struct ippfvs_packet *pkt,
			      const struct ippfvs_conn *conn);

/* Give a packet past the input firewall to the socket that shall have it. */
enum ippfvs_verdict ippfvs_local(struct ippfvs_packet *pkt,
				 struct ippfvs_conn *conn);

/* Has the director a socket that would serve @pkt, the first of a connection? */
bool ippfvs_local_serves(const struct ippfvs_packet *pkt,
			 const union ippfvs_addr *real, __be16 port);

/* @pkt is for us: has the director a socket connected to this very client? */
bool ippfvs_local_connected(const struct ippfvs_packet *pkt);

/*
 * Must the answers of the director's own server, which listens at @port of @real
 * or of the virtual address, be rewritten? Sets @source where they will come from.
 */
bool ippfvs_local_answers(const struct ippfvs_packet *pkt,
			  const union ippfvs_addr *real, __be16 port,
			  union ippfvs_addr *source);

/* This CPU's route to @real, looked up again when it has become stale; NULL: none. */
static inline struct ippfvs_route *
ippfvs_route_to_real(struct net *net, const struct ippfvs_real *real)
{
	struct ippfvs_route *route = &this_cpu_ptr(real->cpu)->route;

	lockdep_assert_in_softirq();

	if (likely(route->dst && dst_check(route->dst, route->cookie)))
		return route;
	return ippfvs_route_renew(net, real, route);
}

/* By the method of @conn, not counted: an ICMP error on its way, as it is. */
static inline enum ippfvs_verdict
ippfvs_forward_uncounted(struct ippfvs_packet *pkt, struct ippfvs_conn *conn)
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

/* The same, counted for its real server. */
static inline enum ippfvs_verdict ippfvs_forward(struct ippfvs_packet *pkt,
						 struct ippfvs_conn *conn)
{
	ippfvs_stats_in(&this_cpu_ptr(conn->real->cpu)->stats,
			pkt->wire.length);
	return ippfvs_forward_uncounted(pkt, conn);
}

#endif /* _IPPFVS_FWD_FORWARD_H */
