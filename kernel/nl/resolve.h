/* SPDX-License-Identifier: GPL-2.0 */
/* From a request to the objects that it speaks of. */
#ifndef _IPPFVS_NL_RESOLVE_H
#define _IPPFVS_NL_RESOLVE_H

#include "../net.h"
#include "../rules/rules.h"
#include "../rules/service.h"

#include <net/genetlink.h>
#include <net/sock.h>

/* Before and after every do: flags, lock, service; see family.h. */
int ippfvs_nl_pre(const struct genl_split_ops *ops, struct sk_buff *skb,
		  struct genl_info *info);
void ippfvs_nl_post(const struct genl_split_ops *ops, struct sk_buff *skb,
		    struct genl_info *info);

static inline struct ippfvs_net *ippfvs_nl_net(const struct genl_info *info)
{
	return info->user_ptr[0];
}

static inline struct ippfvs_net *
ippfvs_nl_dump_net(const struct netlink_callback *cb)
{
	return ippfvs_net(sock_net(cb->skb->sk));
}

/* With IPPFVS_NL_SERVICE: never NULL. */
static inline struct ippfvs_service *
ippfvs_nl_service(const struct genl_info *info)
{
	return info->user_ptr[1];
}

/* The rules; RCU or the lock. NULL when there is no service. */
struct ippfvs_rules *ippfvs_nl_rules(const struct ippfvs_net *ipn);

/* RCU: the service with @id or the next up to @last, whose id is put there. */
struct ippfvs_service *ippfvs_nl_service_from(const struct ippfvs_net *ipn,
					      unsigned long *id,
					      unsigned long last);

/* RCU or the lock: the service of @key, or ERR_PTR(-ESRCH) and a sentence. */
struct ippfvs_service *
ippfvs_nl_service_find(const struct ippfvs_net *ipn,
		       const struct ippfvs_service_key *key,
		       const struct nlattr *attr,
		       struct netlink_ext_ack *extack);

/*
 * A dump finds out what is wanted when it starts. Old kernels have no way out
 * for a sentence from there: then at its first call.
 */
static inline bool ippfvs_nl_dump_early(const struct netlink_callback *cb)
{
	return cb->extack;
}

/* Only the flags that a dump knows. */
int ippfvs_nl_dump_flags(const struct netlink_callback *cb);

#endif /* _IPPFVS_NL_RESOLVE_H */
