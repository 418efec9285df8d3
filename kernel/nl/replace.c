// SPDX-License-Identifier: GPL-2.0
/*
 * The request REPLACE: a whole set in one message, which has an optional CONFIG and then,
 * any number of times, a SERVICE followed by its REALs.
 *
 * The attributes are read twice: first to count the objects, then to fill the
 * specifications. The policies have validated every nest before. service/check.c checks
 * the rest.
 */
#include "../service/check.h"
#include "../service/pool.h"
#include "../service/replace.h"
#include "../service/service.h"
#include "answer.h"
#include "nl.h"
#include "request.h"

#include <linux/err.h>
#include <linux/mm.h>
#include <linux/sched.h>

/**
 * struct replace_set - the set that the message requests
 * @config: the nest of settings, or NULL
 * @service: all services
 * @member: all members; the members of a service are adjacent
 * @services: number of services
 * @members: number of members
 */
struct replace_set {
	const struct nlattr *config;
	struct ippfvs_service_spec *service;
	struct ippfvs_member_spec *member;
	u32 services;
	u32 members;
};

/* Iterate over the attributes of a generic netlink message. */
#define for_each_attr(attr, info, rest) \
	nla_for_each_attr(attr, genlmsg_data((info)->genlhdr), genlmsg_len((info)->genlhdr), rest)

static int count_config(struct replace_set *set, const struct nlattr *attr,
			struct netlink_ext_ack *extack)
{
	if (set->services || set->config)
		return ippfvs_nl_invalid(extack, attr,
					 "settings must come once, before the first service");
	set->config = attr;
	return 0;
}

static int count_service_nest(struct replace_set *set, const struct nlattr *attr,
			      const struct ippfvs_config *config, struct netlink_ext_ack *extack)
{
	if (set->services == IPPFVS_SERVICES_MAX)
		return ippfvs_nl_refuse(extack, attr, IPPFVS_REFUSAL_SERVICES_FULL);
	set->services++;
	return ippfvs_nl_refuse(extack, attr, ippfvs_check_room(config, set->services, 0));
}

static int count_real_nest(struct replace_set *set, const struct nlattr *attr, u32 members_here,
			   const struct ippfvs_config *config, struct netlink_ext_ack *extack)
{
	if (!set->services)
		return ippfvs_nl_invalid(extack, attr, "a real server must follow its service");
	if (members_here == IPPFVS_REALS_MAX)
		return ippfvs_nl_refuse(extack, attr, IPPFVS_REFUSAL_REALS_FULL);
	set->members++;
	return ippfvs_nl_refuse(extack, attr, ippfvs_check_room(config, 0, set->members));
}

static int count_objects(struct replace_set *set, struct genl_info *info)
{
	const struct ippfvs_config *config = &ippfvs_nl_request(info)->ipn->config;
	const struct nlattr *attr;
	u32 members_here = 0;
	int err = 0;
	int rest;

	for_each_attr(attr, info, rest) {
		switch (nla_type(attr)) {
		case IPPFVS_A_CONFIG:
			err = count_config(set, attr, info->extack);
			break;
		case IPPFVS_A_SERVICE:
			err = count_service_nest(set, attr, config, info->extack);
			members_here = 0;
			break;
		default: /* IPPFVS_A_REAL; the policy lets nothing else pass */
			err = count_real_nest(set, attr, members_here++, config, info->extack);
			break;
		}
		if (err)
			return err;
	}
	return 0;
}

static int fill_service(struct ippfvs_service_spec *service, const struct nlattr *attr,
			struct genl_info *info)
{
	struct nlattr *tb[IPPFVS_SERVICE_MAX + 1];
	int err;

	err = ippfvs_nl_parse_service(attr, tb, &service->key, info->extack);
	if (err)
		return err;
	return ippfvs_nl_service_parse(genl_info_net(info), tb, service, info->extack);
}

static int fill_member(struct ippfvs_member_spec *member, const struct ippfvs_service_spec *service,
		       const struct nlattr *attr, u8 default_method, struct genl_info *info)
{
	struct nlattr *tb[IPPFVS_REAL_MAX + 1];
	int err;

	err = ippfvs_nl_parse_real(attr, tb, &service->key, member, info->extack);
	if (err)
		return err;
	return ippfvs_nl_member_parse(genl_info_net(info), attr, tb, &service->key, NULL,
				      default_method, member, info->extack);
}

static int fill_set(struct replace_set *set, u8 default_method, struct genl_info *info)
{
	struct ippfvs_member_spec *member = set->member;
	struct ippfvs_service_spec *service = NULL;
	const struct nlattr *attr;
	u32 services = 0;
	int err = 0;
	int rest;

	for_each_attr(attr, info, rest) {
		switch (nla_type(attr)) {
		case IPPFVS_A_SERVICE:
			service = &set->service[services++];
			service->member = member;
			err = fill_service(service, attr, info);
			cond_resched();
			break;
		case IPPFVS_A_REAL:
			service->n++;
			err = fill_member(member++, service, attr, default_method, info);
			break;
		}
		if (err)
			return err;
	}
	return 0;
}

/* Return the nest of service @service or, if @member is not -1, of that member of the service. */
static const struct nlattr *find_nest(struct genl_info *info, int service, int member)
{
	const struct nlattr *attr;
	int services = -1;
	int members = -1;
	int rest;

	for_each_attr(attr, info, rest) {
		if (nla_type(attr) == IPPFVS_A_SERVICE) {
			services++;
			members = -1;
		} else if (nla_type(attr) == IPPFVS_A_REAL) {
			members++;
		}
		if (services == service && members == member)
			return attr;
	}
	return NULL;
}

static int refuse_duplicates(const struct replace_set *set, struct genl_info *info)
{
	struct ippfvs_duplicate found;
	const struct nlattr *attr;
	int err;

	err = ippfvs_check_duplicates(set->service, set->services, &found);
	if (err || found.reason == IPPFVS_REFUSAL_NONE)
		return err;

	attr = find_nest(info, found.service, found.member);
	return ippfvs_nl_refuse(info->extack, attr, found.reason);
}

static int allocate_set(struct replace_set *set)
{
	set->service = kvcalloc(set->services, sizeof(*set->service), GFP_KERNEL);
	set->member = kvcalloc(set->members, sizeof(*set->member), GFP_KERNEL);
	return set->service && set->member ? 0 : -ENOMEM;
}

static void free_set(struct replace_set *set)
{
	kvfree(set->member);
	kvfree(set->service);
}

static int replace_services(struct replace_set *set, struct nlattr **config, struct genl_info *info)
{
	struct nlattr *attr = config[IPPFVS_CONFIG_DEFAULT_METHOD];
	struct ippfvs_net *ipn = ippfvs_nl_request(info)->ipn;
	int err;

	err = allocate_set(set);
	if (err)
		return err;
	err = fill_set(set, attr ? nla_get_u8(attr) : ipn->config.default_method, info);
	if (err)
		return err;
	err = refuse_duplicates(set, info);
	if (err)
		return err;
	return ippfvs_services_replace(ipn, set->service, set->services);
}

int ippfvs_nl_replace(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *config[IPPFVS_CONFIG_MAX + 1] = {};
	struct replace_set set = {};
	struct sk_buff *event;
	void *head;
	int err;

	err = count_objects(&set, info);
	if (err)
		return err;
	if (set.config) {
		err = ippfvs_nl_config_parse(set.config, config, info->extack);
		if (err)
			return err;
		err = ippfvs_nl_config_check(ippfvs_nl_request(info)->ipn, config, skb,
					     info->extack);
		if (err)
			return err;
	}

	err = replace_services(&set, config, info);
	free_set(&set);
	if (err)
		return err;

	ippfvs_nl_config_apply(ippfvs_nl_request(info)->ipn, config);
	event = ippfvs_nl_event_begin(info, IPPFVS_CMD_REPLACE, &head);
	if (!IS_ERR_OR_NULL(event))
		event = ippfvs_nl_event_end(event, head, 0);
	ippfvs_nl_event_send(info, event);
	return 0;
}
