// SPDX-License-Identifier: GPL-2.0
#include "orphan.h"

#include "life.h"
#include "table.h"

/* Orphans take the place of living connections: at most one in so many may be one. */
#define ORPHANS_SHARE	8

static bool may_stay(const struct ippfvs_conn *conn)
{
	/* Else its server's packets do not come by us, or are our own. */
	return conn->two_way && conn->method != IPPFVS_METHOD_LOCAL;
}

/* Counted before it is one: it may be forgotten at once. */
static bool try_count(struct ippfvs_conn_table *table)
{
	u32 most = ippfvs_config_conn_max(table->config) / ORPHANS_SHARE;

	if (atomic_inc_return(&table->orphans) <= most)
		return true;
	atomic_dec(&table->orphans);
	return false;
}

void ippfvs_conn_orphan(struct ippfvs_conn_table *table,
			struct ippfvs_conn *conn)
{
	if (!may_stay(conn) || !try_count(table))
		ippfvs_conn_end(conn);
	else if (!ippfvs_conn_end_as(conn, LIFE_DEAD | LIFE_ORPHAN))
		atomic_dec(&table->orphans);
}

void ippfvs_conn_forget(struct ippfvs_conn_table *table,
			struct ippfvs_conn *conn)
{
	if (atomic64_fetch_andnot(LIFE_ORPHAN, &conn->life) & LIFE_ORPHAN)
		atomic_dec(&table->orphans);
}
