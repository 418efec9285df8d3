/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The generic netlink family: the handlers in its table of operations (family.c).
 *
 * The handlers of changes run with the namespace's lock held and may sleep. The handlers of queries
 * take no lock, except that a reader of one service takes the namespace's lock after three failed
 * attempts (answer.h). All handlers run in process context and return 0, or -errno with an extack
 * message. A dump callback returns the length of the message, 0 at the end of the dump, or -errno.
 */
#ifndef _IPPFVS_NL_H
#define _IPPFVS_NL_H

#include "../uapi/ippfvs.h"

#include <net/genetlink.h>

struct ippfvs_member;
struct ippfvs_member_spec;
struct ippfvs_net;
struct ippfvs_service_key;
struct ippfvs_service_spec;

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
 * ippfvs_nl_exit() - unregister the family and wait for its handlers
 *
 * Context: process context; it may sleep.
 */
void ippfvs_nl_exit(void);

/*
 * The internal_flags of an operation tell what ippfvs_nl_pre() does before its handler
 * runs.
 */
#define IPPFVS_NL_LOCK	     BIT(0) /* take the namespace's lock */
#define IPPFVS_NL_KEY	     BIT(1) /* parse A_SERVICE, which must be present */
#define IPPFVS_NL_KEY_IF_ANY BIT(2) /* the same, but A_SERVICE may be absent */
#define IPPFVS_NL_SERVICE    BIT(3) /* find the service named by A_SERVICE */
#define IPPFVS_NL_REAL	     BIT(4) /* parse A_REAL and look up the member */
#define IPPFVS_NL_MEMBER     BIT(5) /* refuse if the service does not have the member */
#define IPPFVS_NL_MAY_CREATE BIT(6) /* with NLM_F_CREATE, the service need not exist */

/* Changes (service.c) */
int ippfvs_nl_service_new(struct sk_buff *skb, struct genl_info *info);
int ippfvs_nl_service_set(struct sk_buff *skb, struct genl_info *info);
int ippfvs_nl_service_del(struct sk_buff *skb, struct genl_info *info);
int ippfvs_nl_real_new(struct sk_buff *skb, struct genl_info *info);
int ippfvs_nl_real_set(struct sk_buff *skb, struct genl_info *info);
int ippfvs_nl_real_del(struct sk_buff *skb, struct genl_info *info);

/* Queries (service.c) */
int ippfvs_nl_service_get(struct sk_buff *skb, struct genl_info *info);
int ippfvs_nl_service_dump_start(struct netlink_callback *cb);
int ippfvs_nl_service_dump(struct sk_buff *skb, struct netlink_callback *cb);
int ippfvs_nl_member_dump_start(struct netlink_callback *cb);
int ippfvs_nl_real_dump(struct sk_buff *skb, struct netlink_callback *cb);
int ippfvs_nl_rules_dump(struct sk_buff *skb, struct netlink_callback *cb);

/* Options of services and members (service.c), also for replace.c */

/**
 * ippfvs_nl_service_parse() - parse the options of a new service, and check them
 * @net: the namespace
 * @tb: the attributes of the service
 * @spec: has the key of the service; gets the scheduler
 * @extack: gets the message of a refusal
 *
 * Context: process context.
 * Return: 0 or -errno.
 */
int ippfvs_nl_service_parse(struct net *net, struct nlattr **tb, struct ippfvs_service_spec *spec,
			    struct netlink_ext_ack *extack);

/**
 * ippfvs_nl_member_parse() - parse the weight and the method of a member, and check them
 * @net: the namespace
 * @attr: the nest of the real server
 * @tb: the attributes of the real server
 * @key: the key of its service
 * @before: the present member if it is changed, or NULL if it is new
 * @default_method: the default method of the namespace
 * @spec: has address and port; gets weight and method
 * @extack: gets the message of a refusal
 *
 * Context: process context.
 * Return: 0 or -errno.
 */
int ippfvs_nl_member_parse(struct net *net, const struct nlattr *attr, struct nlattr **tb,
			   const struct ippfvs_service_key *key, const struct ippfvs_member *before,
			   u8 default_method, struct ippfvs_member_spec *spec,
			   struct netlink_ext_ack *extack);

/* Settings and sums of the namespace (config.c) */
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
 * ippfvs_nl_config_apply() - apply the settings that are present (config.c)
 * @ipn: the namespace
 * @tb: the attributes by enum ippfvs_config_attr
 *
 * Context: the caller holds ipn->lock.
 */
void ippfvs_nl_config_apply(struct ippfvs_net *ipn, struct nlattr **tb);

/* The replacement of all services (replace.c) */
int ippfvs_nl_replace(struct sk_buff *skb, struct genl_info *info);

/* The dump of connections (conn.c) */
int ippfvs_nl_conn_dump_start(struct netlink_callback *cb);
int ippfvs_nl_conn_dump(struct sk_buff *skb, struct netlink_callback *cb);
int ippfvs_nl_conn_dump_done(struct netlink_callback *cb);

#endif /* _IPPFVS_NL_H */
