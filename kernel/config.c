// SPDX-License-Identifier: GPL-2.0
/* The settings of a namespace: their defaults, and the limits computed from them. */
#include "config.h"

#include <linux/compiler.h>
#include <linux/jiffies.h>
#include <linux/memcontrol.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched.h>

/* Bytes per connection: an IPv6 entry, which is the larger kind, and its share of the table. */
#define CONN_BYTES 192
#define CONN_LIMIT (1U << 30) /* loads and reference counts have 32 bits */

static unsigned int conn_limit;

module_param(conn_limit, uint, 0644);
MODULE_PARM_DESC(
	conn_limit,
	"Maximum number of connections in all network namespaces together (default 0: the number that fills three quarters of the memory)");

/*
 * TCP keepalive sends its first probe after two hours without a packet, so the timeout of
 * established connections is longer. The UDP flow of a phone call may be silent for minutes.
 */
/* clang-format off */
static const u32 default_timeout_s[__IPPFVS_STATE_MAX] = {
	[IPPFVS_STATE_NONE]		= 60,
	[IPPFVS_STATE_SYN_SENT]		= 60,
	[IPPFVS_STATE_SYN_RECV]		= 60,
	[IPPFVS_STATE_ESTABLISHED]	= 7500,
	[IPPFVS_STATE_FIN_WAIT]		= 120,
	[IPPFVS_STATE_CLOSE_WAIT]	= 120,
	[IPPFVS_STATE_LAST_ACK]		= 30,
	[IPPFVS_STATE_TIME_WAIT]	= 60,
	[IPPFVS_STATE_CLOSED]		= 10,
	[IPPFVS_STATE_UDP]		= 300,
};
/* clang-format on */

static void init_caps(struct ippfvs_config *config, const struct ippfvs_config *creator)
{
	if (creator) {
		config->conn_cap = READ_ONCE(creator->conn_cap);
		config->service_cap = READ_ONCE(creator->service_cap);
		config->real_cap = READ_ONCE(creator->real_cap);
	}
	/* An unprivileged creator has caps that an administrator wants: its own, or raised ones. */
	if (!config->unprivileged || (creator && creator->unprivileged))
		return;
	config->conn_cap = min_not_zero(config->conn_cap, (u32)IPPFVS_UNPRIVILEGED_CONNS);
	config->service_cap = min_not_zero(config->service_cap, (u32)IPPFVS_UNPRIVILEGED_SERVICES);
	config->real_cap = min_not_zero(config->real_cap, (u32)IPPFVS_UNPRIVILEGED_REALS);
}

void ippfvs_config_init(struct ippfvs_config *config, bool unprivileged,
			const struct ippfvs_config *creator)
{
	u32 state;

	config->unprivileged = unprivileged;
	config->default_method = IPPFVS_METHOD_NAT;
	config->conn_max = 0;
	init_caps(config, creator);
	for (state = 0; state < __IPPFVS_STATE_MAX; state++)
		ippfvs_config_set_timeout(config, state, default_timeout_s[state]);
}

/* Return the number of connections that fill @quarters quarters of the memory. */
static u32 conns_in_memory(u32 quarters)
{
	u64 quarter = ((u64)totalram_pages() << PAGE_SHIFT) / 4;

	return clamp_t(u64, quarters * quarter / CONN_BYTES, 1, CONN_LIMIT);
}

u32 ippfvs_config_conn_max(const struct ippfvs_config *config)
{
	u32 wanted = READ_ONCE(config->conn_max) ?: conns_in_memory(1);

	return min_not_zero(wanted, READ_ONCE(config->conn_cap));
}

/*
 * Unprivileged namespaces together may use at most half of the limit, so that the other
 * half is left for privileged ones.
 */
u32 ippfvs_config_conn_limit(const struct ippfvs_config *config)
{
	u32 limit = READ_ONCE(conn_limit) ?: conns_in_memory(3);

	limit = min(limit, CONN_LIMIT);
	return config->unprivileged ? limit - limit / 2 : limit;
}

u32 ippfvs_config_timeout(const struct ippfvs_config *config, u8 state)
{
	return READ_ONCE(config->timeout[state]) / HZ;
}

void ippfvs_config_set_timeout(struct ippfvs_config *config, u8 state, u32 seconds)
{
	WRITE_ONCE(config->timeout[state], seconds * HZ);
}

/* The root cgroup has no limit, so nothing is charged to it: that would only cost time. */
void ippfvs_config_charge_start(struct ippfvs_config *config)
{
	struct mem_cgroup *memcg = get_mem_cgroup_from_mm(current->mm);

	if (memcg && !parent_mem_cgroup(memcg)) {
		mem_cgroup_put(memcg);
		memcg = NULL;
	}
	config->memcg = memcg;
}

void ippfvs_config_charge_stop(struct ippfvs_config *config)
{
	mem_cgroup_put(config->memcg);
	config->memcg = NULL;
}
