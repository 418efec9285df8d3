// SPDX-License-Identifier: GPL-2.0
/* Checks of the configuration: addresses, ports, methods, duplicates. */
#include "check.h"

#include "../config.h"
#include "pool.h"
#include "service.h"

#include <linux/inetdevice.h>
#include <linux/ipv6.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sort.h>
#include <net/addrconf.h>
#include <net/dst.h>
#include <net/ip6_route.h>
#include <net/ipv6.h>
#include <net/route.h>

static bool is_broadcast(struct net *net, __be32 ip)
{
	if (ipv4_is_lbcast(ip))
		return true;

	/* A namespace without any address regards every address as a broadcast address. */
	return inet_addr_type(net, ip) == RTN_BROADCAST &&
	       inet_addr_type(net, htonl(INADDR_LOOPBACK)) != RTN_BROADCAST;
}

static bool is_unicast(struct net *net, u8 family, const union ippfvs_addr *addr)
{
	int type;

	if (family == IPPFVS_FAMILY_IPV4)
		return !ipv4_is_zeronet(addr->ip) && !ipv4_is_multicast(addr->ip) &&
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
	return family == IPPFVS_FAMILY_IPV6 && ipv6_addr_type(&addr->ip6) & IPV6_ADDR_LINKLOCAL;
}

/*
 * An address counts during duplicate address detection, because rules are often loaded when the
 * machine starts. An administrator's local route makes an address the director's own, too.
 */
static bool is_own6(struct net *net, const struct in6_addr *addr)
{
	struct flowi6 fl6 = { .daddr = *addr };
	struct dst_entry *dst;
	bool local;

	if (ipv6_chk_addr_and_flags(net, addr, NULL, true, 0, 0))
		return true;
	dst = ip6_route_output(net, NULL, &fl6);
	local = !dst->error && dst_rt6_info(dst)->rt6i_flags & RTF_LOCAL;
	dst_release(dst);
	return local;
}

static bool is_own(struct net *net, u8 family, const union ippfvs_addr *addr)
{
	if (family == IPPFVS_FAMILY_IPV4)
		return inet_addr_type(net, addr->ip) == RTN_LOCAL;
	return is_own6(net, &addr->ip6);
}

enum ippfvs_refusal ippfvs_check_family(u8 family)
{
	if (family == IPPFVS_FAMILY_IPV6 && !ipv6_mod_enabled())
		return IPPFVS_REFUSAL_IPV6_OFF;
	return IPPFVS_REFUSAL_NONE;
}

enum ippfvs_refusal ippfvs_check_service(struct net *net, const struct ippfvs_service_key *key)
{
	if (is_loopback(key->family, &key->addr))
		return IPPFVS_REFUSAL_VIRTUAL_LOOPBACK;
	if (is_link_local(key->family, &key->addr))
		return IPPFVS_REFUSAL_VIRTUAL_LINK_LOCAL;
	if (!is_unicast(net, key->family, &key->addr))
		return IPPFVS_REFUSAL_VIRTUAL_NOT_UNICAST;
	return IPPFVS_REFUSAL_NONE;
}

static bool is_routed4(struct net *net, __be32 addr)
{
	struct flowi4 fl4 = { .daddr = addr };
	struct rtable *rt = ip_route_output_key(net, &fl4);

	if (IS_ERR(rt))
		return false;
	ip_rt_put(rt);
	return true;
}

static bool is_routed6(struct net *net, const struct in6_addr *addr)
{
	struct flowi6 fl6 = { .daddr = *addr };
	struct dst_entry *dst = ip6_route_output(net, NULL, &fl6);
	bool found = !dst->error;

	dst_release(dst);
	return found;
}

bool ippfvs_check_routed(struct net *net, const struct ippfvs_service_key *key)
{
	if (is_own(net, key->family, &key->addr))
		return true;
	if (key->family == IPPFVS_FAMILY_IPV4)
		return is_routed4(net, key->addr.ip);
	return is_routed6(net, &key->addr.ip6);
}

u8 ippfvs_check_method(struct net *net, const struct ippfvs_service_key *key,
		       const struct ippfvs_member_spec *spec, u8 given, bool port_given,
		       u8 default_method)
{
	if (is_loopback(key->family, &spec->addr) || is_own(net, key->family, &spec->addr))
		return IPPFVS_METHOD_LOCAL;
	if (given != IPPFVS_METHOD_UNSPEC)
		return given;
	if (port_given)
		return IPPFVS_METHOD_NAT;
	return default_method;
}

static enum ippfvs_refusal check_address(struct net *net, u8 family,
					 const struct ippfvs_member_spec *spec)
{
	bool local = spec->method == IPPFVS_METHOD_LOCAL;

	if (is_loopback(family, &spec->addr))
		return IPPFVS_REFUSAL_NONE;
	if (is_link_local(family, &spec->addr))
		return IPPFVS_REFUSAL_REAL_LINK_LOCAL;
	if (!is_unicast(net, family, &spec->addr))
		return IPPFVS_REFUSAL_REAL_NOT_UNICAST;
	if (local && !is_own(net, family, &spec->addr))
		return IPPFVS_REFUSAL_REAL_NOT_LOCAL;
	return IPPFVS_REFUSAL_NONE;
}

static enum ippfvs_refusal check_port(const struct ippfvs_service_key *key,
				      const struct ippfvs_member_spec *spec)
{
	if (spec->method != IPPFVS_METHOD_DR && spec->method != IPPFVS_METHOD_TUN)
		return IPPFVS_REFUSAL_NONE;
	if (!spec->port || spec->port == key->port)
		return IPPFVS_REFUSAL_NONE;
	return key->port ? IPPFVS_REFUSAL_PORT_DIFFERS : IPPFVS_REFUSAL_PORT_FIXED;
}

enum ippfvs_refusal ippfvs_check_member(struct net *net, const struct ippfvs_service_key *key,
					const struct ippfvs_member_spec *spec, bool method_stays)
{
	enum ippfvs_refusal reason = IPPFVS_REFUSAL_NONE;

	if (!method_stays)
		reason = check_address(net, key->family, spec);
	return reason ?: check_port(key, spec);
}

u8 ippfvs_check_fault(struct net *net, const struct ippfvs_service_key *key,
		      const union ippfvs_addr *addr, u8 method)
{
	bool own = is_loopback(key->family, addr) || is_own(net, key->family, addr);

	if (method != IPPFVS_METHOD_LOCAL)
		return own ? IPPFVS_FAULT_REAL_IS_OWN : IPPFVS_FAULT_UNSPEC;
	if (!is_own(net, key->family, &key->addr))
		return IPPFVS_FAULT_VIRTUAL_NOT_OWN;
	return own ? IPPFVS_FAULT_UNSPEC : IPPFVS_FAULT_REAL_NOT_OWN;
}

static bool is_above_cap(u32 number, u32 cap)
{
	return cap && number > cap;
}

enum ippfvs_refusal ippfvs_check_room(const struct ippfvs_config *config, u32 services, u32 reals)
{
	if (is_above_cap(services, READ_ONCE(config->service_cap)))
		return IPPFVS_REFUSAL_SERVICES_CAPPED;
	if (is_above_cap(reals, READ_ONCE(config->real_cap)))
		return IPPFVS_REFUSAL_REALS_CAPPED;
	return IPPFVS_REFUSAL_NONE;
}

enum ippfvs_refusal ippfvs_check_conn_max(u32 conn_max, u32 conn_cap)
{
	if (is_above_cap(conn_max, conn_cap))
		return IPPFVS_REFUSAL_CONN_MAX_CAPPED;
	return IPPFVS_REFUSAL_NONE;
}

/* Elements with equal keys keep their order in the array. */
static int compare_positions(const void *a, const void *b)
{
	return a < b ? -1 : 1;
}

static int compare_keys(const struct ippfvs_service_spec *a, const struct ippfvs_service_spec *b)
{
	return memcmp(&a->key, &b->key, sizeof(a->key));
}

static int compare_services(const void *a, const void *b)
{
	const struct ippfvs_service_spec *const *one = a, *const *other = b;

	return compare_keys(*one, *other) ?: compare_positions(*one, *other);
}

static int compare_addresses(const struct ippfvs_member_spec *a, const struct ippfvs_member_spec *b)
{
	return memcmp(&a->addr, &b->addr, sizeof(a->addr)) ?:
		       memcmp(&a->port, &b->port, sizeof(a->port));
}

static int compare_members(const void *a, const void *b)
{
	const struct ippfvs_member_spec *const *one = a, *const *other = b;

	return compare_addresses(*one, *other) ?: compare_positions(*one, *other);
}

/* Return the second of two services with the same key, or NULL. */
static const struct ippfvs_service_spec *
duplicate_service(const struct ippfvs_service_spec *spec, u32 n,
		  const struct ippfvs_service_spec **sorted)
{
	u32 i;

	for (i = 0; i < n; i++)
		sorted[i] = &spec[i];
	sort(sorted, n, sizeof(*sorted), compare_services, NULL);
	for (i = 1; i < n; i++)
		if (!compare_keys(sorted[i - 1], sorted[i]))
			return sorted[i];
	return NULL;
}

/* Return the second of two members with the same address and port, or NULL. */
static const struct ippfvs_member_spec *duplicate_member(const struct ippfvs_service_spec *service,
							 const struct ippfvs_member_spec **sorted)
{
	u32 i;

	for (i = 0; i < service->n; i++)
		sorted[i] = &service->member[i];
	sort(sorted, service->n, sizeof(*sorted), compare_members, NULL);
	for (i = 1; i < service->n; i++)
		if (!compare_addresses(sorted[i - 1], sorted[i]))
			return sorted[i];
	return NULL;
}

static void find_duplicate(const struct ippfvs_service_spec *spec, u32 n, const void **sorted,
			   struct ippfvs_duplicate *found)
{
	const struct ippfvs_service_spec *service;
	const struct ippfvs_member_spec *member;
	u32 i;

	service = duplicate_service(spec, n, (void *)sorted);
	if (service) {
		found->reason = IPPFVS_REFUSAL_SERVICE_TWICE;
		found->service = service - spec;
		return;
	}
	for (i = 0; i < n; i++) {
		member = duplicate_member(&spec[i], (void *)sorted);
		if (member) {
			found->reason = IPPFVS_REFUSAL_REAL_TWICE;
			found->service = i;
			found->member = member - spec[i].member;
			return;
		}
		cond_resched();
	}
}

int ippfvs_check_duplicates(const struct ippfvs_service_spec *spec, u32 n,
			    struct ippfvs_duplicate *found)
{
	const void **sorted;
	u32 most = n;
	u32 i;

	*found = (struct ippfvs_duplicate){ .member = -1 };
	for (i = 0; i < n; i++)
		most = max(most, spec[i].n);
	if (!most)
		return 0;

	sorted = kvmalloc_array(most, sizeof(*sorted), GFP_KERNEL);
	if (!sorted)
		return -ENOMEM;
	find_duplicate(spec, n, sorted, found);
	kvfree(sorted);
	return 0;
}
