// SPDX-License-Identifier: GPL-2.0
#include "tcp_state.h"
#include "wire.h"

/* What a segment means for the state; of several flags the first here wins. */
enum event {
	EVENT_RST,
	EVENT_SYN,
	EVENT_FIN,
	EVENT_ACK,
	EVENT_BARE,	/* none of these flags: no answer to anything */
	EVENTS
};

#define STATES	(IPPFVS_STATE_CLOSED + 1)

/* Short names for the table; <asm/ptrace.h> has some in upper case. */
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
};

/*
 * The server's silence is not consent: a client's ACK alone makes a connection
 * active only where the server's SYN+ACK cannot be seen. A FIN or an RST counts
 * at any time, since what came before it may have been lost on its way to us. A SYN
 * never leads backwards: one that opens a connection anew gets a new entry.
 */
static const u8 next[IPPFVS_SIDES][EVENTS][STATES] = {
	[IPPFVS_SIDE_CLIENT] = {
		/* state        no  ss  sr  es  fw  cw  la  tw  cl */
		[EVENT_RST]  = {cl, cl, cl, cl, cl, cl, cl, cl, cl},
		[EVENT_SYN]  = {ss, ss, sr, es, fw, cw, la, tw, cl},
		[EVENT_FIN]  = {fw, fw, fw, fw, fw, la, la, tw, cl},
		[EVENT_ACK]  = {es, ss, es, es, fw, cw, tw, tw, cl},
		[EVENT_BARE] = {es, ss, sr, es, fw, cw, la, tw, cl},
	},
	[IPPFVS_SIDE_SERVER] = {
		/* state        no  ss  sr  es  fw  cw  la  tw  cl */
		[EVENT_RST]  = {cl, cl, cl, cl, cl, cl, cl, cl, cl},
		[EVENT_SYN]  = {sr, sr, sr, es, fw, cw, la, tw, cl},
		[EVENT_FIN]  = {cw, cw, cw, cw, la, cw, la, tw, cl},
		[EVENT_ACK]  = {es, ss, sr, es, fw, cw, tw, tw, cl},
		[EVENT_BARE] = {es, ss, sr, es, fw, cw, la, tw, cl},
	},
	[IPPFVS_SIDE_CLIENT_ONLY] = {
		/* state        no  ss  sr  es  fw  cw  la  tw  cl */
		[EVENT_RST]  = {cl, cl, cl, cl, cl, cl, cl, cl, cl},
		[EVENT_SYN]  = {ss, ss, sr, es, fw, cw, la, tw, cl},
		[EVENT_FIN]  = {fw, fw, fw, fw, fw, la, la, tw, cl},
		[EVENT_ACK]  = {es, es, es, es, fw, cw, tw, tw, cl},
		[EVENT_BARE] = {es, ss, sr, es, fw, cw, la, tw, cl},
	},
};

static enum event event(u8 flags)
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

u8 ippfvs_tcp_next(u8 state, enum ippfvs_side side, u8 flags)
{
	if (state >= STATES)
		return state;
	return next[side][event(flags)][state];
}

bool ippfvs_tcp_reopens(u8 state, u8 flags)
{
	return ippfvs_tcp_opens(flags) && state >= IPPFVS_STATE_FIN_WAIT &&
	       state <= IPPFVS_STATE_CLOSED;
}
