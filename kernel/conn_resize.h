/* SPDX-License-Identifier: GPL-2.0 */
/* How the connection table grows and shrinks under traffic. */
#ifndef _IPPFVS_CONN_RESIZE_H
#define _IPPFVS_CONN_RESIZE_H

#include <linux/types.h>

struct ippfvs_buckets;
struct ippfvs_conn_table;

/* Any context that keeps @buckets: are too many of its buckets overfull? */
bool ippfvs_conn_crowded(const struct ippfvs_buckets *buckets);

/*
 * The worker alone: give the table as many buckets as its entries want. Without
 * memory it stays as it is, or goes on at the next call where it stopped.
 */
void ippfvs_conn_resize(struct ippfvs_conn_table *table);

#endif /* _IPPFVS_CONN_RESIZE_H */
