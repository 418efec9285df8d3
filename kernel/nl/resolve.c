// SPDX-License-Identifier: GPL-2.0
#include "resolve.h"
#include "family.h"
#include "parse.h"
#include "refuse.h"

#include <linux/xarray.h>

/* What genl checks for commands from .resv_start_op on, but NLM_F_CREATE. */
static int check_flags(const struct genlmsghdr *head, u16 flags, u16 known,
		       struct netlink_ext_ack *extack)
{
	if (head->reserved) {
		NL_SET_ERR_MSG(extack, "the reserved field of the header is not 0");
		return -EINVAL;
	}
	if (flags & ~(NLM_F_REQUEST | NLM_F_ACK | NLM_F_ECHO | known)) {
		NL_SET_ERR_MSG(extack, "a flag that this request does not know");
		return -EINVAL;
	}
	return 0;
}

int ippfvs_nl_dump_flags(const struct netlink_callback *cb)
{
	return check_flags(nlmsg_data(cb->nlh), cb->nlh->nlmsg_flags,
			   NLM_F_DUMP, cb->extack);
}

static int find_service(struct genl_info *info)
{
	struct nlattr *attr = info->attrs[IPPFVS_A_SERVICE];
	struct nlattr *tb[IPPFVS_SERVICE_MAX + 1];
	struct ippfvs_service_key key;
	struct ippfvs_service *service;
	int err;

	err = ippfvs_nl_service_parse(attr, tb, &key, info->extack);
	if (err)
		return err;

	service = ippfvs_nl_service_find(ippfvs_nl_net(info), &key, attr,
					 info->extack);
	if (IS_ERR(service))
		return PTR_ERR(service);
	info->user_ptr[1] = service;
	return 0;
}

int ippfvs_nl_pre(const struct genl_split_ops *ops, struct sk_buff *skb,
		  struct genl_info *info)
{
	bool may_create = ops->internal_flags & IPPFVS_NL_MAY_CREATE;
	struct ippfvs_net *ipn = ippfvs_net(genl_info_net(info));
	int err;

	err = check_flags(info->genlhdr, info->nlhdr->nlmsg_flags,
			  may_create ? NLM_F_CREATE : 0, info->extack);
	if (err)
		return err;

	info->user_ptr[0] = ipn;
	if (ops->internal_flags & IPPFVS_NL_LOCK)
		mutex_lock(&ipn->lock);
	if (ops->internal_flags & IPPFVS_NL_SERVICE) {
		err = find_service(info);
		if (err)
			ippfvs_nl_post(ops, skb, info);
	}
	return err;
}

void ippfvs_nl_post(const struct genl_split_ops *ops, struct sk_buff *skb,
		    struct genl_info *info)
{
	if (ops->internal_flags & IPPFVS_NL_LOCK)
		mutex_unlock(&ippfvs_nl_net(info)->lock);
}

struct ippfvs_rules *ippfvs_nl_rules(const struct ippfvs_net *ipn)
{
	return rcu_dereference_check(ipn->rules, lockdep_is_held(&ipn->lock));
}

struct ippfvs_service *
ippfvs_nl_service_find(const struct ippfvs_net *ipn,
		       const struct ippfvs_service_key *key,
		       const struct nlattr *attr,
		       struct netlink_ext_ack *extack)
{
	const struct ippfvs_rules *rules = ippfvs_nl_rules(ipn);
	struct ippfvs_service *service = NULL;

	if (rules)
		service = ippfvs_rules_lookup(rules, key);
	if (!service)
		return ERR_PTR(ippfvs_nl_refuse(extack, attr, -ESRCH,
						"no such service"));
	return service;
}

struct ippfvs_service *ippfvs_nl_service_from(const struct ippfvs_net *ipn,
					      unsigned long *id,
					      unsigned long last)
{
	struct ippfvs_rules *rules = ippfvs_nl_rules(ipn);

	return rules ? xa_find(&rules->by_id, id, last, XA_PRESENT) : NULL;
}
