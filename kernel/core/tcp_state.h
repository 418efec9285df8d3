/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The state machine of TCP connections. The director sees both directions with VS-NAT, and only the
 * client's packets with VS-TUN, VS-DR and Local Node, whose replies take another way.
 */
#ifndef _IPPFVS_CORE_TCP_STATE_H
#define _IPPFVS_CORE_TCP_STATE_H

#include "../uapi/ippfvs.h"
#include "port.h"
#include "wire.h"

enum ippfvs_side {
	IPPFVS_SIDE_CLIENT,	 /* sent by the client; both directions are seen */
	IPPFVS_SIDE_SERVER,	 /* sent by the server; both directions are seen */
	IPPFVS_SIDE_CLIENT_ONLY, /* sent by the client; its direction alone is seen */
	IPPFVS_SIDES
};

/**
 * ippfvs_tcp_next() - the state after a segment
 * @state: enum ippfvs_state, one of the TCP states
 * @side: sender of the segment
 * @flags: byte 13 of the TCP header; RST takes precedence over SYN, SYN over FIN, FIN over ACK
 *
 * An ACK in ESTABLISHED changes nothing. If both directions are seen, a FIN of the client leads to
 * FIN_WAIT, a FIN of the server to CLOSE_WAIT, the FIN of the other side to LAST_ACK, and the ACK
 * after it to TIME_WAIT. If only the client's packets are seen, its FIN leads to FIN_WAIT, which is
 * not left. A segment without SYN in state NONE counts as one in ESTABLISHED. FIN and RST count in
 * every state. A SYN never leads back to an earlier state; see ippfvs_tcp_reopens().
 *
 * Context: any.
 * Return: enum ippfvs_state; @state if nothing changes.
 */
u8 ippfvs_tcp_next(u8 state, enum ippfvs_side side, u8 flags);

/**
 * ippfvs_tcp_reopens() - whether a segment opens a new connection in place of an old one
 * @state: state of the old connection
 * @flags: byte 13 of the TCP header of a segment from the client
 *
 * This is so for a SYN without ACK, RST or FIN if the old connection is closing or closed: the
 * client uses its port again (RFC 9293, section 3.6.1; RFC 6191).
 *
 * Context: any.
 * Return: true if the segment must be scheduled again.
 */
bool ippfvs_tcp_reopens(u8 state, u8 flags);

/* Whether a segment from a client is the first of a connection. Context: any. */
static inline bool ippfvs_tcp_opens(u8 flags)
{
	return (flags & (IPPFVS_TCP_SYN | IPPFVS_TCP_ACK | IPPFVS_TCP_RST | IPPFVS_TCP_FIN)) ==
	       IPPFVS_TCP_SYN;
}

/* Whether a connection in this state counts as active. UDP counts as inactive. Context: any. */
static inline bool ippfvs_state_active(u8 state)
{
	return state == IPPFVS_STATE_ESTABLISHED;
}

#endif /* _IPPFVS_CORE_TCP_STATE_H */
