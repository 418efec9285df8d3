/* SPDX-License-Identifier: GPL-2.0 */
/* Counters: the traffic of real servers, and the reasons of dropped packets. */
#ifndef _IPPFVS_STATS_H
#define _IPPFVS_STATS_H

#include "uapi/ippfvs.h"

#include <linux/percpu.h>
#include <linux/u64_stats_sync.h>

/* Sums of counters, as they are shown. Writers are serialised; readers need no lock. */
struct ippfvs_counters {
	u64 conns;
	u64 packets_in;
	u64 packets_out;
	u64 bytes_in;
	u64 bytes_out;
};

/* One CPU's share of the counters. Only that CPU writes it, with bottom halves off. */
struct ippfvs_stats {
	u64_stats_t conns;
	u64_stats_t packets_in;
	u64_stats_t packets_out;
	u64_stats_t bytes_in;
	u64_stats_t bytes_out;
	struct u64_stats_sync sync;
};

/* One CPU's dropped packets, by enum ippfvs_drop. */
struct ippfvs_drops_cpu {
	u64 count[__IPPFVS_DROP_MAX];
};

/**
 * struct ippfvs_drops - the dropped packets of a namespace
 * @cpu: running counters, which are never zeroed
 * @zeroed: the sums when they were last zeroed; written under the namespace's lock
 */
struct ippfvs_drops {
	struct ippfvs_drops_cpu __percpu *cpu;
	struct ippfvs_drops_cpu zeroed;
};

/**
 * ippfvs_stats_conn() - count a new connection
 * @stats: this CPU's share
 *
 * Context: packet path, BH off.
 */
static inline void ippfvs_stats_conn(struct ippfvs_stats *stats)
{
	u64_stats_update_begin(&stats->sync);
	u64_stats_inc(&stats->conns);
	u64_stats_update_end(&stats->sync);
}

/**
 * ippfvs_stats_in() - count a packet from the client
 * @stats: this CPU's share
 * @bytes: length of the packet from the network header on
 *
 * Context: packet path, BH off.
 */
static inline void ippfvs_stats_in(struct ippfvs_stats *stats, u32 bytes)
{
	u64_stats_update_begin(&stats->sync);
	u64_stats_inc(&stats->packets_in);
	u64_stats_add(&stats->bytes_in, bytes);
	u64_stats_update_end(&stats->sync);
}

/**
 * ippfvs_stats_out() - count a packet from the real server
 * @stats: this CPU's share
 * @bytes: length of the packet from the network header on
 *
 * Context: packet path, BH off.
 */
static inline void ippfvs_stats_out(struct ippfvs_stats *stats, u32 bytes)
{
	u64_stats_update_begin(&stats->sync);
	u64_stats_inc(&stats->packets_out);
	u64_stats_add(&stats->bytes_out, bytes);
	u64_stats_update_end(&stats->sync);
}

/**
 * ippfvs_stats_fold() - add one CPU's counters to sums
 * @sum: the sums
 * @stats: one CPU's share, which may be written at the same time
 *
 * Context: any; the caller serialises writers of @sum.
 */
void ippfvs_stats_fold(struct ippfvs_counters *sum, const struct ippfvs_stats *stats);

/**
 * ippfvs_counters_add() - add counters to sums
 * @sum: the sums
 * @more: the counters to add, which may be written at the same time
 *
 * Context: any; the caller serialises writers of @sum.
 */
void ippfvs_counters_add(struct ippfvs_counters *sum, const struct ippfvs_counters *more);

/**
 * ippfvs_counters_move() - add to sums the counters of something that readers no longer find
 * @sum: the sums
 * @more: what is added
 *
 * A reader that reads @sum first, then smp_rmb(), never finds @more in both places.
 *
 * Context: any; the caller serialises writers of @sum.
 */
void ippfvs_counters_move(struct ippfvs_counters *sum, const struct ippfvs_counters *more);

/**
 * ippfvs_counters_max() - raise each counter to at least another one
 * @counters: the counters
 * @least: their least values
 *
 * Context: any; nobody else knows @counters, and the caller serialises writers of @least.
 */
void ippfvs_counters_max(struct ippfvs_counters *counters, const struct ippfvs_counters *least);

/**
 * ippfvs_counters_sub() - subtract counters from sums
 * @sum: the sums
 * @less: the counters to subtract, which may be written at the same time
 *
 * Context: any; the caller serialises writers of @sum.
 */
void ippfvs_counters_sub(struct ippfvs_counters *sum, const struct ippfvs_counters *less);

/**
 * ippfvs_counters_set() - overwrite counters
 * @counters: the counters
 * @value: their new value
 *
 * Context: any; the caller serialises writers of @counters.
 */
void ippfvs_counters_set(struct ippfvs_counters *counters, const struct ippfvs_counters *value);

/**
 * ippfvs_drops_init() - allocate the counters of a new namespace
 * @drops: zeroed memory
 *
 * Context: process.
 * Return: 0 or -ENOMEM.
 */
int ippfvs_drops_init(struct ippfvs_drops *drops);

/**
 * ippfvs_drops_exit() - undo ippfvs_drops_init()
 * @drops: the counters
 *
 * Context: process.
 */
void ippfvs_drops_exit(struct ippfvs_drops *drops);

/**
 * ippfvs_drops_count() - count a dropped packet
 * @drops: the namespace's drop counters
 * @reason: reason of the drop
 *
 * Context: any.
 */
static inline void ippfvs_drops_count(struct ippfvs_drops *drops, enum ippfvs_drop reason)
{
	this_cpu_inc(drops->cpu->count[reason]);
}

/**
 * ippfvs_drops_read() - sum the drops of all CPUs since the last zeroing
 * @drops: the namespace's counters
 * @counts: gets IPPFVS_DROP_MAX + 1 sums by enum ippfvs_drop
 *
 * Context: any.
 */
void ippfvs_drops_read(const struct ippfvs_drops *drops, u64 *counts);

/**
 * ippfvs_drops_zero() - zero the drop counters
 * @drops: the namespace's counters
 *
 * Context: the caller holds the namespace's lock.
 */
void ippfvs_drops_zero(struct ippfvs_drops *drops);

#endif /* _IPPFVS_STATS_H */
