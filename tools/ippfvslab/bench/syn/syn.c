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

static void make_over(struct syn *syn)
{
	const unsigned int size = sizeof(syn->tcp) + sizeof(syn->mss);
	struct tcphdr *th = &syn->tcp;

	csum_replace2(&syn->ip.check, htons(IPPROTO_UDP), htons(IPPROTO_TCP));
	syn->ip.protocol = IPPROTO_TCP;

	th->ack_seq = 0;
	tcp_flag_word(th) = TCP_FLAG_SYN;
	th->doff = size / sizeof(__be32);
	th->window = htons(U16_MAX);
	th->urg_ptr = 0;
	syn->mss = htonl(TCPOPT_MSS << 24 | TCPOLEN_MSS << 16 | 1460);
	th->check = 0;
	th->check = csum_tcpudp_magic(syn->ip.saddr, syn->ip.daddr, size,
				      IPPROTO_TCP, csum_partial(th, size, 0));
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
