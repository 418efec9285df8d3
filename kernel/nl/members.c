// SPDX-License-Identifier: GPL-2.0
/* Dumps of services, each followed by its real servers: REAL_GET, RULES_GET. */
#include "../rules/pool.h"
#include "dump.h"
#include "family.h"
#include "parse.h"
#include "put.h"
#include "resolve.h"

#include <linux/err.h>

static int resolve(struct netlink_callback *cb)
{
	struct nlattr *attr = genl_info_dump(cb)->attrs[IPPFVS_A_SERVICE];
	struct ippfvs_nl_progress *progress = (void *)cb->ctx;
	struct nlattr *tb[IPPFVS_SERVICE_MAX + 1];
	const struct ippfvs_service *service;
	struct ippfvs_service_key key;
	int err;

	BUILD_BUG_ON(sizeof(*progress) > sizeof(cb->ctx));

	progress->resolved = true;
	progress->last = ULONG_MAX;
	err = ippfvs_nl_dump_flags(cb);
	if (err || !attr)
		return err;

	err = ippfvs_nl_service_parse(attr, tb, &key, cb->extack);
	if (err)
		return err;

	rcu_read_lock();
	service = ippfvs_nl_service_find(ippfvs_nl_dump_net(cb), &key, attr,
					 cb->extack);
	if (IS_ERR(service)) {
		err = PTR_ERR(service);
	} else {
		progress->id = service->id;
		progress->last = service->id;
	}
	rcu_read_unlock();
	return err;
}

int ippfvs_nl_members_dump_start(struct netlink_callback *cb)
{
	return ippfvs_nl_dump_early(cb) ? resolve(cb) : 0;
}

static int put_reals(struct sk_buff *skb, const struct ippfvs_pool *pool,
		     u32 *index, bool counters)
{
	int err;

	for (; *index < pool->n; ++*index) {
		err = ippfvs_nl_put_real(skb, &pool->real[*index], counters);
		if (err)
			return err;
	}
	return 0;
}

/* The service, and behind it real servers from *index on, or nothing. */
static int put_group(struct sk_buff *skb, const struct ippfvs_service *service,
		     u32 *index, bool counters, bool childless)
{
	const struct ippfvs_pool *pool = rcu_dereference(service->pool);
	unsigned char *before = skb_tail_pointer(skb);
	u32 first = *index;
	int err;

	err = ippfvs_nl_put_service(skb, service, false);
	if (err)
		return err;
	err = put_reals(skb, pool, index, counters);
	if (*index == first && (err || !childless))
		nlmsg_trim(skb, before);
	return err;
}

/*
 * Nothing of a service without any. With its scheduler, so that a reader of two dumps
 * sees whether both are of one set.
 */
static int put_with_counters(struct sk_buff *skb,
			     const struct ippfvs_service *service, u32 *index)
{
	return put_group(skb, service, index, true, false);
}

static int put_rules(struct sk_buff *skb, const struct ippfvs_service *service,
		     u32 *index)
{
	return put_group(skb, service, index, false, true);
}

static int dump(struct sk_buff *skb, struct netlink_callback *cb, u8 cmd,
		int (*put)(struct sk_buff *skb,
			   const struct ippfvs_service *service, u32 *index))
{
	const struct ippfvs_nl_progress *progress = (void *)cb->ctx;
	int err;

	err = progress->resolved ? 0 : resolve(cb);
	return err ?: ippfvs_nl_dump_services(skb, cb, cmd, put);
}

int ippfvs_nl_real_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	return dump(skb, cb, IPPFVS_CMD_REAL_GET, put_with_counters);
}

int ippfvs_nl_rules_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	return dump(skb, cb, IPPFVS_CMD_RULES_GET, put_rules);
}
