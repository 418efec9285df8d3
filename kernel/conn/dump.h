/* SPDX-License-Identifier: GPL-2.0 */
/* Reading the connection table: its size, and its entries in portions. */
#ifndef _IPPFVS_CONN_DUMP_H
#define _IPPFVS_CONN_DUMP_H

#include "table.h"

/**
 * ippfvs_conn_expires_ms() - time until a connection ends if no further packet comes
 * @table: of the namespace
 * @conn: the connection
 *
 * Context: RCU.
 * Return: milliseconds.
 */
u32 ippfvs_conn_expires_ms(const struct ippfvs_conn_table *table, const struct ippfvs_conn *conn);

/* The number of entries, including dead ones. Context: any. */
u32 ippfvs_conn_count(struct ippfvs_conn_table *table);

/* The number of buckets, 0 while the namespace has no service. Context: any. */
u32 ippfvs_conn_bucket_count(const struct ippfvs_conn_table *table);

/**
 * struct ippfvs_conn_cursor - the position of a dump; zeroed at its start
 * @position: hash at which to continue; a resize does not change it
 * @skip: entries with exactly this hash that were visited already
 * @done: nothing is left
 */
struct ippfvs_conn_cursor {
	u32 position;
	u32 skip;
	bool done;
};

/**
 * ippfvs_conn_dump() - visit living entries in the order of their hash
 * @table: of the namespace
 * @cursor: moved behind each entry that @visit accepted
 * @visit: called under RCU; a non-zero result ends this portion before the entry, and a later call
 *	continues with it
 * @arg: argument of @visit
 *
 * Context: process.
 * Return: the result of @visit, or 0 if a portion of the table or its rest (@cursor->done) was
 * visited.
 */
int ippfvs_conn_dump(struct ippfvs_conn_table *table, struct ippfvs_conn_cursor *cursor,
		     int (*visit)(const struct ippfvs_conn *conn, void *arg), void *arg);

#endif /* _IPPFVS_CONN_DUMP_H */
