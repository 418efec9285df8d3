/* SPDX-License-Identifier: GPL-2.0 */
/* Memory for entries, and how many there are in all namespaces: for the table. */
#ifndef _IPPFVS_CONN_MAKE_H
#define _IPPFVS_CONN_MAKE_H

#include <linux/cpumask.h>
#include <linux/percpu_counter.h>
#include <linux/types.h>

struct ippfvs_conn;
struct ippfvs_conn_plan;

/* With the module. */
int ippfvs_conn_init(void);
void ippfvs_conn_exit(void);

/*
 * Are there @most by that @count? An exact sum at the limit would have all CPUs wait for
 * one another, packet by packet of a flood: it is asked for only where what CPUs have
 * not told yet could be more than a sixteenth of the limit.
 */
static inline bool ippfvs_conn_full(struct percpu_counter *count, u32 most)
{
#ifdef CONFIG_SMP	/* else there is nothing to sum up, and no batch */
	if (most >> 4 > percpu_counter_batch * num_online_cpus())
		return percpu_counter_read(count) >= most;
#endif
	return percpu_counter_compare(count, most) >= 0;
}

/*
 * RCU, BH off: an entry as planned, counted for its real server, in no table yet.
 * ERR_PTR: -ENOMEM, or -ENOSPC (all namespaces together have @limit).
 */
struct ippfvs_conn *ippfvs_conn_make(const struct ippfvs_conn_plan *plan,
				     u32 limit);

/* RCU, BH off: end and free one that was made and never was in a table. */
void ippfvs_conn_abandon(struct ippfvs_conn *conn);

/* Free @n that nobody reads any more, and whose real servers were put. */
void ippfvs_conn_free(struct ippfvs_conn **conn, u32 n);

#endif /* _IPPFVS_CONN_MAKE_H */
