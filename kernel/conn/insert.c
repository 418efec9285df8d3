// SPDX-License-Identifier: GPL-2.0
/*
 * Insertion: check a new entry for conflicts, then link it at its client, or in the five-tuple
 * index if the client has many connections already.
 *
 * Locks nest in this order: tuple_lock, the lock of the client's hash (home), the lock of a
 * five-tuple's hash or of another client's hash. Only a holder of tuple_lock holds two locks of the
 * table.
 */
#include "insert.h"

#include "../service/real.h"
#include "../trace.h"
#include "bucket.h"
#include "evict.h"
#include "worker.h"

#include <linux/err.h>
#include <linux/lockdep.h>
#include <net/ipv6.h>

/* Maximum number of entries linked at one client. Each insertion compares with all of them. */
#define AT_CLIENT_MAX 4

/*
 * Maximum number of dead entries of one client in one bucket. They wait for the worker for about 8
 * seconds. A client that opens and closes connections from one port faster than this would make
 * lookups slow and use up all slots. Even two such clients leave slots of a bucket free.
 */
#define DEAD_MAX 100

/* Maximum number of tombstones of one client in one bucket. They stay for up to TIME_WAIT. */
#define TOMBSTONES_MAX 8

/**
 * struct conflicts - entries that a new one conflicts with
 * @duplicate: has the same client and the same virtual address and port
 * @collision: its replies have the same five-tuple as those of the new one
 * @living: number of living entries with the same client
 * @dead: number of dead entries with the same client that are still linked
 * @tombstones: number of tombstones among @dead
 */
struct conflicts {
	struct ippfvs_conn *duplicate;
	struct ippfvs_conn *collision;
	u32 living;
	u32 dead;
	u32 tombstones;
};

/**
 * struct insertion - an insertion in progress
 * @table: the table
 * @buckets: its array
 * @conn: the new entry
 * @home: hash of the client
 * @conflicts: what find_conflicts() has found
 * @linked: @conn is linked at least once, so the worker or an eviction unlinks and frees it
 */
struct insertion {
	struct ippfvs_conn_table *table;
	struct ippfvs_buckets *buckets;
	struct ippfvs_conn *conn;
	u32 home;
	struct conflicts conflicts;
	bool linked;
};

/* Conflicts */

static bool same_addr(const struct ippfvs_conn *a, const struct ippfvs_conn *b,
		      enum ippfvs_conn_end end)
{
	if (a->family == IPPFVS_FAMILY_IPV4)
		return a->ip[end] == b->ip[end];
	return ipv6_addr_equal(&a->ip6[end], &b->ip6[end]);
}

static bool same_end(const struct ippfvs_conn *a, const struct ippfvs_conn *b,
		     enum ippfvs_conn_end end)
{
	return a->port[end] == b->port[end] && same_addr(a, b, end);
}

/* Tombstones beyond the maximum become ordinary dead entries. */
static void note_dead(struct conflicts *conflicts, struct ippfvs_conn_table *table,
		      struct ippfvs_conn *other)
{
	conflicts->dead++;
	if (ippfvs_conn_is_tombstone(other) && ++conflicts->tombstones > TOMBSTONES_MAX)
		ippfvs_conn_remove_tombstone(table, other);
}

static bool is_collision(const struct ippfvs_conn *conn, const struct ippfvs_conn *other)
{
	return other->two_way && conn->two_way && other->local_port == conn->local_port &&
	       same_end(other, conn, IPPFVS_END_REAL);
}

static void note_conflict(struct conflicts *conflicts, struct ippfvs_conn_table *table,
			  const struct ippfvs_conn *conn, struct ippfvs_conn *other)
{
	if (other->protocol != conn->protocol || other->family != conn->family ||
	    !same_end(other, conn, IPPFVS_END_CLIENT))
		return;
	if (ippfvs_conn_is_dead(other)) {
		note_dead(conflicts, table, other);
		return;
	}

	conflicts->living++;
	if (same_end(other, conn, IPPFVS_END_VIRTUAL))
		conflicts->duplicate = other;
	else if (is_collision(conn, other))
		conflicts->collision = other;
}

static void check_bucket(struct conflicts *conflicts, struct ippfvs_conn_table *table,
			 const struct ippfvs_buckets *buckets, u32 hash,
			 const struct ippfvs_conn *conn)
{
	const struct ippfvs_bucket *bucket;
	struct ippfvs_conn *other;
	unsigned int mask;

	ippfvs_bucket_for_each_rcu(bucket, ippfvs_bucket(buckets, hash)) {
		mask = ippfvs_bucket_match(bucket, hash);
		for (; mask; mask &= mask - 1) {
			other = ippfvs_bucket_conn(bucket, __ffs(mask));
			if (other)
				note_conflict(conflicts, table, conn, other);
		}
	}
}

/* Compare @conn with all entries that are linked under @hash, whose lock is held. */
static void check_hash(struct conflicts *conflicts, struct ippfvs_conn_table *table,
		       const struct ippfvs_buckets *buckets, u32 hash,
		       const struct ippfvs_conn *conn)
{
	for (; buckets; buckets = rcu_dereference(buckets->next))
		check_bucket(conflicts, table, buckets, hash, conn);
}

static void check_index(struct insertion *ins, enum ippfvs_conn_dir dir)
{
	struct ippfvs_tuple tuple = {};
	struct ippfvs_conn *other;

	ippfvs_conn_tuple(ins->conn, dir, &tuple);
	other = ippfvs_conn_lookup_by_tuple(ins->table, ins->buckets, &tuple, dir);
	if (!other)
		return;
	/*
	 * The other entry may belong to another port of the client that is translated to this port.
	 */
	if (dir == IPPFVS_CONN_OUT && !same_end(other, ins->conn, IPPFVS_END_CLIENT))
		ins->conflicts.collision = other;
	else
		note_conflict(&ins->conflicts, ins->table, ins->conn, other);
}

/* The lock of the home bucket is held, so that no conflicting entry can be added meanwhile. */
static void find_conflicts(struct insertion *ins)
{
	ins->conflicts = (struct conflicts){};
	check_hash(&ins->conflicts, ins->table, ins->buckets, ins->home, ins->conn);
	if (likely(!atomic_read(&ins->table->by_tuple)))
		return;
	check_index(ins, IPPFVS_CONN_IN);
	if (ins->conn->two_way)
		check_index(ins, IPPFVS_CONN_OUT);
}

/*
 * Return: true if a new connection may replace @conn, because it is closed or its real server was
 * removed.
 */
static bool is_replaceable(const struct ippfvs_conn *conn)
{
	if (READ_ONCE(conn->real->removed))
		return true;
	return ippfvs_conn_reopens(conn, IPPFVS_TCP_SYN);
}

static int conflict_error(const struct conflicts *conflicts)
{
	if (conflicts->duplicate && !is_replaceable(conflicts->duplicate))
		return -EEXIST;
	if (conflicts->collision && !is_replaceable(conflicts->collision))
		return -EADDRINUSE;
	return 0;
}

static void evict(struct ippfvs_conn_table *table, struct ippfvs_conn *conn)
{
	trace_conn_evict(conn);
	percpu_counter_inc(&table->evictions[IPPFVS_EVICTION_CONFLICT]);
	ippfvs_conn_end(conn);
}

static void evict_conflicts(const struct insertion *ins)
{
	if (ins->conflicts.duplicate)
		evict(ins->table, ins->conflicts.duplicate);
	if (ins->conflicts.collision)
		evict(ins->table, ins->conflicts.collision);
}

/* Links */

/* The lock of the hash is held. A resize publishes the next array before it takes this lock. */
static int add_link(struct insertion *ins, enum ippfvs_conn_dir dir)
{
	int err;

	err = ippfvs_buckets_add(ippfvs_buckets_last(ins->buckets), ins->conn->hash[dir],
				 ippfvs_slot(ins->conn, dir));
	if (!err)
		ins->linked = true;
	return err;
}

static int link_at_client(struct insertion *ins)
{
	if (ins->conflicts.dead >= DEAD_MAX)
		return -ENOSPC;
	evict_conflicts(ins);
	return add_link(ins, IPPFVS_CONN_IN);
}

/*
 * The lock of the hash is held. An entry that has ended meanwhile is not linked again, because the
 * worker or an eviction may be unlinking it.
 */
static int add_index_link_locked(struct insertion *ins, enum ippfvs_conn_dir dir)
{
	struct conflicts conflicts = {};

	if (ippfvs_conn_is_dead(ins->conn))
		return 0;
	check_hash(&conflicts, ins->table, ins->buckets, ins->conn->hash[dir], ins->conn);
	return conflicts.dead < DEAD_MAX ? add_link(ins, dir) : -ENOSPC;
}

static int add_index_link(struct insertion *ins, enum ippfvs_conn_dir dir)
{
	spinlock_t *lock = ippfvs_conn_table_lock(ins->table, ins->conn->hash[dir]);
	spinlock_t *held = ippfvs_conn_table_lock(ins->table, ins->home);
	int err;

	lockdep_assert_held(&ins->table->tuple_lock);
	lockdep_assert_held(held);

	if (lock == held)
		return add_index_link_locked(ins, dir);

	spin_lock_nested(lock, SINGLE_DEPTH_NESTING);
	err = add_index_link_locked(ins, dir);
	spin_unlock(lock);
	return err;
}

static u32 tuple_hash(const struct insertion *ins, enum ippfvs_conn_dir dir)
{
	struct ippfvs_tuple tuple = {};

	ippfvs_conn_tuple(ins->conn, dir, &tuple);
	return ippfvs_conn_hash_tuple(ins->table, &tuple);
}

/*
 * The hashes and the counter are set before the first link makes the entry visible. If the second
 * link fails, the entry ends, because its replies would not find it.
 */
static int link_by_tuple(struct insertion *ins)
{
	struct ippfvs_conn *conn = ins->conn;
	int err;

	evict_conflicts(ins);
	conn->by_tuple = true;
	conn->hash[IPPFVS_CONN_IN] = tuple_hash(ins, IPPFVS_CONN_IN);
	conn->hash[IPPFVS_CONN_OUT] = tuple_hash(ins, IPPFVS_CONN_OUT);
	atomic_inc(&ins->table->by_tuple);

	err = add_index_link(ins, IPPFVS_CONN_IN);
	if (err) {
		atomic_dec(&ins->table->by_tuple);
		return err;
	}
	if (!conn->two_way)
		return 0;

	err = add_index_link(ins, IPPFVS_CONN_OUT);
	if (err)
		ippfvs_conn_end(conn);
	return err;
}

/* Insertion */

/* Replies name the translated port, so an entry with one must be in the five-tuple index. */
static bool client_has_many(const struct insertion *ins)
{
	return ins->conflicts.living >= AT_CLIENT_MAX || ippfvs_conn_translates_client(ins->conn);
}

static bool bucket_has_collision(const struct ippfvs_buckets *buckets, u32 hash,
				 const struct ippfvs_conn *conn)
{
	const struct ippfvs_bucket *bucket;
	const struct ippfvs_conn *other;
	unsigned int mask;

	ippfvs_bucket_for_each_rcu(bucket, ippfvs_bucket(buckets, hash)) {
		mask = ippfvs_bucket_match(bucket, hash);
		for (; mask; mask &= mask - 1) {
			other = ippfvs_bucket_conn(bucket, __ffs(mask));
			if (other && other != conn && other->protocol == conn->protocol &&
			    other->family == conn->family && !ippfvs_conn_is_dead(other) &&
			    same_addr(other, conn, IPPFVS_END_CLIENT) && is_collision(conn, other))
				return true;
		}
	}
	return false;
}

/* The lock of @hash is held. */
static bool hash_has_collision(const struct insertion *ins, u32 hash)
{
	const struct ippfvs_buckets *buckets = ins->buckets;

	for (; buckets; buckets = rcu_dereference(buckets->next))
		if (bucket_has_collision(buckets, hash, ins->conn))
			return true;
	return false;
}

/*
 * Look for a connection that the client has opened from @conn->local_port itself. @conn is linked
 * already. So of two insertions at the same time, at least the one that takes the lock of this
 * client last sees the other's entry: here, or in the five-tuple index.
 */
static int check_local_port(struct insertion *ins)
{
	spinlock_t *held = ippfvs_conn_table_lock(ins->table, ins->home);
	struct ippfvs_tuple tuple = {};
	spinlock_t *lock;
	bool collides;
	u32 hash;

	lockdep_assert_held(&ins->table->tuple_lock);
	lockdep_assert_held(held);

	ippfvs_conn_tuple(ins->conn, IPPFVS_CONN_OUT, &tuple);
	hash = ippfvs_conn_hash_dest(ins->table, &tuple);
	lock = ippfvs_conn_table_lock(ins->table, hash);
	if (lock == held) {
		collides = hash_has_collision(ins, hash);
	} else {
		spin_lock_nested(lock, SINGLE_DEPTH_NESTING);
		collides = hash_has_collision(ins, hash);
		spin_unlock(lock);
	}
	if (!collides)
		return 0;

	ippfvs_conn_end(ins->conn);
	return -EADDRINUSE;
}

/* The check is repeated, because the conflicts may have changed before tuple_lock was taken. */
static int insert_with_index(struct insertion *ins)
{
	spinlock_t *lock = ippfvs_conn_table_lock(ins->table, ins->home);
	int err;

	spin_lock(&ins->table->tuple_lock);
	spin_lock(lock);
	ins->buckets = rcu_dereference(ins->table->buckets);
	find_conflicts(ins);
	err = conflict_error(&ins->conflicts);
	if (!err)
		err = client_has_many(ins) ? link_by_tuple(ins) : link_at_client(ins);
	if (!err && ippfvs_conn_translates_client(ins->conn))
		err = check_local_port(ins);
	spin_unlock(lock);
	spin_unlock(&ins->table->tuple_lock);
	return err;
}

/* Return: 0, or -EEXIST, -EADDRINUSE, -ENOSPC, -ENOMEM; see also @ins->linked. */
static int insert(struct insertion *ins)
{
	spinlock_t *lock = ippfvs_conn_table_lock(ins->table, ins->home);
	int err;

	spin_lock(lock);
	find_conflicts(ins);
	err = conflict_error(&ins->conflicts);
	if (likely(!err && !client_has_many(ins)))
		err = link_at_client(ins);
	spin_unlock(lock);

	if (unlikely(!err && !ins->linked))
		return insert_with_index(ins);
	return err;
}

static bool is_full(struct ippfvs_conn_table *table)
{
	return ippfvs_conn_limit_reached(&table->conns, ippfvs_config_conn_max(table->config)) ||
	       ippfvs_conn_entries_reached(ippfvs_config_conn_limit(table->config));
}

struct ippfvs_conn *ippfvs_conn_add(struct ippfvs_conn_table *table,
				    const struct ippfvs_conn_plan *plan)
{
	struct insertion ins = {
		.table = table,
		.buckets = rcu_dereference(table->buckets),
		.home = plan->hash,
	};
	int err;

	lockdep_assert_in_softirq();

	if (unlikely(is_full(table)) && !ippfvs_conn_evict(table, plan->hash))
		return ERR_PTR(-ENOSPC);

	/* Counted before the full barrier in ippfvs_pool_load_add(): see ippfvs_conn_wake(). */
	percpu_counter_inc(&table->conns);
	ins.conn = ippfvs_conn_create(plan, table->config);
	if (IS_ERR(ins.conn)) {
		percpu_counter_dec(&table->conns);
		ippfvs_conn_evict(table, plan->hash); /* the memory serves the next attempt */
		WRITE_ONCE(table->no_memory, true);
		return ins.conn;
	}

	err = insert(&ins);
	if (unlikely(err)) {
		if (!ins.linked) {
			percpu_counter_dec(&table->conns);
			ippfvs_conn_destroy(ins.conn);
		}
		return err == -EEXIST ? ins.conflicts.duplicate : ERR_PTR(err);
	}

	ippfvs_stats_conn(&this_cpu_ptr(plan->real->cpu)->stats);
	trace_conn_new(ins.conn);
	ippfvs_conn_wake(table);
	return ins.conn;
}
