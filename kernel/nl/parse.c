// SPDX-License-Identifier: GPL-2.0
#include "parse.h"
#include "../sched/sched.h"
#include "family.h"
#include "refuse.h"

#include <linux/ipv6.h>

#define refuse ippfvs_nl_refuse

static u8 parse_addr(const struct nlattr *attr, union ippfvs_addr *addr)
{
	ippfvs_addr_clear(addr);
	nla_memcpy(addr, attr, sizeof(*addr));
	return nla_len(attr) == 4 ? IPPFVS_FAMILY_IPV4 : IPPFVS_FAMILY_IPV6;
}

int ippfvs_nl_service_parse(const struct nlattr *attr, struct nlattr **tb,
			    struct ippfvs_service_key *key,
			    struct netlink_ext_ack *extack)
{
	int err;

	if (!attr) {
		NL_SET_ERR_ATTR_MISS(extack, NULL, IPPFVS_A_SERVICE);
		NL_SET_ERR_MSG(extack, "which service?");
		return -EINVAL;
	}

	err = nla_parse_nested(tb, IPPFVS_SERVICE_MAX, attr,
			       ippfvs_nl_service_policy, extack);
	if (err)
		return err;

	if (NL_REQ_ATTR_CHECK(extack, attr, tb, IPPFVS_SERVICE_ADDRESS))
		return refuse(extack, attr, -EINVAL,
			      "a service needs a virtual address");
	if (NL_REQ_ATTR_CHECK(extack, attr, tb, IPPFVS_SERVICE_PROTOCOL))
		return refuse(extack, attr, -EINVAL,
			      "a service needs a protocol: TCP or UDP");

	memset(key, 0, sizeof(*key));
	key->family = parse_addr(tb[IPPFVS_SERVICE_ADDRESS], &key->addr);
	/* What follows looks into lists that such a kernel has not made. */
	if (key->family == IPPFVS_FAMILY_IPV6 && !ipv6_mod_enabled())
		return refuse(extack, tb[IPPFVS_SERVICE_ADDRESS], -EAFNOSUPPORT,
			      "IPv6 is switched off in this kernel (ipv6.disable=1)");
	key->protocol = nla_get_u8(tb[IPPFVS_SERVICE_PROTOCOL]);
	if (tb[IPPFVS_SERVICE_PORT])
		key->port = nla_get_be16(tb[IPPFVS_SERVICE_PORT]);
	return 0;
}

int ippfvs_nl_scheduler(struct nlattr **tb,
			const struct ippfvs_scheduler *otherwise,
			const struct ippfvs_scheduler **sched,
			struct netlink_ext_ack *extack)
{
	struct nlattr *attr = tb[IPPFVS_SERVICE_SCHEDULER];

	*sched = attr ? ippfvs_sched_find(nla_data(attr)) : otherwise;
	if (!*sched)
		return refuse(extack, attr, -EPROTONOSUPPORT,
			      "no such scheduler: CONFIG_GET lists them");
	return 0;
}

__be16 ippfvs_nl_real_port(struct nlattr **tb)
{
	return tb[IPPFVS_REAL_PORT] ? nla_get_be16(tb[IPPFVS_REAL_PORT]) : 0;
}

int ippfvs_nl_real_parse(const struct nlattr *attr, struct nlattr **tb,
			 const struct ippfvs_service_key *key,
			 struct ippfvs_real_spec *spec,
			 struct netlink_ext_ack *extack)
{
	int err;

	if (!attr) {
		NL_SET_ERR_ATTR_MISS(extack, NULL, IPPFVS_A_REAL);
		NL_SET_ERR_MSG(extack, "which real server?");
		return -EINVAL;
	}

	err = nla_parse_nested(tb, IPPFVS_REAL_MAX, attr,
			       ippfvs_nl_real_policy, extack);
	if (err)
		return err;

	if (NL_REQ_ATTR_CHECK(extack, attr, tb, IPPFVS_REAL_ADDRESS))
		return refuse(extack, attr, -EINVAL,
			      "a real server needs an address");
	if (parse_addr(tb[IPPFVS_REAL_ADDRESS], &spec->addr) != key->family)
		return refuse(extack, tb[IPPFVS_REAL_ADDRESS], -EAFNOSUPPORT,
			      "the addresses of a real server and its service must be of one family");

	spec->port = ippfvs_nl_real_port(tb) ?: key->port;
	return 0;
}
