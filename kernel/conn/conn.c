// SPDX-License-Identifier: GPL-2.0
/* Memory of connection entries, and changes of their state words. */
#include "conn.h"

#include "../core/tcp_state.h"
#include "../service/pool.h"
#include "../service/real.h"
#include "../trace.h"

#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/log2.h>
#include <linux/slab.h>

/* The stamp of a busy connection is renewed at most once in this many jiffies. */
#define STAMP_INTERVAL (HZ / 8 + 1)

/*
 * The time of the first packet has 16 bits, in units of 2^AGE_SHIFT jiffies, which are at most a
 * sixteenth of a second. They wrap after half an hour. An entry that is unconfirmed for so long may
 * be confirmed late.
 */
#define AGE_SHIFT   (ilog2(HZ) - 4)
#define CONFIRM_AGE ((HZ >> AGE_SHIFT) + 1)

static struct kmem_cache *cache4, *cache6;

/* Entries of all namespaces, including those that wait for their grace period. */
static struct percpu_counter entries;

int ippfvs_conn_init(void)
{
	int err = -ENOMEM;

	cache4 = kmem_cache_create("ippfvs_conn4", offsetofend(struct ippfvs_conn, ip),
				   IPPFVS_CONN_ALIGN, 0, NULL);
	if (!cache4)
		return err;
	cache6 = kmem_cache_create("ippfvs_conn6", offsetofend(struct ippfvs_conn, ip6),
				   IPPFVS_CONN_ALIGN, 0, NULL);
	if (!cache6)
		goto out_destroy_cache4;

	err = percpu_counter_init(&entries, 0, GFP_KERNEL);
	if (err)
		goto out_destroy_cache6;
	return 0;

out_destroy_cache6:
	kmem_cache_destroy(cache6);
out_destroy_cache4:
	kmem_cache_destroy(cache4);
	return err;
}

void ippfvs_conn_exit(void)
{
	percpu_counter_destroy(&entries);
	kmem_cache_destroy(cache6);
	kmem_cache_destroy(cache4);
}

static void set_addr(struct ippfvs_conn *conn, enum ippfvs_conn_end end,
		     const union ippfvs_addr *addr)
{
	if (conn->family == IPPFVS_FAMILY_IPV4)
		conn->ip[end] = addr->ip;
	else
		conn->ip6[end] = addr->ip6;
}

static u16 birth_now(void)
{
	u32 now = jiffies;

	return now >> AGE_SHIFT;
}

static u64 stamp_now(void)
{
	u32 now = jiffies;

	return (u64)now << 32;
}

static u64 first_word(u8 state)
{
	return stamp_now() | (u64)birth_now() << IPPFVS_CONN_BIRTH_SHIFT |
	       1ULL << IPPFVS_CONN_PACKETS_SHIFT | state;
}

bool ippfvs_conn_entries_reached(u32 limit)
{
	return ippfvs_conn_limit_reached(&entries, limit);
}

u64 ippfvs_conn_entries(void)
{
	return percpu_counter_read_positive(&entries);
}

/* The load is counted before the entry is linked, because another CPU may end it at once. */
struct ippfvs_conn *ippfvs_conn_create(const struct ippfvs_conn_plan *plan)
{
	const struct ippfvs_tuple *tuple = plan->tuple;
	bool ipv4 = tuple->family == IPPFVS_FAMILY_IPV4;
	bool active = ippfvs_state_active(plan->state);
	struct ippfvs_conn *conn;

	conn = kmem_cache_alloc(ipv4 ? cache4 : cache6, GFP_ATOMIC | __GFP_NOWARN);
	if (!conn)
		return ERR_PTR(-ENOMEM);

	percpu_counter_inc(&entries);
	atomic64_set(&conn->state, first_word(plan->state));
	conn->real = plan->real;
	conn->hash[IPPFVS_CONN_IN] = plan->hash;
	conn->port[IPPFVS_END_CLIENT] = tuple->sport;
	conn->port[IPPFVS_END_VIRTUAL] = tuple->dport;
	conn->port[IPPFVS_END_REAL] = plan->port;
	conn->protocol = tuple->protocol;
	conn->family = tuple->family;
	conn->method = plan->method;
	conn->two_way = plan->two_way;
	conn->by_tuple = false;
	set_addr(conn, IPPFVS_END_CLIENT, &tuple->saddr);
	set_addr(conn, IPPFVS_END_VIRTUAL, &tuple->daddr);
	set_addr(conn, IPPFVS_END_REAL, &plan->addr);

	ippfvs_real_get(conn->real);
	ippfvs_pool_load_add(conn->real, active, !active);
	return conn;
}

void ippfvs_conn_free_bulk(struct ippfvs_conn **conns, u32 n)
{
	percpu_counter_sub(&entries, n);
	kfree_bulk(n, (void **)conns);
}

void ippfvs_conn_destroy(struct ippfvs_conn *conn)
{
	bool active = ippfvs_state_active(ippfvs_conn_state(conn));

	ippfvs_pool_load_add(conn->real, -active, -!active);
	ippfvs_real_put(conn->real);
	ippfvs_conn_free_bulk(&conn, 1);
}

void ippfvs_conn_tuple(const struct ippfvs_conn *conn, enum ippfvs_conn_dir dir,
		       struct ippfvs_tuple *tuple)
{
	enum ippfvs_conn_end source = ippfvs_conn_source(dir);
	enum ippfvs_conn_end dest = ippfvs_conn_dest(dir);

	ippfvs_conn_addr(conn, source, &tuple->saddr);
	ippfvs_conn_addr(conn, dest, &tuple->daddr);
	tuple->sport = conn->port[source];
	tuple->dport = conn->port[dest];
	tuple->family = conn->family;
	tuple->protocol = conn->protocol;
}

static enum ippfvs_side side_of(const struct ippfvs_conn *conn, enum ippfvs_conn_dir dir)
{
	if (dir == IPPFVS_CONN_OUT)
		return IPPFVS_SIDE_SERVER;
	return conn->two_way ? IPPFVS_SIDE_CLIENT : IPPFVS_SIDE_CLIENT_ONLY;
}

static u8 next_state(const struct ippfvs_conn *conn, u8 state, enum ippfvs_conn_dir dir,
		     u8 tcp_flags)
{
	if (conn->protocol != IPPROTO_TCP)
		return IPPFVS_STATE_UDP;
	return ippfvs_tcp_next(state, side_of(conn, dir), tcp_flags);
}

static bool is_recent(u64 word)
{
	return (u32)jiffies - ippfvs_conn_word_stamp(word) < STAMP_INTERVAL;
}

/* Whether a packet that leads to @state has nothing to write into @word. */
static bool is_settled(u64 word, u8 state)
{
	const u64 mask = IPPFVS_CONN_STATE_MASK | IPPFVS_CONN_F_DEAD | IPPFVS_CONN_F_CONFIRMED;

	return (word & mask) == (IPPFVS_CONN_F_CONFIRMED | state) && is_recent(word);
}

/* A server that sends its SYN again has not accepted an ACK, so the client may not exist. */
static u64 note_server(u64 word, bool tcp, u8 tcp_flags)
{
	if (tcp && tcp_flags & IPPFVS_TCP_RST)
		return word;
	if (tcp && tcp_flags & IPPFVS_TCP_SYN)
		word &= ~IPPFVS_CONN_F_CONFIRMED;
	return word | IPPFVS_CONN_F_REPLIED;
}

static bool came_over_time(u64 word)
{
	u16 age = birth_now() - (u16)(word >> IPPFVS_CONN_BIRTH_SHIFT);

	return ippfvs_conn_word_packets(word) == IPPFVS_CONN_PACKETS_MAX && age >= CONFIRM_AGE;
}

/* An ACK of the handshake tells more than any number of packets. */
static u64 note_handshake(u64 word, u8 tcp_flags)
{
	bool confirmed = word & IPPFVS_CONN_F_REPLIED && tcp_flags & IPPFVS_TCP_ACK;

	return confirmed ? word | IPPFVS_CONN_F_CONFIRMED : word;
}

static u64 note_client(u64 word)
{
	if (ippfvs_conn_word_packets(word) < IPPFVS_CONN_PACKETS_MAX)
		word += 1ULL << IPPFVS_CONN_PACKETS_SHIFT;
	return came_over_time(word) ? word | IPPFVS_CONN_F_CONFIRMED : word;
}

/* Record in @word what a packet tells about the client's existence. */
static u64 note_packet(u64 word, const struct ippfvs_conn *conn, enum ippfvs_conn_dir dir,
		       u8 tcp_flags)
{
	bool tcp = conn->protocol == IPPROTO_TCP;

	if (dir == IPPFVS_CONN_OUT)
		return note_server(word, tcp, tcp_flags);
	if (ippfvs_conn_word_is_confirmed(word) ||
	    (tcp && tcp_flags & (IPPFVS_TCP_SYN | IPPFVS_TCP_RST)))
		return word;
	return tcp && conn->two_way ? note_handshake(word, tcp_flags) : note_client(word);
}

/* Return: the state word after a packet; @word if nothing has to be written. */
static u64 next_word(u64 word, const struct ippfvs_conn *conn, enum ippfvs_conn_dir dir,
		     u8 tcp_flags)
{
	u8 state = next_state(conn, ippfvs_conn_word_state(word), dir, tcp_flags);
	u64 next = note_packet((word & ~IPPFVS_CONN_STATE_MASK) | state, conn, dir, tcp_flags);

	if (next == word && is_recent(word))
		return word;
	return stamp_now() | (u32)next;
}

static noinline void record(struct ippfvs_conn *conn, enum ippfvs_conn_dir dir, u8 tcp_flags)
{
	u64 word = ippfvs_conn_word_read(conn);
	int active;
	u64 next;

	do {
		if (word & IPPFVS_CONN_F_DEAD)
			return;
		next = next_word(word, conn, dir, tcp_flags);
		if (next == word)
			return;
	} while (!atomic64_try_cmpxchg(&conn->state, (s64 *)&word, next));

	active = ippfvs_state_active(ippfvs_conn_word_state(next)) -
		 ippfvs_state_active(ippfvs_conn_word_state(word));
	if (active)
		ippfvs_pool_load_add(conn->real, active, -active);
}

void ippfvs_conn_advance(struct ippfvs_conn *conn, enum ippfvs_conn_dir dir, u8 tcp_flags)
{
	u64 word = ippfvs_conn_word_read(conn);
	u8 state = next_state(conn, ippfvs_conn_word_state(word), dir, tcp_flags);

	if (likely(is_settled(word, state)))
		return;
	record(conn, dir, tcp_flags);
}

bool ippfvs_conn_try_end(struct ippfvs_conn *conn, u64 word, u64 flags)
{
	bool active = ippfvs_state_active(ippfvs_conn_word_state(word));

	if (!atomic64_try_cmpxchg(&conn->state, (s64 *)&word, word | flags))
		return false;

	ippfvs_pool_load_add(conn->real, -active, -!active);
	trace_conn_end(conn);
	return true;
}

void ippfvs_conn_end(struct ippfvs_conn *conn)
{
	u64 word;

	do {
		word = ippfvs_conn_word_read(conn);
		if (word & IPPFVS_CONN_F_DEAD)
			return;
	} while (!ippfvs_conn_try_end(conn, word, IPPFVS_CONN_F_DEAD));
}
