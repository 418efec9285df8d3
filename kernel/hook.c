// SPDX-License-Identifier: GPL-2.0
/*
 * The netfilter hooks. No other file uses netfilter's verdicts.
 *
 * The PREROUTING hook runs after the raw table and before conntrack. It does not see packets that
 * the raw table drops, and packets of known connections need neither conntrack nor routing. The
 * other hooks run after the filter tables, so that the whole firewall decides about new
 * connections.
 */
#include "hook.h"

#include "input.h"
#include "net.h"
#include "packet.h"
#include "reject.h"
#include "unserved.h"

#include <linux/bottom_half.h>
#include <linux/errno.h>
#include <linux/etherdevice.h>
#include <linux/netfilter.h>
#include <linux/netfilter_bridge.h>
#include <linux/netfilter_ipv4.h>
#include <linux/netfilter_ipv6.h>

static_assert((int)IPPFVS_PREROUTING == (int)NF_INET_PRE_ROUTING);
static_assert((int)IPPFVS_LOCAL_IN == (int)NF_INET_LOCAL_IN);
static_assert((int)IPPFVS_FORWARD == (int)NF_INET_FORWARD);
static_assert((int)IPPFVS_LOCAL_OUT == (int)NF_INET_LOCAL_OUT);

/* Marks a variable that need not be zeroed by kernels that zero all variables on the stack. */
#if __has_attribute(__uninitialized__)
#define IPPFVS_UNINITIALIZED __attribute__((__uninitialized__))
#else
#define IPPFVS_UNINITIALIZED
#endif

/* clang-format off */
static const unsigned int nf_verdict[] = {
	[IPPFVS_PASS]		= NF_ACCEPT,
	[IPPFVS_DROP]		= NF_DROP,
	[IPPFVS_STOLEN]		= NF_STOLEN,
	[IPPFVS_RESCHEDULE]	= NF_ACCEPT,	/* a later hook schedules the packet */
};
/* clang-format on */

/*
 * Malformed packets, fragments and packets of other protocols pass, unless ippfvs_unserved_other()
 * handles them at FORWARD. The fields of @pkt are set one by one, because ippfvs_packet_read() sets
 * the others, and zeroing the whole structure costs 10 ns.
 */
static __always_inline enum ippfvs_verdict
process(struct sk_buff *skb, const struct nf_hook_state *state,
	enum ippfvs_verdict (*input)(struct ippfvs_packet *pkt))
{
	struct ippfvs_packet pkt IPPFVS_UNINITIALIZED;
	int err;

	pkt.skb = skb;
	pkt.net = state->net;
	pkt.ipn = ippfvs_net(state->net);
	pkt.in = state->in;
	pkt.hook = (enum ippfvs_hook)state->hook;

	err = ippfvs_packet_read(&pkt);
	/*
	 * The packet may belong to a known connection, for which the stack would answer with RST.
	 */
	if (unlikely(err == -ENOMEM)) {
		memset(&pkt.wire.tuple, 0, sizeof(pkt.wire.tuple)); /* for the tracepoint */
		return ippfvs_drop(&pkt, IPPFVS_DROP_NO_MEMORY);
	}
	if (unlikely(err && pkt.hook == IPPFVS_FORWARD))
		return ippfvs_unserved_other(&pkt, state->pf);
	/* A raw socket may send any IP version through the hook of either family. */
	if (err || pkt.wire.tuple.family != state->pf)
		return IPPFVS_PASS;
	return input(&pkt);
}

/*
 * Bottom halves are on if a packet comes from process context: if the director sends it, or if a
 * program has accepted it through NFQUEUE. The function is inlined, so that each hook calls its
 * input function directly.
 */
static __always_inline unsigned int handle(struct sk_buff *skb, const struct nf_hook_state *state,
					   enum ippfvs_verdict (*input)(struct ippfvs_packet *pkt))
{
	bool process_context = !softirq_count();
	enum ippfvs_verdict verdict;

	if (unlikely(process_context))
		local_bh_disable();
	verdict = process(skb, state, input);
	if (unlikely(process_context))
		local_bh_enable();
	return nf_verdict[verdict];
}

#if IS_ENABLED(CONFIG_BRIDGE_NETFILTER)

/* Return: true if a bridge of the host carries the frame to another machine (br_netfilter). */
static bool is_bridged_past(const struct sk_buff *skb, const struct net_device *in)
{
	const struct nf_bridge_info *info = nf_bridge_info_get(skb);

	return info && info->pkt_otherhost && !ether_addr_equal(eth_hdr(skb)->h_dest, in->dev_addr);
}

/* Return: true if a bridge of the host forwards the frame, so that its TTL was not decremented. */
static bool is_bridged_through(const struct sk_buff *skb)
{
	return nf_bridge_get_physoutdev(skb);
}

#else

static bool is_bridged_past(const struct sk_buff *skb, const struct net_device *in)
{
	return false;
}

static bool is_bridged_through(const struct sk_buff *skb)
{
	return false;
}

#endif

static unsigned int prerouting(void *priv, struct sk_buff *skb, const struct nf_hook_state *state)
{
	if (unlikely(skb->pkt_type != PACKET_HOST && skb->pkt_type != PACKET_LOOPBACK))
		return NF_ACCEPT;
	if (unlikely(is_bridged_past(skb, state->in)))
		return handle(skb, state, ippfvs_input_bridged);
	return handle(skb, state, ippfvs_input_early);
}

static unsigned int local_in(void *priv, struct sk_buff *skb, const struct nf_hook_state *state)
{
	return handle(skb, state, ippfvs_input);
}

static unsigned int forward(void *priv, struct sk_buff *skb, const struct nf_hook_state *state)
{
	return is_bridged_through(skb) ? NF_ACCEPT : handle(skb, state, ippfvs_input);
}

static unsigned int local_out(void *priv, struct sk_buff *skb, const struct nf_hook_state *state)
{
	return handle(skb, state, ippfvs_input);
}

/* is_unfiltered() in early.c recognises our hooks by their private pointer. */
/* clang-format off */
#define HOOK(family, number, order, function) {	\
	.hook = (function),			\
	.priv = &ippfvs_net_id,			\
	.pf = (family),				\
	.hooknum = NF_INET_##number,		\
	.priority = (order),			\
}

static const struct nf_hook_ops hooks[] = {
	HOOK(NFPROTO_IPV4, PRE_ROUTING, NF_IP_PRI_CONNTRACK - 1,  prerouting),
	HOOK(NFPROTO_IPV4, LOCAL_IN,	NF_IP_PRI_NAT_SRC - 1,	  local_in),
	HOOK(NFPROTO_IPV4, FORWARD,	NF_IP_PRI_NAT_SRC - 1,	  forward),
	HOOK(NFPROTO_IPV4, LOCAL_OUT,	NF_IP_PRI_NAT_SRC - 1,	  local_out),
	HOOK(NFPROTO_IPV6, PRE_ROUTING, NF_IP6_PRI_CONNTRACK - 1, prerouting),
	HOOK(NFPROTO_IPV6, LOCAL_IN,	NF_IP6_PRI_NAT_SRC - 1,	  local_in),
	HOOK(NFPROTO_IPV6, FORWARD,	NF_IP6_PRI_NAT_SRC - 1,	  forward),
	HOOK(NFPROTO_IPV6, LOCAL_OUT,	NF_IP6_PRI_NAT_SRC - 1,	  local_out),
};
/* clang-format on */

int ippfvs_hooks_register(struct net *net)
{
	return nf_register_net_hooks(net, hooks, ARRAY_SIZE(hooks));
}

void ippfvs_hooks_unregister(struct net *net)
{
	nf_unregister_net_hooks(net, hooks, ARRAY_SIZE(hooks));
}
