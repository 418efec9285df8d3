/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tracepoints: dropped packets, and the beginning and end of connections. docs/DEBUGGING.md shows
 * their use.
 *
 * trace.c defines them. Each end of a packet or connection is recorded as a socket address, which
 * %pISpc prints.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM ippfvs

#if !defined(_IPPFVS_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _IPPFVS_TRACE_H

#include "conn/conn.h"
#include "packet.h"

#include <linux/tracepoint.h>

/* clang-format off */
#define IPPFVS_TRACE_REASONS				\
	{ IPPFVS_DROP_NO_SERVER,	"no_server" },		\
	{ IPPFVS_DROP_NO_CONNECTION,	"no_connection" },	\
	{ IPPFVS_DROP_SERVER_REMOVED,	"server_removed" },	\
	{ IPPFVS_DROP_TABLE_FULL,	"table_full" },		\
	{ IPPFVS_DROP_NO_MEMORY,	"no_memory" },		\
	{ IPPFVS_DROP_TUPLE_IN_USE,	"tuple_in_use" },	\
	{ IPPFVS_DROP_ICMP_CHECKSUM,	"icmp_checksum" },	\
	{ IPPFVS_DROP_TTL,		"ttl" },		\
	{ IPPFVS_DROP_TOO_BIG,		"too_big" },		\
	{ IPPFVS_DROP_NO_ROUTE,		"no_route" },		\
	{ IPPFVS_DROP_NOT_WRITABLE,	"not_writable" },	\
	{ IPPFVS_DROP_ICMP,		"icmp" },		\
	{ IPPFVS_DROP_NO_LISTENER,	"no_listener" },	\
	{ IPPFVS_DROP_NO_SERVICE,	"no_service" },	\
	{ IPPFVS_DROP_WRONG_DEVICE,	"wrong_device" }

#define IPPFVS_TRACE_HOOKS				\
	{ IPPFVS_PREROUTING,	"prerouting" },		\
	{ IPPFVS_LOCAL_IN,	"local_in" },		\
	{ IPPFVS_FORWARD,	"forward" },		\
	{ IPPFVS_LOCAL_OUT,	"local_out" }

#define IPPFVS_TRACE_METHODS				\
	{ IPPFVS_METHOD_NAT,	"nat" },		\
	{ IPPFVS_METHOD_TUN,	"tun" },		\
	{ IPPFVS_METHOD_DR,	"dr" },			\
	{ IPPFVS_METHOD_LOCAL,	"local" }

#define IPPFVS_TRACE_STATES				\
	{ IPPFVS_STATE_NONE,		"none" },	\
	{ IPPFVS_STATE_SYN_SENT,	"syn_sent" },	\
	{ IPPFVS_STATE_SYN_RECV,	"syn_recv" },	\
	{ IPPFVS_STATE_ESTABLISHED,	"established" },\
	{ IPPFVS_STATE_FIN_WAIT,	"fin_wait" },	\
	{ IPPFVS_STATE_CLOSE_WAIT,	"close_wait" },	\
	{ IPPFVS_STATE_LAST_ACK,	"last_ack" },	\
	{ IPPFVS_STATE_TIME_WAIT,	"time_wait" },	\
	{ IPPFVS_STATE_CLOSED,		"closed" },	\
	{ IPPFVS_STATE_UDP,		"udp" }
/* clang-format on */

/* A packet was dropped and counted. */
TRACE_EVENT(drop,
	TP_PROTO(const struct ippfvs_packet *pkt, enum ippfvs_drop reason),
	TP_ARGS(pkt, reason),
	TP_STRUCT__entry(
		__field(const void *, skb)
		__field(u8, reason)
		__field(u8, hook)
		__field(u8, protocol)
		__field_struct(struct sockaddr_in6, source)
		__field_struct(struct sockaddr_in6, dest)
	),
	TP_fast_assign(
		const struct ippfvs_tuple *tuple = &pkt->wire.tuple;

		__entry->skb = pkt->skb;
		__entry->reason = reason;
		__entry->hook = pkt->hook;
		__entry->protocol = tuple->protocol;
		set_end(&__entry->source, tuple->family, &tuple->saddr, tuple->sport);
		set_end(&__entry->dest, tuple->family, &tuple->daddr, tuple->dport);
	),
	TP_printk("reason=%s hook=%s protocol=%u source=%pISpc dest=%pISpc skb=%p",
		  __print_symbolic(__entry->reason, IPPFVS_TRACE_REASONS),
		  __print_symbolic(__entry->hook, IPPFVS_TRACE_HOOKS), __entry->protocol,
		  &__entry->source, &__entry->dest, __entry->skb)
);

DECLARE_EVENT_CLASS(conn,
	TP_PROTO(const struct ippfvs_conn *conn),
	TP_ARGS(conn),
	TP_STRUCT__entry(
		__field(u8, protocol)
		__field(u8, method)
		__field(u8, state)
		__field_struct(struct sockaddr_in6, client)
		__field_struct(struct sockaddr_in6, virtual)
		__field_struct(struct sockaddr_in6, real)
	),
	TP_fast_assign(
		__entry->protocol = conn->protocol;
		__entry->method = conn->method;
		__entry->state = ippfvs_conn_state(conn);
		set_conn_end(&__entry->client, conn, IPPFVS_END_CLIENT);
		set_conn_end(&__entry->virtual, conn, IPPFVS_END_VIRTUAL);
		set_conn_end(&__entry->real, conn, IPPFVS_END_REAL);
	),
	TP_printk("protocol=%u client=%pISpc virtual=%pISpc real=%pISpc method=%s state=%s",
		  __entry->protocol, &__entry->client, &__entry->virtual, &__entry->real,
		  __print_symbolic(__entry->method, IPPFVS_TRACE_METHODS),
		  __print_symbolic(__entry->state, IPPFVS_TRACE_STATES))
);

/*
 * A connection was added to the table. If another CPU ends it at once, its end may be recorded
 * first.
 */
DEFINE_EVENT(conn, conn_new,
	TP_PROTO(const struct ippfvs_conn *conn),
	TP_ARGS(conn)
);

/*
 * A connection ended: it expired, its client opened a new one, its real server was removed, it was
 * evicted, no socket of the Local Node listened, or the last service was removed.
 */
DEFINE_EVENT(conn, conn_end,
	TP_PROTO(const struct ippfvs_conn *conn),
	TP_ARGS(conn)
);

/*
 * A connection ends for a new one: it is closing, and the new one conflicts with it; or it is
 * unconfirmed or closed, and a limit is reached. In the second case, conn_end is recorded before
 * this event, otherwise after it.
 */
DEFINE_EVENT(conn, conn_evict,
	TP_PROTO(const struct ippfvs_conn *conn),
	TP_ARGS(conn)
);

#endif /* _IPPFVS_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
