/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The worker of a connection table. It alone unlinks entries and replaces the array of buckets, so
 * that whatever it finds in a bucket stays there until it removes it. The same holds for a caller
 * who has stopped the worker.
 */
#ifndef _IPPFVS_CONN_WORKER_H
#define _IPPFVS_CONN_WORKER_H

#include "table.h"

struct work_struct;

/* The work function of &ippfvs_conn_table.work. Context: process. */
void ippfvs_conn_work(struct work_struct *work);

/**
 * ippfvs_conn_wake() - make sure that the worker runs
 * @table: an entry was added to it
 *
 * Context: RCU.
 */
void ippfvs_conn_wake(struct ippfvs_conn_table *table);

/**
 * ippfvs_conn_sweep() - end idle entries, unlink dead ones and free them after a grace period
 * @table: the table
 * @first: first hash to look at
 * @end: one more than the last hash, at most 2^32
 *
 * Context: process; the caller is the worker or has stopped it.
 */
void ippfvs_conn_sweep(struct ippfvs_conn_table *table, u32 first, u64 end);

/* The array, for the worker or a caller who has stopped it: nobody else replaces it. */
static inline struct ippfvs_buckets *ippfvs_conn_own_buckets(const struct ippfvs_conn_table *table)
{
	return rcu_dereference_raw(table->buckets);
}

#endif /* _IPPFVS_CONN_WORKER_H */
