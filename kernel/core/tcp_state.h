/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The TCP state of a connection as a director sees it: from both sides (NAT),
 * or from the client's alone (TUN, DR, Local Node), where the server's answers
 * take another way.
 */
#ifndef _IPPFVS_CORE_TCP_STATE_H
#define _IPPFVS_CORE_TCP_STATE_H

#include "../uapi/ippfvs.h"
#include "port.h"
#include "wire.h"

enum ippfvs_side {
	IPPFVS_SIDE_CLIENT,		/* from the client, both are seen */
	IPPFVS_SIDE_SERVER,		/* from the server, both are seen */
	IPPFVS_SIDE_CLIENT_ONLY,	/* from the client, the only one seen */
	IPPFVS_SIDES
};

/**
 * ippfvs_tcp_next() - the state after one segment
 * @state: enum ippfvs_state, a TCP one or IPPFVS_STATE_NONE
 * @side: who sent the segment, and what is seen
 * @flags: byte 13 of its TCP header; RST wins over SYN over FIN over ACK
 *
 * An ACK in ESTABLISHED changes nothing. With both sides seen, a FIN from the
 * client leads to FIN_WAIT, one from the server to CLOSE_WAIT, the other side's
 * to LAST_ACK, and the ACK after it to TIME_WAIT. With one side seen the
 * client's FIN leads to FIN_WAIT and there it stays. A segment without SYN that
 * finds state NONE, in mid-flow, counts as one in ESTABLISHED; a FIN or an RST
 * counts at once in any state. A SYN never leads backwards: ask
 * ippfvs_tcp_reopens() first.
 *
 * Return: enum ippfvs_state; @state itself when nothing changes.
 */
u8 ippfvs_tcp_next(u8 state, enum ippfvs_side side, u8 flags);

/**
 * ippfvs_tcp_reopens() - is this segment the start of a new connection?
 * @state: of the connection entry found
 * @flags: byte 13 of a segment from the client
 *
 * A SYN without ACK, RST or FIN on an entry that is closing or closed (FIN_WAIT
 * seen from one side included) is a client that uses its port again: RFC 9293,
 * section 3.6.1, RFC 6191.
 *
 * Return: it is, and must be scheduled anew.
 */
bool ippfvs_tcp_reopens(u8 state, u8 flags);

/* Is this segment from a client the first of a connection? */
static inline bool ippfvs_tcp_opens(u8 flags)
{
	return (flags & (IPPFVS_TCP_SYN | IPPFVS_TCP_ACK | IPPFVS_TCP_RST |
			 IPPFVS_TCP_FIN)) == IPPFVS_TCP_SYN;
}

/* Does the state count as active? All others, UDP too, are inactive. */
static inline bool ippfvs_state_active(u8 state)
{
	return state == IPPFVS_STATE_ESTABLISHED;
}

#endif /* _IPPFVS_CORE_TCP_STATE_H */
