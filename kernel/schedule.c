// SPDX-License-Identifier: GPL-2.0
#include "schedule.h"

#include "conn/insert.h"
#include "core/tcp_state.h"
#include "early.h"
#include "forward/forward.h"
#include "forward/link.h"
#include "forward/send.h"
#include "net.h"
#include "reject.h"
#include "service/pool.h"
#include "service/real.h"
#include "service/table.h"
#include "service/service.h"
#include "unserved.h"

/* The entry */

static enum ippfvs_drop drop_reason(long err)
{
	switch (err) {
	case -ENOSPC:
		return IPPFVS_DROP_TABLE_FULL;
	case -EADDRINUSE:
		return IPPFVS_DROP_TUPLE_IN_USE;
	default:
		return IPPFVS_DROP_NO_MEMORY;
	}
}

/* Network byte order. In a service on all ports, the packet's own port is used. */
static __be16 real_port(const struct ippfvs_member *member, const struct ippfvs_packet *pkt)
{
	return member->real->port ?: pkt->wire.tuple.dport;
}

/* Replies of Local Node come from the address that its socket uses, which the plan takes over. */
static struct ippfvs_conn *add_conn(struct ippfvs_packet *pkt, const struct ippfvs_member *member)
{
	struct ippfvs_conn_plan plan = {
		.tuple = &pkt->wire.tuple,
		.hash = pkt->hash,
		.real = member->real,
		.addr = member->real->addr,
		.port = real_port(member, pkt),
		.method = member->method,
		.state = ippfvs_packet_tcp(pkt) ? IPPFVS_STATE_SYN_SENT : IPPFVS_STATE_UDP,
		.position = ippfvs_tcp_position(ippfvs_packet_tcp_seq(pkt)),
	};

	if (plan.method == IPPFVS_METHOD_NAT) {
		int link = ippfvs_link_learn(pkt);

		if (unlikely(link < 0))
			return ERR_PTR(link);
		plan.link = link;
	}
	if (plan.method == IPPFVS_METHOD_LOCAL)
		plan.two_way =
			ippfvs_local_rewrites_reply(pkt, &plan.real->addr, plan.port, &plan.addr);
	else
		plan.two_way = plan.method == IPPFVS_METHOD_NAT;
	return ippfvs_conn_add(&pkt->ipn->conns, &plan);
}

/* A Local Node without a socket gets no connection entry. */
static bool has_no_listener(const struct ippfvs_packet *pkt, const struct ippfvs_member *member)
{
	return member->method == IPPFVS_METHOD_LOCAL &&
	       !ippfvs_local_has_socket(pkt, &member->real->addr, real_port(member, pkt));
}

static bool is_link_local(const struct ippfvs_packet *pkt)
{
	return !ippfvs_packet_ipv4(pkt) &&
	       (pkt->wire.tuple.saddr.word[0] & htonl(0xffc00000)) == htonl(0xfe800000);
}

/*
 * A packet from a link-local address must not leave its link (RFC 4291, 2.5.6). By VS-NAT it would
 * get no reply even there, because the server would send the reply to the client directly.
 */
static bool is_beyond_scope(const struct ippfvs_packet *pkt, const struct ippfvs_member *member)
{
	const struct ippfvs_route *route;

	if (likely(!is_link_local(pkt)) || member->method == IPPFVS_METHOD_LOCAL)
		return false;
	route = ippfvs_route_to_real(pkt->net, member->real);
	return member->method == IPPFVS_METHOD_NAT || !route || route->dst->dev != pkt->in;
}

static enum ippfvs_verdict open_conn(struct ippfvs_packet *pkt, struct ippfvs_pool *pool)
{
	const struct ippfvs_flow flow = { .hash = pkt->hash };
	const struct ippfvs_member *member;
	struct ippfvs_conn *conn;

	member = ippfvs_pool_pick(pool, &flow);
	if (!member)
		return ippfvs_reject(pkt, IPPFVS_DROP_NO_SERVER);
	if (unlikely(has_no_listener(pkt, member)))
		return ippfvs_reject(pkt, IPPFVS_DROP_NO_LISTENER);
	if (unlikely(is_beyond_scope(pkt, member)))
		return ippfvs_reject_no_route(pkt);

	conn = add_conn(pkt, member);
	if (IS_ERR(conn))
		return ippfvs_drop(pkt, drop_reason(PTR_ERR(conn)));
	/*
	 * During a replacement of the rules, another CPU may have opened this connection to Local
	 * Node, whose packets the firewall must see first.
	 */
	if (unlikely(conn->method == IPPFVS_METHOD_LOCAL && pkt->hook == IPPFVS_PREROUTING))
		return IPPFVS_PASS;
	return ippfvs_forward(pkt, conn);
}

/* Scheduling */

static struct ippfvs_service *lookup_service(const struct ippfvs_packet *pkt)
{
	const struct ippfvs_tuple *tuple = &pkt->wire.tuple;
	const struct ippfvs_service_table *rules = rcu_dereference(pkt->ipn->services);

	if (unlikely(!rules))
		return NULL;
	return ippfvs_service_lookup(rules, tuple->family, tuple->protocol, &tuple->daddr,
				     tuple->dport);
}

static bool may_open(const struct ippfvs_packet *pkt)
{
	return !ippfvs_packet_tcp(pkt) || ippfvs_tcp_opens(pkt->wire.tcp_flags);
}

/*
 * A TCP segment that opens no connection. At LOCAL_IN and LOCAL_OUT the director's own stack may
 * know its connection, and sends RST itself if it does not.
 */
static enum ippfvs_verdict unknown_segment(struct ippfvs_packet *pkt)
{
	if (pkt->hook != IPPFVS_FORWARD)
		return IPPFVS_PASS;
	return ippfvs_reject(pkt, IPPFVS_DROP_NO_CONNECTION);
}

/*
 * Whether a datagram is for a program of the director that uses this port. A service on all ports
 * must not take it: a socket need not be connected to get answers (WireGuard, VXLAN, ntpd). If the
 * director is one of the servers, a socket that is not connected may be that server.
 */
static bool is_for_own_socket(const struct ippfvs_packet *pkt, const struct ippfvs_pool *pool)
{
	if (pkt->wire.tuple.protocol != IPPROTO_UDP || pkt->hook != IPPFVS_LOCAL_IN)
		return false;
	return ippfvs_local_has_client(pkt) || (!pool->any_local && ippfvs_local_has_server(pkt));
}

enum ippfvs_verdict ippfvs_schedule(struct ippfvs_packet *pkt)
{
	struct ippfvs_service *service = lookup_service(pkt);
	struct ippfvs_pool *pool;

	if (!service)
		return ippfvs_unserved(pkt);
	pool = rcu_dereference(service->pool);
	if (!service->key.port && is_for_own_socket(pkt, pool))
		return IPPFVS_PASS;
	if (!may_open(pkt))
		return unknown_segment(pkt);

	ippfvs_early_learn(pool, pkt);
	return open_conn(pkt, pool);
}

enum ippfvs_verdict ippfvs_schedule_early(struct ippfvs_packet *pkt)
{
	const struct ippfvs_service *service;
	struct ippfvs_pool *pool;

	if (!may_open(pkt) || !ippfvs_early_allowed(pkt))
		return IPPFVS_PASS;
	/* Only LOCAL_IN can tell whether a service on all ports would take the director's replies. */
	service = lookup_service(pkt);
	if (!service || !service->key.port)
		return IPPFVS_PASS;

	pool = rcu_dereference(service->pool);
	return ippfvs_early_is_known(pool, pkt) ? open_conn(pkt, pool) : IPPFVS_PASS;
}
