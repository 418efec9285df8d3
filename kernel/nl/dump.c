// SPDX-License-Identifier: GPL-2.0
#include "dump.h"
#include "family.h"

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
