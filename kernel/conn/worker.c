// SPDX-License-Identifier: GPL-2.0
/*
 * The worker ends idle connections, frees dead ones, and resizes the table. For a resize it moves
 * one bucket after another into a new array, while lookups read all arrays.
 */
#include "worker.h"

#include "../service/real.h"
#include "bucket.h"
#include "evict.h"

#include <linux/log2.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/random.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

/* The worker visits the whole table once in SWEEP_TICKS ticks, which is about 8 seconds. */
#define SWEEP_TICK  (HZ / 8 + 1)
#define SWEEP_TICKS 64

/* Number of buckets between two calls of cond_resched(). */
#define RESCHED_INTERVAL 256

/* Maximum number of entries that share a grace period. */
#define BATCH 508

/* The table shrinks if it has fewer than one connection in this many buckets. */
#define SPARSE_SHARE 4

/* With this many connections per bucket, a new array of the same size would soon be overfull. */
#define DENSE 2

static struct workqueue_struct *wq;

static unsigned int conn_tab_bits = 12;

static int set_conn_tab_bits(const char *value, const struct kernel_param *param)
{
	return param_set_uint_minmax(value, param, IPPFVS_BUCKETS_MIN_BITS,
				     IPPFVS_BUCKETS_MAX_BITS);
}

static const struct kernel_param_ops conn_tab_bits_ops = {
	.set = set_conn_tab_bits,
	.get = param_get_uint,
};
module_param_cb(conn_tab_bits, &conn_tab_bits_ops, &conn_tab_bits, 0444);
__MODULE_PARM_TYPE(conn_tab_bits, "uint");
MODULE_PARM_DESC(
	conn_tab_bits,
	"A connection table starts with 2^conn_tab_bits buckets of 7 slots, 8..24 (default 12)");

int ippfvs_conn_worker_init(void)
{
	wq = alloc_workqueue("ippfvs_conn", WQ_UNBOUND, 0);
	return wq ? 0 : -ENOMEM;
}

void ippfvs_conn_worker_exit(void)
{
	destroy_workqueue(wq);
}

/*
 * The caller is the table's worker, or the worker is stopped, so nothing else replaces the array.
 */
static struct ippfvs_buckets *own_buckets(const struct ippfvs_conn_table *table)
{
	return rcu_dereference_raw(table->buckets);
}

/* Freeing */

/* Unlinked entries that are freed after a grace period. */
struct batch {
	struct rcu_head rcu;
	struct ippfvs_conn_table *table;
	u32 n;
	struct ippfvs_conn *conn[BATCH];
};

static void free_batch(struct rcu_head *rcu)
{
	struct batch *batch = container_of(rcu, struct batch, rcu);

	ippfvs_conn_free_bulk(batch->conn, batch->n);
	atomic_sub(batch->n, &batch->table->waiting);
	kfree(batch);
}

/* If there is no memory for a batch, the worker itself waits for the grace period. */
static void free_after_grace_period(struct ippfvs_conn_table *table, struct ippfvs_conn *conn,
				    struct batch **batch)
{
	if (!*batch)
		*batch = kzalloc(sizeof(**batch), GFP_KERNEL | __GFP_NOWARN);
	if (!*batch) {
		synchronize_rcu();
		ippfvs_conn_free_bulk(&conn, 1);
		return;
	}

	atomic_inc(&table->waiting);
	(*batch)->table = table;
	(*batch)->conn[(*batch)->n++] = conn;
	if ((*batch)->n == BATCH) {
		call_rcu_hurry(&(*batch)->rcu, free_batch);
		*batch = NULL;
	}
}

/* Expiry */

/* The difference is signed, because the stamp may be newer than the jiffies that this CPU sees. */
static bool is_idle(u64 word, u32 timeout)
{
	return (s32)((u32)jiffies - ippfvs_conn_word_stamp(word)) > (s32)timeout;
}

/* End the entry if it is idle. Return: true if it is dead and must be freed now. */
static bool expire(struct ippfvs_conn_table *table, struct ippfvs_conn *conn)
{
	u64 word = ippfvs_conn_word_read(conn);
	bool dead = word & IPPFVS_CONN_F_DEAD;

	if (dead && !(word & IPPFVS_CONN_F_TOMBSTONE))
		return true;
	if (!is_idle(word, ippfvs_conn_timeout(table, conn, word)))
		return false;
	if (!dead)
		return ippfvs_conn_try_end(conn, word, IPPFVS_CONN_F_DEAD);
	ippfvs_conn_remove_tombstone(table, conn);
	return true;
}

/*
 * An insertion may evict the entry at any time, so it is read under RCU.
 * Return: the entry of the slot if it has ended and is unlinked now, or NULL.
 */
static struct ippfvs_conn *sweep_slot(struct ippfvs_conn_table *table, const unsigned long *slot)
{
	struct ippfvs_conn *conn, *ended = NULL;
	unsigned long word;

	rcu_read_lock();
	word = READ_ONCE(*slot);
	if (word && ippfvs_slot_dir(word) == IPPFVS_CONN_IN) {
		conn = ippfvs_slot_conn(word);
		if (expire(table, conn) && ippfvs_conn_unlink(table, conn))
			ended = conn;
	}
	rcu_read_unlock();
	return ended;
}

static void sweep_bucket(struct ippfvs_conn_table *table, const struct ippfvs_bucket *first,
			 struct batch **batch)
{
	const struct ippfvs_bucket *bucket;
	struct ippfvs_conn *conn;
	int i;

	ippfvs_bucket_for_each(bucket, first) {
		for (i = 0; i < IPPFVS_BUCKET_SLOTS; i++) {
			if (!READ_ONCE(bucket->slot[i]))
				continue;
			conn = sweep_slot(table, &bucket->slot[i]);
			if (!conn)
				continue;
			ippfvs_real_put(conn->real);
			free_after_grace_period(table, conn, batch);
		}
	}
}

static void sweep_array(struct ippfvs_conn_table *table, struct ippfvs_buckets *buckets, u32 first,
			u64 end)
{
	u64 position = first, step = 1ULL << (32 - buckets->bits);
	struct batch *batch = NULL;
	u32 n = 0;

	for (; position < end; position += step) {
		sweep_bucket(table, ippfvs_bucket(buckets, position), &batch);
		if (++n % RESCHED_INTERVAL == 0)
			cond_resched();
	}
	if (batch)
		call_rcu_hurry(&batch->rcu, free_batch);
}

/* End idle entries and free dead ones whose hash is from @first to @end - 1. */
static void sweep(struct ippfvs_conn_table *table, u32 first, u64 end)
{
	struct ippfvs_buckets *buckets = own_buckets(table);

	for (; buckets; buckets = rcu_dereference_raw(buckets->next))
		sweep_array(table, buckets, first, end);
}

/* Resize */

static int move_bucket(struct ippfvs_bucket *first, struct ippfvs_buckets *to)
{
	struct ippfvs_bucket *bucket;
	struct ippfvs_conn *conn;
	unsigned long slot;
	int i, err;

	ippfvs_bucket_for_each(bucket, first) {
		for (i = 0; i < IPPFVS_BUCKET_SLOTS; i++) {
			slot = bucket->slot[i];
			if (!slot)
				continue;
			conn = ippfvs_slot_conn(slot);
			err = ippfvs_buckets_add(to, conn->hash[ippfvs_slot_dir(slot)], slot);
			if (err)
				return err;
			/* A lookup that misses the entry here finds it in the next array. */
			smp_store_release(&bucket->slot[i], 0);
		}
	}
	return 0;
}

/* Return: the binary logarithm of the number of buckets that the table should have. */
static unsigned int wanted_bits(struct ippfvs_conn_table *table,
				const struct ippfvs_buckets *buckets)
{
	u64 conns = percpu_counter_sum_positive(&table->conns);
	unsigned int bits = buckets->bits;

	if (ippfvs_buckets_overfull(buckets) && conns > 1ULL << bits &&
	    bits < IPPFVS_BUCKETS_MAX_BITS) {
		do {
			bits++;
		} while (2ULL << bits < conns && bits < IPPFVS_BUCKETS_MAX_BITS);
		return bits;
	}

	/* Shrink only a table that is far too large, so that it need not grow again soon. */
	if (bits > conn_tab_bits && SPARSE_SHARE * conns < 1ULL << bits)
		bits = max_t(unsigned int, conn_tab_bits, order_base_2(conns + 1));
	return bits;
}

/*
 * Return: true if a new array of the same size should replace this one, because its overflow
 * buckets were needed by connections that are gone. An array is replaced at most once per sweep of
 * the whole table. Otherwise dead entries would be moved before the sweep reaches them, and fill
 * the new array.
 */
static bool needs_renewal(struct ippfvs_conn_table *table, const struct ippfvs_buckets *buckets)
{
	return ippfvs_buckets_overfull(buckets) && !table->position &&
	       percpu_counter_read_positive(&table->conns) >> buckets->bits < DENSE;
}

/* Allocate 2^@bits buckets or, if memory is short, fewer but more than 2^@now. */
static struct ippfvs_buckets *create_largest(const struct ippfvs_conn_table *table,
					     unsigned int bits, unsigned int now)
{
	/* The array is charged to the memory cgroup of the entries, if there is one. */
	struct mem_cgroup *before = set_active_memcg(table->config->memcg);
	struct ippfvs_buckets *buckets;

	do {
		buckets = ippfvs_buckets_create(bits);
	} while (!buckets && --bits > now);
	set_active_memcg(before);
	return buckets;
}

/*
 * The array that entries are moved to. New connections may have filled it before all entries were
 * moved. Then a larger one is appended, to which those in between will be moved, too.
 */
static struct ippfvs_buckets *move_target(struct ippfvs_conn_table *table,
					  struct ippfvs_buckets *from)
{
	struct ippfvs_buckets *last = ippfvs_buckets_last(from), *next = NULL;
	unsigned int bits = last->bits;

	if (ippfvs_buckets_overfull(last))
		bits = wanted_bits(table, last);
	if (bits > last->bits)
		next = create_largest(table, bits, last->bits);
	if (!next)
		return last;
	rcu_assign_pointer(last->next, next);
	return next;
}

/* A lock is held for one bucket only, so packets wait briefly. After an error, call it again. */
static int move_all(struct ippfvs_conn_table *table, struct ippfvs_buckets *from)
{
	struct ippfvs_buckets *to = NULL;
	unsigned long i;
	int err = 0;

	for (i = 0; i < 1UL << from->bits && !err; i++) {
		spinlock_t *lock = ippfvs_conn_table_lock(table, i << (32 - from->bits));

		if (i % RESCHED_INTERVAL == 0) {
			cond_resched();
			to = move_target(table, from);
		}
		spin_lock_bh(lock);
		err = move_bucket(&from->bucket[i], to);
		spin_unlock_bh(lock);
	}
	return err;
}

/* Return: whether a resize is under way. */
static bool begin_resize(struct ippfvs_conn_table *table, struct ippfvs_buckets *buckets)
{
	struct ippfvs_buckets *next;
	unsigned int bits;

	if (rcu_dereference_raw(buckets->next))
		return true;
	bits = wanted_bits(table, buckets);
	if (bits == buckets->bits && !needs_renewal(table, buckets))
		return false;
	next = create_largest(table, bits, buckets->bits);
	rcu_assign_pointer(buckets->next, next);
	return next;
}

static void resize(struct ippfvs_conn_table *table)
{
	struct ippfvs_buckets *buckets = own_buckets(table), *next;

	if (!begin_resize(table, buckets))
		return;
	while ((next = rcu_dereference_raw(buckets->next))) {
		if (move_all(table, buckets))
			return;
		rcu_assign_pointer(table->buckets, next);
		synchronize_rcu();
		ippfvs_buckets_destroy(buckets);
		buckets = next;
	}
}

/* Pressure */

/* Return: 0 up to half of @limit, then linearly up to IPPFVS_CONN_PRESSURE_MAX at @limit. */
static u32 pressure_of(u64 count, u32 limit)
{
	u64 half = limit / 2;

	if (count <= half)
		return 0;
	return min_t(u64, IPPFVS_CONN_PRESSURE_MAX,
		     div_u64((count - half) * IPPFVS_CONN_PRESSURE_MAX, limit - half));
}

static void update_pressure(struct ippfvs_conn_table *table)
{
	u32 own = pressure_of(percpu_counter_sum_positive(&table->conns),
			      ippfvs_config_conn_max(table->config));
	u32 all = pressure_of(ippfvs_conn_entries(), ippfvs_config_conn_limit(table->config));

	if (READ_ONCE(table->no_memory)) {
		WRITE_ONCE(table->no_memory, false);
		own = IPPFVS_CONN_PRESSURE_MAX;
	}
	WRITE_ONCE(table->pressure, max(own, all));
}

/* The work function, and its start */

static void work(struct work_struct *work)
{
	struct ippfvs_conn_table *table =
		container_of(to_delayed_work(work), struct ippfvs_conn_table, work);
	u64 end = (u64)table->position + (1ULL << 32) / SWEEP_TICKS;
	const struct ippfvs_buckets *buckets;

	resize(table);
	buckets = own_buckets(table);
	/*
	 * If the table is still overfull, the next tick tries again, and packets need not ask for
	 * it.
	 */
	WRITE_ONCE(table->resize_pending, ippfvs_buckets_overfull(buckets));

	update_pressure(table);
	if (!ippfvs_conn_waiting_full(table)) {
		sweep(table, table->position, end);
		table->position = end;
	}
	ippfvs_conn_evict_flush(table);

	/* An empty table needs no worker if it has its initial size and is not overfull. */
	if (percpu_counter_sum(&table->conns) > 0 || table->resize_pending ||
	    buckets->bits > conn_tab_bits)
		queue_delayed_work(wq, &table->work, SWEEP_TICK);
}

/*
 * The worker sleeps while the table is empty. Its pending bit is cleared before it counts the
 * entries. An insertion counts its entry before it reads the pending bit; the full barrier between
 * the two is in ippfvs_pool_load_add(). So one of them sees the other. If the table is overfull,
 * the worker runs at once, and resize_pending prevents further requests until it has run.
 */
void ippfvs_conn_wake(struct ippfvs_conn_table *table)
{
	struct ippfvs_buckets *buckets = rcu_dereference(table->buckets);

	if (unlikely(ippfvs_buckets_overfull(buckets)) && !READ_ONCE(table->resize_pending)) {
		WRITE_ONCE(table->resize_pending, true);
		mod_delayed_work(wq, &table->work, 0);
	} else if (!delayed_work_pending(&table->work)) {
		queue_delayed_work(wq, &table->work, SWEEP_TICK);
	}
}

/* Start and stop */

static int init_counters(struct ippfvs_conn_table *table)
{
	int i, err;

	err = percpu_counter_init(&table->conns, 0, GFP_KERNEL);
	for (i = IPPFVS_EVICTION_PAD + 1; i <= IPPFVS_EVICTION_MAX && !err; i++)
		err = percpu_counter_init(&table->evictions[i], 0, GFP_KERNEL);
	return err;
}

/*
 * The table is zeroed memory, and percpu_counter_destroy() ignores a counter that was not
 * initialised.
 */
static void destroy_counters(struct ippfvs_conn_table *table)
{
	int i;

	for (i = IPPFVS_EVICTION_PAD + 1; i <= IPPFVS_EVICTION_MAX; i++)
		percpu_counter_destroy(&table->evictions[i]);
	percpu_counter_destroy(&table->conns);
}

int ippfvs_conn_table_init(struct ippfvs_conn_table *table, const struct ippfvs_config *config)
{
	int err;

	table->config = config;
	atomic_set(&table->by_tuple, 0);
	atomic_set(&table->tombstones, 0);
	spin_lock_init(&table->tuple_lock);
	INIT_DELAYED_WORK(&table->work, work);
	atomic_set(&table->waiting, 0);
	table->evicted = alloc_percpu(struct ippfvs_conn_evicted *);
	if (!table->evicted)
		return -ENOMEM;
	err = init_counters(table);
	if (err)
		ippfvs_conn_table_exit(table);
	return err;
}

void ippfvs_conn_table_exit(struct ippfvs_conn_table *table)
{
	destroy_counters(table);
	free_percpu(table->evicted);
}

static struct ippfvs_conn_lock *create_locks(void)
{
	struct ippfvs_conn_lock *lock;
	int i;

	lock = kvcalloc(IPPFVS_CONN_LOCKS, sizeof(*lock), GFP_KERNEL_ACCOUNT);
	for (i = 0; lock && i < IPPFVS_CONN_LOCKS; i++)
		spin_lock_init(&lock[i].lock);
	return lock;
}

int ippfvs_conn_table_start(struct ippfvs_conn_table *table)
{
	struct ippfvs_buckets *buckets;

	/* A lock covers whole buckets, whatever their number. */
	BUILD_BUG_ON(IPPFVS_BUCKETS_MIN_BITS < IPPFVS_CONN_LOCKS_SHIFT);

	table->lock = create_locks();
	if (!table->lock)
		return -ENOMEM;
	buckets = ippfvs_buckets_create(conn_tab_bits);
	if (!buckets) {
		kvfree(table->lock);
		return -ENOMEM;
	}

	get_random_bytes(&table->client_key, sizeof(table->client_key));
	get_random_bytes(&table->tuple_key, sizeof(table->tuple_key));
	table->position = 0;
	table->pressure = 0;
	table->resize_pending = false;
	rcu_assign_pointer(table->buckets, buckets);
	return 0;
}

static void end_all(struct ippfvs_conn_table *table, const struct ippfvs_buckets *buckets)
{
	const struct ippfvs_bucket *bucket;
	struct ippfvs_conn *conn;
	unsigned long i;
	int j;

	for (i = 0; i < 1UL << buckets->bits; i++) {
		ippfvs_bucket_for_each(bucket, &buckets->bucket[i]) {
			for (j = 0; j < IPPFVS_BUCKET_SLOTS; j++) {
				conn = ippfvs_slot_conn(bucket->slot[j]);
				if (!conn)
					continue;
				ippfvs_conn_end(conn);
				ippfvs_conn_remove_tombstone(table, conn);
			}
		}
		cond_resched();
	}
}

void ippfvs_conn_table_stop(struct ippfvs_conn_table *table, bool readers)
{
	struct ippfvs_buckets *buckets, *first, *next;

	/* The worker replaces and frees the array, so it must have finished first. */
	cancel_delayed_work_sync(&table->work);
	first = own_buckets(table);

	for (buckets = first; buckets; buckets = rcu_dereference_raw(buckets->next))
		end_all(table, buckets);
	sweep(table, 0, 1ULL << 32);
	ippfvs_conn_evict_flush(table);

	RCU_INIT_POINTER(table->buckets, NULL);
	if (readers)
		synchronize_rcu();
	for (buckets = first; buckets; buckets = next) {
		next = rcu_dereference_raw(buckets->next);
		ippfvs_buckets_destroy(buckets);
	}
	kvfree(table->lock);
	table->lock = NULL;
}
