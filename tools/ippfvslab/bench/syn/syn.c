// SPDX-License-Identifier: GPL-2.0
/*
 * SYNs: makes UDP packets, the only ones that pktgen knows, over into the first
 * packets of TCP connections, as a device receives them. For measuring only.
 *
 * The ports stay. The sequence number is what was the UDP length and checksum. The
 * header has one option, which tells the maximum segment size, and no data follows.
 */
#include <linux/ip.h>
#include <linux/module.h>
#include <linux/netdevice.h>
#include <linux/netfilter_netdev.h>
#include <linux/skbuff.h>
#include <net/checksum.h>
#include <net/net_namespace.h>
#include <net/tcp.h>

static char *in = "in0";
module_param(in, charp, 0444);
MODULE_PARM_DESC(in, "device whose packets are made over");

/* The whole of a packet, IPv4 without options. */
struct syn {
	struct iphdr ip;
	struct tcphdr tcp;
	__be32 mss;
} __packed;

#define SIZE	(sizeof(struct tcphdr) + sizeof(__be32))

/* By words, none of which is read back: this is part of the price of each packet. */
static void make_over(struct syn *syn)
{
	const __be32 flags = TCP_FLAG_SYN | htonl(SIZE / 4 << 28 | U16_MAX);
	const __be32 mss = htonl(TCPOPT_MSS << 24 | TCPOLEN_MSS << 16 | 1460);
	struct tcphdr *th = &syn->tcp;
	__wsum sum;

	csum_replace2(&syn->ip.check, htons(IPPROTO_UDP), htons(IPPROTO_TCP));
	syn->ip.protocol = IPPROTO_TCP;

	sum = *(__wsum *)&th->source;
	sum = csum_add(sum, (__force __wsum)th->seq);
	sum = csum_add(sum, (__force __wsum)flags);
	sum = csum_add(sum, (__force __wsum)mss);

	th->ack_seq = 0;
	tcp_flag_word(th) = flags;
	th->check = csum_tcpudp_magic(syn->ip.saddr, syn->ip.daddr, SIZE,
				      IPPROTO_TCP, sum);
	th->urg_ptr = 0;
	syn->mss = mss;
}

static unsigned int received(void *priv, struct sk_buff *skb,
			     const struct nf_hook_state *state)
{
	struct syn *syn = (struct syn *)skb->data;

	if (skb->protocol == htons(ETH_P_IP) && !skb_cloned(skb) &&
	    skb_headlen(skb) == sizeof(*syn) &&
	    syn->ip.protocol == IPPROTO_UDP)
		make_over(syn);
	return NF_ACCEPT;
}

static struct nf_hook_ops hook = {
	.hook = received,
	.pf = NFPROTO_NETDEV,
	.hooknum = NF_NETDEV_INGRESS,
};

static int __init syn_init(void)
{
	int err;

	hook.dev = dev_get_by_name(&init_net, in);
	if (!hook.dev)
		return -ENODEV;
	err = nf_register_net_hook(&init_net, &hook);
	if (err)
		dev_put(hook.dev);
	return err;
}

static void __exit syn_exit(void)
{
	nf_unregister_net_hook(&init_net, &hook);
	dev_put(hook.dev);
}

module_init(syn_init);
module_exit(syn_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Makes a generator's UDP packets TCP SYNs: for measuring only");
