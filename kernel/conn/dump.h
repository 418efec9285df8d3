/* SPDX-License-Identifier: GPL-2.0 */
/* Reading the connection table: its size, and its entries in portions. */
#ifndef _IPPFVS_CONN_DUMP_H
#define _IPPFVS_CONN_DUMP_H

#include "table.h"

/**
 * ippfvs_conn_expires_ms() - time until a connection ends if no further packet comes
 * @table: the namespace's table
 * @conn: the connection
 *
 * Context: RCU.
 * Return: milliseconds.
 */
u32 ippfvs_conn_expires_ms(const struct ippfvs_conn_table *table, const struct ippfvs_conn *conn);

/**
 * ippfvs_conn_count() - count the entries of a table
 * @table: the table
 *
 * Context: any.
 * Return: the number of entries, including dead ones.
 */
u32 ippfvs_conn_count(struct ippfvs_conn_table *table);

/**
 * ippfvs_conn_bucket_count() - count the buckets of a table
 * @table: the table
 *
 * Context: any.
 * Return: the number of buckets, or 0 if the namespace has no service.
 */
u32 ippfvs_conn_bucket_count(const struct ippfvs_conn_table *table);

/**
 * struct ippfvs_conn_cursor - the position of a dump; zeroed before the dump
 * @position: hash at which to continue; a resize does not change it
 * @skip: number of entries with exactly this hash that were visited already
 * @done: all entries were visited
 */
struct ippfvs_conn_cursor {
	u32 position;
	u32 skip;
	bool done;
};

/**
 * ippfvs_conn_dump() - visit living entries in the order of their hash
 * @table: the namespace's table
 * @cursor: moved past each entry that @visit has accepted
 * @visit: called under RCU; a non-zero result ends this call, and the next call visits the same
 *	entry again
 * @arg: argument of @visit
 *
 * A call visits a portion of the table. Call it again until @cursor->done is set.
 *
 * Context: process.
 * Return: 0, or the non-zero result of @visit.
 */
int ippfvs_conn_dump(struct ippfvs_conn_table *table, struct ippfvs_conn_cursor *cursor,
		     int (*visit)(const struct ippfvs_conn *conn, void *arg), void *arg);

#endif /* _IPPFVS_CONN_DUMP_H */
