/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A tournament tree whose winner is the least loaded real server. A pick reads only the root. A
 * change of a load updates the path from one leaf to the root. If the winner is excluded or not
 * eligible, a pick also reads its path and the paths of the excluded real servers.
 */
#ifndef _IPPFVS_SCHED_LEAST_H
#define _IPPFVS_SCHED_LEAST_H

#include "sched.h"

/**
 * ippfvs_least_state_size() - size of the tree
 * @n: the number of real servers
 *
 * Context: any.
 * Return: the size in bytes.
 */
size_t ippfvs_least_state_size(u32 n);

/**
 * ippfvs_least_init() - build the tree
 * @view: the real servers
 * @state: ippfvs_least_state_size() bytes
 * @weight_max: greater weights count as this weight; 1 makes all weights equal
 *
 * Context: any. Nobody else uses @state.
 */
void ippfvs_least_init(const struct ippfvs_sched_view *view, void *state, u32 weight_max);

/**
 * ippfvs_least_pick() - get the least loaded real server
 * @view: the real servers
 * @state: the tree
 * @flow: the new connection (not used)
 * @excluded: the real servers that must not get it
 *
 * Context: any, on many CPUs at once.
 * Return: the index of the real server, or -1 if no real server accepts the connection.
 */
int ippfvs_least_pick(const struct ippfvs_sched_view *view, void *state,
		      const struct ippfvs_flow *flow, const struct ippfvs_excluded *excluded);

/**
 * ippfvs_least_changed() - update the tree after a load or an eligible word has changed
 * @view: the real servers
 * @state: the tree
 * @index: index of the real server
 *
 * Context: any. The caller serialises the calls; picks may run at the same time.
 */
void ippfvs_least_changed(const struct ippfvs_sched_view *view, void *state, u32 index);

#endif /* _IPPFVS_SCHED_LEAST_H */
