// SPDX-License-Identifier: GPL-2.0
/*
 * New connections: the service of a packet is looked up, its scheduler picks a real server, and an
 * entry is added to the table. Then the packet is forwarded.
 */
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

#include <linux/math.h>
#include <linux/random.h>

/* How often another port is tried if the client's own one is in use at the real server. */
#define PORT_TRIES 8

/* Creation of the entry */

/* Return: the port in network byte order; in a service on all ports, the packet's own port. */
static __be16 real_port(const struct ippfvs_member *member, const struct ippfvs_packet *pkt)
{
	return member->real->port ?: pkt->wire.tuple.dport;
}

/*
 * Replies of a Local Node come from the address of its socket, so the plan must have this address.
 * @local_port is the client's port as the real server will know it.
 */
static struct ippfvs_conn *add_conn(struct ippfvs_packet *pkt, const struct ippfvs_member *member,
				    __be16 local_port)
{
	struct ippfvs_conn_plan plan = {
		.tuple = &pkt->wire.tuple,
		.hash = pkt->hash,
		.real = member->real,
		.addr = member->real->addr,
		.port = real_port(member, pkt),
		.local_port = local_port,
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

/* A random port of the same kind, because some servers trust ports below 1024 more than others. */
static __be16 another_port(__be16 port)
{
	u16 first = ntohs(port) < 1024 ? 600 : 1024;
	u16 last = ntohs(port) < 1024 ? 1023 : 65535;

	return htons(first + reciprocal_scale(get_random_u32(), last - first + 1));
}

/* Return: the first excluded member whose connections may have another port, or NULL. */
static const struct ippfvs_member *member_for_another_port(const struct ippfvs_pool *pool,
							   const struct ippfvs_excluded *excluded)
{
	const struct ippfvs_member *member;
	u32 i;

	for (i = 0; i < excluded->n; i++) {
		member = &pool->member[excluded->index[i]];
		if (member->method == IPPFVS_METHOD_NAT && READ_ONCE(member->real->load.eligible))
			return member;
	}
	return NULL;
}

/*
 * The client's port is in use at all real servers that were tried. So one of them gets the
 * connection from another port of the client's address.
 */
static noinline struct ippfvs_conn *add_conn_by_another_port(struct ippfvs_packet *pkt,
							     const struct ippfvs_pool *pool,
							     const struct ippfvs_excluded *excluded)
{
	const struct ippfvs_member *member = member_for_another_port(pool, excluded);
	struct ippfvs_conn *conn = ERR_PTR(-EADDRINUSE);
	unsigned int tries;

	if (!member)
		return conn;
	for (tries = 0; tries < PORT_TRIES && conn == ERR_PTR(-EADDRINUSE); tries++)
		conn = add_conn(pkt, member, another_port(pkt->wire.tuple.sport));
	return conn;
}

static enum ippfvs_verdict refuse_conn(struct ippfvs_packet *pkt, long err)
{
	switch (err) {
	case -ENOSPC:
		return ippfvs_drop(pkt, IPPFVS_DROP_TABLE_FULL);
	case -EADDRINUSE: /* the client need not wait: another port of it may be free */
		return ippfvs_reject(pkt, IPPFVS_DROP_TUPLE_IN_USE);
	default:
		return ippfvs_drop(pkt, IPPFVS_DROP_NO_MEMORY);
	}
}

/* Return: true if the member is a Local Node without a socket, which gets no connection entry. */
static bool has_no_listener(const struct ippfvs_packet *pkt, const struct ippfvs_member *member)
{
	return member->method == IPPFVS_METHOD_LOCAL &&
	       !ippfvs_local_has_socket(pkt, &member->real->addr, real_port(member, pkt));
}

static bool client_is_link_local(const struct ippfvs_packet *pkt)
{
	return !ippfvs_packet_ipv4(pkt) &&
	       (pkt->wire.tuple.saddr.word[0] & htonl(0xffc00000)) == htonl(0xfe800000);
}

/*
 * A packet from a link-local address must not leave its link (RFC 4291, 2.5.6). With VS-NAT not
 * even a server on the same link works, because it replies to the client directly.
 */
static bool is_beyond_scope(const struct ippfvs_packet *pkt, const struct ippfvs_member *member)
{
	const struct ippfvs_route *route;

	if (likely(!client_is_link_local(pkt)) || member->method == IPPFVS_METHOD_LOCAL)
		return false;
	route = ippfvs_route_to_real(pkt->net, member->real);
	return member->method == IPPFVS_METHOD_NAT || !route || route->dst->dev != pkt->in;
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

/*
 * Whether the service of @pkt still uses @pool. After a removal, the real servers of the pool
 * before accept no connection, although those of the new one may.
 */
static bool is_current(const struct ippfvs_packet *pkt, const struct ippfvs_pool *pool)
{
	const struct ippfvs_service *service;

	smp_rmb(); /* after the eligible words; pairs with ippfvs_pool_set_eligible() */
	service = lookup_service(pkt);
	return service && rcu_access_pointer(service->pool) == pool;
}

/* Return: IPPFVS_RESCHEDULE if the rules have changed, so that @pool has no server left. */
static enum ippfvs_verdict no_server(struct ippfvs_packet *pkt, const struct ippfvs_pool *pool)
{
	if (!is_current(pkt, pool))
		return IPPFVS_RESCHEDULE;
	return ippfvs_reject(pkt, IPPFVS_DROP_NO_SERVER);
}

/* Return: IPPFVS_RESCHEDULE as no_server(). */
static enum ippfvs_verdict open_conn(struct ippfvs_packet *pkt, struct ippfvs_pool *pool)
{
	const struct ippfvs_flow flow = {
		.tuple = &pkt->wire.tuple,
		.mark = pkt->skb->mark,
		.hash = pkt->hash,
	};
	struct ippfvs_conn *conn = ERR_PTR(-EADDRINUSE);
	struct ippfvs_excluded excluded = {};
	const struct ippfvs_member *member;

	/*
	 * If the replies of a real server would have the same five-tuple as those of another
	 * connection, try another real server.
	 */
	do {
		member = ippfvs_pool_pick(pool, &flow, &excluded);
		if (unlikely(!member))
			break;
		if (unlikely(has_no_listener(pkt, member)))
			return ippfvs_reject(pkt, IPPFVS_DROP_NO_LISTENER);
		if (unlikely(is_beyond_scope(pkt, member)))
			return ippfvs_reject_no_route(pkt);
		conn = add_conn(pkt, member, pkt->wire.tuple.sport);
	} while (unlikely(conn == ERR_PTR(-EADDRINUSE)) &&
		 ippfvs_exclude(&excluded, member - pool->member));

	if (unlikely(conn == ERR_PTR(-EADDRINUSE))) {
		if (!excluded.n)
			return no_server(pkt, pool);
		conn = add_conn_by_another_port(pkt, pool, &excluded);
	}
	if (IS_ERR(conn))
		return refuse_conn(pkt, PTR_ERR(conn));
	/*
	 * During a replacement of the rules, another CPU may have opened this connection to a Local
	 * Node. The firewall must see the packets of a Local Node first.
	 */
	if (unlikely(conn->method == IPPFVS_METHOD_LOCAL && pkt->hook == IPPFVS_PREROUTING))
		return IPPFVS_PASS;
	return ippfvs_forward(pkt, conn);
}

static bool may_open(const struct ippfvs_packet *pkt)
{
	return !ippfvs_packet_tcp(pkt) || ippfvs_tcp_opens(pkt->wire.tcp_flags);
}

/*
 * Handle a TCP segment that belongs to no known connection and opens none. At LOCAL_IN and
 * LOCAL_OUT it may belong to a connection of the director's own stack, which otherwise sends RST
 * itself.
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

static enum ippfvs_verdict schedule_once(struct ippfvs_packet *pkt)
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

enum ippfvs_verdict ippfvs_schedule(struct ippfvs_packet *pkt)
{
	enum ippfvs_verdict verdict;

	/* The loop ends, because each further round needs a newer pool. */
	do
		verdict = schedule_once(pkt);
	while (unlikely(verdict == IPPFVS_RESCHEDULE));
	return verdict;
}

enum ippfvs_verdict ippfvs_schedule_early(struct ippfvs_packet *pkt)
{
	const struct ippfvs_service *service;
	struct ippfvs_pool *pool;

	if (!may_open(pkt) || !ippfvs_early_allowed(pkt))
		return IPPFVS_PASS;
	/* For a service on all ports, the check for sockets of the director needs LOCAL_IN. */
	service = lookup_service(pkt);
	if (!service || !service->key.port)
		return IPPFVS_PASS;

	pool = rcu_dereference(service->pool);
	return ippfvs_early_is_known(pool, pkt) ? open_conn(pkt, pool) : IPPFVS_PASS;
}
