// SPDX-License-Identifier: GPL-2.0
/* The requests SERVICE_*, REAL_* and RULES_GET: services, real servers, and dumps of both. */
#include "../net.h"
#include "../sched/sched.h"
#include "../service/check.h"
#include "../service/pool.h"
#include "../service/real.h"
#include "../service/service.h"
#include "../service/table.h"
#include "answer.h"
#include "nl.h"
#include "request.h"

#include <linux/err.h>

/* The defaults of SERVICE_NEW, REAL_NEW and REPLACE for absent attributes. */
#define DEFAULT_SCHEDULER (&ippfvs_sched_wlc)
#define DEFAULT_WEIGHT	  1

/* Options */

static int parse_scheduler(struct nlattr **tb, const struct ippfvs_scheduler *otherwise,
			   const struct ippfvs_scheduler **sched, struct netlink_ext_ack *extack)
{
	struct nlattr *attr = tb[IPPFVS_SERVICE_SCHEDULER];

	*sched = attr ? ippfvs_sched_lookup(nla_data(attr)) : otherwise;
	if (!*sched)
		return ippfvs_nl_refuse(extack, attr, IPPFVS_REFUSAL_NO_SCHEDULER);
	return 0;
}

int ippfvs_nl_service_parse(struct net *net, struct nlattr **tb, struct ippfvs_service_spec *spec,
			    struct netlink_ext_ack *extack)
{
	int err;

	err = ippfvs_nl_refuse(extack, tb[IPPFVS_SERVICE_ADDRESS],
			       ippfvs_check_service(net, &spec->key));
	if (err)
		return err;
	return parse_scheduler(tb, DEFAULT_SCHEDULER, &spec->sched, extack);
}

/* Return the attribute of the real server because of which it is refused. */
static const struct nlattr *refused_attr(enum ippfvs_refusal reason, const struct nlattr *attr,
					 struct nlattr **tb)
{
	if (reason == IPPFVS_REFUSAL_PORT_FIXED || reason == IPPFVS_REFUSAL_PORT_DIFFERS)
		return tb[IPPFVS_REAL_PORT] ?: attr;
	return tb[IPPFVS_REAL_ADDRESS];
}

int ippfvs_nl_member_parse(struct net *net, const struct nlattr *attr, struct nlattr **tb,
			   const struct ippfvs_service_key *key, const struct ippfvs_member *before,
			   u8 default_method, struct ippfvs_member_spec *spec,
			   struct netlink_ext_ack *extack)
{
	struct nlattr *method = tb[IPPFVS_REAL_METHOD];
	enum ippfvs_refusal reason;

	spec->weight = before ? before->weight : DEFAULT_WEIGHT;
	if (tb[IPPFVS_REAL_WEIGHT])
		spec->weight = nla_get_u32(tb[IPPFVS_REAL_WEIGHT]);

	if (before && !method)
		spec->method = before->method;
	else
		spec->method = ippfvs_check_method(
			net, key, spec, method ? nla_get_u8(method) : IPPFVS_METHOD_UNSPEC,
			ippfvs_nl_port(tb[IPPFVS_REAL_PORT]), default_method);

	reason = ippfvs_check_member(net, key, spec, before && before->method == spec->method);
	return ippfvs_nl_refuse(extack, refused_attr(reason, attr, tb), reason);
}

/* Changes */

/* Warn of a service that gets no packets. This comes last, because an error has a message, too. */
static void warn_unrouted(struct genl_info *info, const struct ippfvs_service_key *key)
{
	if (!ippfvs_check_routed(genl_info_net(info), key))
		NL_SET_ERR_MSG(
			info->extack,
			"no route leads to the virtual address: add one with ip route add local VIP dev lo");
}

/* Add the service of @spec and send the event. Return the service or ERR_PTR. */
static struct ippfvs_service *create_service(struct genl_info *info,
					     const struct ippfvs_service_spec *spec)
{
	struct ippfvs_nl_request *request = ippfvs_nl_request(info);
	struct nlattr *attr = info->attrs[IPPFVS_A_SERVICE];
	struct ippfvs_service *service;
	enum ippfvs_refusal reason;

	if (ippfvs_service_lookup_exact(ippfvs_service_table_locked(request->ipn), &spec->key))
		reason = IPPFVS_REFUSAL_SERVICE_EXISTS;
	else
		reason = ippfvs_services_check_room(request->ipn, 1, spec->n);
	if (reason != IPPFVS_REFUSAL_NONE)
		return ERR_PTR(ippfvs_nl_refuse(info->extack, attr, reason));

	service = ippfvs_service_add(request->ipn, spec);
	if (service == ERR_PTR(-EEXIST))
		ippfvs_nl_refuse(info->extack, attr, IPPFVS_REFUSAL_SERVICE_EXISTS);
	if (service == ERR_PTR(-ENOSPC))
		ippfvs_nl_refuse(info->extack, attr, IPPFVS_REFUSAL_SERVICES_FULL);
	if (IS_ERR(service))
		return service;

	ippfvs_nl_event_send(info, ippfvs_nl_event_service(info, IPPFVS_CMD_SERVICE_NEW, service));
	return service;
}

int ippfvs_nl_service_new(struct sk_buff *skb, struct genl_info *info)
{
	struct ippfvs_nl_request *request = ippfvs_nl_request(info);
	struct ippfvs_service_spec spec = { .key = request->key };
	int err;

	err = ippfvs_nl_service_parse(request->ipn->net, request->service_tb, &spec, info->extack);
	if (err)
		return err;
	err = PTR_ERR_OR_ZERO(create_service(info, &spec));
	if (!err)
		warn_unrouted(info, &spec.key);
	return err;
}

int ippfvs_nl_service_set(struct sk_buff *skb, struct genl_info *info)
{
	struct ippfvs_nl_request *request = ippfvs_nl_request(info);
	const struct ippfvs_scheduler *sched;
	const struct ippfvs_pool *pool;
	int err;

	pool = ippfvs_service_pool(request->ipn, request->service);
	err = parse_scheduler(request->service_tb, pool->sched, &sched, info->extack);
	if (err)
		return err;

	err = ippfvs_service_set_scheduler(request->ipn, request->service, sched);
	if (err)
		return err;
	ippfvs_nl_event_send(info, ippfvs_nl_event_service(info, IPPFVS_CMD_SERVICE_SET,
							   request->service));
	return 0;
}

int ippfvs_nl_service_del(struct sk_buff *skb, struct genl_info *info)
{
	struct ippfvs_nl_request *request = ippfvs_nl_request(info);
	struct sk_buff *event;

	event = ippfvs_nl_event_service(info, IPPFVS_CMD_SERVICE_DEL, request->service);
	ippfvs_service_remove(request->ipn, request->service);
	ippfvs_nl_event_send(info, event);
	return 0;
}

static void send_member_event(struct genl_info *info, u8 cmd, const struct ippfvs_service *service,
			      const struct ippfvs_member *member)
{
	ippfvs_nl_event_send(info, ippfvs_nl_event_member(info, cmd, service, member));
}

/* Create the service and its first real server in one step. */
static int create_service_with_real(struct genl_info *info)
{
	struct ippfvs_nl_request *request = ippfvs_nl_request(info);
	struct ippfvs_service_spec spec = {
		.key = request->key,
		.member = &request->spec,
		.n = 1,
	};
	struct ippfvs_service *service;
	const struct ippfvs_pool *pool;
	int err;

	err = ippfvs_nl_service_parse(request->ipn->net, request->service_tb, &spec, info->extack);
	if (err)
		return err;
	service = create_service(info, &spec);
	if (IS_ERR(service))
		return PTR_ERR(service);

	pool = ippfvs_service_pool(request->ipn, service);
	send_member_event(info, IPPFVS_CMD_REAL_NEW, service, &pool->member[0]);
	warn_unrouted(info, &spec.key);
	return 0;
}

int ippfvs_nl_real_new(struct sk_buff *skb, struct genl_info *info)
{
	struct ippfvs_nl_request *request = ippfvs_nl_request(info);
	struct nlattr *attr = info->attrs[IPPFVS_A_REAL];
	const struct ippfvs_member *member;
	int err;

	if (request->member)
		return ippfvs_nl_refuse(info->extack, attr, IPPFVS_REFUSAL_REAL_EXISTS);
	err = ippfvs_nl_member_parse(request->ipn->net, attr, request->real_tb, &request->key, NULL,
				     request->ipn->config.default_method, &request->spec,
				     info->extack);
	if (err)
		return err;
	if (!request->service)
		return create_service_with_real(info);
	err = ippfvs_nl_refuse(info->extack, attr, ippfvs_services_check_room(request->ipn, 0, 1));
	if (err)
		return err;

	member = ippfvs_service_member_add(request->ipn, request->service, &request->spec);
	if (member == ERR_PTR(-ENOSPC))
		return ippfvs_nl_refuse(info->extack, attr, IPPFVS_REFUSAL_REALS_FULL);
	if (IS_ERR(member))
		return PTR_ERR(member);
	send_member_event(info, IPPFVS_CMD_REAL_NEW, request->service, member);
	return 0;
}

int ippfvs_nl_real_set(struct sk_buff *skb, struct genl_info *info)
{
	struct ippfvs_nl_request *request = ippfvs_nl_request(info);
	const struct ippfvs_member *member;
	int err;

	err = ippfvs_nl_member_parse(request->ipn->net, info->attrs[IPPFVS_A_REAL],
				     request->real_tb, &request->key, request->member,
				     request->ipn->config.default_method, &request->spec,
				     info->extack);
	if (err)
		return err;

	member = ippfvs_service_member_set(request->ipn, request->service, request->member,
					   request->spec.weight, request->spec.method);
	if (IS_ERR(member))
		return PTR_ERR(member);
	send_member_event(info, IPPFVS_CMD_REAL_SET, request->service, member);
	return 0;
}

int ippfvs_nl_real_del(struct sk_buff *skb, struct genl_info *info)
{
	struct ippfvs_nl_request *request = ippfvs_nl_request(info);
	struct sk_buff *event;
	int err;

	event = ippfvs_nl_event_member(info, IPPFVS_CMD_REAL_DEL, request->service,
				       request->member);
	err = ippfvs_service_member_remove(request->ipn, request->service, request->member);
	if (err) {
		ippfvs_nl_event_drop(event);
		return err;
	}
	ippfvs_nl_event_send(info, event);
	return 0;
}

/* Queries */

/* The argument of read_service(): the request, and the reply that it fills. */
struct service_read {
	struct genl_info *info;
	struct sk_buff *reply;
};

static int put_service_reply(struct sk_buff *reply, struct genl_info *info,
			     const struct ippfvs_service *service)
{
	void *head;
	int err;

	head = genlmsg_put_reply(reply, info, &ippfvs_nl_family, 0, IPPFVS_CMD_SERVICE_GET);
	if (!head)
		return -EMSGSIZE;

	err = ippfvs_nl_put_service(reply, service, true);
	if (err) {
		genlmsg_cancel(reply, head);
		return err;
	}
	genlmsg_end(reply, head);
	return 0;
}

static int read_service(void *arg)
{
	struct service_read *read = arg;
	struct ippfvs_nl_request *request = ippfvs_nl_request(read->info);
	const struct ippfvs_service *service;
	int err = -ESRCH;

	skb_trim(read->reply, 0);
	rcu_read_lock();
	service =
		ippfvs_service_lookup_exact(ippfvs_service_table_rcu(request->ipn), &request->key);
	if (service)
		err = put_service_reply(read->reply, read->info, service);
	rcu_read_unlock();
	return err;
}

int ippfvs_nl_service_get(struct sk_buff *skb, struct genl_info *info)
{
	struct ippfvs_nl_request *request = ippfvs_nl_request(info);
	struct service_read read = { .info = info };
	int err;

	read.reply = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!read.reply)
		return -ENOMEM;

	err = ippfvs_nl_read_consistent(request->ipn, read_service, &read);
	if (!err)
		return genlmsg_reply(read.reply, info);

	nlmsg_free(read.reply);
	if (err == -ESRCH)
		return ippfvs_nl_refuse(info->extack, info->attrs[IPPFVS_A_SERVICE],
					IPPFVS_REFUSAL_SERVICE_MISSING);
	return err;
}

static int parse_service_dump(struct netlink_callback *cb)
{
	struct nlattr *attr = genl_info_dump(cb)->attrs[IPPFVS_A_SERVICE];
	struct ippfvs_nl_cursor *cursor = (void *)cb->ctx;

	if (attr)
		return ippfvs_nl_invalid(cb->extack, attr,
					 "a dump lists every service; to get one, omit NLM_F_DUMP");
	cursor->parsed = true;
	cursor->last = ULONG_MAX;
	return ippfvs_nl_dump_check_flags(cb);
}

int ippfvs_nl_service_dump_start(struct netlink_callback *cb)
{
	return ippfvs_nl_dump_start_refuses(cb) ? parse_service_dump(cb) : 0;
}

static int put_with_stats(struct sk_buff *skb, const struct ippfvs_net *ipn,
			  const struct ippfvs_service *service, u32 *index)
{
	return ippfvs_nl_put_service(skb, service, true);
}

int ippfvs_nl_service_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	const struct ippfvs_nl_cursor *cursor = (void *)cb->ctx;
	int err;

	err = cursor->parsed ? 0 : parse_service_dump(cb);
	return err ?: ippfvs_nl_dump_services(skb, cb, IPPFVS_CMD_SERVICE_GET, put_with_stats);
}

/* Restrict the dump to the real servers of one service. */
static int select_service(struct netlink_callback *cb, const struct nlattr *attr)
{
	struct ippfvs_nl_cursor *cursor = (void *)cb->ctx;
	struct nlattr *tb[IPPFVS_SERVICE_MAX + 1];
	const struct ippfvs_service *service;
	struct ippfvs_service_key key;
	int err;

	err = ippfvs_nl_parse_service(attr, tb, &key, cb->extack);
	if (err)
		return err;

	rcu_read_lock();
	service = ippfvs_nl_find_service(ippfvs_nl_dump_net(cb), &key, attr, cb->extack);
	if (IS_ERR(service)) {
		err = PTR_ERR(service);
	} else {
		cursor->id = service->id;
		cursor->last = service->id;
	}
	rcu_read_unlock();
	return err;
}

static int parse_member_dump(struct netlink_callback *cb)
{
	struct nlattr *attr = genl_info_dump(cb)->attrs[IPPFVS_A_SERVICE];
	struct ippfvs_nl_cursor *cursor = (void *)cb->ctx;
	int err;

	cursor->parsed = true;
	cursor->last = ULONG_MAX;
	err = ippfvs_nl_dump_check_flags(cb);
	if (err || !attr)
		return err;
	return select_service(cb, attr);
}

int ippfvs_nl_member_dump_start(struct netlink_callback *cb)
{
	return ippfvs_nl_dump_start_refuses(cb) ? parse_member_dump(cb) : 0;
}

/* @net: NULL to put the rules only, without counters and faults */
static int put_members(struct sk_buff *skb, struct net *net, const struct ippfvs_service *service,
		       const struct ippfvs_pool *pool, u32 *index)
{
	const struct ippfvs_member *member;
	u8 fault = IPPFVS_FAULT_UNSPEC;
	int err;

	for (; *index < pool->n; ++*index) {
		member = &pool->member[*index];
		if (net)
			fault = ippfvs_check_fault(net, &service->key, &member->real->addr,
						   member->method);
		err = ippfvs_nl_put_member(skb, member, net, fault);
		if (err)
			return err;
	}
	return 0;
}

/*
 * Put the service and its members from *index on, until the message is full. If no member fits, put
 * nothing. A service without members is put only if @empty_too is set.
 */
static int put_with_members(struct sk_buff *skb, struct net *net,
			    const struct ippfvs_service *service, u32 *index, bool empty_too)
{
	const struct ippfvs_pool *pool = rcu_dereference(service->pool);
	unsigned char *before = skb_tail_pointer(skb);
	u32 first = *index;
	int err;

	err = ippfvs_nl_put_service(skb, service, false);
	if (err)
		return err;
	err = put_members(skb, net, service, pool, index);
	if (*index == first && (err || !empty_too))
		nlmsg_trim(skb, before);
	return err;
}

/*
 * The service is put with its scheduler, so that a reader of two dumps can see whether
 * both show the same set of services.
 */
static int put_reals(struct sk_buff *skb, const struct ippfvs_net *ipn,
		     const struct ippfvs_service *service, u32 *index)
{
	return put_with_members(skb, ipn->net, service, index, false);
}

static int put_rules(struct sk_buff *skb, const struct ippfvs_net *ipn,
		     const struct ippfvs_service *service, u32 *index)
{
	return put_with_members(skb, NULL, service, index, true);
}

static int dump_members(struct sk_buff *skb, struct netlink_callback *cb, u8 cmd,
			int (*put)(struct sk_buff *skb, const struct ippfvs_net *ipn,
				   const struct ippfvs_service *service, u32 *index))
{
	const struct ippfvs_nl_cursor *cursor = (void *)cb->ctx;
	int err;

	err = cursor->parsed ? 0 : parse_member_dump(cb);
	return err ?: ippfvs_nl_dump_services(skb, cb, cmd, put);
}

int ippfvs_nl_real_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	return dump_members(skb, cb, IPPFVS_CMD_REAL_GET, put_reals);
}

int ippfvs_nl_rules_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	return dump_members(skb, cb, IPPFVS_CMD_RULES_GET, put_rules);
}
