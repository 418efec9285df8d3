// SPDX-License-Identifier: GPL-2.0
#include "schedule.h"

#include "conn/conn.h"
#include "conn/plan.h"
#include "core/tcp_state.h"
#include "fwd/forward.h"
#include "net.h"
#include "reject.h"
#include "service/pool.h"
#include "service/real.h"
#include "service/service.h"
#include "service/table.h"
#include "shortcut.h"

/* Where the first packet of a connection leads its state. */
static u8 first_state(const struct ippfvs_packet *pkt)
{
	return ippfvs_packet_tcp(pkt) ? IPPFVS_STATE_SYN_SENT : IPPFVS_STATE_UDP;
}

static enum ippfvs_drop reason_of(long err)
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

/* Do the server's answers come by us? Local Node's come from where its socket says. */
static void plan_answers(const struct ippfvs_packet *pkt,
			 struct ippfvs_conn_plan *plan)
{
	if (plan->method == IPPFVS_METHOD_LOCAL)
		plan->two_way = ippfvs_local_answers(pkt, &plan->real->addr,
						     plan->port, &plan->addr);
	else
		plan->two_way = plan->method == IPPFVS_METHOD_NAT;
}

/* Network byte order; a service of every port leaves it to the packet. */
static __be16 port_at(const struct ippfvs_member *member,
		      const struct ippfvs_packet *pkt)
{
	return member->real->port ?: pkt->wire.tuple.dport;
}

static struct ippfvs_conn *connect(struct ippfvs_packet *pkt,
				   const struct ippfvs_member *member)
{
	struct ippfvs_conn_plan plan = {
		.tuple = &pkt->wire.tuple,
		.hash = pkt->hash,
		.real = member->real,
		.addr = member->real->addr,
		.port = port_at(member, pkt),
		.method = member->method,
		.state = first_state(pkt),
	};

	plan_answers(pkt, &plan);
	return ippfvs_conn_create(&pkt->ipn->conns, &plan);
}

/* Without a server of our own there is nothing to remember of the packet. */
static bool nobody_listens(const struct ippfvs_packet *pkt,
			   const struct ippfvs_member *member)
{
	return member->method == IPPFVS_METHOD_LOCAL &&
	       !ippfvs_local_serves(pkt, &member->real->addr,
				    port_at(member, pkt));
}

static enum ippfvs_verdict assign(struct ippfvs_packet *pkt,
				  struct ippfvs_pool *pool)
{
	const struct ippfvs_flow flow = { .hash = pkt->hash };
	const struct ippfvs_member *member;
	struct ippfvs_conn *conn;

	member = ippfvs_pool_pick(pool, &flow);
	if (!member)
		return ippfvs_reject(pkt, IPPFVS_DROP_NO_SERVER);
	if (unlikely(nobody_listens(pkt, member)))
		return ippfvs_reject(pkt, IPPFVS_DROP_NO_LISTENER);

	conn = connect(pkt, member);
	if (IS_ERR(conn))
		return ippfvs_packet_drop(pkt, reason_of(PTR_ERR(conn)));
	/* Another CPU's, of a set that is being replaced: the stack's to judge. */
	if (unlikely(conn->method == IPPFVS_METHOD_LOCAL &&
		     pkt->place == IPPFVS_ARRIVING))
		return IPPFVS_PASS;
	return ippfvs_forward(pkt, conn);
}

/*
 * A segment in the middle of a connection that we do not know. The director's
 * own stack may know it, or answers RST by itself; on the way through, we do.
 */
static enum ippfvs_verdict unknown(struct ippfvs_packet *pkt)
{
	if (pkt->place != IPPFVS_THROUGH)
		return IPPFVS_PASS;
	return ippfvs_reject(pkt, IPPFVS_DROP_NO_CONNECTION);
}

static struct ippfvs_service *service_of(const struct ippfvs_packet *pkt)
{
	const struct ippfvs_tuple *tuple = &pkt->wire.tuple;
	const struct ippfvs_service_table *table;

	table = rcu_dereference(pkt->ipn->services);
	if (unlikely(!table))
		return NULL;
	return ippfvs_service_lookup(table, tuple->family, tuple->protocol,
				     &tuple->daddr, tuple->dport);
}

static bool opens(const struct ippfvs_packet *pkt)
{
	return !ippfvs_packet_tcp(pkt) || ippfvs_tcp_opens(pkt->wire.tcp_flags);
}

enum ippfvs_verdict ippfvs_schedule(struct ippfvs_packet *pkt)
{
	struct ippfvs_service *service = service_of(pkt);
	struct ippfvs_pool *pool;

	if (!service)
		return IPPFVS_PASS;
	/* A service of every port shall not take our own clients' answers. */
	if (!service->key.port && pkt->wire.tuple.protocol == IPPROTO_UDP &&
	    pkt->place == IPPFVS_FOR_US && ippfvs_local_connected(pkt))
		return IPPFVS_PASS;
	if (!opens(pkt))
		return unknown(pkt);

	pool = rcu_dereference(service->pool);
	ippfvs_shortcut_learn(pool, pkt);
	return assign(pkt, pool);
}

enum ippfvs_verdict ippfvs_schedule_early(struct ippfvs_packet *pkt)
{
	const struct ippfvs_service *service;
	struct ippfvs_pool *pool;

	if (!opens(pkt) || !ippfvs_shortcut_allowed(pkt))
		return IPPFVS_PASS;
	/* One of every port may catch answers to our own: only LOCAL_IN can tell. */
	service = service_of(pkt);
	if (!service || !service->key.port)
		return IPPFVS_PASS;

	pool = rcu_dereference(service->pool);
	return ippfvs_shortcut_seen(pool, pkt) ? assign(pkt, pool) :
						 IPPFVS_PASS;
}
