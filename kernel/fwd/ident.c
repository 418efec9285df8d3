// SPDX-License-Identifier: GPL-2.0
#include "ident.h"

#include <linux/ip.h>
#include <linux/jiffies.h>
#include <linux/minmax.h>
#include <net/ip.h>

/* Taken at once at most: what is left when the jiffy is over is lost. */
#define TAKE_MAX	64

/*
 * One at first; within a jiffy twice as many each time, so that at most half of what
 * is taken is lost.
 */
static u16 how_many(const struct ippfvs_idents *idents, unsigned long now)
{
	return idents->when == now ? min(2 * idents->taken, TAKE_MAX) : 1;
}

static void take(struct ippfvs_idents *idents, struct net *net,
		 const struct iphdr *iph, u16 n, unsigned long now)
{
	struct iphdr ends = {
		.saddr = iph->saddr,
		.daddr = iph->daddr,
		.protocol = iph->protocol,
	};

	__ip_select_ident(net, &ends, n);
	idents->when = now;
	idents->next = ntohs(ends.id);
	idents->left = n;
	idents->taken = n;
}

__be16 ippfvs_ident(struct ippfvs_idents *idents, struct net *net,
		    const struct iphdr *iph, u16 segs)
{
	unsigned long now = jiffies;
	u16 first;

	if (unlikely(idents->when != now || idents->left < segs))
		take(idents, net, iph, max(how_many(idents, now), segs), now);

	first = idents->next;
	idents->next += segs;
	idents->left -= segs;
	return htons(first);
}
