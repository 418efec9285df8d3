/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A tournament among the real servers of a service, for schedulers that look
 * for the least loaded one. The winner is always known, so that a pick costs
 * one read; a changed load costs one path to the top of the tree.
 */
#ifndef _IPPFVS_SCHED_LEAST_H
#define _IPPFVS_SCHED_LEAST_H

#include "sched.h"

size_t ippfvs_least_state_size(u32 n);

/**
 * ippfvs_least_init() - play the whole tournament
 * @view: the real servers
 * @state: ippfvs_least_state_size() bytes
 * @weight_max: greater weights count as this one: 1 makes all weights equal
 */
void ippfvs_least_init(const struct ippfvs_sched_view *view, void *state,
		       u32 weight_max);

/* The least loaded real server, or -1 when all weights are 0. Lock-free. */
int ippfvs_least_pick(const struct ippfvs_sched_view *view, void *state,
		      const struct ippfvs_flow *flow);

/* The load of real server @index has changed. One caller at a time. */
void ippfvs_least_changed(const struct ippfvs_sched_view *view, void *state,
			  u32 index);

#endif /* _IPPFVS_SCHED_LEAST_H */
