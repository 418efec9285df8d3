/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Who takes entries out of the table: its worker alone, so that whatever the
 * worker finds in a bucket is there until it removes it; and who has stopped it.
 */
#ifndef _IPPFVS_CONN_WORKER_H
#define _IPPFVS_CONN_WORKER_H

#include "table.h"

/* Buckets between two chances for others to run. */
#define IPPFVS_CONN_RESCHED_EVERY	256

struct work_struct;

/* table->work. */
void ippfvs_conn_work(struct work_struct *work);

/* RCU: there is an entry more. */
void ippfvs_conn_wake(struct ippfvs_conn_table *table);

/*
 * The worker, or who has stopped it: end what was idle for too long, take out and
 * free what has ended, of hashes from @first up to before @end.
 */
void ippfvs_conn_sweep(struct ippfvs_conn_table *table, u32 first, u64 end);

/* The same: nobody else replaces the array while the table is started. */
static inline struct ippfvs_buckets *
ippfvs_conn_own_buckets(const struct ippfvs_conn_table *table)
{
	return rcu_dereference_raw(table->buckets);
}

#endif /* _IPPFVS_CONN_WORKER_H */
