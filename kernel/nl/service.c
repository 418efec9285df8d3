// SPDX-License-Identifier: GPL-2.0
#include "../rules/change.h"
#include "../rules/pool.h"
#include "check.h"
#include "dump.h"
#include "event.h"
#include "family.h"
#include "parse.h"
#include "put.h"
#include "refuse.h"
#include "resolve.h"

#include <linux/err.h>
#include <linux/stringify.h>

static int explain(int err, const struct nlattr *attr,
		   struct netlink_ext_ack *extack)
{
	if (err == -EEXIST)
		NL_SET_ERR_MSG_ATTR(extack, attr,
				    "that service is there already");
	if (err == -ENOSPC)
		NL_SET_ERR_MSG_ATTR(extack, attr,
				    "no room for another service: "
				    __stringify(IPPFVS_SERVICES_MAX) " are there");
	return err;
}

int ippfvs_nl_service_make(struct genl_info *info,
			   const struct ippfvs_service_spec *spec)
{
	const struct ippfvs_service *service;
	int err;

	err = ippfvs_service_add(ippfvs_nl_net(info), spec);
	if (err)
		return explain(err, info->attrs[IPPFVS_A_SERVICE],
			       info->extack);

	service = ippfvs_rules_lookup(ippfvs_nl_rules(ippfvs_nl_net(info)),
				      &spec->key);
	ippfvs_nl_event_send(info,
			     ippfvs_nl_event_service(info,
						     IPPFVS_CMD_SERVICE_NEW,
						     service));
	return 0;
}

int ippfvs_nl_service_new(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *attr = info->attrs[IPPFVS_A_SERVICE];
	struct nlattr *tb[IPPFVS_SERVICE_MAX + 1];
	struct ippfvs_service_spec spec = {};
	int err;

	err = ippfvs_nl_service_parse(attr, tb, &spec.key, info->extack);
	if (err)
		return err;
	err = ippfvs_nl_service_check(genl_info_net(info), &spec.key, tb,
				      info->extack);
	if (err)
		return err;
	err = ippfvs_nl_scheduler(tb, IPPFVS_NL_SCHEDULER, &spec.sched,
				  info->extack);
	if (err)
		return err;
	return ippfvs_nl_service_make(info, &spec);
}

int ippfvs_nl_service_set(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *attr = info->attrs[IPPFVS_A_SERVICE];
	struct ippfvs_service *service = ippfvs_nl_service(info);
	struct ippfvs_net *ipn = ippfvs_nl_net(info);
	struct nlattr *tb[IPPFVS_SERVICE_MAX + 1];
	const struct ippfvs_scheduler *sched;
	const struct ippfvs_pool *pool;
	struct ippfvs_service_key key;
	int err;

	err = ippfvs_nl_service_parse(attr, tb, &key, info->extack);
	if (err)
		return err;

	pool = ippfvs_service_pool(ipn, service);
	err = ippfvs_nl_scheduler(tb, pool->sched, &sched, info->extack);
	if (err)
		return err;

	err = ippfvs_service_set(ipn, service, sched);
	if (err)
		return err;
	ippfvs_nl_event_send(info,
			     ippfvs_nl_event_service(info,
						     IPPFVS_CMD_SERVICE_SET,
						     service));
	return 0;
}

int ippfvs_nl_service_del(struct sk_buff *skb, struct genl_info *info)
{
	struct ippfvs_service *service = ippfvs_nl_service(info);
	struct sk_buff *event;

	event = ippfvs_nl_event_service(info, IPPFVS_CMD_SERVICE_DEL, service);
	ippfvs_service_remove(ippfvs_nl_net(info), service);
	ippfvs_nl_event_send(info, event);
	return 0;
}

static int put_answer(struct sk_buff *skb, struct genl_info *info,
		      const struct ippfvs_service *service)
{
	void *head;
	int err;

	head = genlmsg_put_reply(skb, info, &ippfvs_nl_family, 0,
				 IPPFVS_CMD_SERVICE_GET);
	if (!head)
		return -EMSGSIZE;

	err = ippfvs_nl_put_service(skb, service, true);
	if (err) {
		genlmsg_cancel(skb, head);
		return err;
	}
	genlmsg_end(skb, head);
	return 0;
}

static int answer(struct sk_buff *skb, struct genl_info *info,
		  const struct ippfvs_service_key *key)
{
	const struct ippfvs_rules *rules;
	const struct ippfvs_service *service;
	int err;

	rcu_read_lock();
	rules = ippfvs_nl_rules(ippfvs_nl_net(info));
	service = rules ? ippfvs_rules_lookup(rules, key) : NULL;
	err = service ? put_answer(skb, info, service) : -ESRCH;
	rcu_read_unlock();
	return err;
}

int ippfvs_nl_service_get(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *attr = info->attrs[IPPFVS_A_SERVICE];
	struct ippfvs_net *ipn = ippfvs_nl_net(info);
	struct nlattr *tb[IPPFVS_SERVICE_MAX + 1];
	struct ippfvs_look look = {};
	struct ippfvs_service_key key;
	struct sk_buff *reply;
	int err;

	err = ippfvs_nl_service_parse(attr, tb, &key, info->extack);
	if (err)
		return err;

	reply = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!reply)
		return -ENOMEM;

	do {
		skb_trim(reply, 0);
		ippfvs_look_begin(ipn, &look);
		err = answer(reply, info, &key);
	} while (ippfvs_look_again(ipn, &look));
	if (!err)
		return genlmsg_reply(reply, info);

	nlmsg_free(reply);
	return err == -ESRCH ? ippfvs_nl_refuse(info->extack, attr, err,
						"no such service") : err;
}

static int resolve(struct netlink_callback *cb)
{
	struct nlattr *attr = genl_info_dump(cb)->attrs[IPPFVS_A_SERVICE];
	struct ippfvs_nl_progress *progress = (void *)cb->ctx;

	if (attr)
		return ippfvs_nl_refuse(cb->extack, attr, -EINVAL,
					"a dump lists every service; for one ask without NLM_F_DUMP");
	progress->resolved = true;
	progress->last = ULONG_MAX;
	return ippfvs_nl_dump_flags(cb);
}

int ippfvs_nl_service_dump_start(struct netlink_callback *cb)
{
	return ippfvs_nl_dump_early(cb) ? resolve(cb) : 0;
}

static int put(struct sk_buff *skb, const struct ippfvs_service *service,
	       u32 *index)
{
	return ippfvs_nl_put_service(skb, service, true);
}

int ippfvs_nl_service_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	const struct ippfvs_nl_progress *progress = (void *)cb->ctx;
	int err;

	err = progress->resolved ? 0 : resolve(cb);
	return err ?: ippfvs_nl_dump_services(skb, cb, IPPFVS_CMD_SERVICE_GET,
					      put);
}
