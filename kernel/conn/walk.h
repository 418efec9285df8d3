/* SPDX-License-Identifier: GPL-2.0 */
/* Looking at the connection table: how much is in it, and what. */
#ifndef _IPPFVS_CONN_WALK_H
#define _IPPFVS_CONN_WALK_H

#include "table.h"

/* Milliseconds until it ends if no further packet comes. */
u32 ippfvs_conn_expires_ms(const struct ippfvs_conn_table *table,
			   const struct ippfvs_conn *conn);

/* How many connections, how many buckets; any context. */
u32 ippfvs_conn_count(struct ippfvs_conn_table *table);
u32 ippfvs_conn_bucket_count(const struct ippfvs_conn_table *table);

/**
 * struct ippfvs_conn_cursor - how far a walk has come; zeroed at its start
 * @position: hash at which to go on; the same place however the table grows
 * @skip: entries of that very hash seen already
 * @done: nothing is left
 */
struct ippfvs_conn_cursor {
	u32 position;
	u32 skip;
	bool done;
};

/**
 * ippfvs_conn_walk() - visit living entries, in the order of their hash
 * @table: of the namespace
 * @cursor: moved on behind every entry that @visit took
 * @visit: called under RCU; non-zero ends this walk before that entry, and a
 *	later walk goes on with it
 * @arg: for @visit
 *
 * Process context.
 *
 * Return: what @visit returned, or 0 when a share of the table
 * was walked or all of it (@cursor->done).
 */
int ippfvs_conn_walk(struct ippfvs_conn_table *table,
		     struct ippfvs_conn_cursor *cursor,
		     int (*visit)(const struct ippfvs_conn *conn, void *arg),
		     void *arg);

#endif /* _IPPFVS_CONN_WALK_H */
