// SPDX-License-Identifier: GPL-2.0
#include "early.h"

#include "net.h"
#include "service/pool.h"

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

#define DSCP_SHIFT   32
#define DEVICE_SHIFT 40

static const struct nf_hook_entries *hook_entries(const struct ippfvs_packet *pkt,
						  enum ippfvs_hook hook)
{
	return ippfvs_packet_ipv4(pkt) ? rcu_dereference(pkt->net->nf.hooks_ipv4[hook]) :
					 rcu_dereference(pkt->net->nf.hooks_ipv6[hook]);
}

/*
 * Return: true if there is no hook between ours at PREROUTING and ours at LOCAL_IN. Hooks before
 * ours at PREROUTING, such as defragmentation, have seen the packet already.
 */
static bool is_unfiltered(const struct ippfvs_packet *pkt)
{
	const struct nf_hook_entries *prerouting = hook_entries(pkt, IPPFVS_PREROUTING);
	const struct nf_hook_entries *local_in = hook_entries(pkt, IPPFVS_LOCAL_IN);

	return prerouting && local_in && local_in->num_hook_entries == 1 &&
	       prerouting->hooks[prerouting->num_hook_entries - 1].priv == &ippfvs_net_id;
}

/*
 * Return: true if the stack's input route would certainly accept the source address. The stack
 * checks more than this function does if routes have realms or the administrator has added local
 * routes.
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
 * The IPv6 stack has checked the source already. Removing a route does not change the IPv6
 * generation, so the virtual address must still be an address of the director.
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

bool ippfvs_early_allowed(const struct ippfvs_packet *pkt)
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
 * Build a key of everything that may influence the choice of the input route: the device, the DSCP
 * and the generation of the routes. Return: 0 if the index of the device does not fit.
 */
static u64 early_key(const struct ippfvs_packet *pkt, u32 generation)
{
	u64 dscp = pkt->wire.tos & ~INET_ECN_MASK;
	u64 device = pkt->in->ifindex;

	if (device >> (64 - DEVICE_SHIFT))
		return 0;
	return device << DEVICE_SHIFT | dscp << DSCP_SHIFT | generation;
}

static u32 early_slot(const struct ippfvs_packet *pkt)
{
	return (pkt->in->ifindex ^ pkt->wire.tos >> 2) % IPPFVS_EARLY_SLOTS;
}

bool ippfvs_early_is_known(const struct ippfvs_pool *pool, const struct ippfvs_packet *pkt)
{
	u64 key = early_key(pkt, route_generation(pkt));

	return key && READ_ONCE(pool->early[early_slot(pkt)]) == key;
}

void ippfvs_early_learn(struct ippfvs_pool *pool, const struct ippfvs_packet *pkt)
{
	u32 generation;

	if (pkt->hook != IPPFVS_LOCAL_IN || pool->any_local || ippfvs_early_is_known(pool, pkt) ||
	    !IS_ENABLED(CONFIG_64BIT) || !is_unfiltered(pkt))
		return;

	/*
	 * IPv6 does not record the generation of the route that a packet took. So a packet that was
	 * routed just before a change may be recorded as valid for the new routes.
	 */
	generation = ippfvs_packet_ipv4(pkt) ? skb_rtable(pkt->skb)->rt_genid :
					       route_generation(pkt);
	WRITE_ONCE(pool->early[early_slot(pkt)], early_key(pkt, generation));
}
