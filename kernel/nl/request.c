// SPDX-License-Identifier: GPL-2.0
/* Requests: parsing of attributes, lookup of the objects that they name, refusals. */
#include "request.h"

#include "nl.h"

#include <linux/err.h>
#include <linux/slab.h>
#include <linux/stringify.h>

#define REFUSAL(reason, err, text)                       \
	case IPPFVS_REFUSAL_##reason:                    \
		NL_SET_ERR_MSG_ATTR(extack, attr, text); \
		return err

int ippfvs_nl_refuse(struct netlink_ext_ack *extack, const struct nlattr *attr,
		     enum ippfvs_refusal reason)
{
	switch (reason) {
	case IPPFVS_REFUSAL_NONE:
		return 0;
		REFUSAL(IPV6_OFF, -EAFNOSUPPORT,
			"IPv6 is switched off in this kernel (ipv6.disable=1)");
		REFUSAL(VIRTUAL_LOOPBACK, -EADDRNOTAVAIL,
			"a loopback address cannot be a virtual address: no client reaches it");
		REFUSAL(VIRTUAL_LINK_LOCAL, -EADDRNOTAVAIL,
			"a link-local address cannot be a virtual address: it is ambiguous without an interface");
		REFUSAL(VIRTUAL_NOT_UNICAST, -EADDRNOTAVAIL,
			"a virtual address must be a unicast address");
		REFUSAL(NO_SCHEDULER, -EPROTONOSUPPORT, "no such scheduler: CONFIG_GET lists them");
		REFUSAL(SERVICE_EXISTS, -EEXIST, "that service already exists");
		REFUSAL(SERVICE_MISSING, -ESRCH, "no such service");
		REFUSAL(SERVICES_FULL, -ENOSPC,
			"a namespace has at most " __stringify(IPPFVS_SERVICES_MAX) " services");
		REFUSAL(SERVICE_TWICE, -EEXIST, "the set already has that service");
		REFUSAL(REAL_FAMILY, -EAFNOSUPPORT,
			"the addresses of a real server and its service must be of one family");
		REFUSAL(REAL_LINK_LOCAL, -EADDRNOTAVAIL,
			"a link-local address is ambiguous without an interface: use a global or unique local address");
		REFUSAL(REAL_NOT_UNICAST, -EADDRNOTAVAIL,
			"a real server must have a unicast address");
		REFUSAL(REAL_NOT_LOCAL, -EADDRNOTAVAIL,
			"the method local needs a loopback address or an address of the director");
		REFUSAL(PORT_FIXED, -EDOM,
			"DR and TUN keep the port, and the service is on all ports: omit the real server's port");
		REFUSAL(PORT_DIFFERS, -EDOM,
			"DR and TUN keep the port: use NAT or the service's port");
		REFUSAL(REAL_EXISTS, -EEXIST, "that service already has that real server");
		REFUSAL(REAL_MISSING, -ENOENT, "no such real server in that service");
		REFUSAL(REALS_FULL, -ENOSPC,
			"a service has at most " __stringify(IPPFVS_REALS_MAX) " real servers");
		REFUSAL(REAL_TWICE, -EEXIST, "the set already has that real server of the service");
		REFUSAL(SERVICES_CAPPED, -ENOSPC,
			"the hard cap of the namespace allows no further service");
		REFUSAL(REALS_CAPPED, -ENOSPC,
			"the hard cap of the namespace allows no further real server");
		REFUSAL(CONN_MAX_CAPPED, -ERANGE,
			"the maximum exceeds the hard cap of connections");
	}
	return -EINVAL;
}

static u8 parse_addr(const struct nlattr *attr, union ippfvs_addr *addr)
{
	ippfvs_addr_clear(addr);
	nla_memcpy(addr, attr, sizeof(*addr));
	return nla_len(attr) == 4 ? IPPFVS_FAMILY_IPV4 : IPPFVS_FAMILY_IPV6;
}

int ippfvs_nl_parse_service(const struct nlattr *attr, struct nlattr **tb,
			    struct ippfvs_service_key *key, struct netlink_ext_ack *extack)
{
	int err;

	if (!attr) {
		NL_SET_ERR_ATTR_MISS(extack, NULL, IPPFVS_A_SERVICE);
		NL_SET_ERR_MSG(extack, "the request does not name a service");
		return -EINVAL;
	}

	err = nla_parse_nested(tb, IPPFVS_SERVICE_MAX, attr, NULL, extack);
	if (err)
		return err;

	if (NL_REQ_ATTR_CHECK(extack, attr, tb, IPPFVS_SERVICE_ADDRESS))
		return ippfvs_nl_invalid(extack, attr, "a service needs a virtual address");
	if (NL_REQ_ATTR_CHECK(extack, attr, tb, IPPFVS_SERVICE_PROTOCOL))
		return ippfvs_nl_invalid(extack, attr, "a service needs a protocol: TCP or UDP");

	memset(key, 0, sizeof(*key));
	key->family = parse_addr(tb[IPPFVS_SERVICE_ADDRESS], &key->addr);
	key->protocol = nla_get_u8(tb[IPPFVS_SERVICE_PROTOCOL]);
	key->port = ippfvs_nl_port(tb[IPPFVS_SERVICE_PORT]);
	return ippfvs_nl_refuse(extack, tb[IPPFVS_SERVICE_ADDRESS],
				ippfvs_check_family(key->family));
}

int ippfvs_nl_parse_real(const struct nlattr *attr, struct nlattr **tb,
			 const struct ippfvs_service_key *key, struct ippfvs_member_spec *spec,
			 struct netlink_ext_ack *extack)
{
	int err;

	if (!attr) {
		NL_SET_ERR_ATTR_MISS(extack, NULL, IPPFVS_A_REAL);
		NL_SET_ERR_MSG(extack, "the request does not name a real server");
		return -EINVAL;
	}

	err = nla_parse_nested(tb, IPPFVS_REAL_MAX, attr, NULL, extack);
	if (err)
		return err;

	if (NL_REQ_ATTR_CHECK(extack, attr, tb, IPPFVS_REAL_ADDRESS))
		return ippfvs_nl_invalid(extack, attr, "a real server needs an address");
	if (parse_addr(tb[IPPFVS_REAL_ADDRESS], &spec->addr) != key->family)
		return ippfvs_nl_refuse(extack, tb[IPPFVS_REAL_ADDRESS],
					IPPFVS_REFUSAL_REAL_FAMILY);

	spec->port = ippfvs_nl_port(tb[IPPFVS_REAL_PORT]) ?: key->port;
	return 0;
}

struct ippfvs_service *ippfvs_nl_find_service(const struct ippfvs_net *ipn,
					      const struct ippfvs_service_key *key,
					      const struct nlattr *attr,
					      struct netlink_ext_ack *extack)
{
	struct ippfvs_service *service;

	service = ippfvs_service_lookup_exact(ippfvs_service_table_rcu(ipn), key);
	if (!service)
		return ERR_PTR(ippfvs_nl_refuse(extack, attr, IPPFVS_REFUSAL_SERVICE_MISSING));
	return service;
}

/*
 * Generic netlink checks the same for the commands from resv_start_op on, but it refuses
 * NLM_F_CREATE.
 */
static int check_flags(const struct genlmsghdr *head, u16 flags, u16 known,
		       struct netlink_ext_ack *extack)
{
	if (head->reserved) {
		NL_SET_ERR_MSG(extack, "the reserved field of the header is not 0");
		return -EINVAL;
	}
	if (flags & ~(NLM_F_REQUEST | NLM_F_ACK | NLM_F_ECHO | known)) {
		NL_SET_ERR_MSG(extack, "the request has a flag that this command does not support");
		return -EINVAL;
	}
	return 0;
}

int ippfvs_nl_dump_check_flags(const struct netlink_callback *cb)
{
	return check_flags(nlmsg_data(cb->nlh), cb->nlh->nlmsg_flags, NLM_F_DUMP, cb->extack);
}

static int find_service(struct ippfvs_nl_request *request, struct genl_info *info, bool may_create)
{
	const struct nlattr *sched = request->service_tb[IPPFVS_SERVICE_SCHEDULER];
	struct ippfvs_service_table *table;
	struct ippfvs_service *service;

	if (may_create && info->nlhdr->nlmsg_flags & NLM_F_CREATE) {
		table = ippfvs_service_table_locked(request->ipn);
		request->service = ippfvs_service_lookup_exact(table, &request->key);
		return 0;
	}
	if (may_create && sched)
		return ippfvs_nl_invalid(info->extack, sched,
					 "a scheduler needs NLM_F_CREATE or SERVICE_SET");

	service = ippfvs_nl_find_service(request->ipn, &request->key, info->attrs[IPPFVS_A_SERVICE],
					 info->extack);
	if (IS_ERR(service))
		return PTR_ERR(service);
	request->service = service;
	return 0;
}

static int resolve_service(struct ippfvs_nl_request *request, struct genl_info *info, u8 flags)
{
	struct nlattr *attr = info->attrs[IPPFVS_A_SERVICE];
	int err;

	if (!attr && flags & IPPFVS_NL_KEY_IF_ANY)
		return 0;

	err = ippfvs_nl_parse_service(attr, request->service_tb, &request->key, info->extack);
	if (err || !(flags & IPPFVS_NL_SERVICE))
		return err;
	return find_service(request, info, flags & IPPFVS_NL_MAY_CREATE);
}

static int resolve_real(struct ippfvs_nl_request *request, struct genl_info *info, u8 flags)
{
	struct nlattr *attr = info->attrs[IPPFVS_A_REAL];
	const struct ippfvs_pool *pool;
	int err;

	err = ippfvs_nl_parse_real(attr, request->real_tb, &request->key, &request->spec,
				   info->extack);
	if (err || !request->service)
		return err;

	pool = ippfvs_service_pool(request->ipn, request->service);
	request->member = ippfvs_pool_lookup(pool, &request->spec.addr, request->spec.port);
	if (!request->member && flags & IPPFVS_NL_MEMBER)
		return ippfvs_nl_refuse(info->extack, attr, IPPFVS_REFUSAL_REAL_MISSING);
	return 0;
}

static int resolve_request(struct ippfvs_nl_request *request, struct genl_info *info, u8 flags)
{
	int err = 0;

	if (flags & (IPPFVS_NL_KEY | IPPFVS_NL_KEY_IF_ANY))
		err = resolve_service(request, info, flags);
	if (!err && flags & IPPFVS_NL_REAL)
		err = resolve_real(request, info, flags);
	return err;
}

int ippfvs_nl_pre(const struct genl_split_ops *ops, struct sk_buff *skb, struct genl_info *info)
{
	bool may_create = ops->internal_flags & IPPFVS_NL_MAY_CREATE;
	struct ippfvs_nl_request *request;
	int err;

	err = check_flags(info->genlhdr, info->nlhdr->nlmsg_flags, may_create ? NLM_F_CREATE : 0,
			  info->extack);
	if (err)
		return err;

	request = kzalloc(sizeof(*request), GFP_KERNEL);
	if (!request)
		return -ENOMEM;
	request->ipn = ippfvs_net(genl_info_net(info));
	info->user_ptr[0] = request;

	if (ops->internal_flags & IPPFVS_NL_LOCK)
		mutex_lock(&request->ipn->lock);
	err = resolve_request(request, info, ops->internal_flags);
	if (err)
		ippfvs_nl_post(ops, skb, info);
	return err;
}

void ippfvs_nl_post(const struct genl_split_ops *ops, struct sk_buff *skb, struct genl_info *info)
{
	struct ippfvs_nl_request *request = ippfvs_nl_request(info);

	if (ops->internal_flags & IPPFVS_NL_LOCK)
		mutex_unlock(&request->ipn->lock);
	kfree(request);
}
