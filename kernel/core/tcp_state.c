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

#define STATES (IPPFVS_STATE_CLOSED + 1)

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
};

/*
 * If both directions are seen, a client's ACK makes a connection active only after the server's
 * SYN-ACK. FIN and RST have an effect in every state, because earlier segments may have been lost
 * before they reached the director. A SYN never leads back to an earlier state, because a SYN that
 * opens a new connection gets a new entry.
 */
/* clang-format off */
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

u8 ippfvs_tcp_next(u8 state, enum ippfvs_side side, u8 flags)
{
	if (state >= STATES)
		return state;
	return next[side][event_of(flags)][state];
}

bool ippfvs_tcp_reopens(u8 state, u8 flags)
{
	return ippfvs_tcp_opens(flags) && state >= IPPFVS_STATE_FIN_WAIT &&
	       state <= IPPFVS_STATE_CLOSED;
}
