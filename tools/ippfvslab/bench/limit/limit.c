// SPDX-License-Identifier: GPL-2.0
/*
 * The limit: what no balancer in netfilter's PRE_ROUTING hook (or at a device's
 * ingress) can leave undone.
 *
 * It looks at one line of a table, by a hash of the client, and at one entry; by
 * VS-NAT rewrites the destination, its checksums and the time to live, by VS-TUN
 * writes an outer header, by VS-DR nothing; writes a link layer header that it was
 * given; and sends. A new connection takes an entry from a cache and fills it. No
 * states, no counters, no routes, no options, no ICMP, no expiry, nothing is
 * checked and nothing locked: this is for measuring only, on one CPU, with the
 * floods of UDP packets and of TCP SYNs that it is made for.
 */
#include <linux/etherdevice.h>
#include <linux/ip.h>
#include <linux/jhash.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/netdevice.h>
#include <linux/netfilter_ipv4.h>
#include <linux/slab.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <net/checksum.h>
#include <net/ip.h>
#include <net/net_namespace.h>

#define LINKS	8
#define SPARE	64

static char *out = "out0";
module_param(out, charp, 0444);
MODULE_PARM_DESC(out, "device that packets leave by");

static unsigned int bits = 20;
module_param(bits, uint, 0444);
MODULE_PARM_DESC(bits, "the table has 2^bits bytes");

static unsigned int real = 0xac100002;
module_param(real, uint, 0444);
MODULE_PARM_DESC(real, "address of the first of four servers, as a number");

static char *method = "nat";
module_param(method, charp, 0444);
MODULE_PARM_DESC(method, "how packets reach their server: nat, tun or dr");

static unsigned int source = 0x0a000001;
module_param(source, uint, 0444);
MODULE_PARM_DESC(source, "address that tunnels begin at, as a number");

static char *ingress;
module_param(ingress, charp, 0444);
MODULE_PARM_DESC(ingress, "hook at this device instead of PRE_ROUTING");

static unsigned long made;
module_param(made, ulong, 0444);
MODULE_PARM_DESC(made, "entries made");

static unsigned int protocol;
module_param(protocol, uint, 0444);
MODULE_PARM_DESC(protocol, "IP protocol of the last packet that made one");

struct entry {
	__be32 client, server;
	__be16 port;
	u8 rest[54];	/* as large as an entry of ippfvs */
} __aligned(64);

enum { NAT, TUN, DR };

static const char * const methods[] = { "nat", "tun", "dr" };

struct line {
	struct entry *link[LINKS];
};

/*
 * Its last lines are for what those before them have no place for. The very last link
 * stays empty: it ends every search.
 */
static struct line *table;
static int way;
static u16 ident;
static struct kmem_cache *cache;
static struct net_device *dev;

static size_t lines(void)
{
	return (1UL << bits) / sizeof(struct line);
}

static struct entry **last_link(void)
{
	return &table[lines() - 1].link[LINKS - 1];
}

static struct entry *make(const struct iphdr *iph, __be16 port)
{
	struct entry *entry = kmem_cache_alloc(cache, GFP_ATOMIC | __GFP_ZERO);

	if (!entry)
		return NULL;
	entry->client = iph->saddr;
	entry->port = port;
	entry->server = htonl(real + made++ % 4);
	protocol = iph->protocol;
	return entry;
}

/* A line that is full goes on in the next one. */
static struct entry *find(const struct iphdr *iph, __be16 port)
{
	__be32 client = iph->saddr;
	u32 hash = jhash_2words((__force u32)client, (__force u32)port, 0);
	struct line *line = &table[reciprocal_scale(hash, lines() - SPARE)];
	struct entry **link;

	for (link = line->link; *link; link++)
		if ((*link)->client == client && (*link)->port == port)
			return *link;
	if (link == last_link())
		return NULL;
	*link = make(iph, port);
	return *link;
}

static void send(struct sk_buff *skb, __be32 server)
{
	struct ethhdr *eth = skb_push(skb, ETH_HLEN);

	skb_reset_mac_header(skb);
	memcpy(eth->h_source, dev->dev_addr, ETH_ALEN);
	eth_zero_addr(eth->h_dest);
	eth->h_dest[0] = 2;
	eth->h_dest[5] = ntohl(server);
	eth->h_proto = htons(ETH_P_IP);
	skb->dev = dev;
	dev_queue_xmit(skb);
}

/* UDP may do without. */
static __sum16 *transport_check(struct iphdr *iph)
{
	struct tcphdr *th = (void *)(iph + 1);
	struct udphdr *uh = (void *)(iph + 1);

	if (iph->protocol == IPPROTO_TCP)
		return &th->check;
	return uh->check ? &uh->check : NULL;
}

static void rewrite(struct iphdr *iph, __be32 server)
{
	__sum16 *check = transport_check(iph);

	csum_replace4(&iph->check, iph->daddr, server);
	if (check)
		csum_replace4(check, iph->daddr, server);
	iph->daddr = server;
	ip_decrease_ttl(iph);
}

/* What may be cut must be told apart (RFC 6864), so each gets an identification. */
static void encapsulate(struct sk_buff *skb, __be32 server)
{
	const struct iphdr *inner = ip_hdr(skb);
	struct iphdr *iph = skb_push(skb, sizeof(*iph));

	skb_reset_network_header(skb);
	iph->version = 4;
	iph->ihl = sizeof(*iph) / 4;
	iph->tos = inner->tos;
	iph->tot_len = htons(skb->len);
	iph->id = htons(ident++);
	iph->frag_off = inner->frag_off & htons(IP_DF);
	iph->ttl = 64;
	iph->protocol = IPPROTO_IPIP;
	iph->saddr = htonl(source);
	iph->daddr = server;
	iph->check = 0;
	iph->check = ip_fast_csum(iph, iph->ihl);
}

static unsigned int arriving(void *priv, struct sk_buff *skb,
			     const struct nf_hook_state *state)
{
	struct iphdr *iph = ip_hdr(skb);
	__be16 *ports = (void *)(iph + 1);
	struct entry *entry;

	if (skb->protocol != htons(ETH_P_IP) || skb_shared(skb) ||
	    skb_cloned(skb) || (iph->protocol != IPPROTO_UDP &&
				iph->protocol != IPPROTO_TCP))
		return NF_ACCEPT;
	entry = find(iph, ports[0]);
	if (!entry)
		return NF_DROP;

	if (way == NAT)
		rewrite(iph, entry->server);
	else if (way == TUN)
		encapsulate(skb, entry->server);
	send(skb, entry->server);
	return NF_STOLEN;
}

static struct nf_hook_ops hook = {
	.hook = arriving,
	.pf = NFPROTO_IPV4,
	.hooknum = NF_INET_PRE_ROUTING,
	.priority = NF_IP_PRI_CONNTRACK - 1,
};

static int __init limit_init(void)
{
	int err = -ENOMEM;

	way = match_string(methods, ARRAY_SIZE(methods), method);
	if (bits < 12 || bits > 30 || way < 0)
		return -EINVAL;
	dev = dev_get_by_name(&init_net, out);
	if (!dev)
		return -ENODEV;
	cache = KMEM_CACHE(entry, 0);
	if (!cache)
		goto out_put_dev;
	table = kvcalloc(lines(), sizeof(*table), GFP_KERNEL);
	if (!table)
		goto out_destroy_cache;
	if (ingress) {
		hook.dev = dev_get_by_name(&init_net, ingress);
		if (!hook.dev) {
			err = -ENODEV;
			goto out_free_table;
		}
		hook.pf = NFPROTO_NETDEV;
		hook.hooknum = NF_NETDEV_INGRESS;
	}
	err = nf_register_net_hook(&init_net, &hook);
	if (err)
		goto out_put_ingress;
	return 0;

out_put_ingress:
	dev_put(hook.dev);
out_free_table:
	kvfree(table);
out_destroy_cache:
	kmem_cache_destroy(cache);
out_put_dev:
	dev_put(dev);
	return err;
}

static void __exit limit_exit(void)
{
	struct entry **link;

	nf_unregister_net_hook(&init_net, &hook);
	synchronize_net();
	dev_put(hook.dev);
	for (link = table->link; link <= last_link(); link++)
		if (*link)
			kmem_cache_free(cache, *link);
	kvfree(table);
	kmem_cache_destroy(cache);
	dev_put(dev);
}

module_init(limit_init);
module_exit(limit_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("The least that a balancer can do: for measuring only");
