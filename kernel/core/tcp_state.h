/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The state machine of TCP connections. With VS-NAT, the director sees the packets of both
 * directions. With VS-TUN, VS-DR and Local Node, it sees only the client's packets.
 */
#ifndef _IPPFVS_CORE_TCP_STATE_H
#define _IPPFVS_CORE_TCP_STATE_H

#include "../uapi/ippfvs.h"
#include "port.h"
#include "wire.h"

enum ippfvs_side {
	IPPFVS_SIDE_CLIENT,	 /* sent by the client; both directions are seen */
	IPPFVS_SIDE_SERVER,	 /* sent by the server; both directions are seen */
	IPPFVS_SIDE_CLIENT_ONLY, /* sent by the client; only this direction is seen */
	IPPFVS_SIDES
};

/**
 * ippfvs_tcp_next() - compute the state after a segment
 * @state: enum ippfvs_state, one of the TCP states
 * @side: sender of the segment
 * @flags: byte 13 of the TCP header; RST takes precedence over SYN, SYN over FIN, FIN over ACK
 *
 * An ACK in ESTABLISHED changes nothing. If both directions are seen, a FIN of the client leads to
 * FIN_WAIT, a FIN of the server to CLOSE_WAIT, the FIN of the other side to LAST_ACK, and the ACK
 * after it to TIME_WAIT. If only the client's packets are seen, its FIN leads to FIN_WAIT, which
 * only an RST changes. A segment without SYN in state NONE has the same effect as in ESTABLISHED.
 * FIN and RST have an effect in every state. A SYN never leads back to an earlier state; see
 * ippfvs_tcp_reopens().
 *
 * Context: any.
 * Return: enum ippfvs_state; @state if nothing changes.
 */
u8 ippfvs_tcp_next(u8 state, enum ippfvs_side side, u8 flags);

/**
 * ippfvs_tcp_reopens() - check whether a segment opens a new connection in place of an old one
 * @state: state of the old connection
 * @flags: byte 13 of the TCP header of a segment from the client
 *
 * A SYN without ACK, RST or FIN does so if the old connection is closing or closed. The client then
 * uses its port again (RFC 9293, section 3.6.1; RFC 6191).
 *
 * Context: any.
 * Return: true if the segment must be scheduled again.
 */
bool ippfvs_tcp_reopens(u8 state, u8 flags);

/**
 * ippfvs_tcp_opens() - check whether a segment from a client opens a connection
 * @flags: byte 13 of the TCP header
 *
 * Context: any.
 * Return: true if it does.
 */
static inline bool ippfvs_tcp_opens(u8 flags)
{
	return (flags & (IPPFVS_TCP_SYN | IPPFVS_TCP_ACK | IPPFVS_TCP_RST | IPPFVS_TCP_FIN)) ==
	       IPPFVS_TCP_SYN;
}

/**
 * ippfvs_state_active() - check whether a connection counts as active
 * @state: enum ippfvs_state
 *
 * Context: any.
 * Return: true if it does. UDP connections count as inactive.
 */
static inline bool ippfvs_state_active(u8 state)
{
	return state == IPPFVS_STATE_ESTABLISHED;
}

#endif /* _IPPFVS_CORE_TCP_STATE_H */
