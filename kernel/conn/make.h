/* SPDX-License-Identifier: GPL-2.0 */
/* Memory for entries, and how many there are in all namespaces: for the table. */
#ifndef _IPPFVS_CONN_MAKE_H
#define _IPPFVS_CONN_MAKE_H

#include <linux/types.h>

struct ippfvs_conn;
struct ippfvs_conn_plan;

/* With the module. */
int ippfvs_conn_init(void);
void ippfvs_conn_exit(void);

/*
 * An entry as planned, counted for its real server, in no table yet; ERR_PTR:
 * -ENOMEM, or -ENOSPC (all namespaces together have @limit). abandon: it never was
 * in a table. free: nobody reads these @n any more, their real servers were put.
 */
struct ippfvs_conn *ippfvs_conn_make(const struct ippfvs_conn_plan *plan,
				     u32 limit);
void ippfvs_conn_abandon(struct ippfvs_conn *conn);
void ippfvs_conn_free(struct ippfvs_conn **conn, u32 n);

#endif /* _IPPFVS_CONN_MAKE_H */
