// SPDX-License-Identifier: GPL-2.0
/* A virtual service: allocation, changes of its members, counters, teardown. */
#include "service.h"

#include "../net.h"
#include "pool.h"
#include "real.h"
#include "table.h"

#include <linux/err.h>
#include <linux/sched.h>
#include <linux/slab.h>

struct ippfvs_pool *ippfvs_service_pool(const struct ippfvs_net *ipn,
					const struct ippfvs_service *service)
{
	return rcu_dereference_protected(service->pool, lockdep_is_held(&ipn->lock));
}

struct ippfvs_service *ippfvs_service_create(struct ippfvs_net *ipn,
					     const struct ippfvs_service_spec *spec,
					     const struct ippfvs_service *before)
{
	struct ippfvs_service *service;
	struct ippfvs_pool *pool;

	lockdep_assert_held(&ipn->lock);

	service = kzalloc(sizeof(*service), GFP_KERNEL_ACCOUNT);
	if (!service)
		return ERR_PTR(-ENOMEM);

	service->key = spec->key;
	if (before) {
		service->id = before->id;
		service->retired = before->retired;
	}
	pool = ippfvs_pool_create(service, spec->sched, spec->member, spec->n,
				  before ? ippfvs_service_pool(ipn, before) : NULL);
	if (IS_ERR(pool)) {
		kfree(service);
		return ERR_CAST(pool);
	}
	RCU_INIT_POINTER(service->pool, pool);
	return service;
}

void ippfvs_service_take_over(struct ippfvs_net *ipn, struct ippfvs_service *service)
{
	struct ippfvs_pool *pool = ippfvs_service_pool(ipn, service);
	u32 i;

	lockdep_assert_held(&ipn->lock);

	for (i = 0; i < pool->n; i++)
		rcu_assign_pointer(pool->member[i].real->service, service);
	ippfvs_pool_sync(pool);
}

void ippfvs_service_mark_removed(struct ippfvs_service *service)
{
	const struct ippfvs_pool *pool;
	struct ippfvs_real *real;
	u32 i;

	rcu_read_lock();
	pool = rcu_dereference(service->pool);
	for (i = 0; i < pool->n; i++) {
		real = pool->member[i].real;
		if (rcu_access_pointer(real->service) == service)
			ippfvs_real_mark_removed(real);
	}
	rcu_read_unlock();
}

void ippfvs_service_destroy(struct ippfvs_service *service)
{
	/* There are no readers after the grace period. */
	ippfvs_pool_destroy(rcu_access_pointer(service->pool));
	kfree(service);
}

void ippfvs_service_destroy_rcu(struct ippfvs_net *ipn, struct ippfvs_service *service)
{
	lockdep_assert_held(&ipn->lock);

	ippfvs_service_mark_removed(service);
	ippfvs_pool_destroy_rcu(ippfvs_service_pool(ipn, service));
	kfree_rcu(service, rcu);
}

/* Publish @pool in place of the current one. The caller has begun a change. */
static void publish_pool(struct ippfvs_net *ipn, struct ippfvs_service *service,
			 struct ippfvs_pool *pool)
{
	struct ippfvs_pool *before = ippfvs_service_pool(ipn, service);

	ippfvs_service_table_locked(ipn)->reals += pool->n - before->n;
	rcu_assign_pointer(service->pool, pool);
	ippfvs_pool_sync(pool);
	ippfvs_pool_destroy_rcu(before);
}

/* Make @pool the pool of @service, or return the error if it is an ERR_PTR. */
static int change_pool(struct ippfvs_net *ipn, struct ippfvs_service *service,
		       struct ippfvs_pool *pool)
{
	if (IS_ERR(pool))
		return PTR_ERR(pool);

	ippfvs_change_begin(ipn);
	publish_pool(ipn, service, pool);
	ippfvs_change_end(ipn);
	return 0;
}

int ippfvs_service_set_scheduler(struct ippfvs_net *ipn, struct ippfvs_service *service,
				 const struct ippfvs_scheduler *sched)
{
	struct ippfvs_pool *before = ippfvs_service_pool(ipn, service);

	lockdep_assert_held(&ipn->lock);

	if (sched == before->sched)
		return 0;
	return change_pool(ipn, service, ippfvs_pool_copy(before, sched));
}

const struct ippfvs_member *ippfvs_service_member_add(struct ippfvs_net *ipn,
						      struct ippfvs_service *service,
						      const struct ippfvs_member_spec *spec)
{
	struct ippfvs_pool *before = ippfvs_service_pool(ipn, service);
	struct ippfvs_pool *pool;
	int err;

	lockdep_assert_held(&ipn->lock);

	if (before->n >= IPPFVS_REALS_MAX)
		return ERR_PTR(-ENOSPC);

	pool = ippfvs_pool_copy_add(before, service, spec);
	err = change_pool(ipn, service, pool);
	return err ? ERR_PTR(err) : &pool->member[pool->n - 1];
}

const struct ippfvs_member *ippfvs_service_member_set(struct ippfvs_net *ipn,
						      struct ippfvs_service *service,
						      const struct ippfvs_member *member,
						      u16 weight, u8 method)
{
	struct ippfvs_pool *before = ippfvs_service_pool(ipn, service);
	u32 index = member - before->member;
	struct ippfvs_pool *pool;
	int err;

	lockdep_assert_held(&ipn->lock);

	pool = ippfvs_pool_copy_set(before, index, weight, method);
	err = change_pool(ipn, service, pool);
	return err ? ERR_PTR(err) : &pool->member[index];
}

/* Add the counters of a real server to those of its service, which no longer publishes it. */
static void retire_real(struct ippfvs_service *service, struct ippfvs_real *real)
{
	struct ippfvs_counters counters;

	/* Mark it first, so that it carries no packet after its counters are read. */
	ippfvs_real_mark_removed(real);
	ippfvs_real_counters(real, &counters);
	ippfvs_counters_move(&service->retired, &counters);
}

int ippfvs_service_member_remove(struct ippfvs_net *ipn, struct ippfvs_service *service,
				 const struct ippfvs_member *member)
{
	struct ippfvs_pool *before = ippfvs_service_pool(ipn, service);
	struct ippfvs_real *real = member->real;
	struct ippfvs_pool *pool;

	lockdep_assert_held(&ipn->lock);

	pool = ippfvs_pool_copy_remove(before, member - before->member);
	if (IS_ERR(pool))
		return PTR_ERR(pool);

	/* publish_pool() drops the reference of the previous pool. */
	ippfvs_real_get(real);
	ippfvs_change_begin(ipn);
	publish_pool(ipn, service, pool);
	retire_real(service, real);
	ippfvs_change_end(ipn);
	ippfvs_real_put(real);
	return 0;
}

void ippfvs_service_counters(const struct ippfvs_service *service, struct ippfvs_counters *counters)
{
	const struct ippfvs_pool *pool;
	struct ippfvs_counters more;
	u32 i;

	*counters = (struct ippfvs_counters){};
	ippfvs_counters_add(counters, &service->retired);
	smp_rmb(); /* pairs with ippfvs_counters_move() */

	rcu_read_lock();
	pool = rcu_dereference(service->pool);
	for (i = 0; i < pool->n; i++) {
		ippfvs_real_counters(pool->member[i].real, &more);
		ippfvs_counters_add(counters, &more);
	}
	rcu_read_unlock();
}

void ippfvs_service_zero(struct ippfvs_net *ipn, struct ippfvs_service *service)
{
	const struct ippfvs_pool *pool = ippfvs_service_pool(ipn, service);
	struct ippfvs_counters counters;
	u32 i;

	lockdep_assert_held(&ipn->lock);

	ippfvs_change_begin(ipn);
	counters = service->retired;
	ippfvs_counters_set(&service->retired, &(struct ippfvs_counters){});
	ippfvs_counters_move(&ipn->retired, &counters);
	for (i = 0; i < pool->n; i++) {
		/* One read for both sums, so that no packet is lost or counted twice. */
		ippfvs_real_zero(pool->member[i].real, &counters);
		ippfvs_counters_move(&ipn->retired, &counters);
		cond_resched();
	}
	ippfvs_change_end(ipn);
}
