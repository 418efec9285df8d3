/* SPDX-License-Identifier: GPL-2.0 */
/* The settings of a namespace. They are written under its lock and read without it. */
#ifndef _IPPFVS_CONFIG_H
#define _IPPFVS_CONFIG_H

#include "uapi/ippfvs.h"

struct mem_cgroup;

/**
 * struct ippfvs_config - the settings of a namespace, owned by struct ippfvs_net
 * @memcg: memory cgroup that connections are charged to, or NULL; a reference. It is set
 *	before the first service of the namespace is published and cleared after no
 *	packet can reach the namespace's table
 * @unprivileged: a user namespace other than the initial one owns the namespace; never changes
 * @default_method: enum ippfvs_method of a real server that is added without a port
 * @conn_max: maximum number of connections; with 0, ippfvs_config_conn_max() computes it from the
 *	size of the memory
 * @conn_cap: hard cap of the connections, whatever @conn_max says; 0: none
 * @service_cap: hard cap of the services; 0: none
 * @real_cap: hard cap of the real servers of all services; 0: none
 * @timeout: by enum ippfvs_state, the time in jiffies without a packet after which a
 *	connection in that state ends
 *
 * The owner of the namespace may change its settings, but not its hard caps. These are changed only
 * from the initial user namespace.
 *
 * Each field except @memcg is a single word that is written with WRITE_ONCE() under the namespace's
 * lock and read with READ_ONCE() without it. @memcg is written only while no packet can read it.
 */
struct ippfvs_config {
	struct mem_cgroup *memcg;
	bool unprivileged;
	u8 default_method;
	u32 conn_max;
	u32 conn_cap;
	u32 service_cap;
	u32 real_cap;
	u32 timeout[__IPPFVS_STATE_MAX];
};

/**
 * ippfvs_config_init() - set the defaults of a new namespace
 * @config: the settings
 * @unprivileged: a user namespace other than the initial one owns the namespace
 * @creator: the settings of the network namespace from which it was created, or NULL
 *
 * The hard caps are inherited from @creator. An unprivileged namespace whose creator is
 * unknown or in a privileged one gets the small default caps, if they are lower.
 *
 * Context: any. Nobody else uses @config yet.
 */
void ippfvs_config_init(struct ippfvs_config *config, bool unprivileged,
			const struct ippfvs_config *creator);

/**
 * ippfvs_config_charge_start() - charge connections to the memory cgroup of the caller
 * @config: the settings
 *
 * Context: process context; the caller holds the namespace's lock; the namespace has no
 * connections.
 */
void ippfvs_config_charge_start(struct ippfvs_config *config);

/**
 * ippfvs_config_charge_stop() - undo ippfvs_config_charge_start()
 * @config: the settings
 *
 * Context: process context; the caller holds the namespace's lock; no packet and no worker
 * can reach the namespace's table.
 */
void ippfvs_config_charge_stop(struct ippfvs_config *config);

/**
 * ippfvs_config_conn_max() - get the maximum number of connections of the namespace
 * @config: the settings
 *
 * Context: any.
 * Return: the maximum, never 0.
 */
u32 ippfvs_config_conn_max(const struct ippfvs_config *config);

/**
 * ippfvs_config_conn_limit() - get the limit for all namespaces together
 * @config: the settings
 *
 * While all namespaces together have this number of connections or more, this namespace
 * may not create another one.
 *
 * Context: any.
 * Return: the limit, never 0.
 */
u32 ippfvs_config_conn_limit(const struct ippfvs_config *config);

/**
 * ippfvs_config_timeout() - get the timeout of a state
 * @config: the settings
 * @state: enum ippfvs_state
 *
 * Context: any.
 * Return: the timeout in seconds.
 */
u32 ippfvs_config_timeout(const struct ippfvs_config *config, u8 state);

/**
 * ippfvs_config_set_timeout() - set the timeout of a state
 * @config: the settings
 * @state: enum ippfvs_state
 * @seconds: the timeout, at most IPPFVS_TIMEOUT_MAX_S
 *
 * Context: the caller holds the namespace's lock, or nobody else uses @config yet.
 */
void ippfvs_config_set_timeout(struct ippfvs_config *config, u8 state, u32 seconds);

#endif /* _IPPFVS_CONFIG_H */
