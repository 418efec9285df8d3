// SPDX-License-Identifier: GPL-2.0
/* Answers: nests, consistent reading, dumps, events. */
#include "answer.h"

#include "../net.h"
#include "../service/pool.h"
#include "../service/real.h"
#include "../service/service.h"
#include "../service/table.h"
#include "nl.h"
#include "request.h"

#include <linux/err.h>
#include <linux/sched.h>
#include <net/genetlink.h>

#define LOCKLESS_READS 3 /* attempts before a reader takes the lock */

int ippfvs_nl_put_addr(struct sk_buff *skb, int attr, u8 family, const union ippfvs_addr *addr)
{
	return nla_put(skb, attr, ippfvs_addr_len(family), addr);
}

static int put_counter(struct sk_buff *skb, int attr, u64 value)
{
	return nla_put_u64_64bit(skb, attr, value, IPPFVS_STATS_PAD);
}

int ippfvs_nl_put_stats(struct sk_buff *skb, int attr, const struct ippfvs_counters *counters)
{
	struct nlattr *nest = nla_nest_start(skb, attr);

	if (!nest)
		return -EMSGSIZE;

	if (put_counter(skb, IPPFVS_STATS_CONNS, counters->conns) ||
	    put_counter(skb, IPPFVS_STATS_PACKETS_IN, counters->packets_in) ||
	    put_counter(skb, IPPFVS_STATS_PACKETS_OUT, counters->packets_out) ||
	    put_counter(skb, IPPFVS_STATS_BYTES_IN, counters->bytes_in) ||
	    put_counter(skb, IPPFVS_STATS_BYTES_OUT, counters->bytes_out)) {
		nla_nest_cancel(skb, nest);
		return -EMSGSIZE;
	}
	nla_nest_end(skb, nest);
	return 0;
}

static int put_key(struct sk_buff *skb, const struct ippfvs_service_key *key)
{
	if (ippfvs_nl_put_addr(skb, IPPFVS_SERVICE_ADDRESS, key->family, &key->addr) ||
	    nla_put_u8(skb, IPPFVS_SERVICE_PROTOCOL, key->protocol) ||
	    nla_put_be16(skb, IPPFVS_SERVICE_PORT, key->port))
		return -EMSGSIZE;
	return 0;
}

/* Put IPPFVS_A_SERVICE with only the key. */
static int put_service_key(struct sk_buff *skb, const struct ippfvs_service_key *key)
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

static int put_service_stats(struct sk_buff *skb, const struct ippfvs_service *service)
{
	struct ippfvs_counters counters;

	ippfvs_service_counters(service, &counters);
	return ippfvs_nl_put_stats(skb, IPPFVS_SERVICE_STATS, &counters);
}

int ippfvs_nl_put_service(struct sk_buff *skb, const struct ippfvs_service *service, bool counters)
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

static int put_real_stats(struct sk_buff *skb, const struct ippfvs_real *real)
{
	struct ippfvs_counters counters;

	ippfvs_real_counters(real, &counters);
	if (nla_put_u32(skb, IPPFVS_REAL_ACTIVE, ippfvs_real_active(real)) ||
	    nla_put_u32(skb, IPPFVS_REAL_INACTIVE, ippfvs_real_inactive(real)))
		return -EMSGSIZE;
	return ippfvs_nl_put_stats(skb, IPPFVS_REAL_STATS, &counters);
}

int ippfvs_nl_put_member(struct sk_buff *skb, const struct ippfvs_member *member, bool counters,
			 u8 fault)
{
	struct nlattr *nest = nla_nest_start(skb, IPPFVS_A_REAL);
	const struct ippfvs_real *real = member->real;

	if (!nest)
		return -EMSGSIZE;

	if (ippfvs_nl_put_addr(skb, IPPFVS_REAL_ADDRESS, real->family, &real->addr) ||
	    nla_put_be16(skb, IPPFVS_REAL_PORT, real->port) ||
	    nla_put_u32(skb, IPPFVS_REAL_WEIGHT, member->weight) ||
	    nla_put_u8(skb, IPPFVS_REAL_METHOD, member->method) ||
	    (counters && put_real_stats(skb, real)) ||
	    (fault && nla_put_u8(skb, IPPFVS_REAL_FAULT, fault))) {
		nla_nest_cancel(skb, nest);
		return -EMSGSIZE;
	}
	nla_nest_end(skb, nest);
	return 0;
}

int ippfvs_nl_read_consistent(struct ippfvs_net *ipn, int (*read)(void *arg), void *arg)
{
	u32 count;
	int err;
	int i;

	for (i = 0; i < LOCKLESS_READS; i++) {
		count = ippfvs_read_begin(ipn);
		err = read(arg);
		if (!ippfvs_read_retry(ipn, count))
			return err;
	}

	mutex_lock(&ipn->lock);
	err = read(arg);
	mutex_unlock(&ipn->lock);
	return err;
}

void *ippfvs_nl_dump_begin(struct sk_buff *skb, const struct netlink_callback *cb, u8 cmd)
{
	return genlmsg_put(skb, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq, &ippfvs_nl_family,
			   NLM_F_MULTI, cmd);
}

int ippfvs_nl_dump_end(struct sk_buff *skb, struct netlink_callback *cb, void *head, int err)
{
	if (skb_tail_pointer(skb) == (unsigned char *)head) {
		genlmsg_cancel(skb, head);
		return err;
	}

	/* Only for a message that is sent, because the call records the count of changes. */
	genl_dump_check_consistent(cb, head);
	genlmsg_end(skb, head);
	return skb->len;
}

/*
 * Let genl_dump_check_consistent() compare this call's count of changes with that of the
 * last call. An odd count means that a change is being made, of which the message may
 * show a part. So an odd count is made different from every other count.
 */
static void note_changes(struct netlink_callback *cb)
{
	u32 count = ippfvs_read_begin(ippfvs_nl_dump_net(cb));

	cb->seq = count + 1;
	if (count & 1)
		cb->prev_seq = count;
}

/* Return the next service, or NULL. The service at which the last call stopped may be removed. */
static const struct ippfvs_service *next_service(const struct ippfvs_net *ipn,
						 struct ippfvs_nl_cursor *cursor)
{
	const struct ippfvs_service *service;
	unsigned long id = cursor->id;

	service = ippfvs_service_lookup_id(ippfvs_service_table_rcu(ipn), &id, cursor->last);
	if (id != cursor->id)
		cursor->index = 0;
	cursor->id = id;
	return service;
}

int ippfvs_nl_dump_services(struct sk_buff *skb, struct netlink_callback *cb, u8 cmd,
			    int (*put)(struct sk_buff *skb, const struct ippfvs_net *ipn,
				       const struct ippfvs_service *service, u32 *index))
{
	const struct ippfvs_net *ipn = ippfvs_nl_dump_net(cb);
	struct ippfvs_nl_cursor *cursor = (void *)cb->ctx;
	const struct ippfvs_service *service;
	void *head;
	int err = 0;

	BUILD_BUG_ON(sizeof(*cursor) > sizeof(cb->ctx));

	note_changes(cb);
	head = ippfvs_nl_dump_begin(skb, cb, cmd);
	if (!head)
		return -EMSGSIZE;

	do {
		rcu_read_lock();
		service = next_service(ipn, cursor);
		if (service)
			err = put(skb, ipn, service, &cursor->index);
		rcu_read_unlock();
		if (service && !err) {
			cursor->id++;
			cursor->index = 0;
		}
		cond_resched();
	} while (service && !err);

	return ippfvs_nl_dump_end(skb, cb, head, err);
}

struct sk_buff *ippfvs_nl_event_begin(struct genl_info *info, u8 cmd, void **head)
{
	struct sk_buff *event;

	if (!nlmsg_report(info->nlhdr) &&
	    !genl_has_listeners(&ippfvs_nl_family, genl_info_net(info), 0))
		return NULL;

	event = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!event)
		return ERR_PTR(-ENOMEM);

	*head = genlmsg_put(event, info->snd_portid, info->snd_seq, &ippfvs_nl_family, 0, cmd);
	if (!*head) {
		nlmsg_free(event);
		return ERR_PTR(-EMSGSIZE);
	}
	return event;
}

struct sk_buff *ippfvs_nl_event_end(struct sk_buff *event, void *head, int err)
{
	if (err) {
		nlmsg_free(event);
		return ERR_PTR(err);
	}
	genlmsg_end(event, head);
	return event;
}

struct sk_buff *ippfvs_nl_event_service(struct genl_info *info, u8 cmd,
					const struct ippfvs_service *service)
{
	struct sk_buff *event;
	void *head;
	int err;

	event = ippfvs_nl_event_begin(info, cmd, &head);
	if (IS_ERR_OR_NULL(event))
		return event;

	rcu_read_lock();
	err = ippfvs_nl_put_service(event, service, false);
	rcu_read_unlock();
	return ippfvs_nl_event_end(event, head, err);
}

struct sk_buff *ippfvs_nl_event_member(struct genl_info *info, u8 cmd,
				       const struct ippfvs_service *service,
				       const struct ippfvs_member *member)
{
	struct sk_buff *event;
	void *head;
	int err;

	event = ippfvs_nl_event_begin(info, cmd, &head);
	if (IS_ERR_OR_NULL(event))
		return event;

	err = put_service_key(event, &service->key);
	if (!err)
		err = ippfvs_nl_put_member(event, member, false, IPPFVS_FAULT_UNSPEC);
	return ippfvs_nl_event_end(event, head, err);
}

void ippfvs_nl_event_send(struct genl_info *info, struct sk_buff *event)
{
	if (!event)
		return;
	if (IS_ERR(event)) {
		genl_set_err(&ippfvs_nl_family, genl_info_net(info), 0, 0, -ENOBUFS);
		return;
	}
	genl_notify(&ippfvs_nl_family, event, info, 0, GFP_KERNEL);
}

void ippfvs_nl_event_drop(struct sk_buff *event)
{
	if (!IS_ERR_OR_NULL(event))
		nlmsg_free(event);
}
