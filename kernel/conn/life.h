/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The life of an entry in one word, so that no update is lost between a packet
 * and the worker: jiffies of the last packet, state, and whether it has ended, and how.
 */
#ifndef _IPPFVS_CONN_LIFE_H
#define _IPPFVS_CONN_LIFE_H

#include "conn.h"

#include <linux/jiffies.h>

#define LIFE_DEAD	(1ULL << 8)

/* Of a dead one: its server was removed, and is still not to be heard (orphan.h). */
#define LIFE_ORPHAN	(1ULL << 9)

/* A busy connection's time of last packet is written this seldom. */
#define LIFE_TOUCH_EVERY	(HZ / 8 + 1)

static inline u64 life_make(u32 stamp, u8 state)
{
	return (u64)stamp << 32 | state;
}

static inline u32 life_stamp(u64 life)
{
	return life >> 32;
}

static inline u8 life_state(u64 life)
{
	return life;
}

/* A packet that leads to @state has nothing to write: another has just passed. */
static inline bool life_fresh(u64 life, u8 state)
{
	return life_state(life) == state &&
	       (u32)jiffies - life_stamp(life) < LIFE_TOUCH_EVERY;
}

static inline u64 life_read(const struct ippfvs_conn *conn)
{
	return atomic64_read(&conn->life);
}

static inline bool life_dead(const struct ippfvs_conn *conn)
{
	return life_read(conn) & LIFE_DEAD;
}

static inline bool life_orphan(const struct ippfvs_conn *conn)
{
	return life_read(conn) & LIFE_ORPHAN;
}

#endif /* _IPPFVS_CONN_LIFE_H */
