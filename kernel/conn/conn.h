/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A connection: which client speaks to which real server, and in what state.
 *
 * Who owns an entry: the packet path makes it and inserts it into the table; from
 * then on only the table's worker takes it out and frees it, after a grace
 * period. Everyone else reads it under RCU, and ends it by marking it dead.
 */
#ifndef _IPPFVS_CONN_H
#define _IPPFVS_CONN_H

#include "../core/tuple.h"
#include "../uapi/ippfvs.h"

#include <linux/atomic.h>

struct ippfvs_real;

/* The two ways that a packet of a connection goes. */
enum ippfvs_conn_dir {
	IPPFVS_CONN_IN,			/* client to virtual server */
	IPPFVS_CONN_OUT,		/* real server to client */
	IPPFVS_CONN_DIRS
};

/* The three ends of a connection. */
enum ippfvs_conn_end {
	IPPFVS_END_CLIENT,
	IPPFVS_END_VIRTUAL,
	IPPFVS_END_REAL,
	IPPFVS_CONN_ENDS
};

static inline enum ippfvs_conn_end ippfvs_conn_from(enum ippfvs_conn_dir dir)
{
	return dir == IPPFVS_CONN_IN ? IPPFVS_END_CLIENT : IPPFVS_END_REAL;
}

static inline enum ippfvs_conn_end ippfvs_conn_to(enum ippfvs_conn_dir dir)
{
	return dir == IPPFVS_CONN_IN ? IPPFVS_END_VIRTUAL : IPPFVS_END_CLIENT;
}

/* Aligned so, its address leaves six low bits to a link (link.h). */
#define IPPFVS_CONN_ALIGN	64

/**
 * struct ippfvs_conn - a connection; 64 bytes for IPv4: one cache line
 * @life: see life.h: time of the last packet, state, dead or not
 * @real: its real server; holds a reference
 * @hash: where it is linked, so that the table can grow without hashing again: at
 *	IPPFVS_CONN_IN; when @spread and @two_way at IPPFVS_CONN_OUT, too
 * @port: by enum ippfvs_conn_end, network byte order
 * @protocol: IPPROTO_TCP or IPPROTO_UDP
 * @family: IPPFVS_FAMILY_*
 * @method: enum ippfvs_method; stays what it was when the connection was made
 * @two_way: answers come through us
 * @spread: linked by whole tuples, not at its client (insert.c)
 * @ip: addresses by enum ippfvs_conn_end, IPv4
 * @ip6: the same for IPv6; such an entry is longer
 *
 * Everything but @life is written before the entry is in the table.
 */
struct ippfvs_conn {
	atomic64_t life;
	struct ippfvs_real *real;
	u32 hash[IPPFVS_CONN_DIRS];
	__be16 port[IPPFVS_CONN_ENDS];
	u8 protocol;
	u8 family;
	u8 method;
	bool two_way;
	bool spread;
	union {
		__be32 ip[IPPFVS_CONN_ENDS];
		struct in6_addr ip6[IPPFVS_CONN_ENDS];
	};
};

/*
 * RCU, BH off: a packet has passed just now and has led to state @to. false: its
 * life is not any more what was @seen (life.h): judge the packet again.
 */
bool ippfvs_conn_move(struct ippfvs_conn *conn, u64 seen, u8 to);

/* RCU. Not found again from now on; the worker frees it. */
void ippfvs_conn_end(struct ippfvs_conn *conn);

/* The same; @how: LIFE_DEAD, perhaps with LIFE_ORPHAN (life.h). false: it had ended. */
bool ippfvs_conn_end_as(struct ippfvs_conn *conn, u64 how);

/* The same if its life is still what was @seen. Was it? */
bool ippfvs_conn_end_seen(struct ippfvs_conn *conn, u64 seen, u64 how);

u8 ippfvs_conn_state(const struct ippfvs_conn *conn);

/* The tuple of packets that go @dir. */
void ippfvs_conn_tuple(const struct ippfvs_conn *conn,
		       enum ippfvs_conn_dir dir, struct ippfvs_tuple *tuple);

static inline void ippfvs_conn_addr(const struct ippfvs_conn *conn,
				    enum ippfvs_conn_end end,
				    union ippfvs_addr *addr)
{
	if (conn->family == IPPFVS_FAMILY_IPV4)
		ippfvs_addr_set_ip(addr, conn->ip[end]);
	else
		addr->ip6 = conn->ip6[end];
}

#endif /* _IPPFVS_CONN_H */
