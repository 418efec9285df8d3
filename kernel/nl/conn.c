// SPDX-License-Identifier: GPL-2.0
/* CONN_GET: the dump of connections. */
#include "../conn/dump.h"
#include "../service/pool.h"
#include "../service/real.h"
#include "../service/service.h"
#include "answer.h"
#include "nl.h"
#include "request.h"

#include <linux/err.h>
#include <linux/slab.h>

/**
 * struct conn_dump - a dump of connections; owned by its netlink_callback
 * @cursor: the position of the dump
 * @skb: the message being filled
 * @table: the table that is dumped
 * @key: with @service, the service whose connections are dumped
 * @addr: with @real, the address of the real server whose connections are dumped
 * @port: with @real, its port
 * @service: dump only the connections of one service
 * @real: dump only the connections of one real server of that service
 * @parsed: the dump has parsed its request
 */
struct conn_dump {
	struct ippfvs_conn_cursor cursor;
	struct sk_buff *skb;
	const struct ippfvs_conn_table *table;
	struct ippfvs_service_key key;
	union ippfvs_addr addr;
	__be16 port;
	bool service;
	bool real;
	bool parsed;
};

static struct conn_dump **dump_of(struct netlink_callback *cb)
{
	return (struct conn_dump **)cb->ctx;
}

/* Restrict the dump to the connections of one real server. The caller holds RCU. */
static int select_real(struct conn_dump *dump, const struct nlattr *attr,
		       const struct ippfvs_service *service, struct netlink_ext_ack *extack)
{
	struct nlattr *tb[IPPFVS_REAL_MAX + 1];
	struct ippfvs_member_spec spec;
	int err;

	err = ippfvs_nl_parse_real(attr, tb, &dump->key, &spec, extack);
	if (err)
		return err;
	if (!ippfvs_pool_lookup(rcu_dereference(service->pool), &spec.addr, spec.port))
		return ippfvs_nl_refuse(extack, attr, IPPFVS_REFUSAL_REAL_MISSING);

	dump->addr = spec.addr;
	dump->port = spec.port;
	dump->real = true;
	return 0;
}

static int parse_conn_dump(struct conn_dump *dump, struct netlink_callback *cb)
{
	struct nlattr *const *attrs = genl_info_dump(cb)->attrs;
	struct nlattr *tb[IPPFVS_SERVICE_MAX + 1];
	const struct ippfvs_service *service;
	int err;

	dump->parsed = true;
	err = ippfvs_nl_dump_check_flags(cb);
	if (err)
		return err;
	if (!attrs[IPPFVS_A_SERVICE] && !attrs[IPPFVS_A_REAL])
		return 0;

	err = ippfvs_nl_parse_service(attrs[IPPFVS_A_SERVICE], tb, &dump->key, cb->extack);
	if (err)
		return err;
	dump->service = true;

	rcu_read_lock();
	service = ippfvs_nl_find_service(ippfvs_nl_dump_net(cb), &dump->key,
					 attrs[IPPFVS_A_SERVICE], cb->extack);
	err = PTR_ERR_OR_ZERO(service);
	if (!err && attrs[IPPFVS_A_REAL])
		err = select_real(dump, attrs[IPPFVS_A_REAL], service, cb->extack);
	rcu_read_unlock();
	return err;
}

/*
 * A connection belongs to the service of its real server. In a service on all ports, the
 * virtual port of a connection is not that of the key. The caller holds RCU.
 */
static bool conn_selected(const struct conn_dump *dump, const struct ippfvs_conn *conn)
{
	const struct ippfvs_service *service;
	const struct ippfvs_real *real = conn->real;

	if (!dump->service)
		return true;

	service = rcu_dereference(real->service);
	if (!service || memcmp(&service->key, &dump->key, sizeof(dump->key)))
		return false;
	return !dump->real ||
	       (real->port == dump->port && ippfvs_addr_equal(&real->addr, &dump->addr));
}

static int put_end(struct sk_buff *skb, const struct ippfvs_conn *conn, enum ippfvs_conn_end end,
		   int addr_attr, int port_attr)
{
	union ippfvs_addr addr;

	ippfvs_conn_addr(conn, end, &addr);
	return ippfvs_nl_put_addr(skb, addr_attr, conn->family, &addr) ?:
		       nla_put_be16(skb, port_attr, conn->port[end]);
}

static int put_conn(struct sk_buff *skb, const struct ippfvs_conn *conn, u32 expires_ms)
{
	struct nlattr *nest = nla_nest_start(skb, IPPFVS_A_CONN);

	if (!nest || nla_put_u8(skb, IPPFVS_CONN_PROTOCOL, conn->protocol) ||
	    put_end(skb, conn, IPPFVS_END_CLIENT, IPPFVS_CONN_CLIENT, IPPFVS_CONN_CLIENT_PORT) ||
	    put_end(skb, conn, IPPFVS_END_VIRTUAL, IPPFVS_CONN_VIRTUAL, IPPFVS_CONN_VIRTUAL_PORT) ||
	    put_end(skb, conn, IPPFVS_END_REAL, IPPFVS_CONN_REAL, IPPFVS_CONN_REAL_PORT) ||
	    nla_put_u8(skb, IPPFVS_CONN_METHOD, conn->method) ||
	    nla_put_u8(skb, IPPFVS_CONN_STATE, ippfvs_conn_state(conn)) ||
	    nla_put_u32(skb, IPPFVS_CONN_EXPIRES_MS, expires_ms)) {
		nla_nest_cancel(skb, nest);
		return -EMSGSIZE;
	}
	nla_nest_end(skb, nest);
	return 0;
}

static int visit_conn(const struct ippfvs_conn *conn, void *arg)
{
	const struct conn_dump *dump = arg;

	if (!conn_selected(dump, conn))
		return 0;
	return put_conn(dump->skb, conn, ippfvs_conn_expires_ms(dump->table, conn));
}

int ippfvs_nl_conn_dump_start(struct netlink_callback *cb)
{
	struct conn_dump *dump;
	int err;

	dump = kzalloc(sizeof(*dump), GFP_KERNEL);
	if (!dump)
		return -ENOMEM;

	err = ippfvs_nl_dump_start_refuses(cb) ? parse_conn_dump(dump, cb) : 0;
	if (err) {
		kfree(dump);
		return err;
	}
	*dump_of(cb) = dump;
	return 0;
}

int ippfvs_nl_conn_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct ippfvs_net *ipn = ippfvs_nl_dump_net(cb);
	struct conn_dump *dump = *dump_of(cb);
	void *head;
	int err;

	err = dump->parsed ? 0 : parse_conn_dump(dump, cb);
	if (err)
		return err;

	head = ippfvs_nl_dump_begin(skb, cb, IPPFVS_CMD_CONN_GET);
	if (!head)
		return -EMSGSIZE;

	dump->skb = skb;
	dump->table = &ipn->conns;
	while (!err && !dump->cursor.done) {
		err = ippfvs_conn_dump(&ipn->conns, &dump->cursor, visit_conn, dump);
		cond_resched();
	}
	return ippfvs_nl_dump_end(skb, cb, head, err);
}

int ippfvs_nl_conn_dump_done(struct netlink_callback *cb)
{
	kfree(*dump_of(cb));
	return 0;
}
