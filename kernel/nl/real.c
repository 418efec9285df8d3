// SPDX-License-Identifier: GPL-2.0
#include "dump.h"
#include "event.h"
#include "family.h"
#include "put.h"
#include "resolve.h"
#include "../pool.h"

#include <linux/err.h>

#define WEIGHT_DEFAULT	1

static int explain(int err, const struct nlattr *attr,
		   struct netlink_ext_ack *extack)
{
	switch (err) {
	case -EEXIST:
		NL_SET_ERR_MSG_ATTR(extack, attr,
				    "that real server of the service is there already");
		break;
	case -ENOENT:
		NL_SET_ERR_MSG_ATTR(extack, attr,
				    "no such real server in that service");
		break;
	case -ENOSPC:
		NL_SET_ERR_MSG_ATTR(extack, attr,
				    "no room for another real server: the service has 16384");
		break;
	}
	return err;
}

/* Where @service has the real server that @spec names, or NULL. */
static const struct ippfvs_pool_real *
place_of(const struct ippfvs_net *ipn, const struct ippfvs_service *service,
	 const struct ippfvs_real_spec *spec)
{
	const struct ippfvs_pool *pool;
	int index;

	pool = ippfvs_service_pool(ipn, service);
	index = ippfvs_pool_index(pool, &spec->addr, spec->port);
	return index < 0 ? NULL : &pool->real[index];
}

static struct sk_buff *event(struct genl_info *info, u8 cmd,
			     const struct ippfvs_service *service,
			     const struct ippfvs_real_spec *spec)
{
	return ippfvs_nl_event_real(info, cmd, service,
				    place_of(ippfvs_nl_net(info), service,
					     spec));
}

/* -- changes -------------------------------------------------------------- */

/* The service is new and has this real server from its first moment on. */
static int make_both(struct genl_info *info, struct nlattr **service_tb,
		     const struct ippfvs_service_key *key,
		     const struct ippfvs_real_spec *real)
{
	struct ippfvs_net *ipn = ippfvs_nl_net(info);
	struct ippfvs_service_spec spec = {
		.key = *key,
		.real = real,
		.n = 1,
	};
	int err;

	err = ippfvs_nl_service_check(ipn->net, key, service_tb, info->extack);
	if (err)
		return err;
	err = ippfvs_nl_scheduler(service_tb, &ippfvs_sched_wlc, &spec.sched,
				  info->extack);
	if (err)
		return err;
	return ippfvs_nl_service_make(info, &spec);
}

/* The service of @key, or NULL if it may be made. */
static struct ippfvs_service *find_or_create(struct genl_info *info,
					     const struct ippfvs_service_key *key,
					     struct nlattr **tb)
{
	bool create = info->nlhdr->nlmsg_flags & NLM_F_CREATE;
	struct ippfvs_net *ipn = ippfvs_nl_net(info);
	const struct ippfvs_rules *rules;

	if (create) {
		rules = ippfvs_nl_rules(ipn);
		return rules ? ippfvs_rules_lookup(rules, key) : NULL;
	}

	if (tb[IPPFVS_SERVICE_SCHEDULER])
		return ERR_PTR(ippfvs_nl_refuse(info->extack,
						tb[IPPFVS_SERVICE_SCHEDULER],
						-EINVAL,
						"a scheduler goes with NLM_F_CREATE, or with SERVICE_SET"));
	return ippfvs_nl_service_find(ipn, key, info->attrs[IPPFVS_A_SERVICE],
				      info->extack);
}

int ippfvs_nl_real_new(struct sk_buff *skb, struct genl_info *info)
{
	struct ippfvs_real_spec spec = { .weight = WEIGHT_DEFAULT };
	struct nlattr *attr = info->attrs[IPPFVS_A_REAL];
	struct nlattr *service_tb[IPPFVS_SERVICE_MAX + 1];
	struct ippfvs_net *ipn = ippfvs_nl_net(info);
	struct nlattr *tb[IPPFVS_REAL_MAX + 1];
	struct ippfvs_service *service;
	struct ippfvs_service_key key;
	int err;

	err = ippfvs_nl_service_parse(info->attrs[IPPFVS_A_SERVICE],
				      service_tb, &key, info->extack);
	if (err)
		return err;
	service = find_or_create(info, &key, service_tb);
	if (IS_ERR(service))
		return PTR_ERR(service);

	err = ippfvs_nl_real_parse(attr, tb, &key, &spec, info->extack);
	if (err)
		return err;
	if (service && place_of(ipn, service, &spec))
		return explain(-EEXIST, attr, info->extack);
	err = ippfvs_nl_real_wish(ipn->net, &key, attr, tb,
				  ipn->config.default_method, &spec,
				  info->extack);
	if (err)
		return err;

	if (service) {
		err = explain(ippfvs_service_real_add(ipn, service, &spec),
			      attr, info->extack);
	} else {
		err = make_both(info, service_tb, &key, &spec);
		if (!err)
			service = ippfvs_rules_lookup(ippfvs_nl_rules(ipn),
						      &key);
	}
	if (err)
		return err;

	ippfvs_nl_event_send(info, event(info, IPPFVS_CMD_REAL_NEW, service,
					 &spec));
	return 0;
}

int ippfvs_nl_real_set(struct sk_buff *skb, struct genl_info *info)
{
	struct ippfvs_service *service = ippfvs_nl_service(info);
	struct nlattr *attr = info->attrs[IPPFVS_A_REAL];
	struct ippfvs_net *ipn = ippfvs_nl_net(info);
	struct nlattr *tb[IPPFVS_REAL_MAX + 1];
	const struct ippfvs_pool_real *place;
	struct ippfvs_real_spec spec;
	int err;

	err = ippfvs_nl_real_parse(attr, tb, &service->key, &spec,
				   info->extack);
	if (err)
		return err;
	place = place_of(ipn, service, &spec);
	if (!place)
		return explain(-ENOENT, attr, info->extack);

	spec.weight = place->weight;
	spec.method = place->method;
	err = ippfvs_nl_real_wish(ipn->net, &service->key, attr, tb,
				  ipn->config.default_method, &spec,
				  info->extack);
	if (err)
		return err;

	err = ippfvs_service_real_set(ipn, service, &spec);
	if (err)
		return err;
	ippfvs_nl_event_send(info, event(info, IPPFVS_CMD_REAL_SET, service,
					 &spec));
	return 0;
}

int ippfvs_nl_real_del(struct sk_buff *skb, struct genl_info *info)
{
	struct ippfvs_service *service = ippfvs_nl_service(info);
	struct nlattr *attr = info->attrs[IPPFVS_A_REAL];
	struct ippfvs_net *ipn = ippfvs_nl_net(info);
	struct nlattr *tb[IPPFVS_REAL_MAX + 1];
	struct ippfvs_real_spec spec;
	struct sk_buff *gone;
	int err;

	err = ippfvs_nl_real_parse(attr, tb, &service->key, &spec,
				   info->extack);
	if (err)
		return err;
	if (!place_of(ipn, service, &spec))
		return explain(-ENOENT, attr, info->extack);

	gone = event(info, IPPFVS_CMD_REAL_DEL, service, &spec);
	err = ippfvs_service_real_remove(ipn, service, &spec.addr, spec.port);
	if (err) {
		ippfvs_nl_event_drop(gone);
		return err;
	}
	ippfvs_nl_event_send(info, gone);
	return 0;
}

/* -- questions ------------------------------------------------------------ */

/* How far a dump has come. */
struct progress {
	unsigned long id;	/* of the service */
	unsigned long last;	/* id of the last service that is wanted */
	u32 index;		/* of the next real server in its pool */
	bool resolved;
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

int ippfvs_nl_real_dump_start(struct netlink_callback *cb)
{
	return ippfvs_nl_dump_early(cb) ? resolve(cb) : 0;
}

static int put_reals(struct sk_buff *skb, const struct ippfvs_pool *pool,
		     u32 *index)
{
	int err;

	for (; *index < pool->n; ++*index) {
		err = ippfvs_nl_put_real(skb, &pool->real[*index], true);
		if (err)
			return err;
	}
	return 0;
}

/*
 * The service, and behind it real servers from *index on: one at least, or none. With
 * its scheduler, so that a reader of two dumps sees whether both are of one set.
 */
static int put_group(struct sk_buff *skb, const struct ippfvs_service *service,
		     const struct ippfvs_pool *pool, u32 *index)
{
	unsigned char *before = skb_tail_pointer(skb);
	u32 first = *index;
	int err;

	err = ippfvs_nl_put_service(skb, service, false);
	if (err)
		return err;
	err = put_reals(skb, pool, index);
	if (*index == first)
		nlmsg_trim(skb, before);
	return err;
}

/* Those of one service from progress->index on; of another one, all. */
static int put_pool(struct sk_buff *skb, const struct ippfvs_service *service,
		    struct progress *progress)
{
	const struct ippfvs_pool *pool = rcu_dereference(service->pool);
	int err;

	if (progress->id != service->id)
		progress->index = 0;
	progress->id = service->id;
	err = put_group(skb, service, pool, &progress->index);
	if (!err)
		progress->index = 0;
	return err;
}

int ippfvs_nl_real_dump(struct sk_buff *skb, struct netlink_callback *cb)
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
	head = ippfvs_nl_dump_begin(skb, cb, IPPFVS_CMD_REAL_GET);
	if (!head)
		return -EMSGSIZE;

	do {
		rcu_read_lock();
		id = progress->id;
		service = ippfvs_nl_service_from(ipn, &id, progress->last);
		if (service)
			err = put_pool(skb, service, progress);
		rcu_read_unlock();
		if (service && !err)
			progress->id = id + 1;
		cond_resched();
	} while (service && !err);

	return ippfvs_nl_dump_end(skb, cb, head, err);
}
