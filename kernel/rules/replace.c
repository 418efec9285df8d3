// SPDX-License-Identifier: GPL-2.0
/*
 * A whole set of services in one step: build the new set beside the old one,
 * swap the pointer, hand over the real servers that stay, end the rest.
 */
#include "rules.h"

#include "../net.h"
#include "change.h"
#include "pool.h"
#include "real.h"
#include "service.h"

#include <linux/err.h>
#include <linux/sched.h>
#include <linux/slab.h>

static int make_service(struct ippfvs_net *ipn, struct ippfvs_rules *rules,
			const struct ippfvs_service_spec *spec,
			const struct ippfvs_service *before)
{
	struct ippfvs_service *service;
	int err;

	service = ippfvs_service_create(ipn, spec, before);
	if (IS_ERR(service))
		return PTR_ERR(service);

	err = ippfvs_rules_insert(ipn, rules, service, !before);
	if (err)
		ippfvs_service_release(ipn, service);
	return err;
}

/* Those that stay first: their ids must not be given to others. */
static int make_services(struct ippfvs_net *ipn, struct ippfvs_rules *rules,
			 const struct ippfvs_rules *old, bool stay,
			 const struct ippfvs_service_spec *spec, u32 n)
{
	const struct ippfvs_service *before;
	bool stays;
	int err;
	u32 i;

	for (i = 0; i < n; i++) {
		before = old ? ippfvs_rules_lookup(old, &spec[i].key) : NULL;
		stays = before;
		if (stays != stay)
			continue;
		err = make_service(ipn, rules, &spec[i], before);
		if (err)
			return err;
		cond_resched();
	}
	return 0;
}

static struct ippfvs_rules *make_rules(struct ippfvs_net *ipn,
				       const struct ippfvs_rules *old,
				       const struct ippfvs_service_spec *spec,
				       u32 n)
{
	struct ippfvs_rules *rules;
	int err;

	rules = ippfvs_rules_create(n);
	if (IS_ERR(rules))
		return rules;

	err = make_services(ipn, rules, old, true, spec, n);
	if (!err)
		err = make_services(ipn, rules, old, false, spec, n);
	if (err) {
		ippfvs_rules_release(rules);
		return ERR_PTR(err);
	}
	return rules;
}

static void adopt_all(struct ippfvs_net *ipn, struct ippfvs_rules *rules)
{
	struct ippfvs_service *service;
	unsigned long id;

	xa_for_each(&rules->by_id, id, service) {
		ippfvs_service_adopt(ipn, service);
		cond_resched();
	}
}

/* What the real servers of @service counted that nobody has adopted. */
static void left_behind(const struct ippfvs_net *ipn,
			const struct ippfvs_service *service,
			struct ippfvs_counters *sum)
{
	const struct ippfvs_pool *pool;
	const struct ippfvs_real *real;
	struct ippfvs_counters more;
	u32 i;

	pool = ippfvs_service_pool(ipn, service);
	for (i = 0; i < pool->n; i++) {
		real = pool->real[i].real;
		if (!READ_ONCE(real->removed))
			continue;
		ippfvs_real_counters(real, &more);
		ippfvs_counters_add(sum, &more);
	}
}

/* Counters of what goes: to the service that stays, else to the namespace. */
static void retire(struct ippfvs_net *ipn, const struct ippfvs_rules *rules,
		   struct ippfvs_rules *old)
{
	const struct ippfvs_service *before;
	struct ippfvs_service *service;
	unsigned long id;

	xa_for_each(&old->by_id, id, before) {
		service = ippfvs_rules_lookup(rules, &before->key);
		if (service) {
			left_behind(ipn, before, &service->retired);
		} else {
			ippfvs_counters_add(&ipn->retired, &before->retired);
			left_behind(ipn, before, &ipn->retired);
		}
		cond_resched();
	}
}

/* @rules have just been published in place of @old, or of none. */
static void take_over(struct ippfvs_net *ipn, struct ippfvs_rules *rules,
		      struct ippfvs_rules *old)
{
	adopt_all(ipn, rules);
	if (!old)
		return;
	/* So that what they carry from now on is at most a packet on each CPU. */
	ippfvs_rules_end(old);
	retire(ipn, rules, old);
}

int ippfvs_rules_replace(struct ippfvs_net *ipn,
			 const struct ippfvs_service_spec *spec, u32 n)
{
	struct ippfvs_rules *rules, *old;
	int err;

	lockdep_assert_held(&ipn->lock);

	if (!n) {
		ippfvs_rules_clear(ipn);
		return 0;
	}

	old = ippfvs_rules_published(ipn);
	rules = make_rules(ipn, old, spec, n);
	if (IS_ERR(rules))
		return PTR_ERR(rules);

	err = old ? 0 : ippfvs_net_start(ipn);
	if (err) {
		ippfvs_rules_release(rules);
		return err;
	}

	ippfvs_change_begin(ipn);
	ippfvs_rules_publish(ipn, rules);
	take_over(ipn, rules, old);
	ippfvs_change_end(ipn);

	if (old)
		ippfvs_rules_release(old);
	return 0;
}
