// SPDX-License-Identifier: GPL-2.0
/* The service table: lookup, insertion, publication, teardown. */
#include "table.h"

#include "../net.h"
#include "pool.h"
#include "service.h"

#include <linux/err.h>
#include <linux/jhash.h>
#include <linux/rhashtable.h>
#include <linux/sched.h>
#include <linux/slab.h>

/* How often a reader sums the totals at most, if services change meanwhile. */
#define READ_ATTEMPTS 3

/* Frees tables after their grace periods. */
static struct workqueue_struct *wq;
static const struct ippfvs_service_events *events;

/*
 * Only administrators choose keys, so a fast hash is sufficient. For IPv4 it mixes two
 * words instead of five.
 */
static u32 hash_key(const void *data, u32 len, u32 seed)
{
	const struct ippfvs_service_key *key = data;
	u32 rest = (__force u32)key->port << 16 | key->protocol;

	if (key->family == IPPFVS_FAMILY_IPV4)
		return jhash_2words((__force u32)key->addr.ip, rest, seed);
	return jhash2((const u32 *)&key->addr, sizeof(key->addr) / sizeof(u32), seed ^ rest);
}

static u32 hash_service(const void *data, u32 len, u32 seed)
{
	const struct ippfvs_service *service = data;

	return hash_key(&service->key, len, seed);
}

static int compare_service(struct rhashtable_compare_arg *arg, const void *data)
{
	const struct ippfvs_service_key *wanted = arg->key;
	const struct ippfvs_service *service = data;

	return wanted->port != service->key.port || wanted->protocol != service->key.protocol ||
	       wanted->family != service->key.family ||
	       !ippfvs_addr_equal(&wanted->addr, &service->key.addr);
}

static const struct rhashtable_params by_key_params = {
	.key_offset = offsetof(struct ippfvs_service, key),
	.key_len = sizeof(struct ippfvs_service_key),
	.head_offset = offsetof(struct ippfvs_service, node),
	.hashfn = hash_key,
	.obj_hashfn = hash_service,
	.obj_cmpfn = compare_service,
	.automatic_shrinking = true,
};

/* In by_addr, only the address and the family of a key count. */
static u32 hash_addr(const void *data, u32 len, u32 seed)
{
	const struct ippfvs_service_key *key = data;

	if (key->family == IPPFVS_FAMILY_IPV4)
		return jhash_1word((__force u32)key->addr.ip, seed);
	return jhash2((const u32 *)&key->addr, sizeof(key->addr) / sizeof(u32), seed);
}

static u32 hash_service_addr(const void *data, u32 len, u32 seed)
{
	const struct ippfvs_service *service = data;

	return hash_addr(&service->key, len, seed);
}

static int compare_service_addr(struct rhashtable_compare_arg *arg, const void *data)
{
	const struct ippfvs_service_key *wanted = arg->key;
	const struct ippfvs_service *service = data;

	return wanted->family != service->key.family ||
	       !ippfvs_addr_equal(&wanted->addr, &service->key.addr);
}

static const struct rhashtable_params by_addr_params = {
	.key_offset = offsetof(struct ippfvs_service, key),
	.key_len = sizeof(struct ippfvs_service_key),
	.head_offset = offsetof(struct ippfvs_service, addr_node),
	.hashfn = hash_addr,
	.obj_hashfn = hash_service_addr,
	.obj_cmpfn = compare_service_addr,
	.automatic_shrinking = true,
};

static struct rhashtable *by_key_of(const struct ippfvs_service_table *table)
{
	/* A lookup changes nothing, but rhashtable has no const variant of it. */
	return (struct rhashtable *)&table->by_key;
}

struct ippfvs_service *ippfvs_service_lookup(const struct ippfvs_service_table *table, u8 family,
					     u8 protocol, const union ippfvs_addr *addr,
					     __be16 port)
{
	struct ippfvs_service_key key = {
		.addr = *addr,
		.port = port,
		.family = family,
		.protocol = protocol,
	};
	struct ippfvs_service *service;

	service = rhashtable_lookup(by_key_of(table), &key, by_key_params);
	if (service || !READ_ONCE(table->any_port))
		return service;

	key.port = 0;
	return rhashtable_lookup(by_key_of(table), &key, by_key_params);
}

bool ippfvs_service_table_has_addr(const struct ippfvs_service_table *table, u8 family,
				   const union ippfvs_addr *addr)
{
	struct ippfvs_service_key key = {
		.addr = *addr,
		.family = family,
	};

	/* As in by_key_of(). */
	return rhltable_lookup((struct rhltable *)&table->by_addr, &key, by_addr_params);
}

struct ippfvs_service *ippfvs_service_lookup_exact(const struct ippfvs_service_table *table,
						   const struct ippfvs_service_key *key)
{
	if (!table)
		return NULL;
	return rhashtable_lookup_fast(by_key_of(table), key, by_key_params);
}

struct ippfvs_service *ippfvs_service_lookup_id(struct ippfvs_service_table *table,
						unsigned long *id, unsigned long last)
{
	return table ? xa_find(&table->by_id, id, last, XA_PRESENT) : NULL;
}

struct ippfvs_service_table *ippfvs_service_table_rcu(const struct ippfvs_net *ipn)
{
	return rcu_dereference_check(ipn->services, lockdep_is_held(&ipn->lock));
}

struct ippfvs_service_table *ippfvs_service_table_locked(const struct ippfvs_net *ipn)
{
	return rcu_dereference_protected(ipn->services, lockdep_is_held(&ipn->lock));
}

struct ippfvs_service_table *ippfvs_service_table_create(u32 services)
{
	struct rhashtable_params params = by_key_params;
	struct ippfvs_service_table *table;
	int err;

	BUILD_BUG_ON(sizeof(struct ippfvs_service_key) !=
		     sizeof_field(struct ippfvs_service_key, addr) + 4);

	table = kzalloc(sizeof(*table), GFP_KERNEL_ACCOUNT);
	if (!table)
		return ERR_PTR(-ENOMEM);

	params.nelem_hint = min_t(u32, services, IPPFVS_SERVICES_MAX);
	err = rhashtable_init(&table->by_key, &params);
	if (err)
		goto err_free_table;
	err = rhltable_init(&table->by_addr, &by_addr_params);
	if (err)
		goto err_destroy_by_key;
	xa_init_flags(&table->by_id, XA_FLAGS_ALLOC | XA_FLAGS_ACCOUNT);
	return table;

err_destroy_by_key:
	rhashtable_destroy(&table->by_key);
err_free_table:
	kfree(table);
	return ERR_PTR(err);
}

static int insert_by_id(struct ippfvs_net *ipn, struct ippfvs_service_table *table,
			struct ippfvs_service *service, bool new_id)
{
	int err;

	if (!new_id)
		return xa_insert(&table->by_id, service->id, service, GFP_KERNEL_ACCOUNT);

	err = xa_alloc_cyclic(&table->by_id, &service->id, service, xa_limit_31b, &ipn->next_id,
			      GFP_KERNEL_ACCOUNT);
	return min(err, 0); /* 1 means that ids start from 0 again */
}

static void count_service(const struct ippfvs_net *ipn, struct ippfvs_service_table *table,
			  const struct ippfvs_service *service, int change)
{
	table->reals += change * (int)ippfvs_service_pool(ipn, service)->n;
	if (!service->key.port)
		WRITE_ONCE(table->any_port, table->any_port + change);
	WRITE_ONCE(table->n, table->n + change);
}

int ippfvs_service_table_insert(struct ippfvs_net *ipn, struct ippfvs_service_table *table,
				struct ippfvs_service *service, bool new_id)
{
	int err;

	lockdep_assert_held(&ipn->lock);

	err = insert_by_id(ipn, table, service, new_id);
	if (err)
		return err;

	/* Count it first, so that lookups try port 0 as soon as the service can be found. */
	count_service(ipn, table, service, 1);
	err = rhltable_insert(&table->by_addr, &service->addr_node, by_addr_params);
	if (err)
		goto err_erase_id;
	err = rhashtable_insert_fast(&table->by_key, &service->node, by_key_params);
	if (!err)
		return 0;

	rhltable_remove(&table->by_addr, &service->addr_node, by_addr_params);
err_erase_id:
	count_service(ipn, table, service, -1);
	xa_erase(&table->by_id, service->id);
	return err;
}

static void unlink_service(const struct ippfvs_net *ipn, struct ippfvs_service_table *table,
			   struct ippfvs_service *service)
{
	rhashtable_remove_fast(&table->by_key, &service->node, by_key_params);
	rhltable_remove(&table->by_addr, &service->addr_node, by_addr_params);
	xa_erase(&table->by_id, service->id);
	count_service(ipn, table, service, -1);
}

int ippfvs_services_init(const struct ippfvs_service_events *service_events)
{
	events = service_events;
	wq = alloc_workqueue("ippfvs_service", WQ_UNBOUND, 0);
	return wq ? 0 : -ENOMEM;
}

void ippfvs_services_exit(void)
{
	destroy_workqueue(wq);
}

int ippfvs_service_table_start(struct ippfvs_net *ipn)
{
	lockdep_assert_held(&ipn->lock);

	return events->first(ipn);
}

void ippfvs_service_table_publish(struct ippfvs_net *ipn, struct ippfvs_service_table *table)
{
	lockdep_assert_held(&ipn->lock);

	rcu_assign_pointer(ipn->services, table);
}

/* Add a service to a namespace that has services. */
static int add_further(struct ippfvs_net *ipn, struct ippfvs_service_table *table,
		       struct ippfvs_service *service)
{
	int err;

	ippfvs_change_begin(ipn);
	err = ippfvs_service_table_insert(ipn, table, service, true);
	ippfvs_change_end(ipn);
	return err;
}

/* Add the first service of a namespace. */
static int add_first(struct ippfvs_net *ipn, struct ippfvs_service *service)
{
	struct ippfvs_service_table *table;
	int err;

	table = ippfvs_service_table_create(1);
	if (IS_ERR(table))
		return PTR_ERR(table);

	err = ippfvs_service_table_insert(ipn, table, service, true);
	if (err)
		goto err_destroy_table;
	err = ippfvs_service_table_start(ipn);
	if (err)
		goto err_unlink_service;

	ippfvs_change_begin(ipn);
	ippfvs_service_table_publish(ipn, table);
	ippfvs_change_end(ipn);
	return 0;

err_unlink_service:
	unlink_service(ipn, table, service);
err_destroy_table:
	ippfvs_service_table_destroy_rcu(table);
	return err;
}

enum ippfvs_refusal ippfvs_services_check_room(const struct ippfvs_net *ipn, u32 services,
					       u32 reals)
{
	const struct ippfvs_service_table *table = ippfvs_service_table_locked(ipn);

	if (table && services)
		services += table->n;
	if (table && reals)
		reals += table->reals;
	return ippfvs_check_room(&ipn->config, services, reals);
}

struct ippfvs_service *ippfvs_service_add(struct ippfvs_net *ipn,
					  const struct ippfvs_service_spec *spec)
{
	struct ippfvs_service_table *table = ippfvs_service_table_locked(ipn);
	struct ippfvs_service *service;
	int err;

	lockdep_assert_held(&ipn->lock);

	if (ippfvs_service_lookup_exact(table, &spec->key))
		return ERR_PTR(-EEXIST);
	if (table && table->n >= IPPFVS_SERVICES_MAX)
		return ERR_PTR(-ENOSPC);

	service = ippfvs_service_create(ipn, spec, NULL);
	if (IS_ERR(service))
		return service;

	err = table ? add_further(ipn, table, service) : add_first(ipn, service);
	if (err) {
		ippfvs_service_destroy_rcu(ipn, service);
		return ERR_PTR(err);
	}
	ippfvs_service_take_over(ipn, service);
	return service;
}

static void retire_service(struct ippfvs_net *ipn, const struct ippfvs_service *service)
{
	struct ippfvs_counters counters;

	ippfvs_service_counters(service, &counters);
	ippfvs_counters_move(&ipn->retired, &counters);
}

void ippfvs_service_remove(struct ippfvs_net *ipn, struct ippfvs_service *service)
{
	struct ippfvs_service_table *table = ippfvs_service_table_locked(ipn);

	lockdep_assert_held(&ipn->lock);

	if (table->n == 1) {
		ippfvs_services_flush(ipn);
		return;
	}

	ippfvs_change_begin(ipn);
	unlink_service(ipn, table, service);
	/* Mark it first, so that it carries no packet after its counters are read. */
	ippfvs_service_mark_removed(service);
	retire_service(ipn, service);
	ippfvs_change_end(ipn);

	ippfvs_service_destroy_rcu(ipn, service);
}

static void retire_all(struct ippfvs_net *ipn, struct ippfvs_service_table *table)
{
	const struct ippfvs_service *service;
	unsigned long id;

	xa_for_each(&table->by_id, id, service) {
		retire_service(ipn, service);
		cond_resched();
	}
}

void ippfvs_services_flush(struct ippfvs_net *ipn)
{
	struct ippfvs_service_table *table;

	lockdep_assert_held(&ipn->lock);

	table = ippfvs_service_table_locked(ipn);
	if (!table)
		return;

	/* This is done outside the change, because readers retry during a change. */
	events->last(ipn);

	ippfvs_change_begin(ipn);
	RCU_INIT_POINTER(ipn->services, NULL);
	retire_all(ipn, table);
	ippfvs_change_end(ipn);

	ippfvs_service_table_destroy_rcu(table);
}

void ippfvs_service_table_mark_removed(struct ippfvs_service_table *table)
{
	struct ippfvs_service *service;
	unsigned long id;

	xa_for_each(&table->by_id, id, service) {
		ippfvs_service_mark_removed(service);
		cond_resched();
	}
}

static void free_service(void *service, void *arg)
{
	ippfvs_service_destroy(service);
	cond_resched();
}

/* The grace period is over, so no packet uses the table any more. */
static void free_table(struct work_struct *work)
{
	struct ippfvs_service_table *table;

	table = container_of(to_rcu_work(work), struct ippfvs_service_table, free);
	rhltable_destroy(&table->by_addr);
	rhashtable_free_and_destroy(&table->by_key, free_service, NULL);
	xa_destroy(&table->by_id);
	kfree(table);
}

void ippfvs_service_table_destroy_rcu(struct ippfvs_service_table *table)
{
	ippfvs_service_table_mark_removed(table);
	INIT_RCU_WORK(&table->free, free_table);
	queue_rcu_work(wq, &table->free);
}

void ippfvs_services_barrier(void)
{
	rcu_barrier(); /* each table's work is queued after its grace period */
	flush_workqueue(wq);
}

/*
 * Read the sums of removed objects first. Counters that a change moves to them meanwhile are then
 * missed or counted once, but never twice.
 */
static void sum_counters(const struct ippfvs_net *ipn, struct ippfvs_counters *sum)
{
	const struct ippfvs_service *service;
	struct ippfvs_counters more;
	unsigned long id = 0;

	*sum = (struct ippfvs_counters){};
	ippfvs_counters_add(sum, &ipn->retired);
	smp_rmb(); /* pairs with ippfvs_counters_move() */

	do {
		rcu_read_lock();
		service = ippfvs_service_lookup_id(ippfvs_service_table_rcu(ipn), &id, ULONG_MAX);
		if (service) {
			ippfvs_service_counters(service, &more);
			ippfvs_counters_add(sum, &more);
		}
		rcu_read_unlock();
		id++;
		cond_resched();
	} while (service);
}

static u32 count_zeroings(struct ippfvs_net *ipn)
{
	u32 zeroings;

	spin_lock(&ipn->totals_lock);
	zeroings = ipn->zeroings;
	spin_unlock(&ipn->totals_lock);
	return zeroings;
}

/*
 * A change during the summation makes the sum too small, so it may be less than the previous
 * answer.
 */
static void keep_totals(struct ippfvs_net *ipn, struct ippfvs_counters *sum, u32 zeroings)
{
	spin_lock(&ipn->totals_lock);
	if (ipn->zeroings == zeroings) {
		ippfvs_counters_max(sum, &ipn->totals);
		ipn->totals = *sum;
	}
	spin_unlock(&ipn->totals_lock);
}

void ippfvs_services_totals(struct ippfvs_net *ipn, struct ippfvs_counters *sum)
{
	u32 zeroings = count_zeroings(ipn);
	u32 count;
	int i;

	for (i = 0; i < READ_ATTEMPTS; i++) {
		count = ippfvs_read_begin(ipn);
		sum_counters(ipn, sum);
		if (!ippfvs_read_retry(ipn, count))
			break;
	}
	keep_totals(ipn, sum, zeroings);
}

void ippfvs_services_zero(struct ippfvs_net *ipn)
{
	struct ippfvs_service_table *table = ippfvs_service_table_locked(ipn);
	struct ippfvs_service *service;
	unsigned long id;

	lockdep_assert_held(&ipn->lock);

	if (table) {
		xa_for_each(&table->by_id, id, service) {
			ippfvs_service_zero(ipn, service);
			cond_resched();
		}
	}

	/* These sums are zeroed last, because zeroing a service adds to them. */
	ippfvs_change_begin(ipn);
	ippfvs_counters_set(&ipn->retired, &(struct ippfvs_counters){});
	ippfvs_drops_zero(&ipn->drops);
	ippfvs_conn_evictions_zero(&ipn->conns);
	ippfvs_change_end(ipn);

	spin_lock(&ipn->totals_lock);
	ipn->zeroings++;
	ippfvs_counters_set(&ipn->totals, &(struct ippfvs_counters){});
	spin_unlock(&ipn->totals_lock);
}
