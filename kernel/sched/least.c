// SPDX-License-Identifier: GPL-2.0
#include "least.h"

/*
 * Node 1 is the top; the children of node i are 2i and 2i + 1; real server i is
 * the leaf n + i. Each node holds the index of the best real server below it.
 */
struct tournament {
	u32 weight_max;
	u32 winner[];
};

#define TOP	1

size_t ippfvs_least_state_size(u32 n)
{
	return sizeof(struct tournament) + 2 * (size_t)n * sizeof(u32);
}

/*
 * Is @a, given the next connection, loaded less for its weight than @b would
 * be? A connection counts 1 when it enters (it is not yet active). Without
 * this one all idle servers would look alike whatever their weights; with it
 * the greatest load for its weight in the farm is kept as small as possible.
 * The products stay below 2^58. A weight of 0 loses to any other.
 */
static bool beats(const struct ippfvs_sched_view *view, u32 weight_max,
		  u32 a, u32 b)
{
	const struct ippfvs_sched_real *real = view->real;
	u64 weight_a = min(real[a].weight, weight_max);
	u64 weight_b = min(real[b].weight, weight_max);
	u64 product_a = (ippfvs_load_cost(real[a].load) + 1) * weight_b;
	u64 product_b = (ippfvs_load_cost(real[b].load) + 1) * weight_a;

	return product_a < product_b || (product_a == product_b && a < b);
}

static u32 play(const struct ippfvs_sched_view *view,
		const struct tournament *tournament, u32 node)
{
	u32 a = tournament->winner[2 * node];
	u32 b = tournament->winner[2 * node + 1];

	return beats(view, tournament->weight_max, a, b) ? a : b;
}

void ippfvs_least_init(const struct ippfvs_sched_view *view, void *state,
		       u32 weight_max)
{
	struct tournament *tournament = state;
	u32 node;
	u32 i;

	tournament->weight_max = weight_max;
	for (i = 0; i < view->n; i++)
		tournament->winner[view->n + i] = i;
	for (node = view->n; node-- > TOP; )
		tournament->winner[node] = play(view, tournament, node);
}

int ippfvs_least_pick(const struct ippfvs_sched_view *view, void *state,
		      const struct ippfvs_flow *flow)
{
	const struct tournament *tournament = state;
	u32 best;

	if (!view->n)
		return -1;
	best = READ_ONCE(tournament->winner[TOP]);
	return view->real[best].weight ? (int)best : -1;
}

void ippfvs_least_changed(const struct ippfvs_sched_view *view, void *state,
			  u32 index)
{
	struct tournament *tournament = state;
	u32 node;

	for (node = (view->n + index) / 2; node >= TOP; node /= 2) {
		u32 before = tournament->winner[node];
		u32 winner = play(view, tournament, node);

		/* Further up nobody has met this server, nor will. */
		if (before != index && winner == before)
			return;
		WRITE_ONCE(tournament->winner[node], winner);
	}
}
