/* SPDX-License-Identifier: GPL-2.0 */
/* Counters: what a real server carried, and why packets were dropped. */
#ifndef _IPPFVS_STATS_H
#define _IPPFVS_STATS_H

#include "uapi/ippfvs.h"

#include <linux/percpu.h>
#include <linux/u64_stats_sync.h>

struct ippfvs_net;

/* Sums, as they are shown. */
struct ippfvs_counters {
	u64 conns;
	u64 packets_in;
	u64 packets_out;
	u64 bytes_in;
	u64 bytes_out;
};

/* One CPU's share; written only there, with bottom halves off. */
struct ippfvs_stats {
	u64_stats_t conns;
	u64_stats_t packets_in;
	u64_stats_t packets_out;
	u64_stats_t bytes_in;
	u64_stats_t bytes_out;
	struct u64_stats_sync sync;
};

/* Drops of a namespace by reason, per CPU. */
struct ippfvs_drops {
	u64 count[__IPPFVS_DROP_MAX];
};

/* Packet path, bottom halves off. */
static inline void ippfvs_stats_conn(struct ippfvs_stats *stats)
{
	u64_stats_update_begin(&stats->sync);
	u64_stats_inc(&stats->conns);
	u64_stats_update_end(&stats->sync);
}

static inline void ippfvs_stats_in(struct ippfvs_stats *stats, u32 bytes)
{
	u64_stats_update_begin(&stats->sync);
	u64_stats_inc(&stats->packets_in);
	u64_stats_add(&stats->bytes_in, bytes);
	u64_stats_update_end(&stats->sync);
}

static inline void ippfvs_stats_out(struct ippfvs_stats *stats, u32 bytes)
{
	u64_stats_update_begin(&stats->sync);
	u64_stats_inc(&stats->packets_out);
	u64_stats_add(&stats->bytes_out, bytes);
	u64_stats_update_end(&stats->sync);
}

/* Add one CPU's share to @sum; may be called while it is being written. */
void ippfvs_stats_fold(struct ippfvs_counters *sum,
		       const struct ippfvs_stats *stats);
void ippfvs_counters_add(struct ippfvs_counters *sum,
			 const struct ippfvs_counters *more);
void ippfvs_counters_sub(struct ippfvs_counters *sum,
			 const struct ippfvs_counters *less);
void ippfvs_counters_set(struct ippfvs_counters *counters,
			 const struct ippfvs_counters *value);

/* Count one drop; any context. */
void ippfvs_drop(struct ippfvs_net *ipn, enum ippfvs_drop reason);

/* Sum of all CPUs since the last zeroing, IPPFVS_DROP_MAX + 1 counts. */
void ippfvs_drops_read(struct ippfvs_net *ipn, u64 *counts);

/* Count from here on. Caller holds the namespace's lock. */
void ippfvs_drops_zero(struct ippfvs_net *ipn);

#endif /* _IPPFVS_STATS_H */
