// SPDX-License-Identifier: GPL-2.0
/* A tree of sums of weights, which rr and wrr share. */
#include "shares.h"

#define ROOT   1
#define GOLDEN 2654435769u /* 2^32 / ((1 + sqrt(5)) / 2): multiples spread evenly modulo 2^32 */

/* Maximum number of draws. A drawn real server is refused only while its eligible word changes. */
#define TRIES 8

size_t ippfvs_shares_size(u32 n)
{
	return 2 * (size_t)n * sizeof(u32);
}

static u32 *leaf_of(const struct ippfvs_shares *shares, u32 index)
{
	return &shares->sum[shares->n + index];
}

void ippfvs_shares_init(const struct ippfvs_sched_view *view, struct ippfvs_shares *shares,
			u32 *sum, u32 weight_max)
{
	u32 node;
	u32 i;

	ippfvs_atomic64_set(&shares->draws, 0);
	shares->n = view->n;
	shares->weight_max = weight_max;
	shares->sum = sum;
	for (i = 0; i < view->n; i++)
		*leaf_of(shares, i) = ippfvs_sched_weight(&view->real[i], weight_max);
	for (node = view->n; node-- > ROOT;)
		sum[node] = sum[2 * node] + sum[2 * node + 1];
}

static bool is_below(u32 leaf, u32 node)
{
	return leaf >= node && leaf >> (fls(leaf) - fls(node)) == node;
}

/* Return the sum of the weights below @node without those of excluded real servers. */
static u32 sum_below(const struct ippfvs_shares *shares, u32 node,
		     const struct ippfvs_excluded *excluded)
{
	u32 sum = READ_ONCE(shares->sum[node]);
	u32 i;

	for (i = 0; i < excluded->n; i++) {
		u32 weight = READ_ONCE(*leaf_of(shares, excluded->index[i]));

		/* A sum may be older than its leaf while a change is on its way to the root. */
		if (is_below(shares->n + excluded->index[i], node))
			sum -= min(sum, weight);
	}
	return sum;
}

/*
 * Return the index of the real server that owns slot @slot. The slots are numbered by the sums of
 * the tree.
 */
static u32 owner_of_slot(const struct ippfvs_shares *shares, u32 slot,
			 const struct ippfvs_excluded *excluded)
{
	u32 node = ROOT;

	while (node < shares->n) {
		u32 left;

		node *= 2;
		left = sum_below(shares, node, excluded);
		if (slot >= left) {
			slot -= left;
			node++;
		}
	}
	return node - shares->n;
}

int ippfvs_shares_pick(const struct ippfvs_sched_view *view, struct ippfvs_shares *shares,
		       const struct ippfvs_excluded *excluded)
{
	u32 tries;

	for (tries = 0; tries < TRIES; tries++) {
		u32 slots = sum_below(shares, ROOT, excluded);
		u32 draw, index;

		if (!slots)
			return -1;
		draw = (u32)ippfvs_atomic64_fetch_inc(&shares->draws) * GOLDEN;
		index = owner_of_slot(shares, (u32)((u64)draw * slots >> 32), excluded);
		if (ippfvs_sched_accepts(view, index, excluded))
			return (int)index;
	}
	return -1;
}

void ippfvs_shares_changed(const struct ippfvs_sched_view *view, struct ippfvs_shares *shares,
			   u32 index)
{
	u32 weight = ippfvs_sched_weight(&view->real[index], shares->weight_max);
	u32 *sum = shares->sum;
	u32 node = shares->n + index;

	if (sum[node] == weight)
		return;
	WRITE_ONCE(sum[node], weight);
	for (node /= 2; node >= ROOT; node /= 2)
		WRITE_ONCE(sum[node], sum[2 * node] + sum[2 * node + 1]);
}
