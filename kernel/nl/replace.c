// SPDX-License-Identifier: GPL-2.0
/*
 * A whole set from one message: [CONFIG], then SERVICE followed by its REALs,
 * again and again. Twice over the attributes: count, then fill. By then every
 * nest has passed its policy; what one alone cannot tell is checked here.
 */
#include "../rules/pool.h"
#include "check.h"
#include "config.h"
#include "event.h"
#include "family.h"
#include "parse.h"
#include "refuse.h"
#include "resolve.h"

#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sort.h>
#include <linux/stringify.h>

#define refuse ippfvs_nl_refuse

/* Something that must be there once, and the nest that brought it. */
struct item {
	const void *key;
	const struct nlattr *attr;
};

/**
 * struct set - what the message asks for
 * @config: settings to be taken after it, or NULL
 * @service: all services
 * @real: all real servers, those of a service side by side
 * @service_item: one for each service
 * @real_item: one for each real server
 * @services: how many
 * @reals: how many
 */
struct set {
	const struct nlattr *config;
	struct ippfvs_service_spec *service;
	struct ippfvs_real_spec *real;
	struct item *service_item;
	struct item *real_item;
	u32 services;
	u32 reals;
};

/* The attributes of a generic netlink message, in their order. */
#define for_each_attr(attr, info, rest)					\
	nla_for_each_attr(attr, genlmsg_data((info)->genlhdr),		\
			  genlmsg_len((info)->genlhdr), rest)

static int count_one(struct set *set, const struct nlattr *attr,
		     u32 *reals_here, struct netlink_ext_ack *extack)
{
	switch (nla_type(attr)) {
	case IPPFVS_A_CONFIG:
		if (set->services || set->config)
			return refuse(extack, attr, -EINVAL,
				      "settings stand once, before the first service");
		set->config = attr;
		return 0;
	case IPPFVS_A_SERVICE:
		if (set->services == IPPFVS_SERVICES_MAX)
			return refuse(extack, attr, -ENOSPC,
				      "too many services: at most "
				      __stringify(IPPFVS_SERVICES_MAX));
		set->services++;
		*reals_here = 0;
		return 0;
	default: /* IPPFVS_A_REAL, as the policy lets nothing else pass */
		if (!set->services)
			return refuse(extack, attr, -EINVAL,
				      "a real server before the first service: whose is it?");
		if (*reals_here == IPPFVS_REALS_MAX)
			return refuse(extack, attr, -ENOSPC,
				      "too many real servers of one service: at most "
				      __stringify(IPPFVS_REALS_MAX));
		set->reals++;
		++*reals_here;
		return 0;
	}
}

static int count(struct set *set, struct genl_info *info)
{
	const struct nlattr *attr;
	u32 reals_here = 0;
	int rest;
	int err;

	for_each_attr(attr, info, rest) {
		err = count_one(set, attr, &reals_here, info->extack);
		if (err)
			return err;
	}
	return 0;
}

static int fill_service(struct ippfvs_service_spec *service,
			const struct nlattr *attr, struct genl_info *info)
{
	struct nlattr *tb[IPPFVS_SERVICE_MAX + 1];
	int err;

	err = ippfvs_nl_service_parse(attr, tb, &service->key, info->extack);
	if (err)
		return err;
	err = ippfvs_nl_service_check(genl_info_net(info), &service->key, tb,
				      info->extack);
	if (err)
		return err;
	return ippfvs_nl_scheduler(tb, IPPFVS_NL_SCHEDULER, &service->sched,
				   info->extack);
}

static int fill_real(struct ippfvs_real_spec *real,
		     const struct ippfvs_service_spec *service,
		     const struct nlattr *attr, u8 default_method,
		     struct genl_info *info)
{
	struct nlattr *tb[IPPFVS_REAL_MAX + 1];
	int err;

	err = ippfvs_nl_real_parse(attr, tb, &service->key, real,
				   info->extack);
	if (err)
		return err;
	real->weight = IPPFVS_NL_WEIGHT;
	real->method = IPPFVS_METHOD_UNSPEC;
	return ippfvs_nl_real_check(genl_info_net(info), &service->key, attr,
				    tb, default_method, real, info->extack);
}

static int fill(struct set *set, u8 default_method, struct genl_info *info)
{
	struct ippfvs_service_spec *service = set->service;
	struct ippfvs_real_spec *real = set->real;
	const struct nlattr *attr;
	int err = 0;
	int rest;

	for_each_attr(attr, info, rest) {
		switch (nla_type(attr)) {
		case IPPFVS_A_SERVICE:
			service = &set->service[set->services++];
			service->real = real;
			set->service_item[set->services - 1] =
				(struct item){ &service->key, attr };
			err = fill_service(service, attr, info);
			cond_resched();
			break;
		case IPPFVS_A_REAL:
			service->n++;
			set->real_item[real - set->real] =
				(struct item){ real, attr };
			err = fill_real(real++, service, attr, default_method,
					info);
			break;
		}
		if (err)
			return err;
	}
	return 0;
}

static int order_items(const struct item *a, const struct item *b, int order)
{
	if (order)
		return order;
	return a->attr < b->attr ? -1 : 1;	/* the first one is in its right */
}

static int order_services(const void *a, const void *b)
{
	const struct item *one = a, *other = b;

	return order_items(one, other,
			   memcmp(one->key, other->key,
				  sizeof(struct ippfvs_service_key)));
}

static int compare_reals(const struct ippfvs_real_spec *a,
			 const struct ippfvs_real_spec *b)
{
	return memcmp(&a->addr, &b->addr, sizeof(a->addr)) ?:
	       memcmp(&a->port, &b->port, sizeof(a->port));
}

static int order_reals(const void *a, const void *b)
{
	const struct item *one = a, *other = b;

	return order_items(one, other, compare_reals(one->key, other->key));
}

static int check_services(struct set *set, struct netlink_ext_ack *extack)
{
	struct item *item = set->service_item;
	u32 i;

	sort(item, set->services, sizeof(*item), order_services, NULL);
	for (i = 1; i < set->services; i++)
		if (!memcmp(item[i - 1].key, item[i].key,
			    sizeof(struct ippfvs_service_key)))
			return refuse(extack, item[i].attr, -EEXIST,
				      "that service is in the set already");
	return 0;
}

static int check_reals(struct item *item, u32 n, struct netlink_ext_ack *extack)
{
	u32 i;

	sort(item, n, sizeof(*item), order_reals, NULL);
	for (i = 1; i < n; i++)
		if (!compare_reals(item[i - 1].key, item[i].key))
			return refuse(extack, item[i].attr, -EEXIST,
				      "that real server of the service is in the set already");
	return 0;
}

static int check(struct set *set, struct netlink_ext_ack *extack)
{
	struct item *item = set->real_item;
	int err;
	u32 i;

	err = check_services(set, extack);
	for (i = 0; !err && i < set->services; i++) {
		err = check_reals(item, set->service[i].n, extack);
		item += set->service[i].n;
		cond_resched();
	}
	return err;
}

static int allocate(struct set *set)
{
	set->service = kvcalloc(set->services, sizeof(*set->service),
				GFP_KERNEL);
	set->service_item = kvcalloc(set->services, sizeof(*set->service_item),
				     GFP_KERNEL);
	set->real = kvcalloc(set->reals, sizeof(*set->real), GFP_KERNEL);
	set->real_item = kvcalloc(set->reals, sizeof(*set->real_item),
				  GFP_KERNEL);
	if (!set->service || !set->service_item || !set->real ||
	    !set->real_item)
		return -ENOMEM;

	set->services = 0;	/* counted again while filling */
	return 0;
}

static void release(struct set *set)
{
	kvfree(set->real_item);
	kvfree(set->real);
	kvfree(set->service_item);
	kvfree(set->service);
}

static int replace(struct set *set, struct nlattr **config,
		   struct genl_info *info)
{
	struct nlattr *attr = config[IPPFVS_CONFIG_DEFAULT_METHOD];
	struct ippfvs_net *ipn = ippfvs_nl_net(info);
	int err;

	err = allocate(set);
	if (err)
		return err;
	err = fill(set, attr ? nla_get_u8(attr) : ipn->config.default_method,
		   info);
	if (err)
		return err;
	err = check(set, info->extack);
	if (err)
		return err;
	return ippfvs_rules_replace(ipn, set->service, set->services);
}

int ippfvs_nl_replace(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *config[IPPFVS_CONFIG_MAX + 1] = {};
	struct set set = {};
	int err;

	err = count(&set, info);
	if (err)
		return err;
	if (set.config) {
		err = ippfvs_nl_config_parse(set.config, config, info->extack);
		if (err)
			return err;
	}

	err = replace(&set, config, info);
	release(&set);
	if (err)
		return err;

	ippfvs_nl_config_take(ippfvs_nl_net(info), config);
	ippfvs_nl_event_send(info, ippfvs_nl_event_replace(info));
	return 0;
}
