// SPDX-License-Identifier: GPL-2.0
#include "../conn/dump.h"
#include "../rules/pool.h"
#include "../rules/real.h"
#include "dump.h"
#include "family.h"
#include "parse.h"
#include "put.h"
#include "refuse.h"
#include "resolve.h"

#include <linux/err.h>
#include <linux/slab.h>

/**
 * struct dump - a dump of connections
 * @cursor: how far it has come
 * @skb: the message being filled
 * @table: what is dumped
 * @key: only those of this service
 * @addr: and of this real server of it
 * @port: and of that port there
 * @service: @key is meant
 * @real: @addr and @port are meant
 * @resolved: what is wanted is known
 */
struct dump {
	struct ippfvs_conn_cursor cursor;
	struct sk_buff *skb;
	const struct ippfvs_conn_table *table;
	struct ippfvs_service_key key;
	union ippfvs_addr addr;
	__be16 port;
	bool service;
	bool real;
	bool resolved;
};

static struct dump **dump_of(struct netlink_callback *cb)
{
	return (struct dump **)cb->ctx;
}

static int want_real(struct dump *dump, const struct nlattr *attr,
		     const struct ippfvs_service *service,
		     struct netlink_ext_ack *extack)
{
	struct nlattr *tb[IPPFVS_REAL_MAX + 1];
	struct ippfvs_real_spec spec;
	int err;

	err = ippfvs_nl_real_parse(attr, tb, &dump->key, &spec, extack);
	if (err)
		return err;
	if (ippfvs_pool_index(rcu_dereference(service->pool), &spec.addr,
			      spec.port) < 0)
		return ippfvs_nl_refuse(extack, attr, -ENOENT,
					"no such real server in that service");

	dump->addr = spec.addr;
	dump->port = spec.port;
	dump->real = true;
	return 0;
}

static int resolve(struct dump *dump, struct netlink_callback *cb)
{
	struct nlattr *const *attrs = genl_info_dump(cb)->attrs;
	struct nlattr *tb[IPPFVS_SERVICE_MAX + 1];
	const struct ippfvs_service *service;
	int err;

	dump->resolved = true;
	err = ippfvs_nl_dump_flags(cb);
	if (err)
		return err;
	if (!attrs[IPPFVS_A_SERVICE] && !attrs[IPPFVS_A_REAL])
		return 0;

	err = ippfvs_nl_service_parse(attrs[IPPFVS_A_SERVICE], tb, &dump->key,
				      cb->extack);
	if (err)
		return err;
	dump->service = true;

	rcu_read_lock();
	service = ippfvs_nl_service_find(ippfvs_nl_dump_net(cb), &dump->key,
					 attrs[IPPFVS_A_SERVICE], cb->extack);
	err = PTR_ERR_OR_ZERO(service);
	if (!err && attrs[IPPFVS_A_REAL])
		err = want_real(dump, attrs[IPPFVS_A_REAL], service,
				cb->extack);
	rcu_read_unlock();
	return err;
}

/* A connection is its real server's service's, whatever its virtual port. */
static bool wanted(const struct dump *dump, const struct ippfvs_conn *conn)
{
	const struct ippfvs_service *service;
	const struct ippfvs_real *real = conn->real;

	if (!dump->service)
		return true;

	service = rcu_dereference(real->service);
	if (!service || memcmp(&service->key, &dump->key, sizeof(dump->key)))
		return false;
	return !dump->real || (real->port == dump->port &&
			       ippfvs_addr_equal(&real->addr, &dump->addr));
}

static int put_end(struct sk_buff *skb, const struct ippfvs_conn *conn,
		   enum ippfvs_conn_end end, int addr_attr, int port_attr)
{
	union ippfvs_addr addr;

	ippfvs_conn_addr(conn, end, &addr);
	return ippfvs_nl_put_addr(skb, addr_attr, conn->family, &addr) ?:
	       nla_put_be16(skb, port_attr, conn->port[end]);
}

static int put_conn(struct sk_buff *skb, const struct ippfvs_conn *conn,
		    u32 expires_ms)
{
	struct nlattr *nest = nla_nest_start(skb, IPPFVS_A_CONN);

	if (!nest ||
	    nla_put_u8(skb, IPPFVS_CONN_PROTOCOL, conn->protocol) ||
	    put_end(skb, conn, IPPFVS_END_CLIENT, IPPFVS_CONN_CLIENT,
		    IPPFVS_CONN_CLIENT_PORT) ||
	    put_end(skb, conn, IPPFVS_END_VIRTUAL, IPPFVS_CONN_VIRTUAL,
		    IPPFVS_CONN_VIRTUAL_PORT) ||
	    put_end(skb, conn, IPPFVS_END_REAL, IPPFVS_CONN_REAL,
		    IPPFVS_CONN_REAL_PORT) ||
	    nla_put_u8(skb, IPPFVS_CONN_METHOD, conn->method) ||
	    nla_put_u8(skb, IPPFVS_CONN_STATE, ippfvs_conn_state(conn)) ||
	    nla_put_u32(skb, IPPFVS_CONN_EXPIRES_MS, expires_ms)) {
		nla_nest_cancel(skb, nest);
		return -EMSGSIZE;
	}
	nla_nest_end(skb, nest);
	return 0;
}

static int visit(const struct ippfvs_conn *conn, void *arg)
{
	const struct dump *dump = arg;

	if (!wanted(dump, conn))
		return 0;
	return put_conn(dump->skb, conn,
			ippfvs_conn_expires_ms(dump->table, conn));
}

int ippfvs_nl_conn_dump_start(struct netlink_callback *cb)
{
	struct dump *dump;
	int err;

	dump = kzalloc(sizeof(*dump), GFP_KERNEL);
	if (!dump)
		return -ENOMEM;

	err = ippfvs_nl_dump_early(cb) ? resolve(dump, cb) : 0;
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
	struct dump *dump = *dump_of(cb);
	void *head;
	int err;

	err = dump->resolved ? 0 : resolve(dump, cb);
	if (err)
		return err;

	head = ippfvs_nl_dump_begin(skb, cb, IPPFVS_CMD_CONN_GET);
	if (!head)
		return -EMSGSIZE;

	dump->skb = skb;
	dump->table = &ipn->conns;
	while (!err && !dump->cursor.done) {
		err = ippfvs_conn_dump(&ipn->conns, &dump->cursor, visit, dump);
		cond_resched();
	}
	return ippfvs_nl_dump_end(skb, cb, head, err);
}

int ippfvs_nl_conn_dump_done(struct netlink_callback *cb)
{
	kfree(*dump_of(cb));
	return 0;
}
