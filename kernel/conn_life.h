/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The life of an entry in one word, so that no update is lost between a packet
 * and the worker: jiffies of the last packet, state, and whether it has ended.
 */
#ifndef _IPPFVS_CONN_LIFE_H
#define _IPPFVS_CONN_LIFE_H

#include "config.h"
#include "conn_table.h"

#include <linux/jiffies.h>

#define LIFE_DEAD	(1ULL << 8)

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

static inline u64 life_read(const struct ippfvs_conn *conn)
{
	return atomic64_read(&conn->life);
}

static inline bool life_dead(const struct ippfvs_conn *conn)
{
	return life_read(conn) & LIFE_DEAD;
}

/* Jiffies without a packet after which an entry in that state ends. */
static inline u32 life_timeout(const struct ippfvs_conn_table *table, u8 state)
{
	return READ_ONCE(table->config->timeout[state]);
}

/* End @conn if its life is still what was @seen. */
bool ippfvs_conn_end_seen(struct ippfvs_conn *conn, u64 seen);

static inline spinlock_t *lock_of(struct ippfvs_conn_table *table, u32 hash)
{
	return &table->lock[hash >> (32 - IPPFVS_CONN_LOCKS_SHIFT)].lock;
}

#endif /* _IPPFVS_CONN_LIFE_H */
