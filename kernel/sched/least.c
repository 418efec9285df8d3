// SPDX-License-Identifier: GPL-2.0
/* A tournament tree of real servers, which lc and wlc share. */
#include "least.h"

/*
 * Node 1 is the root. The children of node i are 2i and 2i + 1. Real server i is the
 * leaf n + i. Each node holds the index of the least loaded real server below it.
 */
struct least_tree {
	u32 weight_max;
	u32 winner[];
};

#define ROOT 1

size_t ippfvs_least_state_size(u32 n)
{
	return sizeof(struct least_tree) + 2 * (size_t)n * sizeof(u32);
}

/* The properties by which two real servers are compared. */
struct least_candidate {
	u32 index;
	u64 cost;
	u64 weight;
};

/*
 * The cost includes the next connection, which counts 1 because it enters as an
 * inactive one. Without it, all idle servers would be equal whatever their weights.
 */
static struct least_candidate least_candidate(const struct ippfvs_sched_view *view,
					      const struct least_tree *tree, u32 index)
{
	const struct ippfvs_sched_real *real = &view->real[index];

	return (struct least_candidate){
		.index = index,
		.cost = ippfvs_load_cost(real->load) + 1,
		.weight = ippfvs_sched_weight(real, tree->weight_max),
	};
}

/* The products stay below 2^58. A weight of 0 loses to every other weight. */
static bool less_loaded(const struct least_candidate *a, const struct least_candidate *b)
{
	u64 load_a = a->cost * b->weight;
	u64 load_b = b->cost * a->weight;

	return load_a < load_b || (load_a == load_b && a->index < b->index);
}

/* Compare the winners of both children of @node. Return the index of the less loaded one. */
static u32 winner_of(const struct ippfvs_sched_view *view, const struct least_tree *tree, u32 node)
{
	const u32 *pair = &tree->winner[2 * node];
	struct least_candidate a = least_candidate(view, tree, pair[0]);
	struct least_candidate b = least_candidate(view, tree, pair[1]);

	return less_loaded(&a, &b) ? a.index : b.index;
}

void ippfvs_least_init(const struct ippfvs_sched_view *view, void *state, u32 weight_max)
{
	struct least_tree *tree = state;
	u32 node;
	u32 i;

	tree->weight_max = weight_max;
	for (i = 0; i < view->n; i++)
		tree->winner[view->n + i] = i;
	for (node = view->n; node-- > ROOT;)
		tree->winner[node] = winner_of(view, tree, node);
}

/* Compare @best with the winners that real server @index has met on its way to the root. */
static void consider_winners(const struct ippfvs_sched_view *view, const struct least_tree *tree,
			     u32 index, const struct ippfvs_excluded *excluded,
			     struct least_candidate *best)
{
	struct least_candidate candidate;
	u32 node;
	u32 winner;

	for (node = view->n + index; node > ROOT; node /= 2) {
		winner = READ_ONCE(tree->winner[node ^ 1]);
		if (!ippfvs_sched_accepts(view, winner, excluded))
			continue;
		candidate = least_candidate(view, tree, winner);
		if (less_loaded(&candidate, best))
			*best = candidate;
	}
}

/*
 * The best remaining real server has lost only to @winner or to an excluded one. So it is among the
 * winners that these have met on their way to the root.
 */
static noinline int pick_another(const struct ippfvs_sched_view *view,
				 const struct least_tree *tree, u32 winner,
				 const struct ippfvs_excluded *excluded)
{
	struct least_candidate best = { .index = U32_MAX };
	u32 i;

	consider_winners(view, tree, winner, excluded, &best);
	for (i = 0; i < excluded->n; i++)
		consider_winners(view, tree, excluded->index[i], excluded, &best);
	return best.weight ? (int)best.index : -1;
}

int ippfvs_least_pick(const struct ippfvs_sched_view *view, void *state,
		      const struct ippfvs_flow *flow, const struct ippfvs_excluded *excluded)
{
	const struct least_tree *tree = state;
	u32 best;

	if (!view->n)
		return -1;
	best = READ_ONCE(tree->winner[ROOT]);
	if (!view->real[best].weight)
		return -1;
	if (unlikely(!ippfvs_sched_accepts(view, best, excluded)))
		return pick_another(view, tree, best, excluded);
	return (int)best;
}

void ippfvs_least_changed(const struct ippfvs_sched_view *view, void *state, u32 index)
{
	struct least_tree *tree = state;
	struct least_candidate best = least_candidate(view, tree, index);
	u32 *winner = tree->winner;
	u32 node;

	for (node = view->n + index; node > ROOT; node /= 2) {
		struct least_candidate other = least_candidate(view, tree, winner[node ^ 1]);
		u32 before = winner[node / 2];

		if (less_loaded(&other, &best))
			best = other;
		/* Another server still wins this node, so the nodes above do not change. */
		if (before != index && before == best.index)
			return;
		WRITE_ONCE(winner[node / 2], best.index);
	}
}
