// SPDX-License-Identifier: GPL-2.0
#include "tcp_state.h"
#include "wire.h"

/* Events, in the order of precedence of the flags. */
enum event {
	EVENT_RST,
	EVENT_SYN,
	EVENT_FIN,
	EVENT_ACK,
	EVENT_BARE, /* none of these flags */
	EVENTS
};

/* Short names for the table. In upper case, some would collide with <asm/ptrace.h>. */
enum {
	no = IPPFVS_STATE_NONE,
	ss = IPPFVS_STATE_SYN_SENT,
	sr = IPPFVS_STATE_SYN_RECV,
	es = IPPFVS_STATE_ESTABLISHED,
	fw = IPPFVS_STATE_FIN_WAIT,
	cw = IPPFVS_STATE_CLOSE_WAIT,
	la = IPPFVS_STATE_LAST_ACK,
	tw = IPPFVS_STATE_TIME_WAIT,
	cl = IPPFVS_STATE_CLOSED,
	hc = IPPFVS_TCP_HALF_CLOSED,
	db = IPPFVS_TCP_DOUBTFUL,
};

/* Columns of the table. Those of the hidden states are the last ones. */
enum { COLUMN_HALF_CLOSED = cl + 1, COLUMN_DOUBTFUL, COLUMNS };

/*
 * A client's ACK makes a connection active only if the server's SYN-ACK was seen, or cannot be
 * seen. FIN and RST have an effect in every state, because earlier segments may have been lost
 * before they reached the director. A SYN of the client never leads back while the server may still
 * know the connection. The server's SYN-ACK shows that it does not.
 */
/* clang-format off */
static const u8 next[IPPFVS_SIDES][EVENTS][COLUMNS] = {
	[IPPFVS_SIDE_CLIENT] = {
		/* state        no  ss  sr  es  fw  cw  la  tw  cl  hc  db */
		[EVENT_RST]  = {cl, cl, cl, cl, cl, cl, cl, cl, cl, cl, cl},
		[EVENT_SYN]  = {ss, ss, sr, es, fw, cw, la, tw, cl, hc, db},
		[EVENT_FIN]  = {fw, fw, fw, fw, fw, la, la, tw, db, hc, db},
		[EVENT_ACK]  = {es, ss, es, es, fw, cw, tw, tw, db, hc, db},
		[EVENT_BARE] = {es, ss, sr, es, fw, cw, la, tw, cl, hc, db},
	},
	[IPPFVS_SIDE_SERVER] = {
		/* state        no  ss  sr  es  fw  cw  la  tw  cl  hc  db */
		[EVENT_RST]  = {cl, cl, cl, cl, cl, cl, cl, cl, cl, cl, cl},
		[EVENT_SYN]  = {sr, sr, sr, es, sr, sr, sr, tw, cl, sr, db},
		[EVENT_FIN]  = {cw, cw, cw, cw, la, cw, la, tw, cl, la, cw},
		[EVENT_ACK]  = {es, ss, sr, es, fw, cw, tw, tw, cl, hc, es},
		[EVENT_BARE] = {es, ss, sr, es, fw, cw, la, tw, cl, hc, db},
	},
	[IPPFVS_SIDE_CLIENT_ONLY] = {
		/* state        no  ss  sr  es  fw  cw  la  tw  cl  hc  db */
		[EVENT_RST]  = {cl, cl, cl, cl, cl, cl, cl, cl, cl, cl, cl},
		[EVENT_SYN]  = {ss, ss, sr, es, fw, cw, la, tw, cl, ss, db},
		[EVENT_FIN]  = {fw, fw, fw, fw, fw, la, la, tw, db, hc, fw},
		[EVENT_ACK]  = {es, es, es, es, hc, cw, tw, tw, db, hc, es},
		[EVENT_BARE] = {es, ss, sr, es, fw, cw, la, tw, cl, hc, db},
	},
};
/* clang-format on */

static enum event event_of(u8 flags)
{
	if (flags & IPPFVS_TCP_RST)
		return EVENT_RST;
	if (flags & IPPFVS_TCP_SYN)
		return EVENT_SYN;
	if (flags & IPPFVS_TCP_FIN)
		return EVENT_FIN;
	if (flags & IPPFVS_TCP_ACK)
		return EVENT_ACK;
	return EVENT_BARE;
}

/* Return: the column of @state, or COLUMNS if it is not a state of TCP. */
static unsigned int column_of(u8 state)
{
	if (state <= IPPFVS_STATE_CLOSED)
		return state;
	if (state == IPPFVS_TCP_HALF_CLOSED)
		return COLUMN_HALF_CLOSED;
	return state == IPPFVS_TCP_DOUBTFUL ? COLUMN_DOUBTFUL : COLUMNS;
}

u8 ippfvs_tcp_next(u8 state, enum ippfvs_side side, u8 flags)
{
	unsigned int column = column_of(state);

	return column < COLUMNS ? next[side][event_of(flags)][column] : state;
}

bool ippfvs_tcp_reopens(u8 state, enum ippfvs_side side, u8 flags, bool idle)
{
	if (!ippfvs_tcp_opens(flags))
		return false;

	switch (state) {
	case IPPFVS_STATE_TIME_WAIT:
	case IPPFVS_STATE_CLOSED:
	case IPPFVS_TCP_DOUBTFUL:
		return true;
	case IPPFVS_STATE_FIN_WAIT:
		return side == IPPFVS_SIDE_CLIENT_ONLY;
	case IPPFVS_TCP_HALF_CLOSED:
		return idle;
	default:
		return false;
	}
}

bool ippfvs_tcp_counts(u8 state, u8 next_state, enum ippfvs_side side, u8 flags, u16 position,
		       u16 seen)
{
	if (side == IPPFVS_SIDE_SERVER)
		return true;
	if (state < IPPFVS_STATE_ESTABLISHED)
		return true;
	if (flags & IPPFVS_TCP_SYN)
		return state != next_state;
	return state == next_state || ippfvs_tcp_is_near(position, seen, IPPFVS_TCP_NEAR);
}
