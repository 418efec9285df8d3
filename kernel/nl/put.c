// SPDX-License-Identifier: GPL-2.0
#include "put.h"
#include "../conn/dump.h"
#include "../net.h"
#include "../rules/pool.h"
#include "../rules/real.h"
#include "../rules/rules.h"
#include "../rules/service.h"
#include "../version.h"

#include <linux/kernel.h>
#include <net/netlink.h>

#define SCHEDULERS_LEN	256	/* of all their names */

int ippfvs_nl_put_addr(struct sk_buff *skb, int attr, u8 family,
		       const union ippfvs_addr *addr)
{
	return nla_put(skb, attr, ippfvs_addr_len(family), addr);
}

static int put_u64(struct sk_buff *skb, int attr, u64 value)
{
	return nla_put_u64_64bit(skb, attr, value, IPPFVS_STATS_PAD);
}

int ippfvs_nl_put_stats(struct sk_buff *skb, int attr,
			const struct ippfvs_counters *counters)
{
	struct nlattr *nest = nla_nest_start(skb, attr);

	if (!nest)
		return -EMSGSIZE;

	if (put_u64(skb, IPPFVS_STATS_CONNS, counters->conns) ||
	    put_u64(skb, IPPFVS_STATS_PACKETS_IN, counters->packets_in) ||
	    put_u64(skb, IPPFVS_STATS_PACKETS_OUT, counters->packets_out) ||
	    put_u64(skb, IPPFVS_STATS_BYTES_IN, counters->bytes_in) ||
	    put_u64(skb, IPPFVS_STATS_BYTES_OUT, counters->bytes_out)) {
		nla_nest_cancel(skb, nest);
		return -EMSGSIZE;
	}
	nla_nest_end(skb, nest);
	return 0;
}

static int put_key(struct sk_buff *skb, const struct ippfvs_service_key *key)
{
	if (ippfvs_nl_put_addr(skb, IPPFVS_SERVICE_ADDRESS, key->family,
			       &key->addr) ||
	    nla_put_u8(skb, IPPFVS_SERVICE_PROTOCOL, key->protocol) ||
	    nla_put_be16(skb, IPPFVS_SERVICE_PORT, key->port))
		return -EMSGSIZE;
	return 0;
}

int ippfvs_nl_put_key(struct sk_buff *skb,
		      const struct ippfvs_service_key *key)
{
	struct nlattr *nest = nla_nest_start(skb, IPPFVS_A_SERVICE);

	if (!nest)
		return -EMSGSIZE;
	if (put_key(skb, key)) {
		nla_nest_cancel(skb, nest);
		return -EMSGSIZE;
	}
	nla_nest_end(skb, nest);
	return 0;
}

static int put_service_stats(struct sk_buff *skb,
			     const struct ippfvs_service *service)
{
	struct ippfvs_counters counters;

	ippfvs_service_counters(service, &counters);
	return ippfvs_nl_put_stats(skb, IPPFVS_SERVICE_STATS, &counters);
}

int ippfvs_nl_put_service(struct sk_buff *skb,
			  const struct ippfvs_service *service, bool counters)
{
	const struct ippfvs_pool *pool = rcu_dereference(service->pool);
	struct nlattr *nest = nla_nest_start(skb, IPPFVS_A_SERVICE);

	if (!nest)
		return -EMSGSIZE;

	if (put_key(skb, &service->key) ||
	    nla_put_string(skb, IPPFVS_SERVICE_SCHEDULER, pool->sched->name) ||
	    nla_put_u32(skb, IPPFVS_SERVICE_REALS, pool->n) ||
	    (counters && put_service_stats(skb, service))) {
		nla_nest_cancel(skb, nest);
		return -EMSGSIZE;
	}
	nla_nest_end(skb, nest);
	return 0;
}

static int put_real_counters(struct sk_buff *skb,
			     const struct ippfvs_real *real)
{
	struct ippfvs_counters counters;

	ippfvs_real_counters(real, &counters);
	if (nla_put_u32(skb, IPPFVS_REAL_ACTIVE, ippfvs_real_active(real)) ||
	    nla_put_u32(skb, IPPFVS_REAL_INACTIVE,
			ippfvs_real_inactive(real)))
		return -EMSGSIZE;
	return ippfvs_nl_put_stats(skb, IPPFVS_REAL_STATS, &counters);
}

int ippfvs_nl_put_real(struct sk_buff *skb,
		       const struct ippfvs_pool_real *place, bool counters)
{
	struct nlattr *nest = nla_nest_start(skb, IPPFVS_A_REAL);
	const struct ippfvs_real *real = place->real;

	if (!nest)
		return -EMSGSIZE;

	if (ippfvs_nl_put_addr(skb, IPPFVS_REAL_ADDRESS, real->family,
			       &real->addr) ||
	    nla_put_be16(skb, IPPFVS_REAL_PORT, real->port) ||
	    nla_put_u32(skb, IPPFVS_REAL_WEIGHT, place->weight) ||
	    nla_put_u8(skb, IPPFVS_REAL_METHOD, place->method) ||
	    (counters && put_real_counters(skb, real))) {
		nla_nest_cancel(skb, nest);
		return -EMSGSIZE;
	}
	nla_nest_end(skb, nest);
	return 0;
}

static int put_settings(struct sk_buff *skb,
			const struct ippfvs_config *config)
{
	u32 tcp = ippfvs_config_timeout(config, IPPFVS_STATE_ESTABLISHED);
	u32 fin = ippfvs_config_timeout(config, IPPFVS_STATE_FIN_WAIT);
	u32 udp = ippfvs_config_timeout(config, IPPFVS_STATE_UDP);

	if (nla_put_u8(skb, IPPFVS_CONFIG_DEFAULT_METHOD,
		       READ_ONCE(config->default_method)) ||
	    nla_put_u32(skb, IPPFVS_CONFIG_TCP_TIMEOUT_S, tcp) ||
	    nla_put_u32(skb, IPPFVS_CONFIG_FIN_TIMEOUT_S, fin) ||
	    nla_put_u32(skb, IPPFVS_CONFIG_UDP_TIMEOUT_S, udp) ||
	    nla_put_u32(skb, IPPFVS_CONFIG_CONN_MAX,
			READ_ONCE(config->conn_max)))
		return -EMSGSIZE;
	return 0;
}

static int put_build(struct sk_buff *skb)
{
	char names[SCHEDULERS_LEN] = "";
	int i, len = 0;

	for (i = 0; ippfvs_schedulers[i]; i++)
		len += scnprintf(names + len, sizeof(names) - len, "%s%s",
				 i ? " " : "", ippfvs_schedulers[i]->name);

	if (nla_put_string(skb, IPPFVS_CONFIG_VERSION, IPPFVS_VERSION) ||
	    nla_put_string(skb, IPPFVS_CONFIG_SCHEDULERS, names))
		return -EMSGSIZE;
	return 0;
}

static int put_amounts(struct sk_buff *skb, struct ippfvs_net *ipn)
{
	const struct ippfvs_rules *rules;
	u32 services;

	rcu_read_lock();
	rules = rcu_dereference(ipn->rules);
	services = rules ? READ_ONCE(rules->n) : 0;
	rcu_read_unlock();

	if (nla_put_u32(skb, IPPFVS_CONFIG_CONNS,
			ippfvs_conn_count(&ipn->conns)) ||
	    nla_put_u32(skb, IPPFVS_CONFIG_BUCKETS,
			ippfvs_conn_bucket_count(&ipn->conns)) ||
	    nla_put_u32(skb, IPPFVS_CONFIG_SERVICES, services))
		return -EMSGSIZE;
	return 0;
}

int ippfvs_nl_put_config(struct sk_buff *skb, struct ippfvs_net *ipn,
			 bool counters)
{
	struct nlattr *nest = nla_nest_start(skb, IPPFVS_A_CONFIG);

	if (!nest)
		return -EMSGSIZE;

	if (put_settings(skb, &ipn->config) || put_build(skb) ||
	    (counters && put_amounts(skb, ipn))) {
		nla_nest_cancel(skb, nest);
		return -EMSGSIZE;
	}
	nla_nest_end(skb, nest);
	return 0;
}
