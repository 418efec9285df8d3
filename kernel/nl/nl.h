/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The generic netlink family: what its table of operations (family.c) names.
 *
 * The handlers of changes run with the namespace's lock held and may sleep. Those of
 * queries take no lock, except that a reader of one service takes the namespace's lock
 * after three attempts (answer.h). All run in process context and return 0, or -errno
 * with an extack message. Dump callbacks return what netlink expects of them.
 */
#ifndef _IPPFVS_NL_H
#define _IPPFVS_NL_H

#include "../uapi/ippfvs.h"

#include <net/genetlink.h>

struct ippfvs_net;

/* family.c */
extern struct genl_family ippfvs_nl_family;

/**
 * ippfvs_nl_init() - register the family
 *
 * Context: process context; it may sleep.
 * Return: 0 or -errno.
 */
int ippfvs_nl_init(void);

/**
 * ippfvs_nl_exit() - unregister the family; no handler runs any more
 *
 * Context: process context; it may sleep.
 */
void ippfvs_nl_exit(void);

/*
 * The internal_flags of an operation: what ippfvs_nl_pre() does before its handler
 * runs.
 */
#define IPPFVS_NL_LOCK	     BIT(0) /* take the namespace's lock */
#define IPPFVS_NL_KEY	     BIT(1) /* parse A_SERVICE, which must be present */
#define IPPFVS_NL_KEY_IF_ANY BIT(2) /* the same, but A_SERVICE may be absent */
#define IPPFVS_NL_SERVICE    BIT(3) /* find the service named by A_SERVICE */
#define IPPFVS_NL_REAL	     BIT(4) /* parse A_REAL and look the member up */
#define IPPFVS_NL_MEMBER     BIT(5) /* refuse if there is no such member */
#define IPPFVS_NL_MAY_CREATE BIT(6) /* with NLM_F_CREATE the service may be missing */

/* service.c: changes */
int ippfvs_nl_service_new(struct sk_buff *skb, struct genl_info *info);
int ippfvs_nl_service_set(struct sk_buff *skb, struct genl_info *info);
int ippfvs_nl_service_del(struct sk_buff *skb, struct genl_info *info);
int ippfvs_nl_real_new(struct sk_buff *skb, struct genl_info *info);
int ippfvs_nl_real_set(struct sk_buff *skb, struct genl_info *info);
int ippfvs_nl_real_del(struct sk_buff *skb, struct genl_info *info);

/* service.c: queries */
int ippfvs_nl_service_get(struct sk_buff *skb, struct genl_info *info);
int ippfvs_nl_service_dump_start(struct netlink_callback *cb);
int ippfvs_nl_service_dump(struct sk_buff *skb, struct netlink_callback *cb);
int ippfvs_nl_member_dump_start(struct netlink_callback *cb);
int ippfvs_nl_real_dump(struct sk_buff *skb, struct netlink_callback *cb);
int ippfvs_nl_rules_dump(struct sk_buff *skb, struct netlink_callback *cb);

/* config.c */
int ippfvs_nl_config_set(struct sk_buff *skb, struct genl_info *info);
int ippfvs_nl_config_get(struct sk_buff *skb, struct genl_info *info);
int ippfvs_nl_stats_get(struct sk_buff *skb, struct genl_info *info);
int ippfvs_nl_zero(struct sk_buff *skb, struct genl_info *info);

/**
 * ippfvs_nl_config_parse() - parse the settings of a request (config.c)
 * @attr: the nest, which has passed its policy
 * @tb: gets the attributes by enum ippfvs_config_attr
 * @extack: gets the message of a refusal
 *
 * Context: any.
 * Return: 0 or -errno.
 */
int ippfvs_nl_config_parse(const struct nlattr *attr, struct nlattr **tb,
			   struct netlink_ext_ack *extack);

/**
 * ippfvs_nl_config_check() - check that the settings of a request may be applied (config.c)
 * @ipn: the namespace
 * @tb: the attributes by enum ippfvs_config_attr
 * @skb: the request, whose sender must be privileged to change a hard cap
 * @extack: gets the message of a refusal
 *
 * Context: the caller holds ipn->lock.
 * Return: 0, -EPERM or -ERANGE.
 */
int ippfvs_nl_config_check(const struct ippfvs_net *ipn, struct nlattr **tb,
			   const struct sk_buff *skb, struct netlink_ext_ack *extack);

/**
 * ippfvs_nl_config_apply() - apply the settings that are present; cannot fail (config.c)
 * @ipn: the namespace
 * @tb: the attributes by enum ippfvs_config_attr
 *
 * Context: the caller holds ipn->lock.
 */
void ippfvs_nl_config_apply(struct ippfvs_net *ipn, struct nlattr **tb);

/* replace.c */
int ippfvs_nl_replace(struct sk_buff *skb, struct genl_info *info);

/* conn.c */
int ippfvs_nl_conn_dump_start(struct netlink_callback *cb);
int ippfvs_nl_conn_dump(struct sk_buff *skb, struct netlink_callback *cb);
int ippfvs_nl_conn_dump_done(struct netlink_callback *cb);

#endif /* _IPPFVS_NL_H */
