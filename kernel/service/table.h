/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The service table: all virtual services of a namespace, found by key or by id.
 *
 * One pointer in struct ippfvs_net publishes the whole table under RCU. To add, change or
 * remove one service, the published table is changed in place. A replacement builds a
 * second table and exchanges the pointer, so that every packet sees either the old
 * services or the new ones. All changes are made in process context under the namespace's
 * lock. Packets need only RCU and never wait.
 *
 * struct ippfvs_service_events informs main.c before the first service of a namespace is
 * published and before the last one is unpublished.
 */
#ifndef _IPPFVS_SERVICE_TABLE_H
#define _IPPFVS_SERVICE_TABLE_H

#include "../core/tuple.h"
#include "check.h"

#include <linux/rhashtable-types.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

struct ippfvs_counters;
struct ippfvs_net;
struct ippfvs_service;
struct ippfvs_service_key;
struct ippfvs_service_spec;

/**
 * struct ippfvs_service_events - callbacks for the first and the last service
 * @first: called before the first service of a namespace is published; an error refuses the
 *	service
 * @last: called before the last service is unpublished; when it returns, no packet uses it
 *
 * Context: process, the namespace's lock.
 */
struct ippfvs_service_events {
	int (*first)(struct ippfvs_net *ipn);
	void (*last)(struct ippfvs_net *ipn);
};

/**
 * ippfvs_services_init() - allocate what the service tables of all namespaces share
 * @service_events: callbacks for all namespaces; must stay valid
 *
 * Context: process, with the module.
 * Return: 0 or -ENOMEM.
 */
int ippfvs_services_init(const struct ippfvs_service_events *service_events);

/**
 * ippfvs_services_exit() - undo ippfvs_services_init()
 *
 * Context: process, with the module. The services of all namespaces have been freed.
 */
void ippfvs_services_exit(void);

/**
 * struct ippfvs_service_table - every virtual service of a namespace
 * @by_key: the services by key, for packets; RCU
 * @by_addr: the services by virtual address, for packets at ports without a service; RCU
 * @by_id: the services in the order in which they were added, for dumps that resume; RCU
 * @n: number of services; written under the namespace's lock
 * @reals: number of real servers of all services; protected by the namespace's lock, or not
 *	published yet
 * @any_port: number of services on all ports; written under the namespace's lock. If it is not 0, a
 *	packet without a service on its port is looked up again with port 0
 * @free: frees the table after a grace period, in process context
 */
struct ippfvs_service_table {
	struct rhashtable by_key;
	struct rhltable by_addr;
	struct xarray by_id;
	u32 n;
	u32 reals;
	u32 any_port;
	struct rcu_work free;
};

/**
 * ippfvs_service_lookup() - find the service for a packet
 * @table: the table
 * @family: IPPFVS_FAMILY_*
 * @protocol: IPPROTO_*
 * @addr: the packet's destination address
 * @port: the packet's destination port, network byte order
 *
 * A service on exactly this port is preferred to a service on all ports.
 *
 * Context: RCU read lock.
 * Return: the service, or NULL.
 */
struct ippfvs_service *ippfvs_service_lookup(const struct ippfvs_service_table *table, u8 family,
					     u8 protocol, const union ippfvs_addr *addr,
					     __be16 port);

/**
 * ippfvs_service_table_has_addr() - whether a service has a virtual address
 * @table: the table
 * @family: IPPFVS_FAMILY_*
 * @addr: the address
 *
 * Context: RCU read lock.
 * Return: true if there is one, whatever its port and protocol.
 */
bool ippfvs_service_table_has_addr(const struct ippfvs_service_table *table, u8 family,
				   const union ippfvs_addr *addr);

/**
 * ippfvs_service_lookup_exact() - find the service that has a key
 * @table: the table, or NULL
 * @key: virtual address, port and protocol
 *
 * Context: RCU read lock or the namespace's lock.
 * Return: the service, or NULL.
 */
struct ippfvs_service *ippfvs_service_lookup_exact(const struct ippfvs_service_table *table,
						   const struct ippfvs_service_key *key);

/**
 * ippfvs_service_lookup_id() - find the first service in a range of ids
 * @table: the table, or NULL
 * @id: where the range begins; gets the id of the service
 * @last: where the range ends
 *
 * Context: RCU read lock or the namespace's lock.
 * Return: the service, or NULL.
 */
struct ippfvs_service *ippfvs_service_lookup_id(struct ippfvs_service_table *table,
						unsigned long *id, unsigned long last);

/**
 * ippfvs_service_table_rcu() - get the published table for reading
 * @ipn: the namespace
 *
 * Context: RCU read lock or ipn->lock.
 * Return: the table, or NULL if there is no service.
 */
struct ippfvs_service_table *ippfvs_service_table_rcu(const struct ippfvs_net *ipn);

/**
 * ippfvs_service_table_locked() - get the published table for a change
 * @ipn: the namespace
 *
 * Context: the caller holds ipn->lock.
 * Return: the table, or NULL if there is no service.
 */
struct ippfvs_service_table *ippfvs_service_table_locked(const struct ippfvs_net *ipn);

/**
 * ippfvs_service_table_create() - allocate an empty table
 * @services: approximate number of services that it will have
 *
 * Context: process context; it may sleep.
 * Return: the table, or ERR_PTR(-ENOMEM).
 */
struct ippfvs_service_table *ippfvs_service_table_create(u32 services);

/**
 * ippfvs_service_table_insert() - insert a service into a table
 * @ipn: the namespace
 * @table: the table; on success it owns @service
 * @service: a service whose key is not in the table
 * @new_id: give the service a new id; otherwise it keeps service->id
 *
 * Context: process context; the caller holds ipn->lock; it may sleep. If @table is
 * published, the caller has begun a change (net.h).
 * Return: 0, or -errno with nothing changed.
 */
int ippfvs_service_table_insert(struct ippfvs_net *ipn, struct ippfvs_service_table *table,
				struct ippfvs_service *service, bool new_id);

/**
 * ippfvs_service_table_start() - start the network side for the first services
 * @ipn: a namespace that has no published table
 *
 * Call it before ippfvs_service_table_publish(). While there is no table, the hooks let
 * every packet pass.
 *
 * Context: process context; the caller holds ipn->lock; it may sleep.
 * Return: 0, or -errno with nothing changed.
 */
int ippfvs_service_table_start(struct ippfvs_net *ipn);

/**
 * ippfvs_service_table_publish() - publish a table for the packet path
 * @ipn: the namespace, whose network side has been started
 * @table: the table
 *
 * Context: the caller holds ipn->lock and has begun a change (net.h).
 */
void ippfvs_service_table_publish(struct ippfvs_net *ipn, struct ippfvs_service_table *table);

/**
 * ippfvs_service_table_mark_removed() - end the connections of all services of a table
 * @table: a table that is no longer published
 *
 * Real servers that another table has taken over keep their connections.
 *
 * Context: process context; it may sleep.
 */
void ippfvs_service_table_mark_removed(struct ippfvs_service_table *table);

/**
 * ippfvs_service_table_destroy_rcu() - end the connections of a table and free it by RCU
 * @table: a table that is no longer published, or never was
 *
 * Context: process context; it may sleep. It does not wait for the grace period.
 */
void ippfvs_service_table_destroy_rcu(struct ippfvs_service_table *table);

/**
 * ippfvs_services_check_room() - check that the hard caps allow more services or real servers
 * @ipn: the namespace
 * @services: number of services to be added
 * @reals: number of real servers to be added
 *
 * Context: the caller holds ipn->lock.
 * Return: IPPFVS_REFUSAL_NONE or the reason of the refusal.
 */
enum ippfvs_refusal ippfvs_services_check_room(const struct ippfvs_net *ipn, u32 services,
					       u32 reals);

/**
 * ippfvs_service_add() - add a service with its members
 * @ipn: the namespace
 * @spec: the service, as ippfvs_check_service() and ippfvs_check_member() allow it
 *
 * Context: process context; the caller holds ipn->lock; it may sleep.
 * Return: the service, or, with nothing changed, ERR_PTR: -EEXIST if there is a
 * service with this key, -ENOSPC if there are IPPFVS_SERVICES_MAX services, -ENOMEM, or
 * an error from the start of the network side.
 */
struct ippfvs_service *ippfvs_service_add(struct ippfvs_net *ipn,
					  const struct ippfvs_service_spec *spec);

/**
 * ippfvs_service_remove() - remove a service and end its connections
 * @ipn: the namespace
 * @service: a service in the namespace's published table
 *
 * Context: process context; the caller holds ipn->lock; it may sleep.
 */
void ippfvs_service_remove(struct ippfvs_net *ipn, struct ippfvs_service *service);

/**
 * ippfvs_services_flush() - remove all services and stop the network side
 * @ipn: the namespace, with or without services
 *
 * Context: process context; the caller holds ipn->lock; it may sleep.
 */
void ippfvs_services_flush(struct ippfvs_net *ipn);

/**
 * ippfvs_services_barrier() - wait until all destroyed tables have been freed
 *
 * Their pools are freed after one more rcu_barrier(), the real servers of these pools
 * after a second one.
 *
 * Context: process context; it sleeps.
 */
void ippfvs_services_barrier(void);

/**
 * ippfvs_services_totals() - sum the counters of present and removed services
 * @ipn: the namespace
 * @sum: gets the sums; zeroing a single service does not reduce them
 *
 * The sums never decrease, except when ippfvs_services_zero() zeroes them. They are exact if no
 * change of the services overlaps with the summation. Otherwise they may lack what was removed
 * meanwhile.
 *
 * Context: process context; it may sleep. It never waits for ipn->lock.
 */
void ippfvs_services_totals(struct ippfvs_net *ipn, struct ippfvs_counters *sum);

/**
 * ippfvs_services_zero() - zero all counters of a namespace
 * @ipn: the namespace
 *
 * Context: process context; the caller holds ipn->lock; it may sleep.
 */
void ippfvs_services_zero(struct ippfvs_net *ipn);

#endif /* _IPPFVS_SERVICE_TABLE_H */
