/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The state machine of TCP connections. With VS-NAT, the director sees the packets of both
 * directions. With VS-TUN, VS-DR and Local Node, it sees only the client's packets.
 *
 * A blind sender can forge a client's address but must guess its sequence number. So the director
 * remembers the position of a connection: the client's sequence number in units of 64 KB. A segment
 * of the client with another position does not change the state. The position follows what the
 * server acknowledges. If replies are not seen, it follows those segments of the client that are
 * near. It is written only when it has moved by more than 1 MB.
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

/*
 * States that only the director itself tells apart. The four low bits are the enum ippfvs_state
 * that others see.
 */
#define IPPFVS_TCP_SEEN_MASK   0x0f
#define IPPFVS_TCP_HALF_CLOSED 0x14 /* FIN_WAIT, and the client has sent an ACK since its FIN */
#define IPPFVS_TCP_DOUBTFUL    0x18 /* CLOSED, but the client still sends */

/* Distances of positions, in units of 64 KB. */
#define IPPFVS_TCP_NEAR	 256 /* more than the data that a client may have in flight */
#define IPPFVS_TCP_SLACK 16  /* the position is not written for less */

/**
 * ippfvs_tcp_next() - compute the state after a segment
 * @state: enum ippfvs_state, one of the TCP states
 * @side: sender of the segment
 * @flags: byte 13 of the TCP header; RST takes precedence over SYN, SYN over FIN, FIN over ACK
 *
 * An ACK in ESTABLISHED changes nothing. If both directions are seen, a FIN of the client leads to
 * FIN_WAIT, a FIN of the server to CLOSE_WAIT, the FIN of the other side to LAST_ACK, and the ACK
 * after it to TIME_WAIT. If only the client's packets are seen, its FIN leads to FIN_WAIT and its
 * next ACK to HALF_CLOSED. A segment without SYN in state NONE has the same effect as in
 * ESTABLISHED. FIN and RST have an effect in every state.
 *
 * RST leads to CLOSED. If the client goes on sending, the state is DOUBTFUL, and if the server then
 * sends anything but RST, the connection lives: it is ESTABLISHED again. If only the client's
 * packets are seen, its second segment suffices.
 *
 * In a closing state, the server decides about a SYN of the client. If it still knows the
 * connection, it answers with an ACK, and a client that has opened a new one answers that with RST.
 * If the server does not know it, its SYN-ACK leads to SYN_RECV. In HALF_CLOSED a SYN leads to
 * SYN_SENT, because the server's answer is not seen. See also ippfvs_tcp_reopens().
 *
 * Context: any.
 * Return: enum ippfvs_state, IPPFVS_TCP_HALF_CLOSED or IPPFVS_TCP_DOUBTFUL; @state if nothing
 * changes.
 */
u8 ippfvs_tcp_next(u8 state, enum ippfvs_side side, u8 flags);

/**
 * ippfvs_tcp_reopens() - check whether a segment opens a new connection in place of an old one
 * @state: state of the old connection
 * @side: sender of the segment
 * @flags: byte 13 of the TCP header of a segment from the client
 * @idle: the old connection has had no packet that counts for more than a second
 *
 * A SYN without ACK, RST or FIN does so if the old connection is closed. The client then uses its
 * port again (RFC 9293, section 3.6.1; RFC 6191).
 *
 * If only the client's packets are seen, the director cannot see whether the server has closed.
 * FIN_WAIT counts as closed, because the client has sent nothing after its FIN. HALF_CLOSED counts
 * as closed only if @idle, because a client that sends ACKs may still receive data.
 *
 * Context: any.
 * Return: true if the segment must be scheduled again.
 */
bool ippfvs_tcp_reopens(u8 state, enum ippfvs_side side, u8 flags, bool idle);

/* The position that a sequence number or acknowledgment number tells. Context: any. */
static inline u16 ippfvs_tcp_position(u32 sequence)
{
	return sequence >> 16;
}

/* Whether two positions are at most @max apart. Context: any. */
static inline bool ippfvs_tcp_is_near(u16 a, u16 b, u16 max)
{
	return (u16)(a - b + max) <= 2 * max;
}

/**
 * ippfvs_tcp_follow() - the position after a segment
 * @state: state before the segment
 * @side: sender of the segment
 * @flags: byte 13 of the TCP header
 * @position: position before the segment
 * @seen: ippfvs_tcp_position() of the segment's sequence number, or of the acknowledgment number
 *	if the server has sent it
 *
 * During the handshake the client's segments set the position, then the server's ACKs. If these are
 * not seen, segments of the client that are near do so.
 *
 * Context: any.
 * Return: the position, unchanged unless it has moved by more than IPPFVS_TCP_SLACK.
 */
static inline u16 ippfvs_tcp_follow(u8 state, enum ippfvs_side side, u8 flags, u16 position,
				    u16 seen)
{
	bool moves;

	if (ippfvs_tcp_is_near(position, seen, IPPFVS_TCP_SLACK))
		return position;
	if (side == IPPFVS_SIDE_SERVER)
		moves = (flags & (IPPFVS_TCP_ACK | IPPFVS_TCP_RST)) == IPPFVS_TCP_ACK;
	else
		moves = state < IPPFVS_STATE_SYN_RECV ||
			(side == IPPFVS_SIDE_CLIENT_ONLY &&
			 ippfvs_tcp_is_near(position, seen, IPPFVS_TCP_NEAR));
	return moves ? seen : position;
}

/**
 * ippfvs_tcp_counts() - whether a segment is recorded
 * @state: state before the segment
 * @next_state: ippfvs_tcp_next() of the segment
 * @side: sender of the segment
 * @flags: byte 13 of the TCP header
 * @position: position before the segment
 * @seen: see ippfvs_tcp_follow()
 *
 * A segment that is not recorded neither changes the state nor keeps the connection alive. This is
 * so for a client's segment that would change the state but is not near, and for a SYN on a known
 * connection, which has a sequence number of its own. During the handshake everything counts.
 *
 * Context: any.
 * Return: true if it is recorded.
 */
bool ippfvs_tcp_counts(u8 state, u8 next_state, enum ippfvs_side side, u8 flags, u16 position,
		       u16 seen);

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
