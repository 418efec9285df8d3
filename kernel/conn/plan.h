/* SPDX-License-Identifier: GPL-2.0 */
/* A connection to be: what scheduling has decided, before there is an entry. */
#ifndef _IPPFVS_CONN_PLAN_H
#define _IPPFVS_CONN_PLAN_H

#include "../core/tuple.h"

struct ippfvs_real;

/**
 * struct ippfvs_conn_plan - a connection to be
 * @tuple: of the client's first packet
 * @hash: ippfvs_conn_hash() of it
 * @real: its real server; the entry takes a reference
 * @addr: where its packets go: @real's address, for Local Node the director's
 *	own that will answer
 * @port: network byte order, never 0
 * @method: enum ippfvs_method
 * @state: enum ippfvs_state after the first packet
 * @two_way: answers come through us
 */
struct ippfvs_conn_plan {
	const struct ippfvs_tuple *tuple;
	u32 hash;
	struct ippfvs_real *real;
	union ippfvs_addr addr;
	__be16 port;
	u8 method;
	u8 state;
	bool two_way;
};

#endif /* _IPPFVS_CONN_PLAN_H */
