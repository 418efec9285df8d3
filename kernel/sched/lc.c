// SPDX-License-Identifier: GPL-2.0
/* Least connection: the real server with the lowest load, regardless of its weight (least.c). */
#include "least.h"

static void lc_init(const struct ippfvs_sched_view *view, void *state, u64 cursor)
{
	ippfvs_least_init(view, state, 1);
}

const struct ippfvs_scheduler ippfvs_sched_lc = {
	.name = "lc",
	.state_size = ippfvs_least_state_size,
	.init = lc_init,
	.pick = ippfvs_least_pick,
	.changed = ippfvs_least_changed,
	.by_load = true,
};
