// SPDX-License-Identifier: GPL-2.0
#include "dump.h"

#include "../rules/change.h"
#include "family.h"
#include "resolve.h"

#include <net/genetlink.h>

void *ippfvs_nl_dump_begin(struct sk_buff *skb,
			   const struct netlink_callback *cb, u8 cmd)
{
	return genlmsg_put(skb, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq,
			   &ippfvs_nl_family, NLM_F_MULTI, cmd);
}

int ippfvs_nl_dump_end(struct sk_buff *skb, struct netlink_callback *cb,
		       void *head, int err)
{
	if (skb_tail_pointer(skb) == (unsigned char *)head) {
		genlmsg_cancel(skb, head);
		return err;
	}

	/* Not for a message that nobody gets: what it saw would be forgotten. */
	genl_dump_check_consistent(cb, head);
	genlmsg_end(skb, head);
	return skb->len;
}

/*
 * Has anything changed since the last call? An odd count is a change under way, of
 * which any message may have seen a part: such a call is different from all others.
 */
static void watch(struct netlink_callback *cb)
{
	u32 count = ippfvs_change_count(ippfvs_nl_dump_net(cb));

	cb->seq = count + 1;
	if (count & 1)
		cb->prev_seq = count;
}

/* The next service, or NULL. One in which the last call stopped may have gone. */
static const struct ippfvs_service *
next_service(const struct ippfvs_net *ipn, struct ippfvs_nl_progress *progress)
{
	const struct ippfvs_service *service;
	unsigned long id = progress->id;

	service = ippfvs_nl_service_from(ipn, &id, progress->last);
	if (id != progress->id)
		progress->index = 0;
	progress->id = id;
	return service;
}

int ippfvs_nl_dump_services(struct sk_buff *skb, struct netlink_callback *cb,
			    u8 cmd,
			    int (*put)(struct sk_buff *skb,
				       const struct ippfvs_service *service,
				       u32 *index))
{
	const struct ippfvs_net *ipn = ippfvs_nl_dump_net(cb);
	struct ippfvs_nl_progress *progress = (void *)cb->ctx;
	const struct ippfvs_service *service;
	void *head;
	int err = 0;

	watch(cb);
	head = ippfvs_nl_dump_begin(skb, cb, cmd);
	if (!head)
		return -EMSGSIZE;

	do {
		rcu_read_lock();
		service = next_service(ipn, progress);
		if (service)
			err = put(skb, service, &progress->index);
		rcu_read_unlock();
		if (service && !err) {
			progress->id++;
			progress->index = 0;
		}
		cond_resched();
	} while (service && !err);

	return ippfvs_nl_dump_end(skb, cb, head, err);
}
