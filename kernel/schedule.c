// SPDX-License-Identifier: GPL-2.0
#include "schedule.h"

#include "conn/insert.h"
#include "core/tcp_state.h"
#include "forward/forward.h"
#include "net.h"
#include "reject.h"
#include "service/pool.h"
#include "service/real.h"
#include "service/table.h"
#include "service/service.h"

#include <linux/inetdevice.h>
#include <linux/netdevice.h>
#include <linux/netfilter.h>
#include <linux/netfilter_bridge.h>
#include <net/addrconf.h>
#include <net/dst.h>
#include <net/inet_ecn.h>
#include <net/ip6_fib.h>
#include <net/ip_fib.h>
#include <net/net_namespace.h>
#include <net/route.h>

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
	};

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

/* Early scheduling */

#define EARLY_DSCP_SHIFT   32
#define EARLY_DEVICE_SHIFT 40

static const struct nf_hook_entries *hook_entries(const struct ippfvs_packet *pkt,
						  enum ippfvs_hook hook)
{
	return ippfvs_packet_ipv4(pkt) ? rcu_dereference(pkt->net->nf.hooks_ipv4[hook]) :
					 rcu_dereference(pkt->net->nf.hooks_ipv6[hook]);
}

/*
 * Whether no hook lies between ours at PREROUTING and ours at LOCAL_IN. Hooks before ours at
 * PREROUTING, such as defragmentation, have seen the packet already.
 */
static bool is_unfiltered(const struct ippfvs_packet *pkt)
{
	const struct nf_hook_entries *prerouting = hook_entries(pkt, IPPFVS_PREROUTING);
	const struct nf_hook_entries *local_in = hook_entries(pkt, IPPFVS_LOCAL_IN);

	return prerouting && local_in && local_in->num_hook_entries == 1 &&
	       prerouting->hooks[prerouting->num_hook_entries - 1].priv == &ippfvs_net_id;
}

/*
 * Whether the stack's input route would accept the source address. When in doubt the answer is no.
 * The stack checks more than this if routes have realms or the administrator has local routes.
 */
static bool is_source_valid4(const struct ippfvs_packet *pkt)
{
	struct in_device *in_dev = __in_dev_get_rcu(pkt->in);
	__be32 saddr = pkt->wire.tuple.saddr.ip;

	return in_dev && !IN_DEV_RPFILTER(in_dev) && !pkt->net->ipv4.fib_has_custom_local_routes &&
	       !fib_num_tclassid_users(pkt->net) && !ipv4_is_multicast(saddr) &&
	       !ipv4_is_lbcast(saddr) && !ipv4_is_zeronet(saddr) && !ipv4_is_loopback(saddr) &&
	       !ippfvs_addr_filter_maybe(&pkt->ipn->own_addrs, saddr);
}

/*
 * The IPv6 stack has checked the source already. But a removed route does not change the IPv6
 * generation, so the virtual address must be one of the director's.
 */
static bool is_virtual_own6(const struct ippfvs_packet *pkt)
{
	return ipv6_chk_addr(pkt->net, &pkt->wire.tuple.daddr.ip6, NULL, 0);
}

/* Policy rules may route by any property of a packet. */
static bool has_policy_routing(const struct ippfvs_packet *pkt)
{
	return ippfvs_packet_ipv4(pkt) ?
		       fib4_has_custom_rules(pkt->net) :
		       fib6_has_custom_rules(pkt->net) || fib6_routes_require_src(pkt->net);
}

static bool is_bridged(const struct sk_buff *skb)
{
#if IS_ENABLED(CONFIG_BRIDGE_NETFILTER)
	return nf_bridge_info_exists(skb);
#else
	return false;
#endif
}

/* Whether nothing on the way to LOCAL_IN could refuse the packet or route it elsewhere. */
static bool may_schedule_early(const struct ippfvs_packet *pkt)
{
	const struct sk_buff *skb = pkt->skb;

	return skb->pkt_type == PACKET_HOST && !skb_dst(skb) && !is_bridged(skb) &&
	       !pkt->wire.options && !netif_is_l3_slave(pkt->in) && is_unfiltered(pkt) &&
	       !has_policy_routing(pkt) &&
	       (ippfvs_packet_ipv4(pkt) ? is_source_valid4(pkt) : is_virtual_own6(pkt));
}

static u32 route_generation(const struct ippfvs_packet *pkt)
{
	return ippfvs_packet_ipv4(pkt) ? rt_genid_ipv4(pkt->net) : rt_genid_ipv6(pkt->net);
}

/*
 * Everything that may influence the choice of the input route: device, DSCP and the generation of
 * the routes. Return: 0 for a device whose index does not fit.
 */
static u64 early_key(const struct ippfvs_packet *pkt, u32 generation)
{
	u64 dscp = pkt->wire.tos & ~INET_ECN_MASK;
	u64 device = pkt->in->ifindex;

	if (device >> (64 - EARLY_DEVICE_SHIFT))
		return 0;
	return device << EARLY_DEVICE_SHIFT | dscp << EARLY_DSCP_SHIFT | generation;
}

static u32 early_slot(const struct ippfvs_packet *pkt)
{
	return (pkt->in->ifindex ^ pkt->wire.tos >> 2) % IPPFVS_EARLY_SLOTS;
}

/* Whether packets of this device and DSCP have come to LOCAL_IN for this pool. */
static bool early_is_known(const struct ippfvs_pool *pool, const struct ippfvs_packet *pkt)
{
	u64 key = early_key(pkt, route_generation(pkt));

	return key && READ_ONCE(pool->early[early_slot(pkt)]) == key;
}

/*
 * Remember that the packet has come to LOCAL_IN for this pool. Local Node must always come here.
 * IPv4 knows the generation of the route that the packet took. IPv6 does not keep it: if routes
 * have just changed, the old way is taken for the new one until they change again.
 */
static void early_learn(struct ippfvs_pool *pool, const struct ippfvs_packet *pkt)
{
	u32 generation;

	if (pkt->hook != IPPFVS_LOCAL_IN || pool->any_local || early_is_known(pool, pkt) ||
	    !IS_ENABLED(CONFIG_64BIT) || !is_unfiltered(pkt))
		return;

	generation = ippfvs_packet_ipv4(pkt) ? skb_rtable(pkt->skb)->rt_genid :
					       route_generation(pkt);
	WRITE_ONCE(pool->early[early_slot(pkt)], early_key(pkt, generation));
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

enum ippfvs_verdict ippfvs_schedule(struct ippfvs_packet *pkt)
{
	struct ippfvs_service *service = lookup_service(pkt);
	struct ippfvs_pool *pool;

	if (!service)
		return IPPFVS_PASS;
	/* A service on all ports must not take replies to the director's own clients. */
	if (!service->key.port && pkt->wire.tuple.protocol == IPPROTO_UDP &&
	    pkt->hook == IPPFVS_LOCAL_IN && ippfvs_local_has_client(pkt))
		return IPPFVS_PASS;
	if (!may_open(pkt))
		return unknown_segment(pkt);

	pool = rcu_dereference(service->pool);
	early_learn(pool, pkt);
	return open_conn(pkt, pool);
}

enum ippfvs_verdict ippfvs_schedule_early(struct ippfvs_packet *pkt)
{
	const struct ippfvs_service *service;
	struct ippfvs_pool *pool;

	if (!may_open(pkt) || !may_schedule_early(pkt))
		return IPPFVS_PASS;
	/* Only LOCAL_IN can tell whether a service on all ports would take the director's replies. */
	service = lookup_service(pkt);
	if (!service || !service->key.port)
		return IPPFVS_PASS;

	pool = rcu_dereference(service->pool);
	return early_is_known(pool, pkt) ? open_conn(pkt, pool) : IPPFVS_PASS;
}
