/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Schedulers: who gets the next connection. Pure C, one scheduler a file.
 *
 * A scheduler sees an immutable view of a service's real servers and returns an
 * index into it. What it remembers between picks lives in its state, a block of
 * memory made with the view and freed with it. pick() runs on many CPUs at once
 * without a lock; changed() is serialised by its caller.
 */
#ifndef _IPPFVS_SCHED_H
#define _IPPFVS_SCHED_H

#include "../core/port.h"

/**
 * struct ippfvs_load - the connections of one real server, always changing
 * @counts: active (established) in the upper 32 bits, inactive in the lower; two
 *	CPUs that end one connection may bring a half below zero for a moment
 */
struct ippfvs_load {
	ippfvs_atomic64 counts;
};

/*
 * What least-connection compares: an established connection weighs 256. The
 * next connection, which enters as an inactive one, is counted in: the least
 * (cost + 1) / weight wins. So the greatest load for its weight in a farm grows
 * as little as it can, a burst of new connections is placed as well as any
 * placement could, and of idle servers the one of the greatest weight is first.
 */
static inline u64 ippfvs_load_cost(const struct ippfvs_load *load)
{
	u64 counts = ippfvs_atomic64_read(&load->counts);
	s32 active = counts >> 32;
	s32 inactive = counts;

	return ((u64)max(active, 0) << 8) + max(inactive, 0);
}

/**
 * struct ippfvs_sched_real - a real server as a scheduler sees it
 * @load: its connections
 * @weight: 0..IPPFVS_WEIGHT_MAX; 0 is never picked
 */
struct ippfvs_sched_real {
	const struct ippfvs_load *load;
	u32 weight;
};

/* The real servers of one service, in the order in which they were added. */
struct ippfvs_sched_view {
	const struct ippfvs_sched_real *real;
	u32 n;
};

/* The connection to be placed; hash covers the client's address and port. */
struct ippfvs_flow {
	u32 hash;
};

/**
 * struct ippfvs_scheduler - a scheduler's verbs
 * @name: as users write it
 * @state_size: bytes of state for @n real servers; may be 0
 * @init: fill the state; @ticket is where round robin goes on (a random number
 *	at first, ticket() of the state before when the view was replaced). A
 *	load that changes meanwhile needs a changed() afterwards
 * @ticket: how far round robin has come; NULL when there is no such thing
 * @pick: index of the real server for @flow, or -1 when none takes connections.
 *	Its cost does not grow with the number of real servers (at most by its
 *	logarithm). Ties go to the lowest index
 * @changed: the load of real server @index has changed; NULL when loads do
 *	not matter. Cost at most logarithmic
 */
struct ippfvs_scheduler {
	const char *name;
	size_t (*state_size)(u32 n);
	void (*init)(const struct ippfvs_sched_view *view, void *state,
		     u64 ticket);
	u64 (*ticket)(const void *state);
	int (*pick)(const struct ippfvs_sched_view *view, void *state,
		    const struct ippfvs_flow *flow);
	void (*changed)(const struct ippfvs_sched_view *view, void *state,
			u32 index);
};

extern const struct ippfvs_scheduler ippfvs_sched_rr;
extern const struct ippfvs_scheduler ippfvs_sched_wrr;
extern const struct ippfvs_scheduler ippfvs_sched_lc;
extern const struct ippfvs_scheduler ippfvs_sched_wlc;

/* Every scheduler, NULL at the end (list.c). */
extern const struct ippfvs_scheduler *const ippfvs_schedulers[];

/* The scheduler of that name, or NULL. */
const struct ippfvs_scheduler *ippfvs_sched_find(const char *name);

#endif /* _IPPFVS_SCHED_H */
