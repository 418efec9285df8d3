// SPDX-License-Identifier: GPL-2.0
/*
 * Counters are kept per CPU and summed when somebody reads them.
 *
 * Readers hold no lock. Besides the running counters there are sums: the values when the
 * counters were last zeroed, and the counters of removed real servers. Each word of these
 * sums is read and written atomically.
 */
#include "stats.h"

#include <linux/errno.h>
#include <linux/minmax.h>

#define add_field(sum, field, more) WRITE_ONCE((sum)->field, (sum)->field + (more))

void ippfvs_stats_fold(struct ippfvs_counters *sum, const struct ippfvs_stats *stats)
{
	struct ippfvs_counters now;
	unsigned int start;

	do {
		start = u64_stats_fetch_begin(&stats->sync);
		now.conns = u64_stats_read(&stats->conns);
		now.packets_in = u64_stats_read(&stats->packets_in);
		now.packets_out = u64_stats_read(&stats->packets_out);
		now.bytes_in = u64_stats_read(&stats->bytes_in);
		now.bytes_out = u64_stats_read(&stats->bytes_out);
	} while (u64_stats_fetch_retry(&stats->sync, start));

	ippfvs_counters_add(sum, &now);
}

void ippfvs_counters_add(struct ippfvs_counters *sum, const struct ippfvs_counters *more)
{
	add_field(sum, conns, READ_ONCE(more->conns));
	add_field(sum, packets_in, READ_ONCE(more->packets_in));
	add_field(sum, packets_out, READ_ONCE(more->packets_out));
	add_field(sum, bytes_in, READ_ONCE(more->bytes_in));
	add_field(sum, bytes_out, READ_ONCE(more->bytes_out));
}

void ippfvs_counters_move(struct ippfvs_counters *sum, const struct ippfvs_counters *more)
{
	smp_wmb(); /* the removal is visible before the sum; pairs with readers of the sum */
	ippfvs_counters_add(sum, more);
}

void ippfvs_counters_max(struct ippfvs_counters *counters, const struct ippfvs_counters *least)
{
	counters->conns = max(counters->conns, least->conns);
	counters->packets_in = max(counters->packets_in, least->packets_in);
	counters->packets_out = max(counters->packets_out, least->packets_out);
	counters->bytes_in = max(counters->bytes_in, least->bytes_in);
	counters->bytes_out = max(counters->bytes_out, least->bytes_out);
}

void ippfvs_counters_sub(struct ippfvs_counters *sum, const struct ippfvs_counters *less)
{
	add_field(sum, conns, -READ_ONCE(less->conns));
	add_field(sum, packets_in, -READ_ONCE(less->packets_in));
	add_field(sum, packets_out, -READ_ONCE(less->packets_out));
	add_field(sum, bytes_in, -READ_ONCE(less->bytes_in));
	add_field(sum, bytes_out, -READ_ONCE(less->bytes_out));
}

void ippfvs_counters_set(struct ippfvs_counters *counters, const struct ippfvs_counters *value)
{
	WRITE_ONCE(counters->conns, value->conns);
	WRITE_ONCE(counters->packets_in, value->packets_in);
	WRITE_ONCE(counters->packets_out, value->packets_out);
	WRITE_ONCE(counters->bytes_in, value->bytes_in);
	WRITE_ONCE(counters->bytes_out, value->bytes_out);
}

int ippfvs_drops_init(struct ippfvs_drops *drops)
{
	drops->cpu = alloc_percpu_gfp(struct ippfvs_drops_cpu, GFP_KERNEL_ACCOUNT);
	return drops->cpu ? 0 : -ENOMEM;
}

void ippfvs_drops_exit(struct ippfvs_drops *drops)
{
	free_percpu(drops->cpu);
}

static u64 sum_drops(const struct ippfvs_drops *drops, u32 reason)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu_ptr(drops->cpu, cpu)->count[reason]);
	return sum;
}

void ippfvs_drops_read(const struct ippfvs_drops *drops, u64 *counts)
{
	u32 i;

	for (i = 0; i < __IPPFVS_DROP_MAX; i++) {
		u64 base = READ_ONCE(drops->zeroed.count[i]);

		smp_rmb(); /* read the base first, because a newer base could exceed the sum */
		counts[i] = sum_drops(drops, i) - base;
	}
}

void ippfvs_drops_zero(struct ippfvs_drops *drops)
{
	u32 i;

	for (i = 0; i < __IPPFVS_DROP_MAX; i++) {
		u64 base = sum_drops(drops, i);

		smp_wmb(); /* pairs with ippfvs_drops_read() */
		WRITE_ONCE(drops->zeroed.count[i], base);
	}
}
