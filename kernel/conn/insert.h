/* SPDX-License-Identifier: GPL-2.0 */
/* New connections enter the table here. */
#ifndef _IPPFVS_CONN_INSERT_H
#define _IPPFVS_CONN_INSERT_H

#include "table.h"

/**
 * ippfvs_conn_add() - create an entry and link it into the table
 * @table: of the namespace
 * @plan: contents of the entry
 *
 * Context: RCU, bottom halves off.
 * Return: the entry, or the one that another CPU has added for the same flow meanwhile, or ERR_PTR:
 * -ENOSPC (a limit is reached and no entry may go, or the bucket is full, or too many dead entries of this client wait
 * for the worker), -ENOMEM, -EADDRINUSE (the replies could not be told from those of another
 * connection of this client).
 */
struct ippfvs_conn *ippfvs_conn_add(struct ippfvs_conn_table *table,
				    const struct ippfvs_conn_plan *plan);

#endif /* _IPPFVS_CONN_INSERT_H */
