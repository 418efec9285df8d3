/* SPDX-License-Identifier: GPL-2.0 */
/* What family.c's table names: the handlers, one file a noun and one for dumps of two. */
#ifndef _IPPFVS_NL_FAMILY_H
#define _IPPFVS_NL_FAMILY_H

#include "../uapi/ippfvs.h"

#include <net/genetlink.h>

struct ippfvs_service_spec;

extern struct genl_family ippfvs_nl_family;

/* What a nest may hold in a request. */
extern const struct nla_policy ippfvs_nl_service_policy[IPPFVS_SERVICE_MAX + 1];
extern const struct nla_policy ippfvs_nl_real_policy[IPPFVS_REAL_MAX + 1];
extern const struct nla_policy ippfvs_nl_config_policy[IPPFVS_CONFIG_MAX + 1];

/* internal_flags of an operation: what its handler needs, see resolve.c. */
#define IPPFVS_NL_LOCK		BIT(0)	/* the namespace's lock */
#define IPPFVS_NL_SERVICE	BIT(1)	/* the service named by A_SERVICE */
#define IPPFVS_NL_MAY_CREATE	BIT(2)	/* takes NLM_F_CREATE */

/* Changes: the lock is held. */
int ippfvs_nl_service_new(struct sk_buff *skb, struct genl_info *info);
int ippfvs_nl_service_set(struct sk_buff *skb, struct genl_info *info);
int ippfvs_nl_service_del(struct sk_buff *skb, struct genl_info *info);
int ippfvs_nl_real_new(struct sk_buff *skb, struct genl_info *info);
int ippfvs_nl_real_set(struct sk_buff *skb, struct genl_info *info);
int ippfvs_nl_real_del(struct sk_buff *skb, struct genl_info *info);
int ippfvs_nl_config_set(struct sk_buff *skb, struct genl_info *info);
int ippfvs_nl_zero(struct sk_buff *skb, struct genl_info *info);
int ippfvs_nl_replace(struct sk_buff *skb, struct genl_info *info);

/* Make a service that was resolved, and say so; errors have their sentence. */
int ippfvs_nl_service_make(struct genl_info *info,
			   const struct ippfvs_service_spec *spec);

/* Questions: RCU; one about counters takes the lock after three torn looks (change.h). */
int ippfvs_nl_service_get(struct sk_buff *skb, struct genl_info *info);
int ippfvs_nl_config_get(struct sk_buff *skb, struct genl_info *info);
int ippfvs_nl_stats_get(struct sk_buff *skb, struct genl_info *info);

int ippfvs_nl_service_dump_start(struct netlink_callback *cb);
int ippfvs_nl_service_dump(struct sk_buff *skb, struct netlink_callback *cb);
int ippfvs_nl_members_dump_start(struct netlink_callback *cb);
int ippfvs_nl_real_dump(struct sk_buff *skb, struct netlink_callback *cb);
int ippfvs_nl_rules_dump(struct sk_buff *skb, struct netlink_callback *cb);
int ippfvs_nl_conn_dump_start(struct netlink_callback *cb);
int ippfvs_nl_conn_dump(struct sk_buff *skb, struct netlink_callback *cb);
int ippfvs_nl_conn_dump_done(struct netlink_callback *cb);

#endif /* _IPPFVS_NL_FAMILY_H */
