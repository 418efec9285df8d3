/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Checks of the configuration. Every front end uses these checks and translates the
 * reason of a refusal into its own errors. No front end has checks of its own.
 */
#ifndef _IPPFVS_CHECK_H
#define _IPPFVS_CHECK_H

#include <linux/types.h>

struct ippfvs_config;
struct ippfvs_member_spec;
struct ippfvs_net;
struct ippfvs_service_key;
struct ippfvs_service_spec;
struct net;
union ippfvs_addr;

/**
 * enum ippfvs_refusal - why something cannot be configured
 * @IPPFVS_REFUSAL_NONE: it can be configured
 * @IPPFVS_REFUSAL_IPV6_OFF: the kernel was booted without IPv6
 * @IPPFVS_REFUSAL_VIRTUAL_LOOPBACK: the virtual address is a loopback address
 * @IPPFVS_REFUSAL_VIRTUAL_LINK_LOCAL: the virtual address is link-local
 * @IPPFVS_REFUSAL_VIRTUAL_NOT_UNICAST: the virtual address is not a unicast address
 * @IPPFVS_REFUSAL_NO_SCHEDULER: there is no scheduler with that name
 * @IPPFVS_REFUSAL_SERVICE_EXISTS: there is a service with that key
 * @IPPFVS_REFUSAL_SERVICE_MISSING: there is no service with that key
 * @IPPFVS_REFUSAL_SERVICES_FULL: the namespace has IPPFVS_SERVICES_MAX services
 * @IPPFVS_REFUSAL_SERVICE_TWICE: the set already has a service with that key
 * @IPPFVS_REFUSAL_REAL_FAMILY: real server and service are of different families
 * @IPPFVS_REFUSAL_REAL_LINK_LOCAL: the real server's address is link-local
 * @IPPFVS_REFUSAL_REAL_NOT_UNICAST: the real server's address is not a unicast address
 * @IPPFVS_REFUSAL_REAL_NOT_LOCAL: the method local with an address of another host
 * @IPPFVS_REFUSAL_PORT_FIXED: DR or TUN with a port, in a service on all ports
 * @IPPFVS_REFUSAL_PORT_DIFFERS: DR or TUN with a port other than the service's
 * @IPPFVS_REFUSAL_REAL_EXISTS: the service already has that real server
 * @IPPFVS_REFUSAL_REAL_MISSING: the service does not have that real server
 * @IPPFVS_REFUSAL_REALS_FULL: the service has IPPFVS_REALS_MAX real servers
 * @IPPFVS_REFUSAL_REAL_TWICE: the set already has that real server of the service
 * @IPPFVS_REFUSAL_SERVICES_CAPPED: the namespace has as many services as its hard cap allows
 * @IPPFVS_REFUSAL_REALS_CAPPED: its services have as many real servers as its hard cap allows
 * @IPPFVS_REFUSAL_CONN_MAX_CAPPED: more connections than its hard cap allows
 */
enum ippfvs_refusal {
	IPPFVS_REFUSAL_NONE,
	IPPFVS_REFUSAL_IPV6_OFF,
	IPPFVS_REFUSAL_VIRTUAL_LOOPBACK,
	IPPFVS_REFUSAL_VIRTUAL_LINK_LOCAL,
	IPPFVS_REFUSAL_VIRTUAL_NOT_UNICAST,
	IPPFVS_REFUSAL_NO_SCHEDULER,
	IPPFVS_REFUSAL_SERVICE_EXISTS,
	IPPFVS_REFUSAL_SERVICE_MISSING,
	IPPFVS_REFUSAL_SERVICES_FULL,
	IPPFVS_REFUSAL_SERVICE_TWICE,
	IPPFVS_REFUSAL_REAL_FAMILY,
	IPPFVS_REFUSAL_REAL_LINK_LOCAL,
	IPPFVS_REFUSAL_REAL_NOT_UNICAST,
	IPPFVS_REFUSAL_REAL_NOT_LOCAL,
	IPPFVS_REFUSAL_PORT_FIXED,
	IPPFVS_REFUSAL_PORT_DIFFERS,
	IPPFVS_REFUSAL_REAL_EXISTS,
	IPPFVS_REFUSAL_REAL_MISSING,
	IPPFVS_REFUSAL_REALS_FULL,
	IPPFVS_REFUSAL_REAL_TWICE,
	IPPFVS_REFUSAL_SERVICES_CAPPED,
	IPPFVS_REFUSAL_REALS_CAPPED,
	IPPFVS_REFUSAL_CONN_MAX_CAPPED,
};

/**
 * ippfvs_check_room() - check that a namespace may have so many services and real servers
 * @config: the settings of the namespace
 * @services: number of services that it would have
 * @reals: number of real servers that all its services together would have
 *
 * Context: the caller holds the namespace's lock.
 * Return: IPPFVS_REFUSAL_NONE or the reason of the refusal.
 */
enum ippfvs_refusal ippfvs_check_room(const struct ippfvs_config *config, u32 services, u32 reals);

/**
 * ippfvs_check_conn_max() - check that a namespace may have so many connections
 * @conn_max: the maximum to be; 0: as many as the memory and the hard cap allow
 * @conn_cap: the hard cap; 0: none
 *
 * Context: any.
 * Return: IPPFVS_REFUSAL_NONE or the reason of the refusal.
 */
enum ippfvs_refusal ippfvs_check_conn_max(u32 conn_max, u32 conn_cap);

/**
 * ippfvs_check_family() - check that the kernel supports an address family
 * @family: IPPFVS_FAMILY_*
 *
 * Call it before every other check of an address. Those use IPv6's lists of addresses,
 * which a kernel booted without IPv6 has not initialised.
 *
 * Context: any.
 * Return: IPPFVS_REFUSAL_NONE or the reason of the refusal.
 */
enum ippfvs_refusal ippfvs_check_family(u8 family);

/**
 * ippfvs_check_service() - check that a service may have this key
 * @net: the namespace
 * @key: virtual address, port and protocol
 *
 * Context: process context.
 * Return: IPPFVS_REFUSAL_NONE or the reason of the refusal.
 */
enum ippfvs_refusal ippfvs_check_service(struct net *net, const struct ippfvs_service_key *key);

/**
 * ippfvs_check_routed() - check that packets to a virtual address reach the hooks
 * @net: the namespace
 * @key: of the service
 *
 * The director need not have the address, and a route may come later, so this refuses nothing. But
 * without a route the stack drops a packet before it gets to LOCAL_IN or FORWARD.
 *
 * Context: process context.
 * Return: false if no route leads to the address.
 */
bool ippfvs_check_routed(struct net *net, const struct ippfvs_service_key *key);

/**
 * ippfvs_check_method() - choose the forwarding method
 * @net: the namespace, whose addresses are the director's own
 * @key: key of the service
 * @spec: the real server's address
 * @given: enum ippfvs_method that the administrator has given, or IPPFVS_METHOD_UNSPEC
 * @port_given: the administrator has given the real server a port
 * @default_method: the default method of the namespace
 *
 * A server at a loopback address or at an address of the director is Local Node, whatever was
 * given: no other method leads there.
 *
 * Context: process context.
 * Return: enum ippfvs_method.
 */
u8 ippfvs_check_method(struct net *net, const struct ippfvs_service_key *key,
		       const struct ippfvs_member_spec *spec, u8 given, bool port_given,
		       u8 default_method);

/**
 * ippfvs_check_member() - check that a service with this key may have this member
 * @net: the namespace, whose addresses are the director's own
 * @key: key of the service
 * @spec: the member
 * @method_stays: the service already has this member with this method. Its address is
 *	not checked again, so that the member can still be drained after the address has
 *	moved to another host
 *
 * Context: process context.
 * Return: IPPFVS_REFUSAL_NONE or the reason of the refusal.
 */
enum ippfvs_refusal ippfvs_check_member(struct net *net, const struct ippfvs_service_key *key,
					const struct ippfvs_member_spec *spec, bool method_stays);

/**
 * ippfvs_check_fault() - check that a member works with the addresses that there are now
 * @net: the namespace, whose addresses are the director's own
 * @key: of the service
 * @addr: the real server's address
 * @method: enum ippfvs_method
 *
 * Addresses come and go after a member was added, for example by VRRP. So a service may have Local
 * Node before the director has the virtual address.
 *
 * Context: RCU read lock or process context.
 * Return: enum ippfvs_fault.
 */
u8 ippfvs_check_fault(struct net *net, const struct ippfvs_service_key *key,
		      const union ippfvs_addr *addr, u8 method);

/**
 * struct ippfvs_duplicate - a service or real server that a set of services has twice
 * @reason: IPPFVS_REFUSAL_NONE, IPPFVS_REFUSAL_SERVICE_TWICE or
 *	IPPFVS_REFUSAL_REAL_TWICE
 * @service: index of the service
 * @member: index of the real server within the service, or -1 for the service itself
 */
struct ippfvs_duplicate {
	enum ippfvs_refusal reason;
	int service;
	int member;
};

/**
 * ippfvs_check_duplicates() - check that a set has no service and no member twice
 * @spec: the services and their members
 * @n: number of services
 * @found: gets the first duplicate, if there is one
 *
 * Context: process context; it may sleep.
 * Return: 0, or -ENOMEM.
 */
int ippfvs_check_duplicates(const struct ippfvs_service_spec *spec, u32 n,
			    struct ippfvs_duplicate *found);

#endif /* _IPPFVS_CHECK_H */
