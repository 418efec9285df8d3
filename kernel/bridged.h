/* SPDX-License-Identifier: GPL-2.0 */
/* What br_netfilter shows us of the frames that a bridge of the host carries. */
#ifndef _IPPFVS_BRIDGED_H
#define _IPPFVS_BRIDGED_H

#include <linux/etherdevice.h>
#include <linux/netfilter_bridge.h>

#if IS_ENABLED(CONFIG_BRIDGE_NETFILTER)

/* It came by a bridge, perhaps to another machine's MAC address. */
static inline bool ippfvs_bridged(const struct sk_buff *skb)
{
	return nf_bridge_info_exists(skb);
}

/* Arriving by @in: as the bridge sees it, it is for another machine. */
static inline bool ippfvs_bridged_past(const struct sk_buff *skb,
				       const struct net_device *in)
{
	const struct nf_bridge_info *info = nf_bridge_info_get(skb);

	return info && info->pkt_otherhost &&
	       !ether_addr_equal(eth_hdr(skb)->h_dest, in->dev_addr);
}

/* Forwarded from port to port: not routed, and its TTL was not taken. */
static inline bool ippfvs_bridged_through(const struct sk_buff *skb)
{
	return nf_bridge_get_physoutdev(skb);
}

#else

static inline bool ippfvs_bridged(const struct sk_buff *skb)
{
	return false;
}

static inline bool ippfvs_bridged_past(const struct sk_buff *skb,
				       const struct net_device *in)
{
	return false;
}

static inline bool ippfvs_bridged_through(const struct sk_buff *skb)
{
	return false;
}

#endif

#endif /* _IPPFVS_BRIDGED_H */
