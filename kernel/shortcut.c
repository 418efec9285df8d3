// SPDX-License-Identifier: GPL-2.0
#include "shortcut.h"

#include "hook.h"
#include "net.h"
#include "packet.h"
#include "pool.h"

#include <linux/inetdevice.h>
#include <linux/netdevice.h>
#include <net/addrconf.h>
#include <net/dst.h>
#include <net/ip6_fib.h>
#include <net/ip_fib.h>
#include <net/net_namespace.h>

/* Local routes of the administrator's make more addresses the director's own. */
static bool is_own(const struct ippfvs_packet *pkt, __be32 addr)
{
	if (likely(!pkt->net->ipv4.fib_has_custom_local_routes &&
		   !ippfvs_own_maybe(&pkt->ipn->own, addr)))
		return false;
	return __ip_dev_find(pkt->net, addr, false);
}

/* What the stack's input route would ask of the source; at worst no. */
static bool source_is_sane4(const struct ippfvs_packet *pkt)
{
	const struct in_device *in_dev = __in_dev_get_rcu(pkt->in);
	__be32 saddr = pkt->wire.tuple.saddr.ip;

	return in_dev && !IN_DEV_RPFILTER(in_dev) &&
	       !ipv4_is_multicast(saddr) && !ipv4_is_lbcast(saddr) &&
	       !ipv4_is_zeronet(saddr) && !ipv4_is_loopback(saddr) &&
	       !is_own(pkt, saddr);
}

/*
 * The stack has asked the source already. But routes that go do not count as a new
 * generation for IPv6, so the virtual address must be one of the director's.
 */
static bool virtual_is_own6(const struct ippfvs_packet *pkt)
{
	return IS_ENABLED(CONFIG_IPV6) &&
	       ipv6_chk_addr(pkt->net, &pkt->wire.tuple.daddr.ip6, NULL, 0);
}

/* Rules of the administrator's may route by anything in a packet. */
static bool routes_by_address(const struct ippfvs_packet *pkt)
{
	return ippfvs_packet_ipv4(pkt) ? !fib4_has_custom_rules(pkt->net) :
					 !fib6_has_custom_rules(pkt->net);
}

bool ippfvs_shortcut_free(const struct ippfvs_packet *pkt)
{
	const struct sk_buff *skb = pkt->skb;

	return skb->pkt_type == PACKET_HOST && !skb_dst(skb) &&
	       !pkt->wire.options && !netif_is_l3_slave(pkt->in) &&
	       ippfvs_hooks_alone(pkt->net, pkt->wire.tuple.family) &&
	       routes_by_address(pkt) &&
	       (ippfvs_packet_ipv4(pkt) ? source_is_sane4(pkt) :
					  virtual_is_own6(pkt));
}

/* Addresses of the director's own are routes, too. */
static u64 way_of(const struct ippfvs_packet *pkt)
{
	u32 generation;

#if IS_ENABLED(CONFIG_IPV6)
	generation = ippfvs_packet_ipv4(pkt) ? rt_genid_ipv4(pkt->net) :
					       rt_genid_ipv6(pkt->net);
#else
	generation = rt_genid_ipv4(pkt->net);
#endif
	return (u64)pkt->in->ifindex << 32 | generation;
}

static u32 place_of(const struct ippfvs_packet *pkt)
{
	return pkt->in->ifindex % IPPFVS_SHORTCUT_DEVICES;
}

bool ippfvs_shortcut_seen(const struct ippfvs_pool *pool,
			  const struct ippfvs_packet *pkt)
{
	return READ_ONCE(pool->shortcut.seen[place_of(pkt)]) == way_of(pkt);
}

/* The director itself serves only what came all the way. */
static bool any_local(const struct ippfvs_pool *pool)
{
	u32 i;

	for (i = 0; i < pool->n; i++)
		if (pool->real[i].method == IPPFVS_METHOD_LOCAL)
			return true;
	return false;
}

void ippfvs_shortcut_learn(struct ippfvs_pool *pool,
			   const struct ippfvs_packet *pkt)
{
	if (pkt->place != IPPFVS_FOR_US || ippfvs_shortcut_seen(pool, pkt) ||
	    !ippfvs_hooks_alone(pkt->net, pkt->wire.tuple.family) ||
	    any_local(pool))
		return;

	WRITE_ONCE(pool->shortcut.seen[place_of(pkt)], way_of(pkt));
}
