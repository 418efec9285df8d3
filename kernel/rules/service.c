// SPDX-License-Identifier: GPL-2.0
#include "service.h"

#include "../net.h"
#include "change.h"
#include "pool.h"
#include "real.h"
#include "rules.h"
#include "service_real.h"

#include <linux/err.h>
#include <linux/slab.h>

struct ippfvs_pool *ippfvs_service_pool(const struct ippfvs_net *ipn,
					const struct ippfvs_service *service)
{
	return rcu_dereference_protected(service->pool,
					 lockdep_is_held(&ipn->lock));
}

struct ippfvs_service *
ippfvs_service_create(struct ippfvs_net *ipn,
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
	pool = ippfvs_service_make_pool(service, spec, before ?
					ippfvs_service_pool(ipn, before) : NULL);
	if (IS_ERR(pool)) {
		kfree(service);
		return ERR_CAST(pool);
	}
	RCU_INIT_POINTER(service->pool, pool);
	return service;
}

void ippfvs_service_adopt(struct ippfvs_net *ipn,
			  struct ippfvs_service *service)
{
	struct ippfvs_pool *pool = ippfvs_service_pool(ipn, service);
	u32 i;

	lockdep_assert_held(&ipn->lock);

	for (i = 0; i < pool->n; i++)
		rcu_assign_pointer(pool->real[i].real->service, service);
	ippfvs_pool_settle(pool);
}

void ippfvs_service_end(struct ippfvs_service *service)
{
	const struct ippfvs_pool *pool;
	u32 i;

	rcu_read_lock();
	pool = rcu_dereference(service->pool);
	for (i = 0; i < pool->n; i++)
		if (rcu_access_pointer(pool->real[i].real->service) == service)
			ippfvs_real_end(pool->real[i].real);
	rcu_read_unlock();
}

void ippfvs_service_free(struct ippfvs_service *service)
{
	/* Readers have gone a grace period ago. */
	ippfvs_pool_free(rcu_access_pointer(service->pool));
	kfree(service);
}

void ippfvs_service_release(struct ippfvs_net *ipn,
			    struct ippfvs_service *service)
{
	lockdep_assert_held(&ipn->lock);

	ippfvs_service_end(service);
	ippfvs_pool_release(ippfvs_service_pool(ipn, service));
	kfree_rcu(service, rcu);
}

static int add_to(struct ippfvs_net *ipn, struct ippfvs_rules *published,
		  struct ippfvs_service *service)
{
	int err;

	ippfvs_change_begin(ipn);
	err = ippfvs_rules_insert(ipn, published, service, true);
	ippfvs_change_end(ipn);
	return err;
}

static int add_first(struct ippfvs_net *ipn, struct ippfvs_service *service)
{
	struct ippfvs_rules *rules;
	int err;

	rules = ippfvs_rules_create(1);
	if (IS_ERR(rules))
		return PTR_ERR(rules);

	err = ippfvs_rules_insert(ipn, rules, service, true);
	if (err)
		goto out_release_rules;
	err = ippfvs_net_start(ipn);
	if (err)
		goto out_erase;

	ippfvs_change_begin(ipn);
	ippfvs_rules_publish(ipn, rules);
	ippfvs_change_end(ipn);
	return 0;

out_erase:
	ippfvs_rules_erase(rules, service);
out_release_rules:
	ippfvs_rules_release(rules);
	return err;
}

int ippfvs_service_add(struct ippfvs_net *ipn,
		       const struct ippfvs_service_spec *spec)
{
	struct ippfvs_rules *published = ippfvs_rules_published(ipn);
	struct ippfvs_service *service;
	int err;

	lockdep_assert_held(&ipn->lock);

	if (published && ippfvs_rules_lookup(published, &spec->key))
		return -EEXIST;
	if (published && published->n >= IPPFVS_SERVICES_MAX)
		return -ENOSPC;

	service = ippfvs_service_create(ipn, spec, NULL);
	if (IS_ERR(service))
		return PTR_ERR(service);

	err = published ? add_to(ipn, published, service) :
			  add_first(ipn, service);
	if (err) {
		ippfvs_service_release(ipn, service);
		return err;
	}
	ippfvs_service_adopt(ipn, service);
	return 0;
}

void ippfvs_service_swap(struct ippfvs_net *ipn, struct ippfvs_service *service,
			 struct ippfvs_pool *pool)
{
	struct ippfvs_pool *before = ippfvs_service_pool(ipn, service);

	lockdep_assert_held(&ipn->lock);

	rcu_assign_pointer(service->pool, pool);
	ippfvs_pool_settle(pool);
	ippfvs_pool_release(before);
}

int ippfvs_service_set(struct ippfvs_net *ipn, struct ippfvs_service *service,
		       const struct ippfvs_scheduler *sched)
{
	struct ippfvs_pool *before = ippfvs_service_pool(ipn, service);
	struct ippfvs_pool *pool;

	lockdep_assert_held(&ipn->lock);

	if (sched == before->sched)
		return 0;
	pool = ippfvs_pool_create(sched, before, before->real, before->n);
	if (IS_ERR(pool))
		return PTR_ERR(pool);

	ippfvs_change_begin(ipn);
	ippfvs_service_swap(ipn, service, pool);
	ippfvs_change_end(ipn);
	return 0;
}

void ippfvs_service_remove(struct ippfvs_net *ipn,
			   struct ippfvs_service *service)
{
	struct ippfvs_counters counters;
	struct ippfvs_rules *rules;

	lockdep_assert_held(&ipn->lock);

	rules = ippfvs_rules_published(ipn);
	if (rules->n == 1) {
		ippfvs_rules_clear(ipn);
		return;
	}

	ippfvs_change_begin(ipn);
	ippfvs_rules_erase(rules, service);
	/* Before its counters are read: it carries nothing more. */
	ippfvs_service_end(service);
	ippfvs_service_counters(service, &counters);
	ippfvs_counters_add(&ipn->retired, &counters);
	ippfvs_change_end(ipn);

	ippfvs_service_release(ipn, service);
}

void ippfvs_service_counters(const struct ippfvs_service *service,
			     struct ippfvs_counters *counters)
{
	const struct ippfvs_pool *pool;
	struct ippfvs_counters more;
	u32 i;

	*counters = (struct ippfvs_counters){};
	ippfvs_counters_add(counters, &service->retired);

	rcu_read_lock();
	pool = rcu_dereference(service->pool);
	for (i = 0; i < pool->n; i++) {
		ippfvs_real_counters(pool->real[i].real, &more);
		ippfvs_counters_add(counters, &more);
	}
	rcu_read_unlock();
}

void ippfvs_service_zero(struct ippfvs_net *ipn,
			 struct ippfvs_service *service)
{
	const struct ippfvs_pool *pool = ippfvs_service_pool(ipn, service);
	struct ippfvs_counters counters;
	u32 i;

	lockdep_assert_held(&ipn->lock);

	ippfvs_change_begin(ipn);
	ippfvs_counters_add(&ipn->retired, &service->retired);
	for (i = 0; i < pool->n; i++) {
		/* Read once: what comes meanwhile is in one or the other. */
		ippfvs_real_zero(pool->real[i].real, &counters);
		ippfvs_counters_add(&ipn->retired, &counters);
		cond_resched();
	}
	ippfvs_counters_set(&service->retired, &(struct ippfvs_counters){});
	ippfvs_change_end(ipn);
}
