// SPDX-License-Identifier: GPL-2.0
/* Real servers: their life, their load, their counters. */
#include "real.h"
#include "pool.h"
#include "service.h"

#include <linux/err.h>
#include <linux/percpu.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

struct ippfvs_real *ippfvs_real_create(u8 family, const union ippfvs_addr *addr,
				       __be16 port)
{
	struct ippfvs_real *real;
	int cpu;

	real = kzalloc(sizeof(*real), GFP_KERNEL_ACCOUNT);
	if (!real)
		return ERR_PTR(-ENOMEM);

	real->cpu = alloc_percpu_gfp(struct ippfvs_real_cpu,
				     GFP_KERNEL_ACCOUNT);
	if (!real->cpu) {
		kfree(real);
		return ERR_PTR(-ENOMEM);
	}

	for_each_possible_cpu(cpu)
		u64_stats_init(&per_cpu_ptr(real->cpu, cpu)->stats.sync);
	real->addr = *addr;
	real->port = port;
	real->family = family;
	refcount_set(&real->refs, 1);
	return real;
}

void ippfvs_real_get(struct ippfvs_real *real)
{
	refcount_inc(&real->refs);
}

static void free_real(struct rcu_head *rcu)
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
		call_rcu(&real->rcu, free_real);
}

void ippfvs_real_end(struct ippfvs_real *real)
{
	WRITE_ONCE(real->removed, true);
	RCU_INIT_POINTER(real->service, NULL);
}

static void tell_scheduler(const struct ippfvs_real *real)
{
	const struct ippfvs_service *service;

	rcu_read_lock();
	service = rcu_dereference(real->service);
	if (service)
		ippfvs_pool_changed(rcu_dereference(service->pool), real);
	rcu_read_unlock();
}

/*
 * The two counts are the digits of one number: active * 2^32 + inactive. Adding
 * the number that the changes make, negative or not, changes each digit by its
 * own part. For a moment a count may be below zero, when one CPU has ended an entry
 * before another has counted its change of state: readers take that for zero.
 */
void ippfvs_real_load_add(struct ippfvs_real *real, int active, int inactive)
{
	atomic64_add((s64)active * (1LL << 32) + inactive, &real->load.counts);

	/*
	 * A pool being published reads the loads after it has become visible.
	 * We read the pool after the load is visible: one sees the other.
	 * Pairs with ippfvs_pool_settle().
	 */
	smp_mb__after_atomic();
	tell_scheduler(real);
}

static void sum_up(const struct ippfvs_real *real, struct ippfvs_counters *sum)
{
	int cpu;

	for_each_possible_cpu(cpu)
		ippfvs_stats_fold(sum, &per_cpu_ptr(real->cpu, cpu)->stats);
}

void ippfvs_real_counters(const struct ippfvs_real *real,
			  struct ippfvs_counters *counters)
{
	struct ippfvs_counters base = {};

	ippfvs_counters_add(&base, &real->zeroed);
	smp_rmb();	/* the base first, or it might exceed the sum */
	*counters = (struct ippfvs_counters){};
	sum_up(real, counters);
	ippfvs_counters_sub(counters, &base);
}

void ippfvs_real_zero(struct ippfvs_real *real, struct ippfvs_counters *before)
{
	struct ippfvs_counters now = {};

	sum_up(real, &now);
	*before = now;
	ippfvs_counters_sub(before, &real->zeroed);
	smp_wmb();	/* pairs with ippfvs_real_counters() */
	ippfvs_counters_set(&real->zeroed, &now);
}
