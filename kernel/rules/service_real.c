// SPDX-License-Identifier: GPL-2.0
#include "service_real.h"

#include "../net.h"
#include "change.h"
#include "pool.h"
#include "real.h"
#include "rules.h"
#include "service.h"

#include <linux/bsearch.h>
#include <linux/err.h>
#include <linux/lockdep.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/sort.h>

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

struct ippfvs_pool *
ippfvs_service_make_pool(struct ippfvs_service *service,
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

/* What a real server that is no longer published has counted stays the service's. */
static void retire(struct ippfvs_service *service, struct ippfvs_real *gone)
{
	struct ippfvs_counters counters;

	/* Before its counters are read: it carries nothing more. */
	ippfvs_real_end(gone);
	ippfvs_real_counters(gone, &counters);
	ippfvs_counters_add(&service->retired, &counters);
}

/*
 * Publish a pool of the @n places, with the scheduler as before; @gone, or NULL, has
 * no place there any more.
 */
static int swap_places(struct ippfvs_net *ipn, struct ippfvs_service *service,
		       const struct ippfvs_pool_real *place, u32 n,
		       struct ippfvs_real *gone)
{
	struct ippfvs_pool *before = ippfvs_service_pool(ipn, service);
	struct ippfvs_pool *pool;

	pool = ippfvs_pool_create(before->sched, before, place, n);
	if (IS_ERR(pool))
		return PTR_ERR(pool);

	ippfvs_change_begin(ipn);
	ippfvs_service_swap(ipn, service, pool);
	if (gone)
		retire(service, gone);
	ippfvs_change_end(ipn);
	return 0;
}

int ippfvs_service_real_add(struct ippfvs_net *ipn,
			    struct ippfvs_service *service,
			    const struct ippfvs_real_spec *spec)
{
	struct ippfvs_pool *before = ippfvs_service_pool(ipn, service);
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
	err = swap_places(ipn, service, place, before->n + 1, NULL);
	kvfree(place);
out_put_real:
	ippfvs_real_put(real);
	return err;
}

int ippfvs_service_real_set(struct ippfvs_net *ipn,
			    struct ippfvs_service *service,
			    const struct ippfvs_real_spec *spec)
{
	struct ippfvs_pool *before = ippfvs_service_pool(ipn, service);
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
	err = swap_places(ipn, service, place, before->n, NULL);
	kvfree(place);
	return err;
}

int ippfvs_service_real_remove(struct ippfvs_net *ipn,
			       struct ippfvs_service *service,
			       const union ippfvs_addr *addr, __be16 port)
{
	struct ippfvs_pool *before = ippfvs_service_pool(ipn, service);
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
	err = swap_places(ipn, service, place, before->n - 1, real);
	kvfree(place);
	ippfvs_real_put(real);
	return err;
}
