// SPDX-License-Identifier: GPL-2.0
/* Connection entries: allocation, and changes of the state word. */
#include "conn.h"

#include "../config.h"
#include "../service/pool.h"
#include "../service/real.h"
#include "../trace.h"

#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/log2.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

/* The stamp of a busy connection is renewed at most once in this many jiffies. */
#define STAMP_INTERVAL (HZ / 8 + 1)

/*
 * Without a handshake, a client is confirmed by packets at CONFIRM_TIMES times after the first
 * packet. Each of them is at least CONFIRM_GAP jiffies after the one before it.
 */
#define CONFIRM_TIMES 3
#define CONFIRM_GAP   (HZ / CONFIRM_TIMES + 1)

static struct kmem_cache *cache4, *cache6;

/* Number of entries in all namespaces, including those that wait for their grace period. */
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

static u64 with_position(u64 word, u16 position)
{
	return (word & ~IPPFVS_CONN_POSITION_MASK) | (u64)position << IPPFVS_CONN_POSITION_SHIFT;
}

/* Whether a reply of the server, and then an ACK of the client, confirm the connection. */
static bool has_handshake(const struct ippfvs_conn *conn)
{
	return conn->protocol == IPPROTO_TCP && conn->two_way;
}

/* Set the stamp of @word to @age jiffies ago. */
static u64 with_stamp(u64 word, u32 age)
{
	u32 stamp = jiffies - age;

	return (u64)stamp << 32 | (u32)word;
}

static u64 first_word(u8 state, u16 position)
{
	return with_position(with_stamp(1ULL << IPPFVS_CONN_PACKETS_SHIFT | state, 0), position);
}

bool ippfvs_conn_entries_reached(u32 limit)
{
	return ippfvs_conn_limit_reached(&entries, limit);
}

u64 ippfvs_conn_entries(void)
{
	return percpu_counter_read_positive(&entries);
}

/*
 * GFP_ATOMIC would let the charge exceed the limit of the memory cgroup, so a charged entry is
 * allocated with GFP_NOWAIT.
 */
static noinline struct ippfvs_conn *alloc_charged(struct kmem_cache *cache,
						  struct mem_cgroup *memcg)
{
	struct mem_cgroup *before = set_active_memcg(memcg);
	struct ippfvs_conn *conn;

	conn = kmem_cache_alloc(cache, GFP_NOWAIT | __GFP_NOWARN | __GFP_ACCOUNT);
	set_active_memcg(before);
	return conn;
}

static struct ippfvs_conn *alloc_entry(struct kmem_cache *cache, const struct ippfvs_config *config)
{
	if (unlikely(config->memcg))
		return alloc_charged(cache, config->memcg);
	return kmem_cache_alloc(cache, GFP_ATOMIC | __GFP_NOWARN);
}

/* The load is counted before the entry is linked, because another CPU may end it at once. */
struct ippfvs_conn *ippfvs_conn_create(const struct ippfvs_conn_plan *plan,
				       const struct ippfvs_config *config)
{
	const struct ippfvs_tuple *tuple = plan->tuple;
	bool ipv4 = tuple->family == IPPFVS_FAMILY_IPV4;
	bool active = ippfvs_state_active(plan->state);
	struct ippfvs_conn *conn;

	conn = alloc_entry(ipv4 ? cache4 : cache6, config);
	if (!conn)
		return ERR_PTR(-ENOMEM);

	percpu_counter_inc(&entries);
	conn->real = plan->real;
	conn->hash[IPPFVS_CONN_IN] = plan->hash;
	conn->port[IPPFVS_END_CLIENT] = tuple->sport;
	conn->port[IPPFVS_END_VIRTUAL] = tuple->dport;
	conn->port[IPPFVS_END_REAL] = plan->port;
	conn->local_port = plan->local_port;
	conn->protocol = tuple->protocol;
	conn->family = tuple->family;
	conn->method = plan->method;
	conn->two_way = plan->two_way;
	conn->by_tuple = false;
	atomic64_set(&conn->state, first_word(plan->state, plan->position));
	conn->link = plan->link;
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
	tuple->dport = ippfvs_conn_dest_port(conn, dir);
	tuple->family = conn->family;
	tuple->protocol = conn->protocol;
}

static enum ippfvs_side side_of(const struct ippfvs_conn *conn, enum ippfvs_conn_dir dir)
{
	if (dir == IPPFVS_CONN_OUT)
		return IPPFVS_SIDE_SERVER;
	return conn->two_way ? IPPFVS_SIDE_CLIENT : IPPFVS_SIDE_CLIENT_ONLY;
}

/* Another CPU may have set a stamp that is newer than the jiffies that this CPU sees. */
static s32 idle_time(u64 word)
{
	s32 idle = (u32)jiffies - ippfvs_conn_word_stamp(word);

	return max(idle, 0);
}

static bool is_recent(u64 word)
{
	return idle_time(word) < STAMP_INTERVAL;
}

/*
 * Return: true if a packet at @position changes nothing in @word. If it is false, record() decides.
 */
static bool changes_nothing(u64 word, const struct ippfvs_conn *conn, enum ippfvs_side side,
			    u8 tcp_flags, u16 position)
{
	u8 state = ippfvs_conn_word_tcp(word);

	if ((word & (IPPFVS_CONN_F_DEAD | IPPFVS_CONN_F_CONFIRMED)) != IPPFVS_CONN_F_CONFIRMED ||
	    !is_recent(word))
		return false;
	if (conn->protocol != IPPROTO_TCP)
		return true;
	/* The server's second SYN takes the confirmation back. */
	if (side == IPPFVS_SIDE_SERVER && tcp_flags & IPPFVS_TCP_SYN)
		return false;
	return ippfvs_tcp_next(state, side, tcp_flags) == state &&
	       ippfvs_tcp_is_near(ippfvs_conn_word_position(word), position, IPPFVS_TCP_SLACK);
}

/*
 * A server that repeats its SYN-ACK has not accepted the client's ACK, so the client may not exist.
 */
static u64 note_server(u64 word, bool tcp, u8 tcp_flags)
{
	if (tcp && tcp_flags & IPPFVS_TCP_RST)
		return word;
	if (tcp && tcp_flags & IPPFVS_TCP_SYN)
		word &= ~IPPFVS_CONN_F_CONFIRMED;
	return word | IPPFVS_CONN_F_REPLIED;
}

/* Only the ACK of the handshake confirms the client, so packets are not counted. */
static u64 note_handshake(u64 word, u8 tcp_flags)
{
	bool confirmed = word & IPPFVS_CONN_F_REPLIED && tcp_flags & IPPFVS_TCP_ACK;

	return confirmed ? word | IPPFVS_CONN_F_CONFIRMED : word;
}

static u64 note_client(u64 word)
{
	if (ippfvs_conn_word_packets(word) < IPPFVS_CONN_PACKETS_MAX)
		word += 1ULL << IPPFVS_CONN_PACKETS_SHIFT;
	if (idle_time(word) < CONFIRM_GAP)
		return word;
	word += 1ULL << IPPFVS_CONN_TIMES_SHIFT;
	return ippfvs_conn_word_times(word) == CONFIRM_TIMES ? word | IPPFVS_CONN_F_CONFIRMED :
							       word;
}

/* Record in @word what a packet tells about the client's existence. */
static u64 note_packet(u64 word, const struct ippfvs_conn *conn, enum ippfvs_side side,
		       u8 tcp_flags)
{
	bool tcp = conn->protocol == IPPROTO_TCP;

	if (side == IPPFVS_SIDE_SERVER)
		return note_server(word, tcp, tcp_flags);
	if (ippfvs_conn_word_is_confirmed(word) ||
	    (tcp && tcp_flags & (IPPFVS_TCP_SYN | IPPFVS_TCP_RST)))
		return word;
	return has_handshake(conn) ? note_handshake(word, tcp_flags) : note_client(word);
}

/*
 * Record in @word a TCP segment whose position is @position. The caller sets the stamp.
 * Return: false if the segment does not count.
 */
static bool note_segment(u64 *word, const struct ippfvs_conn *conn, enum ippfvs_side side,
			 u8 tcp_flags, u16 position)
{
	u8 old = ippfvs_conn_word_tcp(*word), state = ippfvs_tcp_next(old, side, tcp_flags);
	u16 before = ippfvs_conn_word_position(*word);

	if (!ippfvs_tcp_counts(old, state, side, tcp_flags, before, position))
		return false;

	*word = note_packet((*word & ~IPPFVS_CONN_STATE_MASK) | state, conn, side, tcp_flags);
	*word = with_position(*word, ippfvs_tcp_follow(old, side, tcp_flags, before, position));
	return true;
}

/*
 * Set the stamp after a packet that led from @word to @next. While times are counted, the stamp is
 * that of the last one. A reply then only keeps the entry alive, so that the next packet of the
 * client still counts.
 */
static u64 renew_stamp(u64 word, u64 next, const struct ippfvs_conn *conn, enum ippfvs_side side)
{
	if (has_handshake(conn) || ippfvs_conn_word_is_confirmed(next))
		return is_recent(word) && next == word ? word : with_stamp(next, 0);
	if (side != IPPFVS_SIDE_SERVER)
		return idle_time(word) < CONFIRM_GAP ? next : with_stamp(next, 0);
	if (idle_time(word) < CONFIRM_GAP + STAMP_INTERVAL)
		return next;
	return with_stamp(next, CONFIRM_GAP);
}

static noinline void record(struct ippfvs_conn *conn, enum ippfvs_side side, u8 tcp_flags,
			    u16 position)
{
	u64 word = ippfvs_conn_word_read(conn), next;
	int active;

	do {
		if (word & IPPFVS_CONN_F_DEAD)
			return;
		next = word;
		if (conn->protocol != IPPROTO_TCP)
			next = note_packet(word, conn, side, 0);
		else if (!note_segment(&next, conn, side, tcp_flags, position))
			return;
		next = renew_stamp(word, next, conn, side);
		if (next == word)
			return;
	} while (!atomic64_try_cmpxchg(&conn->state, (s64 *)&word, next));

	active = ippfvs_state_active(ippfvs_conn_word_state(next)) -
		 ippfvs_state_active(ippfvs_conn_word_state(word));
	if (active)
		ippfvs_pool_load_add(conn->real, active, -active);
}

void ippfvs_conn_advance(struct ippfvs_conn *conn, enum ippfvs_conn_dir dir, u8 tcp_flags,
			 u32 sequence)
{
	enum ippfvs_side side = side_of(conn, dir);
	u16 position = ippfvs_tcp_position(sequence);

	if (likely(changes_nothing(ippfvs_conn_word_read(conn), conn, side, tcp_flags, position)))
		return;
	record(conn, side, tcp_flags, position);
}

bool ippfvs_conn_reopens(const struct ippfvs_conn *conn, u8 tcp_flags)
{
	u64 word = ippfvs_conn_word_read(conn);
	/* Signed, because the stamp may be newer than the jiffies that this CPU sees. */
	bool idle = (s32)((u32)jiffies - ippfvs_conn_word_stamp(word)) > HZ;

	return ippfvs_tcp_reopens(ippfvs_conn_word_tcp(word), side_of(conn, IPPFVS_CONN_IN),
				  tcp_flags, idle);
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
