// SPDX-License-Identifier: GPL-2.0
/* Round robin: each real server in turn. Loads do not matter, and weights only if they are 0. */
#include "shares.h"

struct rr_state {
	ippfvs_atomic64 cursor;
	struct ippfvs_shares shares;
	u32 n;
	/* First the indexes of the real servers whose weight is not 0, then the tree of @shares. */
	u32 weighted[];
};

static size_t rr_state_size(u32 n)
{
	return sizeof(struct rr_state) + n * sizeof(u32) + ippfvs_shares_size(n);
}

static void rr_init(const struct ippfvs_sched_view *view, void *state, u64 cursor)
{
	struct rr_state *rr = state;
	u32 i;

	ippfvs_atomic64_set(&rr->cursor, cursor);
	ippfvs_shares_init(view, &rr->shares, rr->weighted + view->n, 1);
	rr->n = 0;
	for (i = 0; i < view->n; i++)
		if (view->real[i].weight)
			rr->weighted[rr->n++] = i;
}

static u64 rr_cursor(const void *state)
{
	const struct rr_state *rr = state;

	return ippfvs_atomic64_read(&rr->cursor);
}

static int rr_pick(const struct ippfvs_sched_view *view, void *state,
		   const struct ippfvs_flow *flow, const struct ippfvs_excluded *excluded)
{
	struct rr_state *rr = state;
	u64 turn;
	u32 index;

	if (!rr->n)
		return -1;
	div64_u64_rem(ippfvs_atomic64_fetch_inc(&rr->cursor), rr->n, &turn);
	index = rr->weighted[turn];
	if (unlikely(!ippfvs_sched_accepts(view, index, excluded)))
		return ippfvs_shares_pick(view, &rr->shares, excluded);
	return (int)index;
}

static void rr_changed(const struct ippfvs_sched_view *view, void *state, u32 index)
{
	struct rr_state *rr = state;

	ippfvs_shares_changed(view, &rr->shares, index);
}

const struct ippfvs_scheduler ippfvs_sched_rr = {
	.name = "rr",
	.state_size = rr_state_size,
	.init = rr_init,
	.cursor = rr_cursor,
	.pick = rr_pick,
	.changed = rr_changed,
};
