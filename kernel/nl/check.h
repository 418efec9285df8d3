/* SPDX-License-Identifier: GPL-2.0 */
/* Whether there can be such a service, such a real server. */
#ifndef _IPPFVS_NL_CHECK_H
#define _IPPFVS_NL_CHECK_H

#include "../rules/service.h"
#include "../rules/service_real.h"

#include <net/netlink.h>

/* Can there be such a service? */
int ippfvs_nl_service_check(struct net *net,
			    const struct ippfvs_service_key *key,
			    struct nlattr **tb, struct netlink_ext_ack *extack);

/**
 * ippfvs_nl_real_check() - weight and method, if that real server can be
 * @net: whose addresses are the director's own
 * @key: of its service
 * @attr: the nest, for refusals
 * @tb: what is in it
 * @default_method: where neither @tb, @spec nor the address says it
 * @spec: key, and the weight and method that stay unless @tb has them; method
 *	IPPFVS_METHOD_UNSPEC: to be found out
 * @extack: gets the sentence
 *
 * Return: 0, or -errno of the uapi's refusals with @extack set.
 */
int ippfvs_nl_real_check(struct net *net, const struct ippfvs_service_key *key,
			 const struct nlattr *attr, struct nlattr **tb,
			 u8 default_method, struct ippfvs_real_spec *spec,
			 struct netlink_ext_ack *extack);

#endif /* _IPPFVS_NL_CHECK_H */
