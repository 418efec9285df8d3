/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The second choice of round robin: if the real server whose turn it is does not accept
 * the connection, another one gets it. Each gets a share of such connections by its weight.
 */
#ifndef _IPPFVS_SCHED_SHARES_H
#define _IPPFVS_SCHED_SHARES_H

#include "sched.h"

/**
 * struct ippfvs_shares - the weights of the real servers that are eligible, as a tree of sums
 * @draws: how many connections needed a second choice
 * @n: the number of real servers
 * @weight_max: greater weights count as this one
 * @sum: node 1 is the root, the children of node i are 2i and 2i + 1, and real server i is the
 *	leaf n + i. Each node holds the sum of the weights below it
 */
struct ippfvs_shares {
	ippfvs_atomic64 draws;
	u32 n;
	u32 weight_max;
	u32 *sum;
};

/**
 * ippfvs_shares_size() - size of the tree
 * @n: the number of real servers
 *
 * Context: any.
 * Return: the size in bytes.
 */
size_t ippfvs_shares_size(u32 n);

/**
 * ippfvs_shares_init() - build the tree
 * @view: the real servers
 * @shares: result
 * @sum: ippfvs_shares_size() bytes
 * @weight_max: greater weights count as this one: 1 makes all weights equal
 *
 * Context: any; nobody else uses @shares.
 */
void ippfvs_shares_init(const struct ippfvs_sched_view *view, struct ippfvs_shares *shares,
			u32 *sum, u32 weight_max);

/**
 * ippfvs_shares_pick() - choose one of the real servers that accept a connection
 * @view: the real servers
 * @shares: their weights
 * @excluded: the real servers that must not get it
 *
 * Context: any; on many CPUs at once.
 * Return: its index, or -1 if none accepts the connection.
 */
int ippfvs_shares_pick(const struct ippfvs_sched_view *view, struct ippfvs_shares *shares,
		       const struct ippfvs_excluded *excluded);

/**
 * ippfvs_shares_changed() - update the tree after an eligible word has changed
 * @view: the real servers
 * @shares: their weights
 * @index: of the real server
 *
 * Context: any; the caller serialises it, picks may run meanwhile.
 */
void ippfvs_shares_changed(const struct ippfvs_sched_view *view, struct ippfvs_shares *shares,
			   u32 index);

#endif /* _IPPFVS_SCHED_SHARES_H */
