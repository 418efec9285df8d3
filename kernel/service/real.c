// SPDX-License-Identifier: GPL-2.0
/* Real servers: allocation, references and counters. */
#include "real.h"

#include "pool.h"

#include <linux/err.h>
#include <linux/percpu.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

struct ippfvs_real *ippfvs_real_create(u8 family, const union ippfvs_addr *addr, __be16 port)
{
	struct ippfvs_real *real;
	int cpu;

	real = kzalloc(sizeof(*real), GFP_KERNEL_ACCOUNT);
	if (!real)
		return ERR_PTR(-ENOMEM);

	real->cpu = alloc_percpu_gfp(struct ippfvs_real_cpu, GFP_KERNEL_ACCOUNT);
	if (!real->cpu) {
		kfree(real);
		return ERR_PTR(-ENOMEM);
	}

	for_each_possible_cpu(cpu)
		u64_stats_init(&per_cpu_ptr(real->cpu, cpu)->stats.sync);
	real->addr = *addr;
	real->port = port;
	real->family = family;
	real->load.eligible = 1;
	refcount_set(&real->refs, 1);
	return real;
}

void ippfvs_real_get(struct ippfvs_real *real)
{
	refcount_inc(&real->refs);
}

static void real_free(struct rcu_head *rcu)
{
	struct ippfvs_real *real = container_of(rcu, struct ippfvs_real, rcu);
	int cpu;

	for_each_possible_cpu(cpu)
		ippfvs_route_release(&per_cpu_ptr(real->cpu, cpu)->route);
	free_percpu(real->cpu);
	kfree(real);
}

void ippfvs_real_put(struct ippfvs_real *real)
{
	if (refcount_dec_and_test(&real->refs))
		call_rcu(&real->rcu, real_free);
}

void ippfvs_real_mark_removed(struct ippfvs_real *real)
{
	WRITE_ONCE(real->removed, true);
	ippfvs_pool_set_eligible(real, false);
	RCU_INIT_POINTER(real->service, NULL);
}

/* Add the counters of every CPU, zeroed or not, to @sum. */
static void real_sum(const struct ippfvs_real *real, struct ippfvs_counters *sum)
{
	int cpu;

	for_each_possible_cpu(cpu)
		ippfvs_stats_fold(sum, &per_cpu_ptr(real->cpu, cpu)->stats);
}

void ippfvs_real_counters(const struct ippfvs_real *real, struct ippfvs_counters *counters)
{
	struct ippfvs_counters base = {};

	ippfvs_counters_add(&base, &real->zeroed);
	smp_rmb(); /* read the base before the sum, because a newer base could exceed the sum */
	*counters = (struct ippfvs_counters){};
	real_sum(real, counters);
	ippfvs_counters_sub(counters, &base);
}

void ippfvs_real_zero(struct ippfvs_real *real, struct ippfvs_counters *before)
{
	struct ippfvs_counters now = {};

	real_sum(real, &now);
	*before = now;
	ippfvs_counters_sub(before, &real->zeroed);
	smp_wmb(); /* pairs with ippfvs_real_counters() */
	ippfvs_counters_set(&real->zeroed, &now);
}
