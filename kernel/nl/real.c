// SPDX-License-Identifier: GPL-2.0
#include "../rules/pool.h"
#include "check.h"
#include "event.h"
#include "family.h"
#include "parse.h"
#include "refuse.h"
#include "resolve.h"

#include <linux/err.h>
#include <linux/stringify.h>

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
				    "no room for another real server: the service has "
				    __stringify(IPPFVS_REALS_MAX));
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
	err = ippfvs_nl_scheduler(service_tb, IPPFVS_NL_SCHEDULER, &spec.sched,
				  info->extack);
	if (err)
		return err;
	return ippfvs_nl_service_make(info, &spec);
}

/* The service of @key, or NULL if it is to be made. */
static struct ippfvs_service *find_service(struct genl_info *info,
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
	struct ippfvs_real_spec spec = { .weight = IPPFVS_NL_WEIGHT };
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
	service = find_service(info, &key, service_tb);
	if (IS_ERR(service))
		return PTR_ERR(service);

	err = ippfvs_nl_real_parse(attr, tb, &key, &spec, info->extack);
	if (err)
		return err;
	if (service && place_of(ipn, service, &spec))
		return explain(-EEXIST, attr, info->extack);
	err = ippfvs_nl_real_check(ipn->net, &key, attr, tb,
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
	err = ippfvs_nl_real_check(ipn->net, &service->key, attr, tb,
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
