/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The start and stop of a connection table, and its worker. Only the worker replaces the array of
 * buckets. Entries are unlinked by the worker and, when a limit is reached, by insertions
 * (evict.h).
 */
#ifndef _IPPFVS_CONN_WORKER_H
#define _IPPFVS_CONN_WORKER_H

#include "table.h"

/**
 * ippfvs_conn_worker_init() - create the workqueue of all workers
 *
 * Context: process, with the module.
 * Return: 0 or -ENOMEM.
 */
int ippfvs_conn_worker_init(void);

/**
 * ippfvs_conn_worker_exit() - destroy the workqueue
 *
 * Context: process, with the module. All tables are stopped.
 */
void ippfvs_conn_worker_exit(void);

/**
 * ippfvs_conn_table_init() - initialise the table of a new namespace, without buckets
 * @table: zeroed memory
 * @config: settings of the namespace
 *
 * Context: process.
 * Return: 0 or -ENOMEM.
 */
int ippfvs_conn_table_init(struct ippfvs_conn_table *table, const struct ippfvs_config *config);

/**
 * ippfvs_conn_table_exit() - undo ippfvs_conn_table_init()
 * @table: the table, which is stopped
 *
 * Context: process.
 */
void ippfvs_conn_table_exit(struct ippfvs_conn_table *table);

/**
 * ippfvs_conn_table_start() - allocate buckets before the namespace's first service
 * @table: the namespace's table
 *
 * Context: process, the namespace's lock.
 * Return: 0 or -ENOMEM.
 */
int ippfvs_conn_table_start(struct ippfvs_conn_table *table);

/**
 * ippfvs_conn_table_stop() - end and free all entries after the namespace's last service
 * @table: the namespace's table; no packet can reach it any more
 * @readers: true if dumps may still read the table; it then waits for a grace period
 *
 * Context: process, the namespace's lock.
 */
void ippfvs_conn_table_stop(struct ippfvs_conn_table *table, bool readers);

/**
 * ippfvs_conn_wake() - make sure that the worker runs
 * @table: the table, to which an entry has been added
 *
 * Context: RCU.
 */
void ippfvs_conn_wake(struct ippfvs_conn_table *table);

#endif /* _IPPFVS_CONN_WORKER_H */
