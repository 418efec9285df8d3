// SPDX-License-Identifier: GPL-2.0
/* Round robin: each real server in its turn, whatever its weight or load. */
#include "sched.h"

struct round {
	ippfvs_atomic64 ticket;
	u32 n;
	u32 eligible[];		/* indexes of the real servers with a weight */
};

static size_t state_size(u32 n)
{
	return sizeof(struct round) + n * sizeof(u32);
}

static void init(const struct ippfvs_sched_view *view, void *state, u64 ticket)
{
	struct round *round = state;
	u32 i;

	ippfvs_atomic64_set(&round->ticket, ticket);
	round->n = 0;
	for (i = 0; i < view->n; i++)
		if (view->real[i].weight)
			round->eligible[round->n++] = i;
}

static u64 ticket(const void *state)
{
	const struct round *round = state;

	return ippfvs_atomic64_read(&round->ticket);
}

static int pick(const struct ippfvs_sched_view *view, void *state,
		const struct ippfvs_flow *flow)
{
	struct round *round = state;
	u64 turn;

	if (!round->n)
		return -1;
	div64_u64_rem(ippfvs_atomic64_fetch_inc(&round->ticket), round->n,
		      &turn);
	return (int)round->eligible[turn];
}

const struct ippfvs_scheduler ippfvs_sched_rr = {
	.name = "rr",
	.state_size = state_size,
	.init = init,
	.ticket = ticket,
	.pick = pick,
};
