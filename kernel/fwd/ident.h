/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Identifications of IPv4 datagrams that somebody may cut into fragments
 * (RFC 6864). The stack gives them; one by one, each would cost a keyed hash and an
 * atomic operation on a word that all CPUs share.
 */
#ifndef _IPPFVS_FWD_IDENT_H
#define _IPPFVS_FWD_IDENT_H

#include <linux/types.h>

struct iphdr;
struct net;

/**
 * struct ippfvs_idents - those that one CPU may use towards one real server
 * @when: jiffies; they are good in that one only: the stack's counter goes on for
 *	others, and comes round
 * @next: the first of them, host byte order
 * @left: how many there are
 * @taken: how many were taken from the stack the last time
 *
 * Zeroed memory holds none. Used with bottom halves off on its CPU.
 */
struct ippfvs_idents {
	unsigned long when;
	u16 next;
	u16 left;
	u16 taken;
};

/**
 * ippfvs_ident() - an identification for each of @segs datagrams, one after the other
 * @idents: this CPU's towards that destination
 * @net: namespace
 * @iph: tells protocol and ends
 * @segs: 1, or the segments of one packet
 *
 * Return: the first, network byte order
 */
__be16 ippfvs_ident(struct ippfvs_idents *idents, struct net *net,
		    const struct iphdr *iph, u16 segs);

#endif /* _IPPFVS_FWD_IDENT_H */
