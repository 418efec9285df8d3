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

#include "../core/tuple.h"

/**
 * struct ippfvs_load - what changes at any time about one real server
 * @counts: active (established) connections in the upper 32 bits, inactive ones in the
 *	lower 32 bits; a half may be below zero for a moment (pool.c)
 * @eligible: 0 if the real server accepts no new connections, whatever its weight. It is read and
 *	written as one word. changed() is called after a change
 */
struct ippfvs_load {
	ippfvs_atomic64 counts;
	u32 eligible;
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
 * @load: its connections, and whether it is eligible
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
 * @tuple: family, protocol, addresses and ports of its first packet
 * @mark: firewall mark of its first packet
 * @hash: hash of the client's address and port
 */
struct ippfvs_flow {
	const struct ippfvs_tuple *tuple;
	u32 mark;
	u32 hash;
};

#define IPPFVS_EXCLUDED_MAX 4

/**
 * struct ippfvs_excluded - real servers that must not get a connection, because it failed there
 * @n: how many
 * @index: their indexes, each once
 */
struct ippfvs_excluded {
	u32 n;
	u32 index[IPPFVS_EXCLUDED_MAX];
};

/**
 * ippfvs_exclude() - exclude one more real server
 * @excluded: the real servers that are excluded already
 * @index: of another real server
 *
 * Context: any.
 * Return: false if @excluded is full.
 */
static inline bool ippfvs_exclude(struct ippfvs_excluded *excluded, u32 index)
{
	if (excluded->n == IPPFVS_EXCLUDED_MAX)
		return false;
	excluded->index[excluded->n++] = index;
	return true;
}

/**
 * ippfvs_sched_weight() - the weight that counts now
 * @real: a real server
 * @weight_max: greater weights count as this one
 *
 * Context: any.
 * Return: 0 if @real accepts no new connections.
 */
static inline u32 ippfvs_sched_weight(const struct ippfvs_sched_real *real, u32 weight_max)
{
	return READ_ONCE(real->load->eligible) ? min(real->weight, weight_max) : 0;
}

/**
 * ippfvs_sched_accepts() - whether a real server that has a weight accepts a connection
 * @view: the real servers
 * @index: of the real server
 * @excluded: the real servers that must not get the connection
 *
 * Context: any.
 * Return: false if it is not eligible or is excluded.
 */
static inline bool ippfvs_sched_accepts(const struct ippfvs_sched_view *view, u32 index,
					const struct ippfvs_excluded *excluded)
{
	u32 i;

	for (i = 0; i < excluded->n; i++)
		if (excluded->index[i] == index)
			return false;
	return READ_ONCE(view->real[index].load->eligible);
}

/**
 * struct ippfvs_scheduler - the operations of a scheduler
 * @name: the name that users write
 * @state_size: size in bytes of the state for @n real servers; may be 0
 * @init: fills the state. @cursor is the start position of round robin: a random number for a new
 *	service, else cursor() of the previous state. If a load or an eligible word changes during
 *	init(), the caller calls changed() afterwards
 * @cursor: returns the position of round robin; NULL for a scheduler without round robin
 * @pick: returns the index of the real server for @flow, or -1 if every real server has weight 0,
 *	is not eligible or is @excluded. Its cost is at most proportional to the logarithm of
 *	the number of real servers. The lowest index wins a tie. While an eligible word
 *	changes, it may return -1 although a real server is eligible
 * @changed: called when the eligible word of real server @index has changed or, if @by_load, its
 *	load. Its cost is at most proportional to the same logarithm
 * @by_load: whether loads matter
 */
struct ippfvs_scheduler {
	const char *name;
	size_t (*state_size)(u32 n);
	void (*init)(const struct ippfvs_sched_view *view, void *state, u64 cursor);
	u64 (*cursor)(const void *state);
	int (*pick)(const struct ippfvs_sched_view *view, void *state,
		    const struct ippfvs_flow *flow, const struct ippfvs_excluded *excluded);
	void (*changed)(const struct ippfvs_sched_view *view, void *state, u32 index);
	bool by_load;
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
