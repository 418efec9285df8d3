// SPDX-License-Identifier: GPL-2.0
#include "table.h"

#include "../service/real.h"
#include "bucket.h"

#include <net/ipv6.h>

/* Tombstones use memory that connections need. At most 1/8 of the maximum may be tombstones. */
#define TOMBSTONE_SHARE 8

/*
 * Maximum timeouts of unconfirmed connections whose client has sent fewer than
 * IPPFVS_CONN_PACKETS_MAX packets, and of the others.
 */
#define NEW_TIMEOUT	    (60 * HZ)
#define UNCONFIRMED_TIMEOUT (900 * HZ)

/* Hashes */

static u32 hash_end6(const struct ippfvs_conn_table *table, const union ippfvs_addr *addr, u32 rest)
{
	u32 words[5];

	memcpy(words, addr, sizeof(*addr));
	words[4] = rest;
	return hsiphash(words, sizeof(words), &table->client_key);
}

/* The keyed hash of one end of @tuple's packet: its address, port and protocol. */
static __always_inline u32 hash_end(const struct ippfvs_conn_table *table,
				    const struct ippfvs_tuple *tuple, const union ippfvs_addr *addr,
				    __be16 port)
{
	u32 rest = (__force u32)port << 16 | tuple->protocol;

	if (tuple->family == IPPFVS_FAMILY_IPV4)
		return hsiphash_2u32((__force u32)addr->ip, rest, &table->client_key);
	return hash_end6(table, addr, rest);
}

u32 ippfvs_conn_hash_dest(const struct ippfvs_conn_table *table, const struct ippfvs_tuple *tuple)
{
	return hash_end(table, tuple, &tuple->daddr, tuple->dport);
}

u32 ippfvs_conn_hash_tuple(const struct ippfvs_conn_table *table, const struct ippfvs_tuple *tuple)
{
	return siphash(tuple, offsetofend(struct ippfvs_tuple, protocol), &table->tuple_key);
}

/* Lookup */

static __always_inline bool has_addr(const struct ippfvs_conn *conn, enum ippfvs_conn_end end,
				     const union ippfvs_addr *addr)
{
	if (conn->family == IPPFVS_FAMILY_IPV4)
		return conn->ip[end] == addr->ip;
	return ipv6_addr_equal(&conn->ip6[end], &addr->ip6);
}

static __always_inline bool matches(const struct ippfvs_conn *conn, enum ippfvs_conn_dir dir,
				    const struct ippfvs_tuple *tuple)
{
	enum ippfvs_conn_end source = ippfvs_conn_source(dir);
	enum ippfvs_conn_end dest = ippfvs_conn_dest(dir);

	return conn->port[source] == tuple->sport &&
	       ippfvs_conn_dest_port(conn, dir) == tuple->dport &&
	       conn->protocol == tuple->protocol && conn->family == tuple->family &&
	       (dir == IPPFVS_CONN_IN || conn->two_way) && has_addr(conn, source, &tuple->saddr) &&
	       has_addr(conn, dest, &tuple->daddr);
}

static __always_inline struct ippfvs_conn *lookup_in_array(const struct ippfvs_buckets *buckets,
							   u32 hash,
							   const struct ippfvs_tuple *tuple,
							   enum ippfvs_conn_dir dir, bool tombstone)
{
	const struct ippfvs_bucket *bucket;
	struct ippfvs_conn *conn;
	unsigned int mask;

	ippfvs_bucket_for_each_rcu(bucket, ippfvs_bucket(buckets, hash)) {
		mask = ippfvs_bucket_match(bucket, hash);
		for (; mask; mask &= mask - 1) {
			conn = ippfvs_bucket_conn(bucket, __ffs(mask));
			if (conn && matches(conn, dir, tuple) &&
			    (tombstone ? ippfvs_conn_is_tombstone(conn) :
					 !ippfvs_conn_is_dead(conn)))
				return conn;
		}
	}
	return NULL;
}

/*
 * During a resize an entry is in a later array before it leaves this one. So a lookup in all arrays
 * in their order never misses it.
 */
static struct ippfvs_conn *lookup_in_next(const struct ippfvs_buckets *buckets, u32 hash,
					  const struct ippfvs_tuple *tuple,
					  enum ippfvs_conn_dir dir, bool tombstone)
{
	struct ippfvs_conn *conn;

	for (;;) {
		smp_rmb(); /* pairs with smp_store_release() in move_bucket() */
		buckets = rcu_dereference(buckets->next);
		if (likely(!buckets))
			return NULL;
		conn = lookup_in_array(buckets, hash, tuple, dir, tombstone);
		if (conn)
			return conn;
	}
}

static __always_inline struct ippfvs_conn *lookup(const struct ippfvs_buckets *buckets, u32 hash,
						  const struct ippfvs_tuple *tuple,
						  enum ippfvs_conn_dir dir, bool tombstone)
{
	struct ippfvs_conn *conn = lookup_in_array(buckets, hash, tuple, dir, tombstone);

	return likely(conn) ? conn : lookup_in_next(buckets, hash, tuple, dir, tombstone);
}

struct ippfvs_conn *ippfvs_conn_lookup_by_tuple(const struct ippfvs_conn_table *table,
						const struct ippfvs_buckets *buckets,
						const struct ippfvs_tuple *tuple,
						enum ippfvs_conn_dir dir)
{
	return lookup(buckets, ippfvs_conn_hash_tuple(table, tuple), tuple, dir, false);
}

/* Search the five-tuple index, then for a tombstone at the client (@dest_hash) or in the index. */
static noinline struct ippfvs_conn *lookup_rare(const struct ippfvs_conn_table *table,
						const struct ippfvs_buckets *buckets,
						const struct ippfvs_tuple *tuple, u32 dest_hash,
						enum ippfvs_conn_dir *dir)
{
	bool by_tuple = atomic_read(&table->by_tuple);
	struct ippfvs_conn *conn;
	u32 tuple_hash = 0;

	if (by_tuple) {
		tuple_hash = ippfvs_conn_hash_tuple(table, tuple);
		*dir = IPPFVS_CONN_IN;
		conn = lookup(buckets, tuple_hash, tuple, *dir, false);
		if (conn)
			return conn;
		*dir = IPPFVS_CONN_OUT;
		conn = lookup(buckets, tuple_hash, tuple, *dir, false);
		if (conn)
			return conn;
	}

	if (!atomic_read(&table->tombstones))
		return NULL;
	*dir = IPPFVS_CONN_OUT;
	conn = lookup(buckets, dest_hash, tuple, *dir, true);
	return conn || !by_tuple ? conn : lookup(buckets, tuple_hash, tuple, *dir, true);
}

struct ippfvs_conn *ippfvs_conn_lookup(struct ippfvs_conn_table *table,
				       const struct ippfvs_tuple *tuple, u32 *hash,
				       enum ippfvs_conn_dir *dir)
{
	const struct ippfvs_buckets *buckets = rcu_dereference(table->buckets);
	struct ippfvs_conn *conn;
	u32 dest_hash;

	*hash = hash_end(table, tuple, &tuple->saddr, tuple->sport);
	if (unlikely(!buckets))
		return NULL;

	*dir = IPPFVS_CONN_IN;
	conn = lookup(buckets, *hash, tuple, *dir, false);
	if (likely(conn))
		return conn;

	*dir = IPPFVS_CONN_OUT;
	dest_hash = hash_end(table, tuple, &tuple->daddr, tuple->dport);
	conn = lookup(buckets, dest_hash, tuple, *dir, false);
	if (conn)
		return conn;

	smp_rmb(); /* a tombstone is counted before its state word has the flag */
	if (likely(!atomic_read(&table->by_tuple) && !atomic_read(&table->tombstones)))
		return NULL;
	return lookup_rare(table, buckets, tuple, dest_hash, dir);
}

/* Unlinking. The caller is in an RCU read-side critical section, or is the only one who unlinks. */

static bool unlink_dir(struct ippfvs_conn_table *table, struct ippfvs_conn *conn,
		       enum ippfvs_conn_dir dir)
{
	struct ippfvs_buckets *buckets = rcu_dereference_raw(table->buckets);
	u32 hash = conn->hash[dir];
	unsigned long slot = ippfvs_slot(conn, dir);
	spinlock_t *lock = ippfvs_conn_table_lock(table, hash);
	bool found = false;

	spin_lock_bh(lock);
	for (; buckets && !found; buckets = rcu_dereference_raw(buckets->next))
		found = ippfvs_buckets_remove(buckets, hash, slot);
	spin_unlock_bh(lock);
	return found;
}

/*
 * Of two callers, only the one that removes the first link continues. An insertion that is about to
 * add the second link sees under the lock that the entry is dead (insert.c).
 */
bool ippfvs_conn_unlink(struct ippfvs_conn_table *table, struct ippfvs_conn *conn)
{
	if (!unlink_dir(table, conn, IPPFVS_CONN_IN))
		return false;
	if (conn->by_tuple) {
		if (conn->two_way)
			unlink_dir(table, conn, IPPFVS_CONN_OUT);
		atomic_dec(&table->by_tuple);
	}
	percpu_counter_dec(&table->conns);
	return true;
}

/* Evictions */

void ippfvs_conn_evictions_read(struct ippfvs_conn_table *table, u64 *counts)
{
	u32 i;

	for (i = IPPFVS_EVICTION_PAD + 1; i <= IPPFVS_EVICTION_MAX; i++) {
		u64 base = READ_ONCE(table->evictions_zeroed[i]);

		smp_rmb(); /* the base is read first, else it might exceed the sum */
		counts[i] = percpu_counter_sum(&table->evictions[i]) - base;
	}
}

void ippfvs_conn_evictions_zero(struct ippfvs_conn_table *table)
{
	u32 i;

	for (i = IPPFVS_EVICTION_PAD + 1; i <= IPPFVS_EVICTION_MAX; i++) {
		u64 base = percpu_counter_sum(&table->evictions[i]);

		smp_wmb(); /* pairs with ippfvs_conn_evictions_read() */
		WRITE_ONCE(table->evictions_zeroed[i], base);
	}
}

/* Timeouts and tombstones */

static u32 state_timeout(const struct ippfvs_conn_table *table, u8 state)
{
	return READ_ONCE(table->config->timeout[state]);
}

/*
 * The longest timeout of an unconfirmed connection. If the director sees only the client, an
 * established connection may be idle from its beginning (a pool of connections to a database). It
 * is not taken for a spoofed one before the table fills.
 */
static u32 unconfirmed_timeout(const struct ippfvs_conn *conn, u64 word, u32 pressure)
{
	if (ippfvs_conn_word_packets(word) >= IPPFVS_CONN_PACKETS_MAX)
		return UNCONFIRMED_TIMEOUT;
	if (!conn->two_way && ippfvs_conn_word_state(word) == IPPFVS_STATE_ESTABLISHED && !pressure)
		return UNCONFIRMED_TIMEOUT;
	return NEW_TIMEOUT;
}

u32 ippfvs_conn_timeout(const struct ippfvs_conn_table *table, const struct ippfvs_conn *conn,
			u64 word)
{
	u32 timeout = state_timeout(table, ippfvs_conn_word_state(word));
	u32 pressure = READ_ONCE(table->pressure);

	if (READ_ONCE(conn->real->removed))
		timeout = min(timeout, state_timeout(table, IPPFVS_STATE_TIME_WAIT));
	if (!ippfvs_conn_word_is_confirmed(word))
		timeout = min(timeout, unconfirmed_timeout(conn, word, pressure));
	return timeout - (u64)timeout * pressure / IPPFVS_CONN_PRESSURE_UNIT;
}

static bool count_tombstone(struct ippfvs_conn_table *table)
{
	u32 limit = ippfvs_config_conn_max(table->config) / TOMBSTONE_SHARE;

	if (atomic_inc_return(&table->tombstones) <= limit)
		return true;
	atomic_dec(&table->tombstones);
	return false;
}

/* A tombstone is counted first: another CPU may call ippfvs_conn_remove_tombstone() at once. */
void ippfvs_conn_entomb(struct ippfvs_conn_table *table, struct ippfvs_conn *conn)
{
	u64 word;

	if (!conn->two_way || conn->method == IPPFVS_METHOD_LOCAL || !count_tombstone(table)) {
		ippfvs_conn_end(conn);
		return;
	}

	do {
		word = ippfvs_conn_word_read(conn);
		if (word & IPPFVS_CONN_F_DEAD) {
			atomic_dec(&table->tombstones);
			return;
		}
	} while (!ippfvs_conn_try_end(conn, word, IPPFVS_CONN_F_DEAD | IPPFVS_CONN_F_TOMBSTONE));
}

void ippfvs_conn_remove_tombstone(struct ippfvs_conn_table *table, struct ippfvs_conn *conn)
{
	if (atomic64_fetch_andnot(IPPFVS_CONN_F_TOMBSTONE, &conn->state) & IPPFVS_CONN_F_TOMBSTONE)
		atomic_dec(&table->tombstones);
}
