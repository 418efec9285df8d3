// SPDX-License-Identifier: GPL-2.0
#include "hash.h"

u32 ippfvs_conn_hash_end6(const struct ippfvs_conn_table *table,
			  const union ippfvs_addr *addr, u32 rest)
{
	u32 words[5];

	memcpy(words, addr, sizeof(*addr));
	words[4] = rest;
	return hsiphash(words, sizeof(words), &table->key);
}

u32 ippfvs_conn_hash_whole(const struct ippfvs_conn_table *table,
			   const struct ippfvs_tuple *tuple)
{
	return siphash(tuple, offsetofend(struct ippfvs_tuple, protocol),
		       &table->spread_key);
}
