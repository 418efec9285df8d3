// SPDX-License-Identifier: GPL-2.0
/* Dumps of services, each followed by its real servers: REAL_GET, RULES_GET. */
#include "../rules/pool.h"
#include "dump.h"
#include "family.h"
#include "parse.h"
#include "put.h"
#include "resolve.h"

#include <linux/err.h>

/* How far a dump has come. */
struct progress {
	unsigned long id;	/* of the service */
	unsigned long last;	/* id of the last service that is wanted */
	u32 index;		/* of the next real server in its pool */
	bool resolved;		/* what is wanted is known (resolve.h) */
};

static int resolve(struct netlink_callback *cb)
{
	struct nlattr *attr = genl_info_dump(cb)->attrs[IPPFVS_A_SERVICE];
	struct progress *progress = (void *)cb->ctx;
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

/* What a dump tells. */
struct dump_kind {
	u8 cmd;
	bool counters;		/* of real servers */
	bool childless;		/* services without any real server, too */
};

static const struct dump_kind real_get = {
	.cmd = IPPFVS_CMD_REAL_GET,
	.counters = true,
};

static const struct dump_kind rules_get = {
	.cmd = IPPFVS_CMD_RULES_GET,
	.childless = true,
};

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

/*
 * The service, and behind it real servers from *index on, or nothing: REAL_GET has
 * nothing to say of a service without any. With its scheduler, so that a reader of two
 * dumps sees whether both are of one set.
 */
static int put_group(struct sk_buff *skb, const struct ippfvs_service *service,
		     const struct ippfvs_pool *pool, u32 *index,
		     const struct dump_kind *kind)
{
	unsigned char *before = skb_tail_pointer(skb);
	u32 first = *index;
	int err;

	err = ippfvs_nl_put_service(skb, service, false);
	if (err)
		return err;
	err = put_reals(skb, pool, index, kind->counters);
	if (*index == first && (err || !kind->childless))
		nlmsg_trim(skb, before);
	return err;
}

/* Those of one service from progress->index on; of another one, all. */
static int put_pool(struct sk_buff *skb, const struct ippfvs_service *service,
		    struct progress *progress,
		    const struct dump_kind *kind)
{
	const struct ippfvs_pool *pool = rcu_dereference(service->pool);
	int err;

	if (progress->id != service->id)
		progress->index = 0;
	progress->id = service->id;
	err = put_group(skb, service, pool, &progress->index, kind);
	if (!err)
		progress->index = 0;
	return err;
}

static int dump(struct sk_buff *skb, struct netlink_callback *cb,
		const struct dump_kind *kind)
{
	const struct ippfvs_net *ipn = ippfvs_nl_dump_net(cb);
	struct progress *progress = (void *)cb->ctx;
	const struct ippfvs_service *service;
	unsigned long id;
	void *head;
	int err;

	err = progress->resolved ? 0 : resolve(cb);
	if (err)
		return err;
	ippfvs_nl_dump_watch(cb);
	head = ippfvs_nl_dump_begin(skb, cb, kind->cmd);
	if (!head)
		return -EMSGSIZE;

	do {
		rcu_read_lock();
		id = progress->id;
		service = ippfvs_nl_service_from(ipn, &id, progress->last);
		if (service)
			err = put_pool(skb, service, progress, kind);
		rcu_read_unlock();
		if (service && !err)
			progress->id = id + 1;
		cond_resched();
	} while (service && !err);

	return ippfvs_nl_dump_end(skb, cb, head, err);
}

int ippfvs_nl_real_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	return dump(skb, cb, &real_get);
}

int ippfvs_nl_rules_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	return dump(skb, cb, &rules_get);
}
