// SPDX-License-Identifier: GPL-2.0
/* The requests CONFIG_*, STATS_GET and ZERO: settings and sums of the namespace. */
#include "../conn/dump.h"
#include "../sched/sched.h"
#include "../service/service.h"
#include "../service/table.h"
#include "../version.h"
#include "answer.h"
#include "nl.h"
#include "request.h"

#include <linux/err.h>
#include <linux/kernel.h>

#define SCHEDULERS_LEN 256 /* maximum length of the list of schedulers */

int ippfvs_nl_config_parse(const struct nlattr *attr, struct nlattr **tb,
			   struct netlink_ext_ack *extack)
{
	return nla_parse_nested(tb, IPPFVS_CONFIG_MAX, attr, NULL, extack);
}

/* Only CAP_NET_ADMIN in the initial user namespace may change a hard cap. */
static int check_caps(struct nlattr **tb, const struct sk_buff *skb, struct netlink_ext_ack *extack)
{
	const struct nlattr *attr = tb[IPPFVS_CONFIG_CONN_CAP]		  ?:
					    tb[IPPFVS_CONFIG_SERVICE_CAP] ?:
					    tb[IPPFVS_CONFIG_REAL_CAP];

	if (!attr || netlink_capable(skb, CAP_NET_ADMIN))
		return 0;
	NL_SET_ERR_MSG_ATTR(extack, attr,
			    "a hard cap needs CAP_NET_ADMIN in the initial user namespace");
	return -EPERM;
}

int ippfvs_nl_config_check(const struct ippfvs_net *ipn, struct nlattr **tb,
			   const struct sk_buff *skb, struct netlink_ext_ack *extack)
{
	const struct nlattr *conn_max = tb[IPPFVS_CONFIG_CONN_MAX];
	const struct nlattr *conn_cap = tb[IPPFVS_CONFIG_CONN_CAP];
	int err;

	lockdep_assert_held(&ipn->lock);

	err = check_caps(tb, skb, extack);
	if (err || !conn_max)
		return err;
	return ippfvs_nl_refuse(extack, conn_max,
				ippfvs_check_conn_max(nla_get_u32(conn_max),
						      conn_cap ? nla_get_u32(conn_cap) :
								 ipn->config.conn_cap));
}

static void apply_cap(u32 *cap, const struct nlattr *attr)
{
	if (attr)
		WRITE_ONCE(*cap, nla_get_u32(attr));
}

static void apply_timeout(struct ippfvs_config *config, u8 state, const struct nlattr *attr)
{
	if (attr)
		ippfvs_config_set_timeout(config, state, nla_get_u32(attr));
}

void ippfvs_nl_config_apply(struct ippfvs_net *ipn, struct nlattr **tb)
{
	struct ippfvs_config *config = &ipn->config;

	lockdep_assert_held(&ipn->lock);

	if (tb[IPPFVS_CONFIG_DEFAULT_METHOD])
		WRITE_ONCE(config->default_method, nla_get_u8(tb[IPPFVS_CONFIG_DEFAULT_METHOD]));
	if (tb[IPPFVS_CONFIG_CONN_MAX])
		WRITE_ONCE(config->conn_max, nla_get_u32(tb[IPPFVS_CONFIG_CONN_MAX]));
	apply_cap(&config->conn_cap, tb[IPPFVS_CONFIG_CONN_CAP]);
	apply_cap(&config->service_cap, tb[IPPFVS_CONFIG_SERVICE_CAP]);
	apply_cap(&config->real_cap, tb[IPPFVS_CONFIG_REAL_CAP]);

	apply_timeout(config, IPPFVS_STATE_ESTABLISHED, tb[IPPFVS_CONFIG_TCP_TIMEOUT_S]);
	apply_timeout(config, IPPFVS_STATE_FIN_WAIT, tb[IPPFVS_CONFIG_FIN_TIMEOUT_S]);
	apply_timeout(config, IPPFVS_STATE_CLOSE_WAIT, tb[IPPFVS_CONFIG_FIN_TIMEOUT_S]);
	apply_timeout(config, IPPFVS_STATE_UDP, tb[IPPFVS_CONFIG_UDP_TIMEOUT_S]);
}

static int put_settings(struct sk_buff *skb, const struct ippfvs_config *config)
{
	u32 tcp = ippfvs_config_timeout(config, IPPFVS_STATE_ESTABLISHED);
	u32 fin = ippfvs_config_timeout(config, IPPFVS_STATE_FIN_WAIT);
	u32 udp = ippfvs_config_timeout(config, IPPFVS_STATE_UDP);

	if (nla_put_u8(skb, IPPFVS_CONFIG_DEFAULT_METHOD, READ_ONCE(config->default_method)) ||
	    nla_put_u32(skb, IPPFVS_CONFIG_TCP_TIMEOUT_S, tcp) ||
	    nla_put_u32(skb, IPPFVS_CONFIG_FIN_TIMEOUT_S, fin) ||
	    nla_put_u32(skb, IPPFVS_CONFIG_UDP_TIMEOUT_S, udp) ||
	    nla_put_u32(skb, IPPFVS_CONFIG_CONN_MAX, READ_ONCE(config->conn_max)) ||
	    nla_put_u32(skb, IPPFVS_CONFIG_CONN_CAP, READ_ONCE(config->conn_cap)) ||
	    nla_put_u32(skb, IPPFVS_CONFIG_SERVICE_CAP, READ_ONCE(config->service_cap)) ||
	    nla_put_u32(skb, IPPFVS_CONFIG_REAL_CAP, READ_ONCE(config->real_cap)))
		return -EMSGSIZE;
	return 0;
}

/* Put the version of the module and the names of its schedulers. */
static int put_build(struct sk_buff *skb)
{
	char names[SCHEDULERS_LEN] = "";
	int i, len = 0;

	for (i = 0; ippfvs_schedulers[i]; i++)
		len += scnprintf(names + len, sizeof(names) - len, "%s%s", i ? " " : "",
				 ippfvs_schedulers[i]->name);

	if (nla_put_string(skb, IPPFVS_CONFIG_VERSION, IPPFVS_VERSION) ||
	    nla_put_string(skb, IPPFVS_CONFIG_SCHEDULERS, names))
		return -EMSGSIZE;
	return 0;
}

static int put_usage(struct sk_buff *skb, struct ippfvs_net *ipn)
{
	const struct ippfvs_service_table *table;
	u32 services;

	rcu_read_lock();
	table = ippfvs_service_table_rcu(ipn);
	services = table ? READ_ONCE(table->n) : 0;
	rcu_read_unlock();

	if (nla_put_u32(skb, IPPFVS_CONFIG_CONNS, ippfvs_conn_count(&ipn->conns)) ||
	    nla_put_u32(skb, IPPFVS_CONFIG_BUCKETS, ippfvs_conn_bucket_count(&ipn->conns)) ||
	    nla_put_u32(skb, IPPFVS_CONFIG_SERVICES, services))
		return -EMSGSIZE;
	return 0;
}

/* Put IPPFVS_A_CONFIG. If @usage, also put the numbers of connections, buckets and services. */
static int put_config(struct sk_buff *skb, struct ippfvs_net *ipn, bool usage)
{
	struct nlattr *nest = nla_nest_start(skb, IPPFVS_A_CONFIG);

	if (!nest)
		return -EMSGSIZE;

	if (put_settings(skb, &ipn->config) || put_build(skb) || (usage && put_usage(skb, ipn))) {
		nla_nest_cancel(skb, nest);
		return -EMSGSIZE;
	}
	nla_nest_end(skb, nest);
	return 0;
}

static struct sk_buff *config_event(struct genl_info *info)
{
	struct sk_buff *event;
	void *head;

	event = ippfvs_nl_event_begin(info, IPPFVS_CMD_CONFIG_SET, &head);
	if (IS_ERR_OR_NULL(event))
		return event;
	return ippfvs_nl_event_end(event, head,
				   put_config(event, ippfvs_nl_request(info)->ipn, false));
}

int ippfvs_nl_config_set(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *attr = info->attrs[IPPFVS_A_CONFIG];
	struct nlattr *tb[IPPFVS_CONFIG_MAX + 1];
	int err;

	if (!attr) {
		NL_SET_ERR_ATTR_MISS(info->extack, NULL, IPPFVS_A_CONFIG);
		NL_SET_ERR_MSG(info->extack, "the request has no settings");
		return -EINVAL;
	}
	err = ippfvs_nl_config_parse(attr, tb, info->extack);
	if (err)
		return err;
	err = ippfvs_nl_config_check(ippfvs_nl_request(info)->ipn, tb, skb, info->extack);
	if (err)
		return err;

	ippfvs_nl_config_apply(ippfvs_nl_request(info)->ipn, tb);
	ippfvs_nl_event_send(info, config_event(info));
	return 0;
}

int ippfvs_nl_config_get(struct sk_buff *skb, struct genl_info *info)
{
	struct sk_buff *reply;
	void *head;
	int err;

	reply = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!reply)
		return -ENOMEM;

	head = genlmsg_put_reply(reply, info, &ippfvs_nl_family, 0, IPPFVS_CMD_CONFIG_GET);
	err = head ? put_config(reply, ippfvs_nl_request(info)->ipn, true) : -EMSGSIZE;
	if (err) {
		nlmsg_free(reply);
		return err;
	}
	genlmsg_end(reply, head);
	return genlmsg_reply(reply, info);
}

static int put_drops(struct sk_buff *skb, struct ippfvs_net *ipn)
{
	struct nlattr *nest = nla_nest_start(skb, IPPFVS_A_DROPS);
	u64 counts[__IPPFVS_DROP_MAX];
	int reason;

	if (!nest)
		return -EMSGSIZE;

	ippfvs_drops_read(&ipn->drops, counts);
	for (reason = IPPFVS_DROP_PAD + 1; reason <= IPPFVS_DROP_MAX; reason++)
		if (nla_put_u64_64bit(skb, reason, counts[reason], IPPFVS_DROP_PAD))
			return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static int put_evictions(struct sk_buff *skb, struct ippfvs_net *ipn)
{
	struct nlattr *nest = nla_nest_start(skb, IPPFVS_A_EVICTIONS);
	u64 counts[__IPPFVS_EVICTION_MAX];
	int reason;

	if (!nest)
		return -EMSGSIZE;

	ippfvs_conn_evictions_read(&ipn->conns, counts);
	for (reason = IPPFVS_EVICTION_PAD + 1; reason <= IPPFVS_EVICTION_MAX; reason++)
		if (nla_put_u64_64bit(skb, reason, counts[reason], IPPFVS_EVICTION_PAD))
			return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

int ippfvs_nl_stats_get(struct sk_buff *skb, struct genl_info *info)
{
	struct ippfvs_net *ipn = ippfvs_nl_request(info)->ipn;
	struct ippfvs_counters sum;
	struct sk_buff *reply;
	void *head;

	reply = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!reply)
		return -ENOMEM;

	ippfvs_services_totals(ipn, &sum);
	head = genlmsg_put_reply(reply, info, &ippfvs_nl_family, 0, IPPFVS_CMD_STATS_GET);
	if (!head || ippfvs_nl_put_stats(reply, IPPFVS_A_STATS, &sum) || put_drops(reply, ipn) ||
	    put_evictions(reply, ipn)) {
		nlmsg_free(reply);
		return -EMSGSIZE;
	}
	genlmsg_end(reply, head);
	return genlmsg_reply(reply, info);
}

int ippfvs_nl_zero(struct sk_buff *skb, struct genl_info *info)
{
	struct ippfvs_nl_request *request = ippfvs_nl_request(info);

	if (request->service)
		ippfvs_service_zero(request->ipn, request->service);
	else
		ippfvs_services_zero(request->ipn);
	return 0;
}
