/* SPDX-License-Identifier: GPL-2.0 */
/* How the connection table grows and shrinks under traffic. */
#ifndef _IPPFVS_CONN_RESIZE_H
#define _IPPFVS_CONN_RESIZE_H

struct ippfvs_conn_table;

/*
 * The worker alone: give the table as many buckets as its entries want. Without
 * memory it stays as it is, or goes on at the next call where it stopped.
 */
void ippfvs_conn_table_resize(struct ippfvs_conn_table *table);

#endif /* _IPPFVS_CONN_RESIZE_H */
