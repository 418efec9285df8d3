// SPDX-License-Identifier: GPL-2.0
#include "check.h"
#include "parse.h"
#include "refuse.h"

#include <linux/inetdevice.h>
#include <net/addrconf.h>
#include <net/ipv6.h>
#include <net/route.h>

#define refuse ippfvs_nl_refuse

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
	return ipv6_chk_addr(net, &addr->ip6, NULL, 0);
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

static u8 find_method(struct net *net, u8 family, u8 default_method,
		      const struct ippfvs_real_spec *spec, bool port_given)
{
	if (is_loopback(family, &spec->addr) ||
	    is_own(net, family, &spec->addr))
		return IPPFVS_METHOD_LOCAL;
	if (port_given)
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

int ippfvs_nl_real_check(struct net *net, const struct ippfvs_service_key *key,
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
					   spec, ippfvs_nl_real_port(tb));

	/* One that stays may be drained though its address has moved away. */
	err = spec->method == before ? 0 :
	      check_address(net, key->family, spec, tb[IPPFVS_REAL_ADDRESS],
			    extack);
	if (err)
		return err;
	return check_port(key, spec, tb[IPPFVS_REAL_PORT] ?: attr, extack);
}
