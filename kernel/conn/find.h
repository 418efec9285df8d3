/* SPDX-License-Identifier: GPL-2.0 */
/* How the table looks for entries that are spread: for those who insert. */
#ifndef _IPPFVS_CONN_FIND_H
#define _IPPFVS_CONN_FIND_H

#include "table.h"

/* RCU. The living entry of packets that go @dir, among those that are spread. */
struct ippfvs_conn *
ippfvs_conn_find_spread(const struct ippfvs_conn_table *table,
			const struct ippfvs_buckets *buckets,
			const struct ippfvs_tuple *tuple,
			enum ippfvs_conn_dir dir);

#endif /* _IPPFVS_CONN_FIND_H */
