// SPDX-License-Identifier: GPL-2.0
/*
 * The replacement of all services in one step: build a new table, exchange the pointer,
 * take over the real servers that stay, end the connections of the others.
 */
#include "replace.h"

#include "../net.h"
#include "pool.h"
#include "real.h"
#include "service.h"
#include "table.h"

#include <linux/err.h>
#include <linux/sched.h>

static int build_service(struct ippfvs_net *ipn, struct ippfvs_service_table *table,
			 const struct ippfvs_service_spec *spec,
			 const struct ippfvs_service *before)
{
	struct ippfvs_service *service;
	int err;

	service = ippfvs_service_create(ipn, spec, before);
	if (IS_ERR(service))
		return PTR_ERR(service);

	err = ippfvs_service_table_insert(ipn, table, service, !before);
	if (err)
		ippfvs_service_destroy_rcu(ipn, service);
	return err;
}

/* Build the services of @spec that are in @old (if @stay) or that are not in @old. */
static int build_services(struct ippfvs_net *ipn, struct ippfvs_service_table *table,
			  const struct ippfvs_service_table *old, bool stay,
			  const struct ippfvs_service_spec *spec, u32 n)
{
	const struct ippfvs_service *before;
	bool stays;
	int err;
	u32 i;

	for (i = 0; i < n; i++) {
		before = ippfvs_service_lookup_exact(old, &spec[i].key);
		stays = before;
		if (stays != stay)
			continue;
		err = build_service(ipn, table, &spec[i], before);
		if (err)
			return err;
		cond_resched();
	}
	return 0;
}

static struct ippfvs_service_table *build_table(struct ippfvs_net *ipn,
						const struct ippfvs_service_table *old,
						const struct ippfvs_service_spec *spec, u32 n)
{
	struct ippfvs_service_table *table;
	int err;

	table = ippfvs_service_table_create(n);
	if (IS_ERR(table))
		return table;

	/* Insert kept services first, so that no new service gets one of their ids. */
	err = build_services(ipn, table, old, true, spec, n);
	if (!err)
		err = build_services(ipn, table, old, false, spec, n);
	if (err) {
		ippfvs_service_table_destroy_rcu(table);
		return ERR_PTR(err);
	}
	return table;
}

static void take_over_reals(struct ippfvs_net *ipn, struct ippfvs_service_table *table)
{
	struct ippfvs_service *service;
	unsigned long id;

	xa_for_each(&table->by_id, id, service) {
		ippfvs_service_take_over(ipn, service);
		cond_resched();
	}
}

/* Add to @sum the counters of those real servers of @service that were removed. */
static void sum_removed_reals(const struct ippfvs_net *ipn, const struct ippfvs_service *service,
			      struct ippfvs_counters *sum)
{
	const struct ippfvs_pool *pool;
	const struct ippfvs_real *real;
	struct ippfvs_counters more;
	u32 i;

	pool = ippfvs_service_pool(ipn, service);
	for (i = 0; i < pool->n; i++) {
		real = pool->member[i].real;
		if (!READ_ONCE(real->removed))
			continue;
		ippfvs_real_counters(real, &more);
		ippfvs_counters_move(sum, &more);
	}
}

/*
 * Add the counters of removed real servers to those of their service, or to those of the namespace
 * if the service is removed, too.
 */
static void retire_counters(struct ippfvs_net *ipn, const struct ippfvs_service_table *table,
			    struct ippfvs_service_table *old)
{
	const struct ippfvs_service *before;
	struct ippfvs_service *service;
	unsigned long id;

	xa_for_each(&old->by_id, id, before) {
		service = ippfvs_service_lookup_exact(table, &before->key);
		if (service) {
			sum_removed_reals(ipn, before, &service->retired);
		} else {
			ippfvs_counters_move(&ipn->retired, &before->retired);
			sum_removed_reals(ipn, before, &ipn->retired);
		}
		cond_resched();
	}
}

/* @table has just been published in place of @old, which may be NULL. */
static void take_over(struct ippfvs_net *ipn, struct ippfvs_service_table *table,
		      struct ippfvs_service_table *old)
{
	take_over_reals(ipn, table);
	if (!old)
		return;
	/* First mark the removed real servers. Each CPU may then count one more packet for them. */
	ippfvs_service_table_mark_removed(old);
	retire_counters(ipn, table, old);
}

int ippfvs_services_replace(struct ippfvs_net *ipn, const struct ippfvs_service_spec *spec, u32 n)
{
	struct ippfvs_service_table *table, *old;
	int err;

	lockdep_assert_held(&ipn->lock);

	if (!n) {
		ippfvs_services_flush(ipn);
		return 0;
	}

	old = ippfvs_service_table_locked(ipn);
	table = build_table(ipn, old, spec, n);
	if (IS_ERR(table))
		return PTR_ERR(table);

	err = old ? 0 : ippfvs_service_table_start(ipn);
	if (err) {
		ippfvs_service_table_destroy_rcu(table);
		return err;
	}

	ippfvs_change_begin(ipn);
	ippfvs_service_table_publish(ipn, table);
	take_over(ipn, table, old);
	ippfvs_change_end(ipn);

	if (old)
		ippfvs_service_table_destroy_rcu(old);
	return 0;
}
