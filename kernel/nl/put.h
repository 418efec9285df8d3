/* SPDX-License-Identifier: GPL-2.0 */
/* Nests of answers and events; 0 or -EMSGSIZE with nothing added. */
#ifndef _IPPFVS_NL_PUT_H
#define _IPPFVS_NL_PUT_H

#include "../core/tuple.h"

#include <linux/types.h>

struct ippfvs_counters;
struct ippfvs_net;
struct ippfvs_pool_real;
struct ippfvs_service;
struct ippfvs_service_key;
struct sk_buff;

int ippfvs_nl_put_addr(struct sk_buff *skb, int attr, u8 family,
		       const union ippfvs_addr *addr);
int ippfvs_nl_put_stats(struct sk_buff *skb, int attr,
			const struct ippfvs_counters *counters);

/* IPPFVS_A_SERVICE: the key alone; all, with counters or without. RCU. */
int ippfvs_nl_put_key(struct sk_buff *skb,
		      const struct ippfvs_service_key *key);
int ippfvs_nl_put_service(struct sk_buff *skb,
			  const struct ippfvs_service *service, bool counters);

/* IPPFVS_A_REAL; RCU or the lock. */
int ippfvs_nl_put_real(struct sk_buff *skb,
		       const struct ippfvs_pool_real *place, bool counters);

/* IPPFVS_A_CONFIG; counters: also how much of what there is now. */
int ippfvs_nl_put_config(struct sk_buff *skb, struct ippfvs_net *ipn,
			 bool counters);

#endif /* _IPPFVS_NL_PUT_H */
