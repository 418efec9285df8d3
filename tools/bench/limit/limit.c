// SPDX-License-Identifier: GPL-2.0
/*
 * limit: does only what every load balancer in netfilter's PREROUTING hook must do.
 * It is for the benchmark only.
 *
 * It reads one bucket of a table, which it finds by a hash of the client, and one
 * entry. For NAT it rewrites the destination, the checksums and the time to live. For
 * TUN it writes an outer header. For DR it changes nothing. Then it writes a link layer
 * header and sends the packet. A new connection allocates an entry and fills it.
 *
 * It has no states, counters, routes, IP options, ICMP messages, locks or expiry, and
 * it validates nothing. It serves the namespace that inserts it, on one CPU, with the
 * UDP packets and TCP SYNs that the benchmark sends.
 */
#include <linux/etherdevice.h>
#include <linux/ip.h>
#include <linux/jhash.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/netdevice.h>
#include <linux/netfilter_ipv4.h>
#include <linux/nsproxy.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <net/checksum.h>
#include <net/ip.h>
#include <net/net_namespace.h>

#define LINKS	8
#define SPARE	64

static char *out = "out0";
module_param(out, charp, 0444);
MODULE_PARM_DESC(out, "device that sends the packets");

static unsigned int bits = 20;
module_param(bits, uint, 0444);
MODULE_PARM_DESC(bits, "the table has 2^bits bytes");

static unsigned int real = 0xac100002;
module_param(real, uint, 0444);
MODULE_PARM_DESC(real, "address of the first of four real servers, as a number");

static char *method = "nat";
module_param(method, charp, 0444);
MODULE_PARM_DESC(method, "forwarding method: nat, tun or dr");

static unsigned int source = 0x0a000001;
module_param(source, uint, 0444);
MODULE_PARM_DESC(source, "source address of the outer header, as a number");

static unsigned long created;
module_param(created, ulong, 0444);
MODULE_PARM_DESC(created, "entries created");

struct entry {
	__be32 client, server;
	__be16 port;
	u8 rest[54];	/* as large as an entry of ippfvs */
} __aligned(64);

struct bucket {
	struct entry *link[LINKS];
};

/*
 * A full bucket overflows into the next one, so the table ends with extra buckets to
 * which no hash value leads. The very last link stays empty and ends every search.
 */
static struct bucket *table;
static bool nat, tun;
static u16 ident;
static struct kmem_cache *cache;
static struct net_device *dev;
static struct net *net;

static size_t buckets(void)
{
	return (1UL << bits) / sizeof(struct bucket);
}

static struct entry **last_link(void)
{
	return &table[buckets() - 1].link[LINKS - 1];
}

static struct entry *entry_create(__be32 client, __be16 port)
{
	struct entry *entry = kmem_cache_alloc(cache, GFP_ATOMIC | __GFP_ZERO);

	if (!entry)
		return NULL;
	entry->client = client;
	entry->port = port;
	entry->server = htonl(real + created++ % 4);
	return entry;
}

/* Return the entry of a client. A new client gets a new entry. */
static struct entry *entry_get(__be32 client, __be16 port)
{
	u32 hash = jhash_2words((__force u32)client, (__force u32)port, 0);
	struct bucket *bucket = &table[reciprocal_scale(hash, buckets() - SPARE)];
	struct entry **link;

	for (link = bucket->link; *link; link++)
		if ((*link)->client == client && (*link)->port == port)
			return *link;
	if (link == last_link())
		return NULL;
	*link = entry_create(client, port);
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

static void rewrite(struct iphdr *iph, __be32 server)
{
	struct tcphdr *th = (void *)(iph + 1);
	struct udphdr *uh = (void *)(iph + 1);

	csum_replace4(&iph->check, iph->daddr, server);
	if (iph->protocol == IPPROTO_TCP) {
		csum_replace4(&th->check, iph->daddr, server);
	} else if (uh->check) {
		csum_replace4(&uh->check, iph->daddr, server);
		if (!uh->check)
			uh->check = CSUM_MANGLED_0;
	}
	iph->daddr = server;
	ip_decrease_ttl(iph);
}

/* Packets that may be fragmented need unique identifications (RFC 6864). */
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

static unsigned int prerouting(void *priv, struct sk_buff *skb,
			       const struct nf_hook_state *state)
{
	struct iphdr *iph = ip_hdr(skb);
	__be16 *ports = (void *)(iph + 1);
	struct entry *entry;

	if (skb_shared(skb) || skb_cloned(skb) ||
	    (iph->protocol != IPPROTO_UDP && iph->protocol != IPPROTO_TCP))
		return NF_ACCEPT;
	entry = entry_get(iph->saddr, ports[0]);
	if (!entry)
		return NF_DROP;

	if (nat)
		rewrite(iph, entry->server);
	else if (tun)
		encapsulate(skb, entry->server);
	send(skb, entry->server);
	return NF_STOLEN;
}

static const struct nf_hook_ops hook = {
	.hook = prerouting,
	.pf = NFPROTO_IPV4,
	.hooknum = NF_INET_PRE_ROUTING,
	.priority = NF_IP_PRI_CONNTRACK - 1,
};

static int __init limit_init(void)
{
	int err = -ENOMEM;

	if (bits < 13 || bits > 30)
		return -EINVAL;
	nat = !strcmp(method, "nat");
	tun = !strcmp(method, "tun");
	net = get_net(current->nsproxy->net_ns);
	dev = dev_get_by_name(net, out);
	if (!dev) {
		err = -ENODEV;
		goto out_put_net;
	}
	cache = KMEM_CACHE(entry, 0);
	if (!cache)
		goto out_put_dev;
	table = kvcalloc(buckets(), sizeof(*table), GFP_KERNEL);
	if (!table)
		goto out_destroy_cache;
	err = nf_register_net_hook(net, &hook);
	if (err)
		goto out_free_table;
	return 0;

out_free_table:
	kvfree(table);
out_destroy_cache:
	kmem_cache_destroy(cache);
out_put_dev:
	dev_put(dev);
out_put_net:
	put_net(net);
	return err;
}

static void __exit limit_exit(void)
{
	struct entry **link;

	nf_unregister_net_hook(net, &hook);
	synchronize_net();
	for (link = table->link; link <= last_link(); link++)
		if (*link)
			kmem_cache_free(cache, *link);
	kvfree(table);
	kmem_cache_destroy(cache);
	dev_put(dev);
	put_net(net);
}

module_init(limit_init);
module_exit(limit_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Does only what every load balancer must do, for benchmarks only");
