/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Eviction: when a limit is reached, a new connection replaces one that is dead, closed or
 * unconfirmed.
 */
#ifndef _IPPFVS_CONN_EVICT_H
#define _IPPFVS_CONN_EVICT_H

#include "table.h"

/**
 * ippfvs_conn_evict() - make room for a new connection
 * @table: the namespace's table; it or all tables together have reached their limit
 * @hash: where to begin the search; the hash of the new connection
 *
 * A confirmed connection is never ended, unless it is closed already.
 *
 * Context: RCU, bottom halves off, no lock of the table.
 * Return: false if no entry near @hash may go, or if too many entries wait for their grace period.
 */
bool ippfvs_conn_evict(struct ippfvs_conn_table *table, u32 hash);

/**
 * ippfvs_conn_evict_flush() - free the entries that every CPU has evicted so far
 * @table: the namespace's table
 *
 * They are freed after a grace period. Without this call a CPU would keep its last ones.
 *
 * Context: any.
 */
void ippfvs_conn_evict_flush(struct ippfvs_conn_table *table);

/**
 * ippfvs_conn_waiting_full() - whether no more entries may wait for their grace period
 * @table: the namespace's table
 *
 * Entries that are unlinked but not freed do not count as connections. Their number is limited to
 * an eighth of the namespace's limit plus IPPFVS_CONN_WAITING_MIN.
 *
 * Context: any.
 * Return: true if the caller should unlink no entry.
 */
bool ippfvs_conn_waiting_full(const struct ippfvs_conn_table *table);

#define IPPFVS_CONN_WAITING_MIN 16384

#endif /* _IPPFVS_CONN_EVICT_H */
