// SPDX-License-Identifier: GPL-2.0
/* Pools. A pool is one block of memory, which is complete before the service publishes it. */
#include "pool.h"
#include "real.h"
#include "service.h"

#include <linux/bsearch.h>
#include <linux/cache.h>
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/random.h>
#include <linux/sort.h>

/*
 * The block holds the pool, its members, the scheduler's view of them and, on separate
 * cache lines, the scheduler's state, which every pick may write.
 */
static struct ippfvs_pool *pool_alloc(const struct ippfvs_scheduler *sched, u32 n)
{
	size_t view = struct_size_t(struct ippfvs_pool, member, n);
	size_t state = view + array_size(n, sizeof(struct ippfvs_sched_real));
	struct ippfvs_pool *pool;
	void *block;

	block = kvzalloc(state + SMP_CACHE_BYTES + sched->state_size(n), GFP_KERNEL_ACCOUNT);
	if (!block)
		return NULL;

	pool = block;
	pool->sched = sched;
	pool->view.real = block + view;
	pool->view.n = n;
	pool->state = PTR_ALIGN(block + state, SMP_CACHE_BYTES);
	spin_lock_init(&pool->lock);
	pool->n = n;
	return pool;
}

/* The pool takes over the caller's reference to @member.real. */
static void pool_fill(struct ippfvs_pool *pool, u32 index, struct ippfvs_member member)
{
	struct ippfvs_sched_real *seen = (void *)pool->view.real;

	pool->member[index] = member;
	pool->any_local |= member.method == IPPFVS_METHOD_LOCAL;
	seen[index].load = &member.real->load;
	seen[index].weight = member.weight;
}

/* Fill @n members from @index on with copies of @member. */
static void pool_fill_copies(struct ippfvs_pool *pool, u32 index,
			     const struct ippfvs_member *member, u32 n)
{
	u32 i;

	for (i = 0; i < n; i++) {
		ippfvs_real_get(member[i].real);
		pool_fill(pool, index + i, member[i]);
	}
}

/* Start the scheduler of a filled pool. Round robin continues at the position of @before. */
static struct ippfvs_pool *pool_start(struct ippfvs_pool *pool, const struct ippfvs_pool *before)
{
	u64 cursor;

	if (before && before->sched->cursor)
		cursor = before->sched->cursor(before->state);
	else /* directors that start together begin at different real servers */
		cursor = get_random_u64();
	pool->sched->init(&pool->view, pool->state, cursor);
	return pool;
}

static int compare_key(const union ippfvs_addr *addr, __be16 port, const struct ippfvs_real *real)
{
	return memcmp(addr, &real->addr, sizeof(*addr)) ?: memcmp(&port, &real->port, sizeof(port));
}

static int compare_reals(const void *a, const void *b)
{
	const struct ippfvs_real *const *one = a, *const *other = b;

	return compare_key(&(*one)->addr, (*one)->port, *other);
}

static int compare_spec(const void *key, const void *element)
{
	const struct ippfvs_member_spec *spec = key;
	const struct ippfvs_real *const *real = element;

	return compare_key(&spec->addr, spec->port, *real);
}

/* Return the real servers of @pool in the order of their keys, or NULL. */
static struct ippfvs_real **sort_reals(const struct ippfvs_pool *pool)
{
	struct ippfvs_real **sorted;
	u32 i;

	sorted = kvmalloc_array(pool->n, sizeof(*sorted), GFP_KERNEL);
	if (!sorted)
		return NULL;

	for (i = 0; i < pool->n; i++)
		sorted[i] = pool->member[i].real;
	sort(sorted, pool->n, sizeof(*sorted), compare_reals, NULL);
	return sorted;
}

static struct ippfvs_real *create_real(struct ippfvs_service *service,
				       const struct ippfvs_member_spec *spec)
{
	struct ippfvs_real *real;

	real = ippfvs_real_create(service->key.family, &spec->addr, spec->port);
	if (!IS_ERR(real))
		RCU_INIT_POINTER(real->service, service);
	return real;
}

/* Return a reference to the real server of @spec: one of the @n sorted ones or a new one. */
static struct ippfvs_real *get_or_create_real(struct ippfvs_service *service,
					      const struct ippfvs_member_spec *spec,
					      struct ippfvs_real *const *sorted, u32 n)
{
	struct ippfvs_real *const *found;

	found = n ? bsearch(spec, sorted, n, sizeof(*sorted), compare_spec) : NULL;
	if (!found)
		return create_real(service, spec);
	ippfvs_real_get(*found);
	return *found;
}

/* After a failure, the members that have been filled still hold their references. */
static int pool_fill_specs(struct ippfvs_pool *pool, struct ippfvs_service *service,
			   const struct ippfvs_member_spec *spec, struct ippfvs_real *const *sorted,
			   u32 n)
{
	struct ippfvs_real *real;
	u32 i;

	for (i = 0; i < pool->n; i++) {
		real = get_or_create_real(service, &spec[i], sorted, n);
		if (IS_ERR(real))
			return PTR_ERR(real);
		pool_fill(pool, i,
			  (struct ippfvs_member){
				  .real = real,
				  .weight = spec[i].weight,
				  .method = spec[i].method,
			  });
	}
	return 0;
}

struct ippfvs_pool *ippfvs_pool_create(struct ippfvs_service *service,
				       const struct ippfvs_scheduler *sched,
				       const struct ippfvs_member_spec *spec, u32 n,
				       const struct ippfvs_pool *before)
{
	u32 reals = before && n ? before->n : 0;
	struct ippfvs_real **sorted = NULL;
	struct ippfvs_pool *pool;
	int err = -ENOMEM;

	pool = pool_alloc(sched, n);
	if (!pool)
		return ERR_PTR(-ENOMEM);
	if (reals) {
		sorted = sort_reals(before);
		if (!sorted)
			goto err_destroy_pool;
	}

	err = pool_fill_specs(pool, service, spec, sorted, reals);
	kvfree(sorted);
	if (err)
		goto err_destroy_pool;
	return pool_start(pool, before);

err_destroy_pool:
	ippfvs_pool_destroy(pool);
	return ERR_PTR(err);
}

struct ippfvs_pool *ippfvs_pool_copy(const struct ippfvs_pool *before,
				     const struct ippfvs_scheduler *sched)
{
	struct ippfvs_pool *pool = pool_alloc(sched, before->n);

	if (!pool)
		return ERR_PTR(-ENOMEM);

	pool_fill_copies(pool, 0, before->member, before->n);
	return pool_start(pool, before);
}

struct ippfvs_pool *ippfvs_pool_copy_add(const struct ippfvs_pool *before,
					 struct ippfvs_service *service,
					 const struct ippfvs_member_spec *spec)
{
	struct ippfvs_member member = {
		.weight = spec->weight,
		.method = spec->method,
	};
	struct ippfvs_pool *pool;

	member.real = create_real(service, spec);
	if (IS_ERR(member.real))
		return ERR_CAST(member.real);

	pool = pool_alloc(before->sched, before->n + 1);
	if (!pool) {
		ippfvs_real_put(member.real);
		return ERR_PTR(-ENOMEM);
	}
	pool_fill_copies(pool, 0, before->member, before->n);
	pool_fill(pool, before->n, member);
	return pool_start(pool, before);
}

struct ippfvs_pool *ippfvs_pool_copy_set(const struct ippfvs_pool *before, u32 index, u16 weight,
					 u8 method)
{
	struct ippfvs_pool *pool = pool_alloc(before->sched, before->n);
	struct ippfvs_member member = before->member[index];

	if (!pool)
		return ERR_PTR(-ENOMEM);

	member.weight = weight;
	member.method = method;
	pool_fill_copies(pool, 0, before->member, index);
	pool_fill_copies(pool, index, &member, 1);
	pool_fill_copies(pool, index + 1, &before->member[index + 1], before->n - index - 1);
	return pool_start(pool, before);
}

struct ippfvs_pool *ippfvs_pool_copy_remove(const struct ippfvs_pool *before, u32 index)
{
	struct ippfvs_pool *pool = pool_alloc(before->sched, before->n - 1);

	if (!pool)
		return ERR_PTR(-ENOMEM);

	pool_fill_copies(pool, 0, before->member, index);
	pool_fill_copies(pool, index, &before->member[index + 1], before->n - index - 1);
	return pool_start(pool, before);
}

static void inform_scheduler(struct ippfvs_pool *pool, u32 index)
{
	/* The worker calls this from process context, the packet path from softirq. */
	spin_lock_bh(&pool->lock);
	pool->sched->changed(&pool->view, pool->state, index);
	spin_unlock_bh(&pool->lock);
}

/*
 * Before the barrier, a change of a load or of an eligible word may find the previous pool or a
 * stale index, and then does not inform this pool's scheduler. The change is not lost, because the
 * scheduler reads all of them after the barrier. After the barrier, every change finds this pool
 * and the right index.
 */
void ippfvs_pool_sync(struct ippfvs_pool *pool)
{
	u32 i;

	for (i = 0; i < pool->n; i++)
		WRITE_ONCE(pool->member[i].real->index, i);

	smp_mb(); /* pairs with ippfvs_pool_load_add() and ippfvs_pool_set_eligible() */

	for (i = 0; i < pool->n; i++)
		inform_scheduler(pool, i);
}

/* The pool keeps its references until readers are gone, because a reader may take further ones. */
void ippfvs_pool_destroy(struct ippfvs_pool *pool)
{
	u32 i;

	for (i = 0; i < pool->n && pool->member[i].real; i++)
		ippfvs_real_put(pool->member[i].real);
	kvfree(pool);
}

static void pool_free(struct rcu_head *rcu)
{
	ippfvs_pool_destroy(container_of(rcu, struct ippfvs_pool, rcu));
}

void ippfvs_pool_destroy_rcu(struct ippfvs_pool *pool)
{
	call_rcu(&pool->rcu, pool_free);
}

const struct ippfvs_member *ippfvs_pool_pick(struct ippfvs_pool *pool,
					     const struct ippfvs_flow *flow,
					     const struct ippfvs_excluded *excluded)
{
	int index;

	if (!pool->n)
		return NULL;
	index = pool->sched->pick(&pool->view, pool->state, flow, excluded);
	return index < 0 ? NULL : &pool->member[index];
}

const struct ippfvs_member *ippfvs_pool_lookup(const struct ippfvs_pool *pool,
					       const union ippfvs_addr *addr, __be16 port)
{
	const struct ippfvs_real *real;
	u32 i;

	for (i = 0; i < pool->n; i++) {
		real = pool->member[i].real;
		if (real->port == port && ippfvs_addr_equal(&real->addr, addr))
			return &pool->member[i];
	}
	return NULL;
}

/* Inform the scheduler of the pool that lists @real, if any, of its new load or eligible word. */
static void real_changed(const struct ippfvs_real *real, bool load)
{
	const struct ippfvs_service *service;
	struct ippfvs_pool *pool;
	u32 index;

	rcu_read_lock();
	service = rcu_dereference(real->service);
	if (!service)
		goto out_unlock;

	pool = rcu_dereference(service->pool);
	index = READ_ONCE(real->index);
	if ((!load || pool->sched->by_load) && index < pool->n && pool->member[index].real == real)
		inform_scheduler(pool, index);
out_unlock:
	rcu_read_unlock();
}

/*
 * The two counts are the halves of one number: active * 2^32 + inactive. To add both
 * changes, which may be negative, their number of the same form is added. A count may be
 * below zero for a moment, if one CPU has ended an entry before another has counted its
 * change of state. Readers regard such a count as zero.
 */
void ippfvs_pool_load_add(struct ippfvs_real *real, int active, int inactive)
{
	atomic64_add((s64)active * (1LL << 32) + inactive, &real->load.counts);

	/*
	 * ippfvs_pool_sync() reads the loads after its pool has become visible. This
	 * function reads the pool after the load has become visible. So at least
	 * one of the two sees what the other wrote.
	 */
	smp_mb__after_atomic();
	real_changed(real, true);
}

void ippfvs_pool_set_eligible(struct ippfvs_real *real, bool eligible)
{
	/* A reader that sees the cleared word also sees the new pool; pairs with is_current(). */
	smp_store_release(&real->load.eligible, eligible);

	smp_mb(); /* as in ippfvs_pool_load_add() */
	real_changed(real, false);
}
