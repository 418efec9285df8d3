/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Start and stop of a connection table, and its worker. Only the worker replaces the array of buckets.
 * It unlinks entries, as insertions do if the table is full (evict.h).
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

/* Destroy the workqueue; all tables are stopped. Context: process. */
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

/* Undo ippfvs_conn_table_init(); the table is stopped. Context: process. */
void ippfvs_conn_table_exit(struct ippfvs_conn_table *table);

/**
 * ippfvs_conn_table_start() - allocate buckets before the namespace's first service
 * @table: of the namespace
 *
 * Context: process, the namespace's lock.
 * Return: 0 or -ENOMEM.
 */
int ippfvs_conn_table_start(struct ippfvs_conn_table *table);

/**
 * ippfvs_conn_table_stop() - end and free all entries after the namespace's last service
 * @table: of the namespace; no packet can reach it any more, dumps may still read it
 *
 * Context: process, the namespace's lock.
 */
void ippfvs_conn_table_stop(struct ippfvs_conn_table *table);

/**
 * ippfvs_conn_wake() - make sure that the worker runs
 * @table: an entry was added to it
 *
 * Context: RCU.
 */
void ippfvs_conn_wake(struct ippfvs_conn_table *table);

#endif /* _IPPFVS_CONN_WORKER_H */
