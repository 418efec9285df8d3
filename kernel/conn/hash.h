/* SPDX-License-Identifier: GPL-2.0 */
/* Hashes that nobody outside can foresee: where in the table an entry is linked. */
#ifndef _IPPFVS_CONN_HASH_H
#define _IPPFVS_CONN_HASH_H

#include "table.h"

/* All in any context. */

/* What ippfvs_conn_hash_end() makes of an IPv6 address and the @rest. */
u32 ippfvs_conn_hash_end6(const struct ippfvs_conn_table *table,
			  const union ippfvs_addr *addr, u32 rest);

/* Of one end. */
static inline u32 ippfvs_conn_hash_end(const struct ippfvs_conn_table *table,
				       u8 family, u8 protocol,
				       const union ippfvs_addr *addr,
				       __be16 port)
{
	u32 rest = (__force u32)port << 16 | protocol;

	if (family == IPPFVS_FAMILY_IPV4)
		return hsiphash_2u32((__force u32)addr->ip, rest, &table->key);
	return ippfvs_conn_hash_end6(table, addr, rest);
}

/* Of the sender: a packet knows its client by it, if a client has sent it. */
static inline u32 ippfvs_conn_hash(const struct ippfvs_conn_table *table,
				   const struct ippfvs_tuple *tuple)
{
	return ippfvs_conn_hash_end(table, tuple->family, tuple->protocol,
				    &tuple->saddr, tuple->sport);
}

/* Of a whole five-tuple, for entries that are spread. */
u32 ippfvs_conn_hash_whole(const struct ippfvs_conn_table *table,
			   const struct ippfvs_tuple *tuple);

#endif /* _IPPFVS_CONN_HASH_H */
