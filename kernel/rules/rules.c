// SPDX-License-Identifier: GPL-2.0
/* The set of services of a namespace: found by key, listed by id. */
#include "rules.h"

#include "../main.h"
#include "../net.h"
#include "change.h"
#include "service.h"

#include <linux/err.h>
#include <linux/jhash.h>
#include <linux/rhashtable.h>
#include <linux/slab.h>

/* Administrators choose the keys: two words are mixed for IPv4, not five. */
static u32 hash_key(const void *data, u32 len, u32 seed)
{
	const struct ippfvs_service_key *key = data;
	u32 rest = (__force u32)key->port << 16 | key->protocol;

	if (key->family == IPPFVS_FAMILY_IPV4)
		return jhash_2words((__force u32)key->addr.ip, rest, seed);
	return jhash2((const u32 *)&key->addr, sizeof(key->addr) / sizeof(u32),
		      seed ^ rest);
}

static u32 hash_service(const void *data, u32 len, u32 seed)
{
	const struct ippfvs_service *service = data;

	return hash_key(&service->key, len, seed);
}

static int compare(struct rhashtable_compare_arg *arg, const void *data)
{
	const struct ippfvs_service_key *wanted = arg->key;
	const struct ippfvs_service *service = data;

	return wanted->port != service->key.port ||
	       wanted->protocol != service->key.protocol ||
	       wanted->family != service->key.family ||
	       !ippfvs_addr_equal(&wanted->addr, &service->key.addr);
}

static const struct rhashtable_params by_key = {
	.key_offset = offsetof(struct ippfvs_service, key),
	.key_len = sizeof(struct ippfvs_service_key),
	.head_offset = offsetof(struct ippfvs_service, node),
	.hashfn = hash_key,
	.obj_hashfn = hash_service,
	.obj_cmpfn = compare,
	.automatic_shrinking = true,
};

static struct rhashtable *table_of(const struct ippfvs_rules *rules)
{
	/* Looking something up changes nothing, but has no const variant. */
	return (struct rhashtable *)&rules->by_key;
}

struct ippfvs_service *
ippfvs_rules_find(const struct ippfvs_rules *rules, u8 family, u8 protocol,
		  const union ippfvs_addr *addr, __be16 port)
{
	struct ippfvs_service_key key = {
		.addr = *addr,
		.port = port,
		.family = family,
		.protocol = protocol,
	};
	struct ippfvs_service *service;

	service = rhashtable_lookup(table_of(rules), &key, by_key);
	if (service || !READ_ONCE(rules->any_port))
		return service;

	key.port = 0;
	return rhashtable_lookup(table_of(rules), &key, by_key);
}

struct ippfvs_service *
ippfvs_rules_lookup(const struct ippfvs_rules *rules,
		    const struct ippfvs_service_key *key)
{
	return rhashtable_lookup_fast(table_of(rules), key, by_key);
}

struct ippfvs_rules *ippfvs_rules_published(const struct ippfvs_net *ipn)
{
	return rcu_dereference_protected(ipn->rules,
					 lockdep_is_held(&ipn->lock));
}

struct ippfvs_rules *ippfvs_rules_create(u32 services)
{
	struct rhashtable_params params = by_key;
	struct ippfvs_rules *rules;
	int err;

	BUILD_BUG_ON(sizeof(struct ippfvs_service_key) !=
		     sizeof_field(struct ippfvs_service_key, addr) + 4);

	rules = kzalloc(sizeof(*rules), GFP_KERNEL_ACCOUNT);
	if (!rules)
		return ERR_PTR(-ENOMEM);

	params.nelem_hint = min_t(u32, services, IPPFVS_SERVICES_MAX);
	err = rhashtable_init(&rules->by_key, &params);
	if (err) {
		kfree(rules);
		return ERR_PTR(err);
	}
	xa_init_flags(&rules->by_id, XA_FLAGS_ALLOC | XA_FLAGS_ACCOUNT);
	return rules;
}

static int insert_by_id(struct ippfvs_net *ipn, struct ippfvs_rules *rules,
			struct ippfvs_service *service, bool fresh)
{
	int err;

	if (!fresh)
		return xa_insert(&rules->by_id, service->id, service,
				 GFP_KERNEL_ACCOUNT);

	err = xa_alloc_cyclic(&rules->by_id, &service->id, service,
			      xa_limit_31b, &ipn->next_id, GFP_KERNEL_ACCOUNT);
	return min(err, 0);	/* 1: all ids were used once, begin again */
}

int ippfvs_rules_insert(struct ippfvs_net *ipn, struct ippfvs_rules *rules,
			struct ippfvs_service *service, bool fresh)
{
	int err;

	lockdep_assert_held(&ipn->lock);

	err = insert_by_id(ipn, rules, service, fresh);
	if (err)
		return err;

	/* Before a packet can find it, so that packets look twice. */
	if (!service->key.port)
		WRITE_ONCE(rules->any_port, rules->any_port + 1);
	WRITE_ONCE(rules->n, rules->n + 1);
	err = rhashtable_insert_fast(&rules->by_key, &service->node, by_key);
	if (!err)
		return 0;

	if (!service->key.port)
		WRITE_ONCE(rules->any_port, rules->any_port - 1);
	WRITE_ONCE(rules->n, rules->n - 1);
	xa_erase(&rules->by_id, service->id);
	return err;
}

void ippfvs_rules_erase(struct ippfvs_rules *rules,
			struct ippfvs_service *service)
{
	rhashtable_remove_fast(&rules->by_key, &service->node, by_key);
	xa_erase(&rules->by_id, service->id);
	if (!service->key.port)
		WRITE_ONCE(rules->any_port, rules->any_port - 1);
	WRITE_ONCE(rules->n, rules->n - 1);
}

void ippfvs_rules_publish(struct ippfvs_net *ipn, struct ippfvs_rules *rules)
{
	lockdep_assert_held(&ipn->lock);

	rcu_assign_pointer(ipn->rules, rules);
}

static void retire_all(struct ippfvs_net *ipn, struct ippfvs_rules *rules)
{
	const struct ippfvs_service *service;
	struct ippfvs_counters counters;
	unsigned long id;

	xa_for_each(&rules->by_id, id, service) {
		ippfvs_service_counters(service, &counters);
		ippfvs_counters_add(&ipn->retired, &counters);
		cond_resched();
	}
}

void ippfvs_rules_clear(struct ippfvs_net *ipn)
{
	struct ippfvs_rules *rules;

	lockdep_assert_held(&ipn->lock);

	rules = ippfvs_rules_published(ipn);
	if (!rules)
		return;

	/* Takes a while, and so is no part of the change: readers would wait for it. */
	ippfvs_net_stop(ipn);

	ippfvs_change_begin(ipn);
	RCU_INIT_POINTER(ipn->rules, NULL);
	retire_all(ipn, rules);
	ippfvs_change_end(ipn);

	ippfvs_rules_release(rules);
}

static void free_service(void *service, void *arg)
{
	ippfvs_service_free(service);
	cond_resched();
}

/* Nobody is left inside: a packet that saw the set has gone its way. */
static void free_rules(struct work_struct *work)
{
	struct ippfvs_rules *rules = container_of(to_rcu_work(work),
						  struct ippfvs_rules, free);

	rhashtable_free_and_destroy(&rules->by_key, free_service, NULL);
	xa_destroy(&rules->by_id);
	kfree(rules);
}

void ippfvs_rules_end(struct ippfvs_rules *rules)
{
	struct ippfvs_service *service;
	unsigned long id;

	xa_for_each(&rules->by_id, id, service) {
		ippfvs_service_end(service);
		cond_resched();
	}
}

void ippfvs_rules_release(struct ippfvs_rules *rules)
{
	ippfvs_rules_end(rules);
	INIT_RCU_WORK(&rules->free, free_rules);
	queue_rcu_work(ippfvs_wq, &rules->free);
}

void ippfvs_rules_flush(void)
{
	rcu_barrier();	/* the grace periods after which the work is queued */
	flush_workqueue(ippfvs_wq);
}
