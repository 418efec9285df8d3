// SPDX-License-Identifier: GPL-2.0
/*
 * A service, and changes to one: copy its pool, change the copy, publish.
 *
 * Everything that may fail comes before the publication; what follows it only
 * settles the new and releases the old.
 */
#include "service.h"
#include "net.h"
#include "pool.h"
#include "real.h"

#include <linux/bsearch.h>
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/sort.h>

static struct ippfvs_pool *pool_of(const struct ippfvs_net *ipn,
				   const struct ippfvs_service *service)
{
	return rcu_dereference_protected(service->pool,
					 lockdep_is_held(&ipn->lock));
}

/* -- making one ----------------------------------------------------------- */

static int order(const union ippfvs_addr *addr, __be16 port,
		 const struct ippfvs_real *real)
{
	return memcmp(addr, &real->addr, sizeof(*addr)) ?:
	       memcmp(&port, &real->port, sizeof(port));
}

static int order_reals(const void *a, const void *b)
{
	const struct ippfvs_real *const *one = a, *const *other = b;

	return order(&(*one)->addr, (*one)->port, *other);
}

static int order_spec(const void *key, const void *element)
{
	const struct ippfvs_real_spec *spec = key;
	const struct ippfvs_real *const *real = element;

	return order(&spec->addr, spec->port, *real);
}

/* The real servers of @pool in an order that can be searched. */
static struct ippfvs_real **sorted_reals(const struct ippfvs_pool *pool)
{
	struct ippfvs_real **sorted;
	u32 i;

	sorted = kvmalloc_array(pool->n, sizeof(*sorted), GFP_KERNEL);
	if (!sorted)
		return NULL;

	for (i = 0; i < pool->n; i++)
		sorted[i] = pool->real[i].real;
	sort(sorted, pool->n, sizeof(*sorted), order_reals, NULL);
	return sorted;
}

/* The real server for @spec, a reference to it taken; carried over or new. */
static struct ippfvs_real *obtain(struct ippfvs_service *service,
				  const struct ippfvs_real_spec *spec,
				  struct ippfvs_real *const *sorted, u32 n)
{
	struct ippfvs_real *const *found;
	struct ippfvs_real *real;

	found = n ? bsearch(spec, sorted, n, sizeof(*sorted), order_spec) :
		    NULL;
	if (found) {
		ippfvs_real_get(*found);
		return *found;
	}

	real = ippfvs_real_create(service->key.family, &spec->addr, spec->port);
	if (!IS_ERR(real))
		RCU_INIT_POINTER(real->service, service);
	return real;
}

/* Fill @place; return how many were obtained before memory ran out. */
static u32 obtain_all(struct ippfvs_service *service,
		      const struct ippfvs_service_spec *spec,
		      struct ippfvs_pool_real *place,
		      struct ippfvs_real *const *sorted, u32 n)
{
	struct ippfvs_real *real;
	u32 i;

	for (i = 0; i < spec->n; i++) {
		real = obtain(service, &spec->real[i], sorted, n);
		if (IS_ERR(real))
			break;
		place[i].real = real;
		place[i].weight = spec->real[i].weight;
		place[i].method = spec->real[i].method;
	}
	return i;
}

static struct ippfvs_pool *make_pool(struct ippfvs_service *service,
				     const struct ippfvs_service_spec *spec,
				     const struct ippfvs_pool *before)
{
	struct ippfvs_pool *pool = ERR_PTR(-ENOMEM);
	u32 n = before ? before->n : 0;
	struct ippfvs_real **sorted = NULL;
	struct ippfvs_pool_real *place;
	u32 got;

	if (!spec->n)
		return ippfvs_pool_create(spec->sched, before, NULL, 0);

	place = kvmalloc_array(spec->n, sizeof(*place), GFP_KERNEL);
	if (!place)
		return pool;
	if (n) {
		sorted = sorted_reals(before);
		if (!sorted)
			goto out_free_place;
	}

	got = obtain_all(service, spec, place, sorted, n);
	if (got == spec->n)
		pool = ippfvs_pool_create(spec->sched, before, place, got);

	/* The pool has taken references of its own. */
	while (got)
		ippfvs_real_put(place[--got].real);
	kvfree(sorted);
out_free_place:
	kvfree(place);
	return pool;
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
	pool = make_pool(service, spec, before ? pool_of(ipn, before) : NULL);
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
	struct ippfvs_pool *pool = pool_of(ipn, service);
	u32 i;

	lockdep_assert_held(&ipn->lock);

	for (i = 0; i < pool->n; i++)
		rcu_assign_pointer(pool->real[i].real->service, service);
	ippfvs_pool_settle(pool);
}

/* -- ending one ----------------------------------------------------------- */

static void end_real(struct ippfvs_real *real)
{
	WRITE_ONCE(real->removed, true);
	RCU_INIT_POINTER(real->service, NULL);
}

void ippfvs_service_end(struct ippfvs_service *service)
{
	const struct ippfvs_pool *pool;
	u32 i;

	rcu_read_lock();
	pool = rcu_dereference(service->pool);
	for (i = 0; i < pool->n; i++)
		if (rcu_access_pointer(pool->real[i].real->service) == service)
			end_real(pool->real[i].real);
	rcu_read_unlock();
}

void ippfvs_service_free(struct ippfvs_service *service)
{
	/* Readers have gone a grace period ago. */
	ippfvs_pool_free(rcu_access_pointer(service->pool));
	kfree(service);
}

void ippfvs_service_release(struct ippfvs_service *service)
{
	ippfvs_service_end(service);
	ippfvs_pool_release(rcu_access_pointer(service->pool));
	kfree_rcu(service, rcu);
}

/* -- changes -------------------------------------------------------------- */

int ippfvs_service_add(struct ippfvs_net *ipn,
		       const struct ippfvs_service_spec *spec)
{
	struct ippfvs_rules *rules, *current_rules;
	struct ippfvs_service *service;
	int err;

	lockdep_assert_held(&ipn->lock);

	current_rules = rcu_dereference_protected(ipn->rules,
						  lockdep_is_held(&ipn->lock));
	if (current_rules && ippfvs_service_lookup(current_rules, &spec->key))
		return -EEXIST;
	if (current_rules && current_rules->n >= IPPFVS_SERVICES_MAX)
		return -ENOSPC;

	service = ippfvs_service_create(ipn, spec, NULL);
	if (IS_ERR(service))
		return PTR_ERR(service);

	rules = current_rules ?: ippfvs_rules_create(1);
	if (IS_ERR(rules)) {
		err = PTR_ERR(rules);
		goto out_release_service;
	}

	ippfvs_rules_change_begin(ipn);
	err = ippfvs_rules_insert(ipn, rules, service, true);
	ippfvs_rules_change_end(ipn);
	if (err)
		goto out_release_rules;

	if (!current_rules) {
		err = ippfvs_rules_publish(ipn, rules);
		if (err) {
			ippfvs_rules_release(rules);
			return err;
		}
	}
	ippfvs_service_adopt(ipn, service);
	return 0;

out_release_rules:
	if (!current_rules)
		ippfvs_rules_release(rules);
out_release_service:
	ippfvs_service_release(service);
	return err;
}

static void publish(struct ippfvs_net *ipn, struct ippfvs_service *service,
		    struct ippfvs_pool *pool)
{
	struct ippfvs_pool *before = pool_of(ipn, service);

	ippfvs_rules_change_begin(ipn);
	rcu_assign_pointer(service->pool, pool);
	ippfvs_rules_change_end(ipn);

	ippfvs_pool_settle(pool);
	ippfvs_pool_release(before);
}

int ippfvs_service_set(struct ippfvs_net *ipn, struct ippfvs_service *service,
		       const struct ippfvs_scheduler *sched)
{
	struct ippfvs_pool *before = pool_of(ipn, service);
	struct ippfvs_pool *pool;

	lockdep_assert_held(&ipn->lock);

	if (sched == before->sched)
		return 0;
	pool = ippfvs_pool_create(sched, before, before->real, before->n);
	if (IS_ERR(pool))
		return PTR_ERR(pool);

	publish(ipn, service, pool);
	return 0;
}

void ippfvs_service_remove(struct ippfvs_net *ipn,
			   struct ippfvs_service *service)
{
	struct ippfvs_counters counters;
	struct ippfvs_rules *rules;

	lockdep_assert_held(&ipn->lock);

	rules = rcu_dereference_protected(ipn->rules,
					  lockdep_is_held(&ipn->lock));
	if (rules->n == 1) {
		ippfvs_rules_clear(ipn);
		return;
	}

	ippfvs_rules_change_begin(ipn);
	ippfvs_rules_erase(rules, service);
	ippfvs_rules_change_end(ipn);

	ippfvs_service_counters(service, &counters);
	ippfvs_counters_add(&ipn->retired, &counters);
	ippfvs_service_release(service);
}

/* Places of @pool, and @extra ones behind them, to be changed. */
static struct ippfvs_pool_real *copy_places(const struct ippfvs_pool *pool,
					    u32 extra)
{
	struct ippfvs_pool_real *place;

	place = kvmalloc_array(pool->n + extra, sizeof(*place), GFP_KERNEL);
	if (place)
		memcpy(place, pool->real, array_size(pool->n, sizeof(*place)));
	return place;
}

/* Publish a pool of the @n places, with the scheduler as before. */
static int swap_places(struct ippfvs_net *ipn, struct ippfvs_service *service,
		       const struct ippfvs_pool_real *place, u32 n)
{
	struct ippfvs_pool *before = pool_of(ipn, service);
	struct ippfvs_pool *pool;

	pool = ippfvs_pool_create(before->sched, before, place, n);
	if (IS_ERR(pool))
		return PTR_ERR(pool);

	publish(ipn, service, pool);
	return 0;
}

int ippfvs_service_real_add(struct ippfvs_net *ipn,
			    struct ippfvs_service *service,
			    const struct ippfvs_real_spec *spec)
{
	struct ippfvs_pool *before = pool_of(ipn, service);
	struct ippfvs_pool_real *place;
	struct ippfvs_real *real;
	int err = -ENOMEM;

	lockdep_assert_held(&ipn->lock);

	if (ippfvs_pool_index(before, &spec->addr, spec->port) >= 0)
		return -EEXIST;
	if (before->n >= IPPFVS_REALS_MAX)
		return -ENOSPC;

	real = obtain(service, spec, NULL, 0);
	if (IS_ERR(real))
		return PTR_ERR(real);

	place = copy_places(before, 1);
	if (!place)
		goto out_put_real;

	place[before->n].real = real;
	place[before->n].weight = spec->weight;
	place[before->n].method = spec->method;
	err = swap_places(ipn, service, place, before->n + 1);
	kvfree(place);
out_put_real:
	ippfvs_real_put(real);
	return err;
}

int ippfvs_service_real_set(struct ippfvs_net *ipn,
			    struct ippfvs_service *service,
			    const struct ippfvs_real_spec *spec)
{
	struct ippfvs_pool *before = pool_of(ipn, service);
	struct ippfvs_pool_real *place;
	int index;
	int err;

	lockdep_assert_held(&ipn->lock);

	index = ippfvs_pool_index(before, &spec->addr, spec->port);
	if (index < 0)
		return -ENOENT;

	place = copy_places(before, 0);
	if (!place)
		return -ENOMEM;

	place[index].weight = spec->weight;
	place[index].method = spec->method;
	err = swap_places(ipn, service, place, before->n);
	kvfree(place);
	return err;
}

int ippfvs_service_real_remove(struct ippfvs_net *ipn,
			       struct ippfvs_service *service,
			       const union ippfvs_addr *addr, __be16 port)
{
	struct ippfvs_pool *before = pool_of(ipn, service);
	struct ippfvs_counters counters;
	struct ippfvs_pool_real *place;
	struct ippfvs_real *real;
	int index;
	int err;

	lockdep_assert_held(&ipn->lock);

	index = ippfvs_pool_index(before, addr, port);
	if (index < 0)
		return -ENOENT;

	place = copy_places(before, 0);
	if (!place)
		return -ENOMEM;

	real = place[index].real;
	memmove(&place[index], &place[index + 1],
		array_size(before->n - index - 1, sizeof(*place)));
	ippfvs_real_get(real);
	err = swap_places(ipn, service, place, before->n - 1);
	kvfree(place);
	if (!err) {
		ippfvs_real_counters(real, &counters);
		ippfvs_counters_add(&service->retired, &counters);
		end_real(real);
	}
	ippfvs_real_put(real);
	return err;
}

/* -- questions ------------------------------------------------------------ */

int ippfvs_pool_index(const struct ippfvs_pool *pool,
		      const union ippfvs_addr *addr, __be16 port)
{
	const struct ippfvs_real *real;
	u32 i;

	for (i = 0; i < pool->n; i++) {
		real = pool->real[i].real;
		if (real->port == port && ippfvs_addr_equal(&real->addr, addr))
			return i;
	}
	return -1;
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
	const struct ippfvs_pool *pool = pool_of(ipn, service);
	struct ippfvs_counters counters;
	u32 i;

	lockdep_assert_held(&ipn->lock);

	ippfvs_service_counters(service, &counters);
	ippfvs_counters_add(&ipn->retired, &counters);
	for (i = 0; i < pool->n; i++)
		ippfvs_real_zero(pool->real[i].real);
	ippfvs_counters_set(&service->retired, &(struct ippfvs_counters){});
}
