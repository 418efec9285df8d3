// SPDX-License-Identifier: GPL-2.0
#include "link.h"

#include "../net.h"

#include <linux/netdevice.h>
#include <linux/slab.h>
#include <net/ip6_fib.h>
#include <net/ip_fib.h>
#include <net/l3mdev.h>

#if IS_ENABLED(CONFIG_NF_CONNTRACK_MARK)
#include <net/netfilter/nf_conntrack.h>
#endif

struct ippfvs_links *ippfvs_links_create(void)
{
	struct ippfvs_links *links = kzalloc(sizeof(*links), GFP_KERNEL_ACCOUNT);

	if (!links)
		return NULL;
	spin_lock_init(&links->lock);
	links->used = 1;
	return links;
}

#if IS_ENABLED(CONFIG_NF_CONNTRACK_MARK)

/* No symbol of nf_conntrack is used, so the module does not load it. */
static u32 conntrack_mark(const struct sk_buff *skb)
{
	enum ip_conntrack_info info;
	const struct nf_conn *ct = nf_ct_get(skb, &info);

	return ct ? READ_ONCE(ct->mark) : 0;
}

#else

static u32 conntrack_mark(const struct sk_buff *skb)
{
	return 0;
}

#endif

static bool has_custom_rules(const struct ippfvs_packet *pkt)
{
	return ippfvs_packet_ipv4(pkt) ? fib4_has_custom_rules(pkt->net) :
					 fib6_has_custom_rules(pkt->net);
}

static int find_link(const struct ippfvs_links *links, const struct ippfvs_link *link)
{
	/* pairs with smp_store_release() in store_link() */
	unsigned int used = smp_load_acquire(&links->used);
	unsigned int n;

	for (n = 1; n < used; n++) {
		const struct ippfvs_link *each = &links->link[n];

		if (each->l3mdev == link->l3mdev && each->mark == link->mark)
			return n;
	}
	return -ENOENT;
}

static int store_link(struct ippfvs_links *links, const struct ippfvs_link *link)
{
	int n;

	spin_lock(&links->lock);
	n = find_link(links, link);
	if (n < 0 && links->used < IPPFVS_LINKS) {
		n = links->used;
		links->link[n] = *link;
		smp_store_release(&links->used, n + 1); /* readers find complete links only */
	}
	spin_unlock(&links->lock);
	return n < 0 ? -ENOSPC : n;
}

static int find_or_store_link(struct ippfvs_links *links, const struct ippfvs_link *link)
{
	int n;

	if (!link->l3mdev && !link->mark)
		return 0;
	n = find_link(links, link);
	return n < 0 ? store_link(links, link) : n;
}

int ippfvs_link_learn(const struct ippfvs_packet *pkt)
{
	struct ippfvs_link link = {};
	int n;

	if (!pkt->in) /* replies to the director's own clients are not routed */
		return 0;
	link.l3mdev = l3mdev_master_ifindex_rcu(pkt->in);
	if (has_custom_rules(pkt))
		link.mark = conntrack_mark(pkt->skb);

	n = find_or_store_link(pkt->ipn->links, &link);
	if (n >= 0 || !link.mark)
		return n;
	link.mark = 0;
	return find_or_store_link(pkt->ipn->links, &link);
}

const struct ippfvs_link *ippfvs_link_of(const struct ippfvs_packet *pkt,
					 const struct ippfvs_conn *conn)
{
	return &pkt->ipn->links->link[conn->link];
}
