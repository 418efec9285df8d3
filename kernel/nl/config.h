/* SPDX-License-Identifier: GPL-2.0 */
/* Settings as CONFIG_SET and REPLACE take them. */
#ifndef _IPPFVS_NL_CONFIG_H
#define _IPPFVS_NL_CONFIG_H

struct ippfvs_net;
struct netlink_ext_ack;
struct nlattr;

int ippfvs_nl_config_parse(const struct nlattr *attr, struct nlattr **tb,
			   struct netlink_ext_ack *extack);

/* Those present; cannot fail. Caller holds the lock. */
void ippfvs_nl_config_take(struct ippfvs_net *ipn, struct nlattr **tb);

#endif /* _IPPFVS_NL_CONFIG_H */
