/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Connections and the table that finds them.
 *
 * An entry is found by the five-tuple of a packet: the client's packets by
 * (client, virtual), and where answers come through us, the server's packets by
 * (real, client). The table hashes that tuple with a secret key.
 *
 * Who owns an entry: the packet path makes it and hangs it into the table; from
 * then on only the table's worker takes it out and frees it, after a grace
 * period. Everyone else reads it under RCU, and ends it by marking it dead.
 */
#ifndef _IPPFVS_CONN_H
#define _IPPFVS_CONN_H

#include "core/tuple.h"
#include "uapi/ippfvs.h"

#include <linux/atomic.h>
#include <linux/percpu_counter.h>
#include <linux/siphash.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

struct ippfvs_buckets;
struct ippfvs_config;
struct ippfvs_real;

/* The two ways to find an entry. */
enum ippfvs_conn_dir {
	IPPFVS_CONN_IN,			/* client to virtual server */
	IPPFVS_CONN_OUT,		/* real server to client */
	IPPFVS_CONN_DIRS
};

/* The three ends of a connection. */
enum ippfvs_conn_end {
	IPPFVS_END_CLIENT,
	IPPFVS_END_VIRTUAL,
	IPPFVS_END_REAL,
	IPPFVS_CONN_ENDS
};

/**
 * struct ippfvs_conn - a connection; 64 bytes for IPv4: one cache line
 * @life: see conn_life.h: time of the last packet, state, dead or not
 * @real: its real server; holds a reference
 * @hash: of both tuples, so that the table can grow without hashing again
 * @port: by enum ippfvs_conn_end, network byte order
 * @protocol: IPPROTO_TCP or IPPROTO_UDP
 * @family: IPPFVS_FAMILY_*
 * @method: enum ippfvs_method; stays what it was when the connection was made
 * @two_way: answers come through us: found by IPPFVS_CONN_OUT, too
 * @ip: addresses by enum ippfvs_conn_end, IPv4
 * @ip6: the same for IPv6; such an entry is longer
 *
 * Everything but @life is written before the entry is in the table.
 */
struct ippfvs_conn {
	atomic64_t life;
	struct ippfvs_real *real;
	u32 hash[IPPFVS_CONN_DIRS];
	__be16 port[IPPFVS_CONN_ENDS];
	u8 protocol;
	u8 family;
	u8 method;
	bool two_way;
	union {
		__be32 ip[IPPFVS_CONN_ENDS];
		struct in6_addr ip6[IPPFVS_CONN_ENDS];
	};
};

#define IPPFVS_CONN_LOCKS_SHIFT	8
#define IPPFVS_CONN_LOCKS	(1 << IPPFVS_CONN_LOCKS_SHIFT)

struct ippfvs_conn_lock {
	spinlock_t lock;
} ____cacheline_aligned_in_smp;

/**
 * struct ippfvs_conn_table - the connections of a namespace
 * @buckets: RCU; NULL while the namespace has no service
 * @key: of the hash; random
 * @lock: chosen by the upper bits of a hash, as buckets are: one lock covers a
 *	bucket before, while and after the table grows
 * @conns: how many entries, dead ones included
 * @work: expiry, growth and freeing; the only one that takes entries out
 * @config: timeouts, the limit
 * @position: hash up to which @work has looked for expired entries
 * @hurry: @work has been called because the table is too small
 */
struct ippfvs_conn_table {
	struct ippfvs_buckets __rcu *buckets;
	siphash_key_t key;
	struct ippfvs_conn_lock *lock;
	struct percpu_counter conns;
	struct delayed_work work;
	const struct ippfvs_config *config;
	u32 position;
	bool hurry;
};

int ippfvs_conn_init(void);		/* slab caches */
void ippfvs_conn_exit(void);

/* Process context; init/exit with the namespace, start/stop with its services. */
int ippfvs_conn_table_init(struct ippfvs_conn_table *table,
			   const struct ippfvs_config *config);
void ippfvs_conn_table_exit(struct ippfvs_conn_table *table);
int ippfvs_conn_table_start(struct ippfvs_conn_table *table);

/* No packet reaches the table any more: ends and frees everything in it. */
void ippfvs_conn_table_stop(struct ippfvs_conn_table *table);

/* RCU: there is an entry more. */
void ippfvs_conn_table_wake(struct ippfvs_conn_table *table);

/* Any context: a hash of the tuple that nobody outside can foresee. */
u32 ippfvs_conn_hash(const struct ippfvs_conn_table *table,
		     const struct ippfvs_tuple *tuple);

/* RCU. The living entry for a packet with this tuple and how it was found. */
struct ippfvs_conn *ippfvs_conn_find(struct ippfvs_conn_table *table,
				     const struct ippfvs_tuple *tuple,
				     enum ippfvs_conn_dir *dir);

/**
 * ippfvs_conn_create() - make an entry and hang it into the table
 * @table: of the namespace
 * @tuple: of the client's first packet
 * @real: its real server; a reference is taken
 * @real_addr: where the packet goes: @real's address, for Local Node the
 *	director's own that will answer
 * @real_port: network byte order, never 0
 * @method: enum ippfvs_method
 * @state: enum ippfvs_state after that packet
 * @two_way: answers come through us
 *
 * RCU, BH off. When another CPU was faster, its entry is returned.
 *
 * Return: the entry, or ERR_PTR: -ENOSPC (limit), -ENOMEM, -EADDRINUSE (the
 * answers could not be told from those of another connection).
 */
struct ippfvs_conn *ippfvs_conn_create(struct ippfvs_conn_table *table,
				       const struct ippfvs_tuple *tuple,
				       struct ippfvs_real *real,
				       const union ippfvs_addr *real_addr,
				       __be16 real_port, u8 method, u8 state,
				       bool two_way);

/**
 * ippfvs_conn_touch() - a packet has passed
 * @conn: found under RCU, BH off
 * @from: the state that the packet was judged by
 * @to: the state after it; often the same
 *
 * Writes nothing when the state stays and the last packet was moments ago.
 *
 * Return: false when another CPU has changed the state from @from in between:
 * judge again. True for an entry that has ended.
 */
bool ippfvs_conn_touch(struct ippfvs_conn *conn, u8 from, u8 to);

/* RCU. Not found again from now on; the worker frees it. */
void ippfvs_conn_end(struct ippfvs_conn *conn);

/* It hangs nowhere and nobody reads it; its real server was put. */
void ippfvs_conn_free(struct ippfvs_conn *conn);

bool ippfvs_conn_ended(const struct ippfvs_conn *conn);
u8 ippfvs_conn_state(const struct ippfvs_conn *conn);

static inline void ippfvs_conn_addr(const struct ippfvs_conn *conn,
				    enum ippfvs_conn_end end,
				    union ippfvs_addr *addr)
{
	if (conn->family == IPPFVS_FAMILY_IPV4) {
		addr->word[0] = conn->ip[end];
		addr->word[1] = 0;
		addr->word[2] = 0;
		addr->word[3] = 0;
	} else {
		*(struct in6_addr *)addr = conn->ip6[end];
	}
}

/* Milliseconds until it ends if no further packet comes. */
u32 ippfvs_conn_expires_ms(const struct ippfvs_conn_table *table,
			   const struct ippfvs_conn *conn);

/* How many connections, how many buckets; any context. */
u32 ippfvs_conn_count(struct ippfvs_conn_table *table);
u32 ippfvs_conn_buckets(const struct ippfvs_conn_table *table);

/**
 * struct ippfvs_conn_cursor - how far a walk has come; zeroed at its start
 * @position: hash at which to go on; the same place however the table grows
 * @skip: entries of that bucket seen already
 * @done: nothing is left
 */
struct ippfvs_conn_cursor {
	u32 position;
	u32 skip;
	bool done;
};

/**
 * ippfvs_conn_walk() - visit living entries, in the order of their hash
 * @table: of the namespace
 * @cursor: moved on behind every entry that @visit took
 * @visit: called under RCU; non-zero ends this walk before that entry, and a
 *	later walk goes on with it
 * @arg: for @visit
 *
 * Process context. Return: what @visit returned, or 0 when a share of the table
 * was walked or all of it (@cursor->done).
 */
int ippfvs_conn_walk(struct ippfvs_conn_table *table,
		     struct ippfvs_conn_cursor *cursor,
		     int (*visit)(const struct ippfvs_conn *conn, void *arg),
		     void *arg);

#endif /* _IPPFVS_CONN_H */
