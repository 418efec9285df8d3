// SPDX-License-Identifier: GPL-2.0
/*
 * Weighted round robin. All weights are divided by their greatest common divisor. W is
 * the sum of the divided weights. Of any W successive connections, each real server gets
 * exactly as many as its divided weight.
 *
 * A cycle has W slots. The number of adjacent slots that a real server owns is its
 * divided weight. Connection number t goes to the owner of slot
 * t * step mod W. Because step and W have no common divisor, W connections use every slot
 * once, which makes the shares exact. Because step / W is near the golden ratio,
 * successive slots are far apart, which mixes the servers evenly.
 *
 * At any time in a cycle, the number of connections of a server differs from its ideal
 * share by less than 1 if all weights are equal. Otherwise the difference was less than
 * log2(W) in all simulated farms (at most 5.1 in 40,000 farms with W up to 12,000). With
 * the well-known smooth weighted round robin it is less than 1, but that algorithm reads
 * every server for every connection.
 *
 * An index gives the servers that own the slots of each block of slots. With it, the
 * owner of a slot is found in one or two steps, regardless of the number of servers.
 */
#include "../uapi/ippfvs.h"
#include "shares.h"

#define GOLDEN		2654435769u /* 2^32 / ((1 + sqrt(5)) / 2) */
#define STEP_CANDIDATES 8	    /* number of steps that are compared */
#define BLOCKS		2	    /* number of blocks of the index per server */

struct wrr_cycle {
	ippfvs_atomic64 cursor;
	struct ippfvs_shares shares;
	u32 slots;
	u32 step;
	u32 shift; /* a block has 2^shift slots */
	u32 n;
	/*
	 * The array has three parts. The first part has the end of each real server's
	 * slots. The second part, the index, has the server that owns the first slot
	 * of each block and, as its last element, the last server that owns a slot.
	 * The third part is the tree of @shares.
	 */
	u32 end[];
};

static size_t wrr_state_size(u32 n)
{
	return sizeof(struct wrr_cycle) + ((size_t)n * (1 + BLOCKS) + 1) * sizeof(u32) +
	       ippfvs_shares_size(n);
}

static u32 *index_of(struct wrr_cycle *cycle)
{
	return cycle->end + cycle->n;
}

static u32 common_divisor(u32 a, u32 b)
{
	while (b) {
		u32 rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

/*
 * Return the sum of the partial quotients of step / slots, or U32_MAX if the step would
 * leave out slots. The difference of a share from its ideal is proportional to the sum.
 */
static u32 unevenness(u32 slots, u32 step)
{
	u32 sum = 0;

	while (step) {
		u32 rest = slots % step;

		sum += slots / step;
		slots = step;
		step = rest;
	}
	return slots == 1 ? sum : U32_MAX;
}

static u32 best_step(u32 slots)
{
	u32 least = U32_MAX;
	u32 found = 0;
	u32 best = 1;
	u32 step;

	step = max((u32)(((u64)slots * GOLDEN) >> 32), 1u);
	for (; step < slots && found < STEP_CANDIDATES; step++) {
		u32 uneven = unevenness(slots, step);

		if (uneven == U32_MAX)
			continue;
		if (uneven < least) {
			least = uneven;
			best = step;
		}
		found++;
	}
	return best;
}

static void lay_out_servers(struct wrr_cycle *cycle, const struct ippfvs_sched_view *view)
{
	u32 divisor = 0;
	u32 slots = 0;
	u32 i;

	for (i = 0; i < view->n; i++)
		divisor = common_divisor(view->real[i].weight, divisor);
	for (i = 0; i < view->n; i++) {
		if (divisor)
			slots += view->real[i].weight / divisor;
		cycle->end[i] = slots;
	}
	cycle->slots = slots;
}

static void write_index(struct wrr_cycle *cycle)
{
	u32 *index = index_of(cycle);
	u32 server = 0;
	u32 block;
	u32 last;

	cycle->shift = 0;
	while ((cycle->slots - 1) >> cycle->shift >= cycle->n * BLOCKS)
		cycle->shift++;

	last = (cycle->slots - 1) >> cycle->shift;
	for (block = 0; block <= last; block++) {
		while (cycle->end[server] <= block << cycle->shift)
			server++;
		index[block] = server;
	}
	while (cycle->end[server] < cycle->slots)
		server++;
	index[block] = server;
}

static void wrr_init(const struct ippfvs_sched_view *view, void *state, u64 cursor)
{
	struct wrr_cycle *cycle = state;

	ippfvs_atomic64_set(&cycle->cursor, cursor);
	cycle->n = view->n;
	ippfvs_shares_init(view, &cycle->shares, index_of(cycle) + view->n * BLOCKS + 1,
			   IPPFVS_WEIGHT_MAX);
	lay_out_servers(cycle, view);
	if (!cycle->slots)
		return;
	cycle->step = best_step(cycle->slots);
	write_index(cycle);
}

static u64 wrr_cursor(const void *state)
{
	const struct wrr_cycle *cycle = state;

	return ippfvs_atomic64_read(&cycle->cursor);
}

static u32 owner_of(struct wrr_cycle *cycle, u32 slot)
{
	const u32 *block = index_of(cycle) + (slot >> cycle->shift);
	u32 low = block[0];
	u32 high = block[1];

	while (low < high) {
		u32 middle = low + (high - low) / 2;

		if (cycle->end[middle] <= slot)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int wrr_pick(const struct ippfvs_sched_view *view, void *state,
		    const struct ippfvs_flow *flow, const struct ippfvs_excluded *excluded)
{
	struct wrr_cycle *cycle = state;
	u64 turn, slot;
	u32 index;

	if (!cycle->slots)
		return -1;
	div64_u64_rem(ippfvs_atomic64_fetch_inc(&cycle->cursor), cycle->slots, &turn);
	div64_u64_rem(turn * cycle->step, cycle->slots, &slot);
	index = owner_of(cycle, (u32)slot);
	if (unlikely(!ippfvs_sched_accepts(view, index, excluded)))
		return ippfvs_shares_pick(view, &cycle->shares, excluded);
	return (int)index;
}

static void wrr_changed(const struct ippfvs_sched_view *view, void *state, u32 index)
{
	struct wrr_cycle *cycle = state;

	ippfvs_shares_changed(view, &cycle->shares, index);
}

const struct ippfvs_scheduler ippfvs_sched_wrr = {
	.name = "wrr",
	.state_size = wrr_state_size,
	.init = wrr_init,
	.cursor = wrr_cursor,
	.pick = wrr_pick,
	.changed = wrr_changed,
};
