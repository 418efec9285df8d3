// SPDX-License-Identifier: GPL-2.0
/* Pools: one block of memory each, made whole, then published. */
#include "pool.h"
#include "real.h"

#include <linux/cache.h>
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/random.h>

/*
 * The block: pool, its places, the scheduler's view of them, and on cache lines
 * of its own the state that every pick may write.
 */
static struct ippfvs_pool *alloc(const struct ippfvs_scheduler *sched, u32 n)
{
	size_t view = struct_size_t(struct ippfvs_pool, real, n);
	size_t state = view + array_size(n, sizeof(struct ippfvs_sched_real));
	struct ippfvs_pool *pool;
	void *block;

	block = kvzalloc(state + SMP_CACHE_BYTES + sched->state_size(n),
			 GFP_KERNEL_ACCOUNT);
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

static void fill(struct ippfvs_pool *pool, const struct ippfvs_pool_real *real)
{
	struct ippfvs_sched_real *seen = (void *)pool->view.real;
	u32 i;

	for (i = 0; i < pool->n; i++) {
		ippfvs_real_get(real[i].real);
		pool->real[i] = real[i];
		pool->any_local |= real[i].method == IPPFVS_METHOD_LOCAL;
		seen[i].load = &real[i].real->load;
		seen[i].weight = real[i].weight;
	}
}

/* Many directors that start together begin at different real servers. */
static u64 first_ticket(const struct ippfvs_pool *before)
{
	if (before && before->sched->ticket)
		return before->sched->ticket(before->state);
	return get_random_u64();
}

struct ippfvs_pool *ippfvs_pool_create(const struct ippfvs_scheduler *sched,
				       const struct ippfvs_pool *before,
				       const struct ippfvs_pool_real *real,
				       u32 n)
{
	struct ippfvs_pool *pool = alloc(sched, n);

	if (!pool)
		return ERR_PTR(-ENOMEM);

	fill(pool, real);
	sched->init(&pool->view, pool->state, first_ticket(before));
	return pool;
}

/*
 * Until now a change of load may have looked at the pool before, or at a stale
 * index, and told this pool nothing. Both are right from the barrier on, so what
 * is read after it includes every such change.
 */
void ippfvs_pool_settle(struct ippfvs_pool *pool)
{
	u32 i;

	for (i = 0; i < pool->n; i++)
		WRITE_ONCE(pool->real[i].real->index, i);

	smp_mb();	/* pairs with ippfvs_real_load_add() */

	if (!pool->sched->changed)
		return;
	for (i = 0; i < pool->n; i++) {
		spin_lock_bh(&pool->lock);
		pool->sched->changed(&pool->view, pool->state, i);
		spin_unlock_bh(&pool->lock);
	}
}

/* Not before: a packet may take references from what it finds in a pool. */
void ippfvs_pool_free(struct ippfvs_pool *pool)
{
	u32 i;

	for (i = 0; i < pool->n; i++)
		ippfvs_real_put(pool->real[i].real);
	kvfree(pool);
}

static void free_pool(struct rcu_head *rcu)
{
	ippfvs_pool_free(container_of(rcu, struct ippfvs_pool, rcu));
}

void ippfvs_pool_release(struct ippfvs_pool *pool)
{
	call_rcu(&pool->rcu, free_pool);
}

const struct ippfvs_pool_real *ippfvs_pool_pick(struct ippfvs_pool *pool,
						const struct ippfvs_flow *flow)
{
	int index;

	if (!pool->n)
		return NULL;
	index = pool->sched->pick(&pool->view, pool->state, flow);
	return index < 0 ? NULL : &pool->real[index];
}

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

void ippfvs_pool_changed(struct ippfvs_pool *pool,
			 const struct ippfvs_real *real)
{
	u32 index = READ_ONCE(real->index);

	if (!pool->sched->changed)
		return;
	if (index >= pool->n || pool->real[index].real != real)
		return;

	/* The worker comes here from process context, packets in softirq. */
	spin_lock_bh(&pool->lock);
	pool->sched->changed(&pool->view, pool->state, index);
	spin_unlock_bh(&pool->lock);
}
