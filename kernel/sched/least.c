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

/* A real server as it enters a match. */
struct contender {
	u32 index;
	u64 cost;
	u64 weight;
};

/*
 * Its cost is that with the next connection, which counts 1 when it enters (it
 * is not yet active). Without this one all idle servers would look alike
 * whatever their weights; with it the greatest load for its weight in the farm
 * is kept as small as possible.
 */
static struct contender contender(const struct ippfvs_sched_view *view,
				  const struct tournament *tournament,
				  u32 index)
{
	const struct ippfvs_sched_real *real = &view->real[index];

	return (struct contender) {
		.index = index,
		.cost = ippfvs_load_cost(real->load) + 1,
		.weight = min(real->weight, tournament->weight_max),
	};
}

/* The products stay below 2^58. A weight of 0 loses to any other. */
static bool beats(const struct contender *a, const struct contender *b)
{
	u64 load_a = a->cost * b->weight;
	u64 load_b = b->cost * a->weight;

	return load_a < load_b || (load_a == load_b && a->index < b->index);
}

static u32 play(const struct ippfvs_sched_view *view,
		const struct tournament *tournament, u32 node)
{
	const u32 *pair = &tournament->winner[2 * node];
	struct contender a = contender(view, tournament, pair[0]);
	struct contender b = contender(view, tournament, pair[1]);

	return beats(&a, &b) ? a.index : b.index;
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
	struct contender best = contender(view, tournament, index);
	u32 *winner = tournament->winner;
	u32 node;

	for (node = view->n + index; node > TOP; node /= 2) {
		struct contender other =
			contender(view, tournament, winner[node ^ 1]);
		u32 before = winner[node / 2];

		if (beats(&other, &best))
			best = other;
		/* Further up nobody has met this server, nor will. */
		if (before != index && before == best.index)
			return;
		WRITE_ONCE(winner[node / 2], best.index);
	}
}
