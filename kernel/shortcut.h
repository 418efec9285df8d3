/* SPDX-License-Identifier: GPL-2.0 */
/*
 * New connections without the way through the stack.
 *
 * A packet that opens a connection goes through the host's firewall and routing,
 * and is met again behind them. Where nobody is on that way who could say no, and
 * a packet for the same real servers has come to the end of it from the same
 * device since routes last changed, the next one would, too: its connection is
 * made where it arrives.
 */
#ifndef _IPPFVS_SHORTCUT_H
#define _IPPFVS_SHORTCUT_H

#include <linux/types.h>

struct ippfvs_packet;
struct ippfvs_pool;

#define IPPFVS_SHORTCUT_SLOTS	4

/**
 * struct ippfvs_shortcut - how packets have come to a pool
 * @seen: each the device, the DSCP and the generation of the routes, or 0; the slot
 *	is chosen by device and DSCP
 */
struct ippfvs_shortcut {
	u64 seen[IPPFVS_SHORTCUT_SLOTS];
};

/* All under RCU with bottom halves off; @pkt opens a connection. */

/* It has arrived: is there anything on its way that could refuse it? */
bool ippfvs_shortcut_allowed(const struct ippfvs_packet *pkt);

/* Do packets from its device and of its DSCP come to this pool? */
bool ippfvs_shortcut_seen(const struct ippfvs_pool *pool,
			  const struct ippfvs_packet *pkt);

/* It has come to the end of the way: remember that for the next. */
void ippfvs_shortcut_learn(struct ippfvs_pool *pool,
			   const struct ippfvs_packet *pkt);

#endif /* _IPPFVS_SHORTCUT_H */
