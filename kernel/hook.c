// SPDX-License-Identifier: GPL-2.0
/*
 * Where packets come in, and the only file with hooks and netfilter's verdicts.
 *
 * Arriving packets are met behind the raw table and before conntrack: what the
 * host drops there never reaches us, what belongs to a connection needs neither
 * conntrack nor routing. New connections are made behind the host's own filter,
 * or on arrival where there is none (shortcut.h).
 */
#include "hook.h"

#include "bridged.h"
#include "journey.h"
#include "net.h"
#include "packet.h"

#include <linux/bottom_half.h>
#include <linux/errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter_ipv4.h>
#include <linux/netfilter_ipv6.h>

/* Of a variable: not to be zeroed by kernels that zero all of the stack. */
#if __has_attribute(__uninitialized__)
#define IPPFVS_UNINITIALIZED	__attribute__((__uninitialized__))
#else
#define IPPFVS_UNINITIALIZED
#endif

typedef enum ippfvs_verdict handler(struct ippfvs_packet *pkt);

static const unsigned int verdicts[] = {
	[IPPFVS_PASS]	= NF_ACCEPT,
	[IPPFVS_DROP]	= NF_DROP,
	[IPPFVS_TAKEN]	= NF_STOLEN,
	[IPPFVS_ENDED]	= NF_ACCEPT,	/* to where it is scheduled anew */
};

/*
 * Malformed packets and fragments are not ours to judge: whatever has neither a
 * five-tuple of a protocol we know nor quotes one goes on to the stack.
 */
static __always_inline enum ippfvs_verdict
judge(struct sk_buff *skb, const struct nf_hook_state *state,
	enum ippfvs_place place, handler *handler)
{
	struct ippfvs_packet pkt IPPFVS_UNINITIALIZED;
	int err;

	/* One by one: reading fills the rest; zeroing it first costs 10 ns. */
	pkt.skb = skb;
	pkt.net = state->net;
	pkt.ipn = ippfvs_net(state->net);
	pkt.in = state->in;
	pkt.place = place;
	pkt.hook = state->hook;

	err = ippfvs_packet_read(&pkt);
	/* Ours or not: the stack would take one of a known connection for its own. */
	if (unlikely(err == -ENOMEM))
		return ippfvs_packet_drop(&pkt, IPPFVS_DROP_NO_MEMORY);
	/* A raw socket may send any version by either family's hook. */
	if (err || pkt.wire.tuple.family != state->pf)
		return IPPFVS_PASS;
	return handler(&pkt);
}

/*
 * Process context comes here with bottom halves on: the director's own packets,
 * and any that a program has let pass (NFQUEUE). Inlined into each hook, which so
 * calls its handler directly.
 */
static __always_inline unsigned int
handle(struct sk_buff *skb, const struct nf_hook_state *state,
	enum ippfvs_place place, handler *handler)
{
	bool process = !softirq_count();
	enum ippfvs_verdict verdict;

	if (unlikely(process))
		local_bh_disable();
	verdict = judge(skb, state, place, handler);
	if (unlikely(process))
		local_bh_enable();
	return verdicts[verdict];
}

static unsigned int arriving(void *priv, struct sk_buff *skb,
			     const struct nf_hook_state *state)
{
	if (unlikely(skb->pkt_type != PACKET_HOST &&
		     skb->pkt_type != PACKET_LOOPBACK))
		return NF_ACCEPT;
	if (unlikely(ippfvs_bridged_past(skb, state->in)))
		return handle(skb, state, IPPFVS_ARRIVING, ippfvs_overheard);
	return handle(skb, state, IPPFVS_ARRIVING, ippfvs_arrived);
}

static unsigned int for_us(void *priv, struct sk_buff *skb,
			   const struct nf_hook_state *state)
{
	return handle(skb, state, IPPFVS_FOR_US, ippfvs_admitted);
}

static unsigned int through(void *priv, struct sk_buff *skb,
			    const struct nf_hook_state *state)
{
	if (ippfvs_bridged_through(skb))
		return NF_ACCEPT;
	return handle(skb, state, IPPFVS_THROUGH, ippfvs_admitted);
}

static unsigned int our_own(void *priv, struct sk_buff *skb,
			    const struct nf_hook_state *state)
{
	return handle(skb, state, IPPFVS_OUR_OWN, ippfvs_admitted);
}

#define HOOK(family, where, when, function) {	\
	.hook = (function),			\
	.pf = (family),				\
	.hooknum = NF_INET_##where,		\
	.priority = (when),			\
}

static const struct nf_hook_ops hooks[] = {
	HOOK(NFPROTO_IPV4, PRE_ROUTING, NF_IP_PRI_CONNTRACK - 1,  arriving),
	HOOK(NFPROTO_IPV4, LOCAL_IN,	NF_IP_PRI_NAT_SRC - 1,	  for_us),
	HOOK(NFPROTO_IPV4, FORWARD,	NF_IP_PRI_NAT_SRC - 1,	  through),
	HOOK(NFPROTO_IPV4, LOCAL_OUT,	NF_IP_PRI_NAT_SRC - 1,	  our_own),
	HOOK(NFPROTO_IPV6, PRE_ROUTING, NF_IP6_PRI_CONNTRACK - 1, arriving),
	HOOK(NFPROTO_IPV6, LOCAL_IN,	NF_IP6_PRI_NAT_SRC - 1,	  for_us),
	HOOK(NFPROTO_IPV6, FORWARD,	NF_IP6_PRI_NAT_SRC - 1,	  through),
	HOOK(NFPROTO_IPV6, LOCAL_OUT,	NF_IP6_PRI_NAT_SRC - 1,	  our_own),
};

static const struct nf_hook_entries *entries(const struct net *net, u8 family,
					     enum nf_inet_hooks hook)
{
	return family == NFPROTO_IPV4 ?
	       rcu_dereference(net->nf.hooks_ipv4[hook]) :
	       rcu_dereference(net->nf.hooks_ipv6[hook]);
}

/* On arrival others may come before us, say those who join fragments. */
bool ippfvs_hooks_alone(const struct net *net, u8 family)
{
	const struct nf_hook_entries *first, *last;

	first = entries(net, family, NF_INET_PRE_ROUTING);
	last = entries(net, family, NF_INET_LOCAL_IN);
	return first && last && last->num_hook_entries == 1 &&
	       first->hooks[first->num_hook_entries - 1].hook == arriving;
}

int ippfvs_hooks_register(struct net *net)
{
	return nf_register_net_hooks(net, hooks, ARRAY_SIZE(hooks));
}

void ippfvs_hooks_unregister(struct net *net)
{
	nf_unregister_net_hooks(net, hooks, ARRAY_SIZE(hooks));
}
