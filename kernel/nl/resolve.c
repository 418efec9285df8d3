// SPDX-License-Identifier: GPL-2.0
#include "resolve.h"
#include "family.h"
#include "../pool.h"

#include <linux/inetdevice.h>
#include <net/addrconf.h>
#include <net/ipv6.h>
#include <net/route.h>

#define refuse ippfvs_nl_refuse

/* -- flags, lock, service ------------------------------------------------- */

/* What genl checks for commands from .resv_start_op on, but NLM_F_CREATE. */
static int check_flags(const struct genlmsghdr *head, u16 flags, u16 known,
		       struct netlink_ext_ack *extack)
{
	if (head->reserved) {
		NL_SET_ERR_MSG(extack, "the reserved field of the header is not 0");
		return -EINVAL;
	}
	if (flags & ~(NLM_F_REQUEST | NLM_F_ACK | NLM_F_ECHO | known)) {
		NL_SET_ERR_MSG(extack, "a flag that this request does not know");
		return -EINVAL;
	}
	return 0;
}

int ippfvs_nl_dump_flags(const struct netlink_callback *cb)
{
	return check_flags(nlmsg_data(cb->nlh), cb->nlh->nlmsg_flags,
			   NLM_F_DUMP, cb->extack);
}

static int find_service(struct genl_info *info)
{
	struct nlattr *attr = info->attrs[IPPFVS_A_SERVICE];
	struct nlattr *tb[IPPFVS_SERVICE_MAX + 1];
	struct ippfvs_service_key key;
	struct ippfvs_service *service;
	int err;

	err = ippfvs_nl_service_parse(attr, tb, &key, info->extack);
	if (err)
		return err;

	service = ippfvs_nl_service_find(ippfvs_nl_net(info), &key, attr,
					 info->extack);
	if (IS_ERR(service))
		return PTR_ERR(service);
	info->user_ptr[1] = service;
	return 0;
}

int ippfvs_nl_pre(const struct genl_split_ops *ops, struct sk_buff *skb,
		  struct genl_info *info)
{
	bool may_create = ops->internal_flags & IPPFVS_NL_MAY_CREATE;
	struct ippfvs_net *ipn = ippfvs_net(genl_info_net(info));
	int err;

	err = check_flags(info->genlhdr, info->nlhdr->nlmsg_flags,
			  may_create ? NLM_F_CREATE : 0, info->extack);
	if (err)
		return err;

	info->user_ptr[0] = ipn;
	if (ops->internal_flags & IPPFVS_NL_LOCK)
		mutex_lock(&ipn->lock);
	if (ops->internal_flags & IPPFVS_NL_SERVICE) {
		err = find_service(info);
		if (err)
			ippfvs_nl_post(ops, skb, info);
	}
	return err;
}

void ippfvs_nl_post(const struct genl_split_ops *ops, struct sk_buff *skb,
		    struct genl_info *info)
{
	if (ops->internal_flags & IPPFVS_NL_LOCK)
		mutex_unlock(&ippfvs_nl_net(info)->lock);
}

struct ippfvs_rules *ippfvs_nl_rules(const struct ippfvs_net *ipn)
{
	return rcu_dereference_check(ipn->rules, lockdep_is_held(&ipn->lock));
}

struct ippfvs_service *
ippfvs_nl_service_find(const struct ippfvs_net *ipn,
		       const struct ippfvs_service_key *key,
		       const struct nlattr *attr,
		       struct netlink_ext_ack *extack)
{
	const struct ippfvs_rules *rules = ippfvs_nl_rules(ipn);
	struct ippfvs_service *service = NULL;

	if (rules)
		service = ippfvs_rules_lookup(rules, key);
	if (!service)
		return ERR_PTR(refuse(extack, attr, -ESRCH, "no such service"));
	return service;
}

struct ippfvs_service *ippfvs_nl_service_from(const struct ippfvs_net *ipn,
					      unsigned long *id,
					      unsigned long last)
{
	struct ippfvs_rules *rules = ippfvs_nl_rules(ipn);

	return rules ? xa_find(&rules->by_id, id, last, XA_PRESENT) : NULL;
}

/*
 * An odd generation is a change under way, of which any message may have seen a
 * part: such a call is different from all others.
 */
void ippfvs_nl_dump_watch(struct netlink_callback *cb)
{
	const struct ippfvs_net *ipn = ippfvs_nl_dump_net(cb);
	u32 generation;

	/* Before anything is read; pairs with ippfvs_rules_change_end() */
	generation = smp_load_acquire(&ipn->generation);
	cb->seq = generation + 1;
	if (generation & 1)
		cb->prev_seq = generation;
}

/* -- services ------------------------------------------------------------- */

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

static bool is_broadcast(struct net *net, __be32 ip)
{
	if (ipv4_is_lbcast(ip))
		return true;

	/* A namespace without any address yet takes all for broadcast ones. */
	return inet_addr_type(net, ip) == RTN_BROADCAST &&
	       inet_addr_type(net, htonl(INADDR_LOOPBACK)) != RTN_BROADCAST;
}

static bool is_unicast(struct net *net, u8 family,
		       const union ippfvs_addr *addr)
{
	int type;

	if (family == IPPFVS_FAMILY_IPV4)
		return !ipv4_is_zeronet(addr->ip) &&
		       !ipv4_is_multicast(addr->ip) &&
		       !is_broadcast(net, addr->ip);

	type = ipv6_addr_type(&addr->ip6);
	return type & IPV6_ADDR_UNICAST && !(type & IPV6_ADDR_MAPPED);
}

static bool is_loopback(u8 family, const union ippfvs_addr *addr)
{
	if (family == IPPFVS_FAMILY_IPV4)
		return ipv4_is_loopback(addr->ip);
	return ipv6_addr_loopback(&addr->ip6);
}

static bool is_link_local(u8 family, const union ippfvs_addr *addr)
{
	return family == IPPFVS_FAMILY_IPV6 &&
	       ipv6_addr_type(&addr->ip6) & IPV6_ADDR_LINKLOCAL;
}

static bool is_own(struct net *net, u8 family, const union ippfvs_addr *addr)
{
	if (family == IPPFVS_FAMILY_IPV4)
		return inet_addr_type(net, addr->ip) == RTN_LOCAL;
	return IS_ENABLED(CONFIG_IPV6) && ipv6_chk_addr(net, &addr->ip6, NULL, 0);
}

int ippfvs_nl_service_check(struct net *net,
			    const struct ippfvs_service_key *key,
			    struct nlattr **tb, struct netlink_ext_ack *extack)
{
	struct nlattr *attr = tb[IPPFVS_SERVICE_ADDRESS];

	if (is_loopback(key->family, &key->addr))
		return refuse(extack, attr, -EADDRNOTAVAIL,
			      "a loopback address cannot be a virtual address: no client reaches it");
	if (is_link_local(key->family, &key->addr))
		return refuse(extack, attr, -EADDRNOTAVAIL,
			      "a link-local address cannot be a virtual address: it is ambiguous without its link");
	if (!is_unicast(net, key->family, &key->addr))
		return refuse(extack, attr, -EADDRNOTAVAIL,
			      "a virtual address must be a unicast address");
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

/* -- real servers --------------------------------------------------------- */

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

	spec->port = 0;
	if (tb[IPPFVS_REAL_PORT])
		spec->port = nla_get_be16(tb[IPPFVS_REAL_PORT]);
	return 0;
}

static u8 find_method(struct net *net, u8 family, u8 default_method,
		      const struct ippfvs_real_spec *spec)
{
	if (is_loopback(family, &spec->addr) ||
	    is_own(net, family, &spec->addr))
		return IPPFVS_METHOD_LOCAL;
	if (spec->port)
		return IPPFVS_METHOD_NAT;
	return default_method;
}

static int check_address(struct net *net, u8 family,
			 const struct ippfvs_real_spec *spec,
			 const struct nlattr *attr,
			 struct netlink_ext_ack *extack)
{
	bool local = spec->method == IPPFVS_METHOD_LOCAL;

	if (is_loopback(family, &spec->addr))
		return local ? 0 :
		       refuse(extack, attr, -EADDRNOTAVAIL,
			      "a loopback address is the director itself: only the method local leads there");
	if (is_link_local(family, &spec->addr))
		return refuse(extack, attr, -EADDRNOTAVAIL,
			      "a link-local address is ambiguous without its link: give the real server's global or unique local one");
	if (!is_unicast(net, family, &spec->addr))
		return refuse(extack, attr, -EADDRNOTAVAIL,
			      "a real server must have a unicast address");
	if (local && !is_own(net, family, &spec->addr))
		return refuse(extack, attr, -EADDRNOTAVAIL,
			      "the method local needs a loopback address or one of the director's own");
	return 0;
}

static int check_port(const struct ippfvs_service_key *key,
		      const struct ippfvs_real_spec *spec,
		      const struct nlattr *attr,
		      struct netlink_ext_ack *extack)
{
	if (spec->method != IPPFVS_METHOD_DR &&
	    spec->method != IPPFVS_METHOD_TUN)
		return 0;
	if (!spec->port || spec->port == key->port)
		return 0;
	if (!key->port)
		return refuse(extack, attr, -EDOM,
			      "DR and TUN keep the port, and the service covers every port: give the real server none");
	return refuse(extack, attr, -EDOM,
		      "DR and TUN keep the port: use NAT or the service's port");
}

int ippfvs_nl_real_wish(struct net *net, const struct ippfvs_service_key *key,
			const struct nlattr *attr, struct nlattr **tb,
			u8 default_method, struct ippfvs_real_spec *spec,
			struct netlink_ext_ack *extack)
{
	u8 before = spec->method;
	int err;

	if (tb[IPPFVS_REAL_WEIGHT])
		spec->weight = nla_get_u32(tb[IPPFVS_REAL_WEIGHT]);
	if (tb[IPPFVS_REAL_METHOD])
		spec->method = nla_get_u8(tb[IPPFVS_REAL_METHOD]);
	if (spec->method == IPPFVS_METHOD_UNSPEC)
		spec->method = find_method(net, key->family, default_method,
					   spec);

	/* One that stays may be drained though its address has moved away. */
	err = spec->method == before ? 0 :
	      check_address(net, key->family, spec, tb[IPPFVS_REAL_ADDRESS],
			    extack);
	if (err)
		return err;
	return check_port(key, spec, tb[IPPFVS_REAL_PORT] ?: attr, extack);
}
