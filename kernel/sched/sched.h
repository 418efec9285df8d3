/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Schedulers choose the real server of a new connection. They are pure C, with one
 * scheduler per file.
 *
 * A scheduler sees an immutable view of a service's real servers and returns an index
 * into it. Its state is a block of memory that the pool allocates and frees together
 * with the view. pick() runs on many CPUs at once without a lock. The caller serialises
 * changed(). Nothing here sleeps.
 */
#ifndef _IPPFVS_SCHED_H
#define _IPPFVS_SCHED_H

#include "../core/port.h"

/**
 * struct ippfvs_load - the connections of one real server; changes at any time
 * @counts: active (established) connections in the upper 32 bits, inactive ones in the
 *	lower 32 bits; a half may be below zero for a moment (pool.c)
 */
struct ippfvs_load {
	ippfvs_atomic64 counts;
};

/**
 * ippfvs_load_cost() - the load that least-connection schedulers compare
 * @load: the connections of a real server
 *
 * An established connection counts 256, any other connection 1. The schedulers add 1
 * for the next connection, which is inactive at first, and choose the real server with
 * the least (cost + 1) / weight. So a burst of new connections is spread by weight, and
 * among idle servers the one with the greatest weight is chosen.
 *
 * Context: any.
 * Return: 256 * active + inactive.
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
 * @weight: 0..IPPFVS_WEIGHT_MAX; a real server with weight 0 is never picked
 */
struct ippfvs_sched_real {
	const struct ippfvs_load *load;
	u32 weight;
};

/**
 * struct ippfvs_sched_view - the real servers of one service
 * @real: the real servers, in the order in which they were added
 * @n: number of real servers
 */
struct ippfvs_sched_view {
	const struct ippfvs_sched_real *real;
	u32 n;
};

/**
 * struct ippfvs_flow - a new connection
 * @hash: hash of the client's address and port
 */
struct ippfvs_flow {
	u32 hash;
};

/**
 * struct ippfvs_scheduler - the operations of a scheduler
 * @name: the name that users write
 * @state_size: size in bytes of the state for @n real servers; may be 0
 * @init: fills the state. @cursor is the start position of round robin: a random number for a new
 *	service, else cursor() of the previous state. If a load changes during init(), the caller
 *	calls changed() afterwards
 * @cursor: returns the position of round robin; NULL for a scheduler without round robin
 * @pick: returns the index of the real server for @flow, or -1 if no real server accepts
 *	connections. Its cost is at most proportional to the logarithm of the number of
 *	real servers. The lowest index wins a tie
 * @changed: called when the load of real server @index has changed; NULL if loads do not
 *	matter. Its cost is at most proportional to the same logarithm
 */
struct ippfvs_scheduler {
	const char *name;
	size_t (*state_size)(u32 n);
	void (*init)(const struct ippfvs_sched_view *view, void *state, u64 cursor);
	u64 (*cursor)(const void *state);
	int (*pick)(const struct ippfvs_sched_view *view, void *state,
		    const struct ippfvs_flow *flow);
	void (*changed)(const struct ippfvs_sched_view *view, void *state, u32 index);
};

extern const struct ippfvs_scheduler ippfvs_sched_rr;
extern const struct ippfvs_scheduler ippfvs_sched_wrr;
extern const struct ippfvs_scheduler ippfvs_sched_lc;
extern const struct ippfvs_scheduler ippfvs_sched_wlc;

/* All schedulers, terminated by NULL. */
extern const struct ippfvs_scheduler *const ippfvs_schedulers[];

/**
 * ippfvs_sched_lookup() - find a scheduler by its name
 * @name: the name that users write
 *
 * Context: any.
 * Return: the scheduler, or NULL.
 */
const struct ippfvs_scheduler *ippfvs_sched_lookup(const char *name);

#endif /* _IPPFVS_SCHED_H */
