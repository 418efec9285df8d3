// SPDX-License-Identifier: GPL-2.0
#include "config.h"
#include "event.h"
#include "family.h"
#include "put.h"
#include "resolve.h"

int ippfvs_nl_config_parse(const struct nlattr *attr, struct nlattr **tb,
			   struct netlink_ext_ack *extack)
{
	return nla_parse_nested(tb, IPPFVS_CONFIG_MAX, attr,
				ippfvs_nl_config_policy, extack);
}

static void take_timeout(struct ippfvs_config *config, u8 state,
			 const struct nlattr *attr)
{
	if (attr)
		ippfvs_config_set_timeout(config, state, nla_get_u32(attr));
}

void ippfvs_nl_config_take(struct ippfvs_net *ipn, struct nlattr **tb)
{
	struct ippfvs_config *config = &ipn->config;

	lockdep_assert_held(&ipn->lock);

	if (tb[IPPFVS_CONFIG_DEFAULT_METHOD])
		WRITE_ONCE(config->default_method,
			   nla_get_u8(tb[IPPFVS_CONFIG_DEFAULT_METHOD]));
	if (tb[IPPFVS_CONFIG_CONN_MAX])
		WRITE_ONCE(config->conn_max,
			   nla_get_u32(tb[IPPFVS_CONFIG_CONN_MAX]));

	take_timeout(config, IPPFVS_STATE_ESTABLISHED,
		     tb[IPPFVS_CONFIG_TCP_TIMEOUT_S]);
	take_timeout(config, IPPFVS_STATE_FIN_WAIT,
		     tb[IPPFVS_CONFIG_FIN_TIMEOUT_S]);
	take_timeout(config, IPPFVS_STATE_CLOSE_WAIT,
		     tb[IPPFVS_CONFIG_FIN_TIMEOUT_S]);
	take_timeout(config, IPPFVS_STATE_UDP,
		     tb[IPPFVS_CONFIG_UDP_TIMEOUT_S]);
}

int ippfvs_nl_config_set(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *attr = info->attrs[IPPFVS_A_CONFIG];
	struct nlattr *tb[IPPFVS_CONFIG_MAX + 1];
	int err;

	if (!attr) {
		NL_SET_ERR_ATTR_MISS(info->extack, NULL, IPPFVS_A_CONFIG);
		NL_SET_ERR_MSG(info->extack, "which settings?");
		return -EINVAL;
	}
	err = ippfvs_nl_config_parse(attr, tb, info->extack);
	if (err)
		return err;

	ippfvs_nl_config_take(ippfvs_nl_net(info), tb);
	ippfvs_nl_event_send(info, ippfvs_nl_event_config(info));
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

	head = genlmsg_put_reply(reply, info, &ippfvs_nl_family, 0,
				 IPPFVS_CMD_CONFIG_GET);
	err = head ? ippfvs_nl_put_config(reply, ippfvs_nl_net(info), true) :
		     -EMSGSIZE;
	if (err) {
		nlmsg_free(reply);
		return err;
	}
	genlmsg_end(reply, head);
	return genlmsg_reply(reply, info);
}
