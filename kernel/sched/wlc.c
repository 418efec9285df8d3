// SPDX-License-Identifier: GPL-2.0
/* Weighted least connection: the real server with the lowest load per weight (least.c). */
#include "../uapi/ippfvs.h"
#include "least.h"

static void wlc_init(const struct ippfvs_sched_view *view, void *state, u64 cursor)
{
	ippfvs_least_init(view, state, IPPFVS_WEIGHT_MAX);
}

const struct ippfvs_scheduler ippfvs_sched_wlc = {
	.name = "wlc",
	.state_size = ippfvs_least_state_size,
	.init = wlc_init,
	.pick = ippfvs_least_pick,
	.changed = ippfvs_least_changed,
	.by_load = true,
};
