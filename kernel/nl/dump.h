/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The messages of a dump: one fills the buffer that the reader has room for,
 * nest after nest, as a header for each noun would cost both sides more than
 * the noun.
 */
#ifndef _IPPFVS_NL_DUMP_H
#define _IPPFVS_NL_DUMP_H

#include <linux/types.h>

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

#endif /* _IPPFVS_NL_DUMP_H */
