/* SPDX-License-Identifier: GPL-2.0 */
/* Insertion of new connections into the table. */
#ifndef _IPPFVS_CONN_INSERT_H
#define _IPPFVS_CONN_INSERT_H

#include "table.h"

/**
 * ippfvs_conn_add() - create an entry and link it into the table
 * @table: the namespace's table
 * @plan: contents of the entry
 *
 * Context: RCU, bottom halves off.
 * Return: the new entry, or the entry that another CPU has just added for the same flow, or
 * ERR_PTR: -ENOSPC (a limit is reached and no entry can be evicted, or the bucket is full, or too
 * many dead entries of this client wait for the worker), -ENOMEM, -EADDRINUSE (replies would have
 * the same five-tuple as those of another connection of this client).
 */
struct ippfvs_conn *ippfvs_conn_add(struct ippfvs_conn_table *table,
				    const struct ippfvs_conn_plan *plan);

#endif /* _IPPFVS_CONN_INSERT_H */
