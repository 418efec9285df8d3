// SPDX-License-Identifier: GPL-2.0
#include "../rules/change.h"
#include "family.h"
#include "parse.h"
#include "put.h"
#include "resolve.h"

/* Every service, those removed, and what was zeroed service by service. */
static void sum_up(const struct ippfvs_net *ipn, struct ippfvs_counters *sum)
{
	const struct ippfvs_service *service;
	struct ippfvs_counters more;
	unsigned long id = 0;

	*sum = (struct ippfvs_counters){};
	ippfvs_counters_add(sum, &ipn->retired);

	do {
		rcu_read_lock();
		service = ippfvs_nl_service_from(ipn, &id, ULONG_MAX);
		if (service) {
			ippfvs_service_counters(service, &more);
			ippfvs_counters_add(sum, &more);
		}
		rcu_read_unlock();
		id++;
		cond_resched();
	} while (service);
}

static int put_drops(struct sk_buff *skb, struct ippfvs_net *ipn)
{
	struct nlattr *nest = nla_nest_start(skb, IPPFVS_A_DROPS);
	u64 counts[__IPPFVS_DROP_MAX];
	int reason;

	if (!nest)
		return -EMSGSIZE;

	ippfvs_drops_read(ipn, counts);
	for (reason = IPPFVS_DROP_PAD + 1; reason <= IPPFVS_DROP_MAX; reason++)
		if (nla_put_u64_64bit(skb, reason, counts[reason],
				      IPPFVS_DROP_PAD))
			return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

int ippfvs_nl_stats_get(struct sk_buff *skb, struct genl_info *info)
{
	struct ippfvs_net *ipn = ippfvs_nl_net(info);
	struct ippfvs_look look = {};
	struct ippfvs_counters sum;
	struct sk_buff *reply;
	void *head;

	reply = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!reply)
		return -ENOMEM;

	do {
		ippfvs_look_begin(ipn, &look);
		sum_up(ipn, &sum);
	} while (ippfvs_look_again(ipn, &look));
	head = genlmsg_put_reply(reply, info, &ippfvs_nl_family, 0,
				 IPPFVS_CMD_STATS_GET);
	if (!head || ippfvs_nl_put_stats(reply, IPPFVS_A_STATS, &sum) ||
	    put_drops(reply, ipn)) {
		nlmsg_free(reply);
		return -EMSGSIZE;
	}
	genlmsg_end(reply, head);
	return genlmsg_reply(reply, info);
}

static void zero_all(struct ippfvs_net *ipn)
{
	struct ippfvs_rules *rules = ippfvs_nl_rules(ipn);
	struct ippfvs_service *service;
	unsigned long id;

	if (rules) {
		xa_for_each(&rules->by_id, id, service) {
			ippfvs_service_zero(ipn, service);
			cond_resched();
		}
	}

	/* Last: what was zeroed above has been added to it. */
	ippfvs_change_begin(ipn);
	ippfvs_counters_set(&ipn->retired, &(struct ippfvs_counters){});
	ippfvs_drops_zero(ipn);
	ippfvs_change_end(ipn);
}

int ippfvs_nl_zero(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *attr = info->attrs[IPPFVS_A_SERVICE];
	struct ippfvs_net *ipn = ippfvs_nl_net(info);
	struct nlattr *tb[IPPFVS_SERVICE_MAX + 1];
	struct ippfvs_service *service;
	struct ippfvs_service_key key;
	int err;

	if (!attr) {
		zero_all(ipn);
		return 0;
	}

	err = ippfvs_nl_service_parse(attr, tb, &key, info->extack);
	if (err)
		return err;
	service = ippfvs_nl_service_find(ipn, &key, attr, info->extack);
	if (IS_ERR(service))
		return PTR_ERR(service);
	ippfvs_service_zero(ipn, service);
	return 0;
}
