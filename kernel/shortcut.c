// SPDX-License-Identifier: GPL-2.0
#include "shortcut.h"

#include "bridged.h"
#include "hook.h"
#include "net.h"
#include "packet.h"
#include "service/pool.h"

#include <linux/inetdevice.h>
#include <linux/netdevice.h>
#include <net/addrconf.h>
#include <net/dst.h>
#include <net/inet_ecn.h>
#include <net/ip6_fib.h>
#include <net/ip_fib.h>
#include <net/net_namespace.h>
#include <net/route.h>

#define DSCP_SHIFT	32
#define DEVICE_SHIFT	40

/*
 * What the stack's input route would ask of the source; at worst no. It asks more
 * where routes have realms, or the administrator has local routes.
 */
static bool source_is_sane4(const struct ippfvs_packet *pkt)
{
	struct in_device *in_dev = __in_dev_get_rcu(pkt->in);
	__be32 saddr = pkt->wire.tuple.saddr.ip;

	return in_dev && !IN_DEV_RPFILTER(in_dev) &&
	       !pkt->net->ipv4.fib_has_custom_local_routes &&
	       !fib_num_tclassid_users(pkt->net) &&
	       !ipv4_is_multicast(saddr) && !ipv4_is_lbcast(saddr) &&
	       !ipv4_is_zeronet(saddr) && !ipv4_is_loopback(saddr) &&
	       !ippfvs_addr_filter_maybe(&pkt->ipn->own_addrs, saddr);
}

/*
 * The stack has asked the source already. But routes that go do not count as a new
 * generation for IPv6, so the virtual address must be one of the director's.
 */
static bool virtual_is_own6(const struct ippfvs_packet *pkt)
{
	return ipv6_chk_addr(pkt->net, &pkt->wire.tuple.daddr.ip6, NULL, 0);
}

/* Rules of the administrator's may route by anything in a packet. */
static bool routes_by_address(const struct ippfvs_packet *pkt)
{
	return ippfvs_packet_ipv4(pkt) ?
	       !fib4_has_custom_rules(pkt->net) :
	       !fib6_has_custom_rules(pkt->net) &&
	       !fib6_routes_require_src(pkt->net);
}

bool ippfvs_shortcut_allowed(const struct ippfvs_packet *pkt)
{
	const struct sk_buff *skb = pkt->skb;

	return skb->pkt_type == PACKET_HOST && !skb_dst(skb) &&
	       !ippfvs_bridged(skb) &&
	       !pkt->wire.options && !netif_is_l3_slave(pkt->in) &&
	       ippfvs_hooks_alone(pkt->net, pkt->wire.tuple.family) &&
	       routes_by_address(pkt) &&
	       (ippfvs_packet_ipv4(pkt) ? source_is_sane4(pkt) :
					  virtual_is_own6(pkt));
}

static u32 generation_of(const struct ippfvs_packet *pkt)
{
	return ippfvs_packet_ipv4(pkt) ? rt_genid_ipv4(pkt->net) :
					 rt_genid_ipv6(pkt->net);
}

/* What routes may be chosen by; 0 for a device whose index does not fit in. */
static u64 key_of(const struct ippfvs_packet *pkt, u32 generation)
{
	u64 tos = pkt->wire.tos & ~INET_ECN_MASK;
	u64 device = pkt->in->ifindex;

	if (device >> (64 - DEVICE_SHIFT))
		return 0;
	return device << DEVICE_SHIFT | tos << DSCP_SHIFT | generation;
}

static u32 slot_of(const struct ippfvs_packet *pkt)
{
	return (pkt->in->ifindex ^ pkt->wire.tos >> 2) % IPPFVS_SHORTCUT_SLOTS;
}

bool ippfvs_shortcut_seen(const struct ippfvs_pool *pool,
			  const struct ippfvs_packet *pkt)
{
	u64 key = key_of(pkt, generation_of(pkt));

	return key && READ_ONCE(pool->shortcut.seen[slot_of(pkt)]) == key;
}

/*
 * Of the routes by which the packet came here. IPv6 keeps no mark of them: if they
 * have just changed, it takes the new for the old until they change again.
 */
static u32 generation_routed(const struct ippfvs_packet *pkt)
{
	return ippfvs_packet_ipv4(pkt) ? skb_rtable(pkt->skb)->rt_genid :
					 generation_of(pkt);
}

/* What the director itself serves must come all the way. One word, one write. */
void ippfvs_shortcut_learn(struct ippfvs_pool *pool,
			   const struct ippfvs_packet *pkt)
{
	if (pkt->place != IPPFVS_FOR_US || pool->any_local ||
	    ippfvs_shortcut_seen(pool, pkt) || !IS_ENABLED(CONFIG_64BIT) ||
	    !ippfvs_hooks_alone(pkt->net, pkt->wire.tuple.family))
		return;

	WRITE_ONCE(pool->shortcut.seen[slot_of(pkt)],
		   key_of(pkt, generation_routed(pkt)));
}
