/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Orphans: entries that have ended because their real server was removed. Their client
 * does not find them any more; what the server still sends does, and is dropped.
 */
#ifndef _IPPFVS_CONN_ORPHAN_H
#define _IPPFVS_CONN_ORPHAN_H

struct ippfvs_conn;
struct ippfvs_conn_table;

/*
 * RCU, BH off. End an entry whose real server was removed. It stays an orphan as long
 * as it would have stayed; not of Local Node, and not when orphans fill their share of
 * the table: then it ends as any other.
 */
void ippfvs_conn_orphan(struct ippfvs_conn_table *table,
			struct ippfvs_conn *conn);

/* RCU, or nobody reads: an orphan is as dead as any other from now on. */
void ippfvs_conn_forget(struct ippfvs_conn_table *table,
			struct ippfvs_conn *conn);

#endif /* _IPPFVS_CONN_ORPHAN_H */
