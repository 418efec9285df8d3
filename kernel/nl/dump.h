/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The messages of a dump: one fills the buffer that the reader has room for,
 * nest after nest, as a header for each noun would cost both sides more than
 * the noun.
 */
#ifndef _IPPFVS_NL_DUMP_H
#define _IPPFVS_NL_DUMP_H

#include <linux/types.h>

struct ippfvs_service;
struct netlink_callback;
struct sk_buff;

/* A message without nests, or NULL when there is no room for one. */
void *ippfvs_nl_dump_begin(struct sk_buff *skb,
			   const struct netlink_callback *cb, u8 cmd);

/**
 * ippfvs_nl_dump_end() - the message is full, or there is nothing left
 * @skb: that it is in
 * @cb: of the dump
 * @head: what ippfvs_nl_dump_begin() returned
 * @err: why the next nest is not in it, or 0
 *
 * Return: what the dump returns: without any nest @err, which ends it.
 */
int ippfvs_nl_dump_end(struct sk_buff *skb, struct netlink_callback *cb,
		       void *head, int err);

/**
 * struct ippfvs_nl_progress - how far a dump of services has come; in cb->ctx, zeroed
 * @id: of the service to go on with
 * @last: id of the last service that is wanted
 * @index: what @put has kept of how far it has come within that service
 * @resolved: what is wanted is known (resolve.h)
 */
struct ippfvs_nl_progress {
	unsigned long id;
	unsigned long last;
	u32 index;
	bool resolved;
};

/**
 * ippfvs_nl_dump_services() - one call of a dump that goes from service to service
 * @skb: the message
 * @cb: of the dump; its progress is resolved
 * @cmd: of the answers
 * @put: put what is told of a service, from *index on; called under RCU. -errno: for
 *	lack of room, to go on with at the next call
 *
 * Process context; a service at a time, since a large one takes a while.
 *
 * Return: what the dump returns.
 */
int ippfvs_nl_dump_services(struct sk_buff *skb, struct netlink_callback *cb,
			    u8 cmd,
			    int (*put)(struct sk_buff *skb,
				       const struct ippfvs_service *service,
				       u32 *index));

#endif /* _IPPFVS_NL_DUMP_H */
