// SPDX-License-Identifier: GPL-2.0
/*
 * Definitions of the tracepoints in trace.h, and functions that they need to record an event. A
 * kernel without tracepoints uses none of them.
 */
#include "conn/conn.h"

#include <linux/in.h>
#include <linux/in6.h>
#include <linux/socket.h>
#include <linux/string.h>

static void __maybe_unused set_end(struct sockaddr_in6 *end, u8 family,
				   const union ippfvs_addr *addr, __be16 port)
{
	struct sockaddr_in *end4 = (struct sockaddr_in *)end;

	memset(end, 0, sizeof(*end));
	if (family == IPPFVS_FAMILY_IPV4) {
		end4->sin_family = AF_INET;
		end4->sin_addr.s_addr = addr->ip;
		end4->sin_port = port;
	} else {
		end->sin6_family = AF_INET6;
		end->sin6_addr = addr->ip6;
		end->sin6_port = port;
	}
}

static void __maybe_unused set_conn_end(struct sockaddr_in6 *end, const struct ippfvs_conn *conn,
					enum ippfvs_conn_end which)
{
	union ippfvs_addr addr;

	ippfvs_conn_addr(conn, which, &addr);
	set_end(end, conn->family, &addr, conn->port[which]);
}

#define CREATE_TRACE_POINTS
#include "trace.h"
