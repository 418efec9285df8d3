// SPDX-License-Identifier: GPL-2.0
/* The generic netlink family: the policies of its requests, and its operations. */
#include "nl.h"

#include "request.h"

#include <linux/in.h>

#define READ_ONLY(what)                                                           \
	{                                                                         \
		.type = NLA_REJECT, .reject_message = what " is for answers only" \
	}

static int validate_address(const struct nlattr *attr, struct netlink_ext_ack *extack)
{
	if (nla_len(attr) == 4 || nla_len(attr) == 16)
		return 0;
	return ippfvs_nl_invalid(extack, attr, "an address has 4 bytes (IPv4) or 16 (IPv6)");
}

static int validate_protocol(const struct nlattr *attr, struct netlink_ext_ack *extack)
{
	switch (nla_get_u8(attr)) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
		return 0;
	}
	return ippfvs_nl_invalid(extack, attr, "the protocol of a service is TCP (6) or UDP (17)");
}

/* These are not const, because the pointer in a policy of old kernels is not const. */
static struct netlink_range_validation weight_range = {
	.max = IPPFVS_WEIGHT_MAX,
};

static struct netlink_range_validation timeout_range = {
	.min = 1,
	.max = IPPFVS_TIMEOUT_MAX_S,
};

#define ADDRESS	 NLA_POLICY_VALIDATE_FN(NLA_BINARY, validate_address)
#define PROTOCOL NLA_POLICY_VALIDATE_FN(NLA_U8, validate_protocol)

static const struct nla_policy service_policy[IPPFVS_SERVICE_MAX + 1] = {
	[IPPFVS_SERVICE_ADDRESS] = ADDRESS,
	[IPPFVS_SERVICE_PROTOCOL] = PROTOCOL,
	[IPPFVS_SERVICE_PORT] = { .type = NLA_BE16 },
	[IPPFVS_SERVICE_SCHEDULER] = { .type = NLA_NUL_STRING, .len = IPPFVS_SCHEDULER_LEN - 1 },
	[IPPFVS_SERVICE_STATS] = READ_ONLY("STATS"),
	[IPPFVS_SERVICE_REALS] = READ_ONLY("REALS"),
};

static const struct nla_policy service_key_policy[IPPFVS_SERVICE_MAX + 1] = {
	[IPPFVS_SERVICE_ADDRESS] = ADDRESS,
	[IPPFVS_SERVICE_PROTOCOL] = PROTOCOL,
	[IPPFVS_SERVICE_PORT] = { .type = NLA_BE16 },
	[IPPFVS_SERVICE_SCHEDULER] = { .type = NLA_REJECT,
				       .reject_message =
					       "the request only names the service: use only address, protocol and port" },
	[IPPFVS_SERVICE_STATS] = READ_ONLY("STATS"),
	[IPPFVS_SERVICE_REALS] = READ_ONLY("REALS"),
};

static const struct nla_policy real_policy[IPPFVS_REAL_MAX + 1] = {
	[IPPFVS_REAL_ADDRESS] = ADDRESS,
	[IPPFVS_REAL_PORT] = { .type = NLA_BE16 },
	[IPPFVS_REAL_WEIGHT] = NLA_POLICY_FULL_RANGE(NLA_U32, &weight_range),
	[IPPFVS_REAL_METHOD] = NLA_POLICY_RANGE(NLA_U8, IPPFVS_METHOD_NAT, IPPFVS_METHOD_LOCAL),
	[IPPFVS_REAL_STATS] = READ_ONLY("STATS"),
	[IPPFVS_REAL_ACTIVE] = READ_ONLY("ACTIVE"),
	[IPPFVS_REAL_INACTIVE] = READ_ONLY("INACTIVE"),
	[IPPFVS_REAL_FAULT] = READ_ONLY("FAULT"),
};

#define REAL_KEY_ONLY                                                                       \
	{                                                                                   \
		.type = NLA_REJECT,                                                         \
		.reject_message =                                                           \
			"the request only names the real server: use only address and port" \
	}

static const struct nla_policy real_key_policy[IPPFVS_REAL_MAX + 1] = {
	[IPPFVS_REAL_ADDRESS] = ADDRESS,
	[IPPFVS_REAL_PORT] = { .type = NLA_BE16 },
	[IPPFVS_REAL_WEIGHT] = REAL_KEY_ONLY,
	[IPPFVS_REAL_METHOD] = REAL_KEY_ONLY,
	[IPPFVS_REAL_STATS] = READ_ONLY("STATS"),
	[IPPFVS_REAL_ACTIVE] = READ_ONLY("ACTIVE"),
	[IPPFVS_REAL_INACTIVE] = READ_ONLY("INACTIVE"),
	[IPPFVS_REAL_FAULT] = READ_ONLY("FAULT"),
};

#define DEFAULT_METHOD NLA_POLICY_RANGE(NLA_U8, IPPFVS_METHOD_NAT, IPPFVS_METHOD_DR)
#define TIMEOUT	       NLA_POLICY_FULL_RANGE(NLA_U32, &timeout_range)

/* The settings; @_cap is the policy of the hard caps, which do not belong to a rule set. */
#define CONFIG_POLICY(_cap)                                                                       \
	{                                                                                         \
		[IPPFVS_CONFIG_DEFAULT_METHOD] = DEFAULT_METHOD,                                  \
		[IPPFVS_CONFIG_TCP_TIMEOUT_S] = TIMEOUT, [IPPFVS_CONFIG_FIN_TIMEOUT_S] = TIMEOUT, \
		[IPPFVS_CONFIG_UDP_TIMEOUT_S] = TIMEOUT,                                          \
		[IPPFVS_CONFIG_CONN_MAX] = { .type = NLA_U32 },                                   \
		[IPPFVS_CONFIG_VERSION] = READ_ONLY("VERSION"),                                   \
		[IPPFVS_CONFIG_CONNS] = READ_ONLY("CONNS"),                                       \
		[IPPFVS_CONFIG_BUCKETS] = READ_ONLY("BUCKETS"),                                   \
		[IPPFVS_CONFIG_SERVICES] = READ_ONLY("SERVICES"),                                 \
		[IPPFVS_CONFIG_SCHEDULERS] = READ_ONLY("SCHEDULERS"),                             \
		[IPPFVS_CONFIG_CONN_CAP] = _cap, [IPPFVS_CONFIG_SERVICE_CAP] = _cap,              \
		[IPPFVS_CONFIG_REAL_CAP] = _cap,                                                  \
	}
#define CAP                     \
	{                       \
		.type = NLA_U32 \
	}
#define NO_CAP                                                                               \
	{                                                                                    \
		.type = NLA_REJECT,                                                          \
		.reject_message = "a hard cap does not belong to a rule set: use CONFIG_SET" \
	}

static const struct nla_policy config_policy[IPPFVS_CONFIG_MAX + 1] = CONFIG_POLICY(CAP);
static const struct nla_policy replace_config_policy[IPPFVS_CONFIG_MAX + 1] = CONFIG_POLICY(NO_CAP);

static const struct nla_policy service_request[] = {
	[IPPFVS_A_SERVICE] = NLA_POLICY_NESTED(service_policy),
};

static const struct nla_policy service_key_request[] = {
	[IPPFVS_A_SERVICE] = NLA_POLICY_NESTED(service_key_policy),
};

static const struct nla_policy real_new_request[] = {
	[IPPFVS_A_SERVICE] = NLA_POLICY_NESTED(service_policy),
	[IPPFVS_A_REAL] = NLA_POLICY_NESTED(real_policy),
};

static const struct nla_policy real_set_request[] = {
	[IPPFVS_A_SERVICE] = NLA_POLICY_NESTED(service_key_policy),
	[IPPFVS_A_REAL] = NLA_POLICY_NESTED(real_policy),
};

static const struct nla_policy real_key_request[] = {
	[IPPFVS_A_SERVICE] = NLA_POLICY_NESTED(service_key_policy),
	[IPPFVS_A_REAL] = NLA_POLICY_NESTED(real_key_policy),
};

static const struct nla_policy config_request[] = {
	[IPPFVS_A_CONFIG] = NLA_POLICY_NESTED(config_policy),
};

static const struct nla_policy replace_request[] = {
	[IPPFVS_A_SERVICE] = NLA_POLICY_NESTED(service_policy),
	[IPPFVS_A_REAL] = NLA_POLICY_NESTED(real_policy),
	[IPPFVS_A_CONFIG] = NLA_POLICY_NESTED(replace_config_policy),
};

static const struct nla_policy nothing_request[] = {
	[IPPFVS_A_SERVICE] = { .type = NLA_REJECT,
			       .reject_message = "this request takes no attributes" },
};

#define ATTRS(_policy) .policy = (_policy), .maxattr = ARRAY_SIZE(_policy) - 1

#define CHANGE(_more) .flags = GENL_UNS_ADMIN_PERM, .internal_flags = IPPFVS_NL_LOCK | (_more)

/*
 * No operation sets .validate, so generic netlink validates all requests strictly by the policies
 * above. Therefore the handlers parse nests without a policy.
 */
static const struct genl_ops ops[] = {
	{
		.cmd = IPPFVS_CMD_SERVICE_NEW,
		.doit = ippfvs_nl_service_new,
		ATTRS(service_request),
		CHANGE(IPPFVS_NL_KEY),
	},
	{
		.cmd = IPPFVS_CMD_SERVICE_SET,
		.doit = ippfvs_nl_service_set,
		ATTRS(service_request),
		CHANGE(IPPFVS_NL_KEY | IPPFVS_NL_SERVICE),
	},
	{
		.cmd = IPPFVS_CMD_SERVICE_DEL,
		.doit = ippfvs_nl_service_del,
		ATTRS(service_key_request),
		CHANGE(IPPFVS_NL_KEY | IPPFVS_NL_SERVICE),
	},
	{
		.cmd = IPPFVS_CMD_SERVICE_GET,
		.doit = ippfvs_nl_service_get,
		.start = ippfvs_nl_service_dump_start,
		.dumpit = ippfvs_nl_service_dump,
		ATTRS(service_key_request),
		.internal_flags = IPPFVS_NL_KEY,
	},
	{
		.cmd = IPPFVS_CMD_REAL_NEW,
		.doit = ippfvs_nl_real_new,
		ATTRS(real_new_request),
		CHANGE(IPPFVS_NL_KEY | IPPFVS_NL_SERVICE | IPPFVS_NL_REAL | IPPFVS_NL_MAY_CREATE),
	},
	{
		.cmd = IPPFVS_CMD_REAL_SET,
		.doit = ippfvs_nl_real_set,
		ATTRS(real_set_request),
		CHANGE(IPPFVS_NL_KEY | IPPFVS_NL_SERVICE | IPPFVS_NL_REAL | IPPFVS_NL_MEMBER),
	},
	{
		.cmd = IPPFVS_CMD_REAL_DEL,
		.doit = ippfvs_nl_real_del,
		ATTRS(real_key_request),
		CHANGE(IPPFVS_NL_KEY | IPPFVS_NL_SERVICE | IPPFVS_NL_REAL | IPPFVS_NL_MEMBER),
	},
	{
		.cmd = IPPFVS_CMD_REAL_GET,
		.start = ippfvs_nl_member_dump_start,
		.dumpit = ippfvs_nl_real_dump,
		ATTRS(service_key_request),
	},
	{
		.cmd = IPPFVS_CMD_CONN_GET,
		.start = ippfvs_nl_conn_dump_start,
		.dumpit = ippfvs_nl_conn_dump,
		.done = ippfvs_nl_conn_dump_done,
		.flags = GENL_UNS_ADMIN_PERM,
		ATTRS(real_key_request),
	},
	{
		.cmd = IPPFVS_CMD_CONFIG_GET,
		.doit = ippfvs_nl_config_get,
		ATTRS(nothing_request),
	},
	{
		.cmd = IPPFVS_CMD_CONFIG_SET,
		.doit = ippfvs_nl_config_set,
		ATTRS(config_request),
		CHANGE(0),
	},
	{
		.cmd = IPPFVS_CMD_STATS_GET,
		.doit = ippfvs_nl_stats_get,
		ATTRS(nothing_request),
	},
	{
		.cmd = IPPFVS_CMD_ZERO,
		.doit = ippfvs_nl_zero,
		ATTRS(service_key_request),
		CHANGE(IPPFVS_NL_KEY_IF_ANY | IPPFVS_NL_SERVICE),
	},
	{
		.cmd = IPPFVS_CMD_REPLACE,
		.doit = ippfvs_nl_replace,
		ATTRS(replace_request),
		CHANGE(0),
	},
	{
		.cmd = IPPFVS_CMD_RULES_GET,
		.start = ippfvs_nl_member_dump_start,
		.dumpit = ippfvs_nl_rules_dump,
		ATTRS(nothing_request),
	},
};

static const struct genl_multicast_group groups[] = {
	{ .name = IPPFVS_GENL_EVENTS },
};

struct genl_family ippfvs_nl_family __ro_after_init = {
	.name = IPPFVS_GENL_NAME,
	.version = IPPFVS_GENL_VERSION,
	.module = THIS_MODULE,
	.netnsok = true,
	.parallel_ops = true,
	.ops = ops,
	.n_ops = ARRAY_SIZE(ops),
	/*
	 * For this command and those after it, generic netlink refuses NLM_F_CREATE.
	 * ippfvs_nl_pre() checks the flags of all commands.
	 */
	.resv_start_op = IPPFVS_CMD_REAL_NEW + 1,
	.mcgrps = groups,
	.n_mcgrps = ARRAY_SIZE(groups),
	.pre_doit = ippfvs_nl_pre,
	.post_doit = ippfvs_nl_post,
};

int __init ippfvs_nl_init(void)
{
	return genl_register_family(&ippfvs_nl_family);
}

void ippfvs_nl_exit(void)
{
	genl_unregister_family(&ippfvs_nl_family);
}
