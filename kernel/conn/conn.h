/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A connection entry: which client speaks to which real server, and in which state.
 *
 * Ownership: the packet path creates an entry and links it into the table. From then on the table's
 * worker unlinks it, or an insertion that evicts it (evict.c). The one that empties its slot for
 * IPPFVS_CONN_IN, under the lock of that hash, frees it after a grace period. Everyone else reads
 * it under RCU and ends it by setting IPPFVS_CONN_F_DEAD in its state word.
 */
#ifndef _IPPFVS_CONN_H
#define _IPPFVS_CONN_H

#include "../core/tcp_state.h"
#include "../core/tuple.h"
#include "../uapi/ippfvs.h"

#include <linux/atomic.h>
#include <linux/cpumask.h>
#include <linux/percpu_counter.h>

struct ippfvs_config;
struct ippfvs_real;

/* The two directions of a connection's packets. */
enum ippfvs_conn_dir {
	IPPFVS_CONN_IN,	 /* from the client to the virtual service */
	IPPFVS_CONN_OUT, /* from the real server to the client */
	IPPFVS_CONN_DIRS
};

/* The three ends of a connection. */
enum ippfvs_conn_end { IPPFVS_END_CLIENT, IPPFVS_END_VIRTUAL, IPPFVS_END_REAL, IPPFVS_CONN_ENDS };

/**
 * ippfvs_conn_source() - get the end that sends the packets of a direction
 * @dir: the direction
 *
 * Context: any.
 * Return: the end.
 */
static inline enum ippfvs_conn_end ippfvs_conn_source(enum ippfvs_conn_dir dir)
{
	return dir == IPPFVS_CONN_IN ? IPPFVS_END_CLIENT : IPPFVS_END_REAL;
}

/**
 * ippfvs_conn_dest() - get the end to which the packets of a direction are addressed
 * @dir: the direction
 *
 * Context: any.
 * Return: the end.
 */
static inline enum ippfvs_conn_end ippfvs_conn_dest(enum ippfvs_conn_dir dir)
{
	return dir == IPPFVS_CONN_IN ? IPPFVS_END_VIRTUAL : IPPFVS_END_CLIENT;
}

/* The alignment leaves six zero bits in an entry's address, which slots use (bucket.h). */
#define IPPFVS_CONN_ALIGN 64

/**
 * struct ippfvs_conn - a connection entry; 64 bytes for IPv4, which is one cache line
 * @state: the state word, see below
 * @real: the real server; the entry holds a reference
 * @hash: hashes under which the entry is linked, kept so that a resize need not compute them again;
 *	[IPPFVS_CONN_IN] is always used, [IPPFVS_CONN_OUT] only if @by_tuple and @two_way
 * @port: ports, indexed by enum ippfvs_conn_end, network byte order
 * @local_port: the client's port as the real server knows it, network byte order; differs from
 *	@port[IPPFVS_END_CLIENT] only for VS-NAT, if that port is in use at the real server
 * @protocol: IPPROTO_TCP or IPPROTO_UDP
 * @family: IPPFVS_FAMILY_*
 * @method: enum ippfvs_method; a later change of the real server's method does not alter it
 * @two_way: replies pass through the director
 * @by_tuple: the entry is linked in the five-tuple index and not at its client (insert.c)
 * @link: number of the link to the client (forward/link.h), or 0
 * @ip: IPv4 addresses, indexed by enum ippfvs_conn_end
 * @ip6: IPv6 addresses, indexed by enum ippfvs_conn_end; an IPv6 entry has more than 64 bytes
 *
 * Everything except @state is written before the entry is linked, and never changes afterwards.
 */
struct ippfvs_conn {
	atomic64_t state;
	struct ippfvs_real *real;
	u32 hash[IPPFVS_CONN_DIRS];
	__be16 port[IPPFVS_CONN_ENDS];
	__be16 local_port;
	u8 protocol;
	u8 family;
	u8 method;
	bool two_way;
	bool by_tuple;
	u8 link;
	union {
		__be32 ip[IPPFVS_CONN_ENDS];
		struct in6_addr ip6[IPPFVS_CONN_ENDS];
	};
};

/*
 * The state word: jiffies of the last packet in the upper 32 bits, the TCP position of the client
 * (tcp_state.h) in bits 16 to 31, the number of the client's packets in bits 12 to 14 (at most 4;
 * it stays 1 if a handshake can be seen), flags in bits 8 to 11, times of the client's packets in
 * bits 5 and 6, and the state in bits 0 to 4. Bits 0 to 3 alone are the enum ippfvs_state. It is
 * changed by compare-and-swap, so that no update is lost between a packet and the worker.
 *
 * A connection is unconfirmed until its client is known to exist. Such an entry expires early, and
 * goes first when the table is full. A spoofed source address must not be confirmed:
 * - TCP, if replies pass through the director: the server has replied, and then the client has sent
 *   an ACK. A later SYN-ACK shows that the server has not accepted the ACK, and revokes the
 *   confirmation.
 * - Otherwise: the client has sent packets at four times over at least a second (conn.c).
 */
#define IPPFVS_CONN_F_DEAD	(1ULL << 8)  /* lookups skip the entry, which waits to be freed */
#define IPPFVS_CONN_F_TOMBSTONE (1ULL << 9)  /* dead, but kept to drop late packets (table.h) */
#define IPPFVS_CONN_F_CONFIRMED (1ULL << 10) /* the client exists */
#define IPPFVS_CONN_F_REPLIED	(1ULL << 11) /* the server has sent a packet */

#define IPPFVS_CONN_STATE_MASK	   0x1fULL
#define IPPFVS_CONN_TIMES_SHIFT	   5
#define IPPFVS_CONN_TIMES_MASK	   (3ULL << IPPFVS_CONN_TIMES_SHIFT)
#define IPPFVS_CONN_PACKETS_SHIFT  12
#define IPPFVS_CONN_PACKETS_MASK   (7ULL << IPPFVS_CONN_PACKETS_SHIFT)
#define IPPFVS_CONN_PACKETS_MAX	   4 /* further packets are not counted */
#define IPPFVS_CONN_POSITION_SHIFT 16
#define IPPFVS_CONN_POSITION_MASK  (0xffffULL << IPPFVS_CONN_POSITION_SHIFT)

/**
 * ippfvs_conn_word_read() - read the state word of a connection
 * @conn: the connection
 *
 * Context: RCU.
 * Return: the state word.
 */
static inline u64 ippfvs_conn_word_read(const struct ippfvs_conn *conn)
{
	return atomic64_read(&conn->state);
}

/**
 * ippfvs_conn_word_stamp() - get the time of the last packet
 * @word: a state word
 *
 * Context: any.
 * Return: jiffies.
 */
static inline u32 ippfvs_conn_word_stamp(u64 word)
{
	return word >> 32;
}

/* The client's TCP position. Context: any. */
static inline u16 ippfvs_conn_word_position(u64 word)
{
	return word >> IPPFVS_CONN_POSITION_SHIFT;
}

/* The state as the state machine knows it, with hidden states (tcp_state.h). */
static inline u8 ippfvs_conn_word_tcp(u64 word)
{
	return word & IPPFVS_CONN_STATE_MASK;
}

/**
 * ippfvs_conn_word_state() - get the state from a state word
 * @word: the state word
 *
 * Context: any.
 * Return: enum ippfvs_state.
 */
static inline u8 ippfvs_conn_word_state(u64 word)
{
	return word & IPPFVS_TCP_SEEN_MASK;
}

/* The number of the client's packets, at most IPPFVS_CONN_PACKETS_MAX. Context: any. */
static inline u32 ippfvs_conn_word_packets(u64 word)
{
	return (word & IPPFVS_CONN_PACKETS_MASK) >> IPPFVS_CONN_PACKETS_SHIFT;
}

/* At how many times after the first packet the client has sent packets. Context: any. */
static inline u32 ippfvs_conn_word_times(u64 word)
{
	return (word & IPPFVS_CONN_TIMES_MASK) >> IPPFVS_CONN_TIMES_SHIFT;
}

/* Return: true if the client is known to exist. Context: any. */
static inline bool ippfvs_conn_word_is_confirmed(u64 word)
{
	return word & IPPFVS_CONN_F_CONFIRMED;
}

/**
 * ippfvs_conn_is_dead() - check whether a connection has ended
 * @conn: the connection
 *
 * Context: RCU.
 * Return: true if it has; true for a tombstone, too.
 */
static inline bool ippfvs_conn_is_dead(const struct ippfvs_conn *conn)
{
	return ippfvs_conn_word_read(conn) & IPPFVS_CONN_F_DEAD;
}

/**
 * ippfvs_conn_is_tombstone() - check whether an entry is a tombstone
 * @conn: the entry
 *
 * Context: RCU.
 * Return: true if it is.
 */
static inline bool ippfvs_conn_is_tombstone(const struct ippfvs_conn *conn)
{
	return ippfvs_conn_word_read(conn) & IPPFVS_CONN_F_TOMBSTONE;
}

/**
 * ippfvs_conn_state() - get the state of a connection
 * @conn: the connection
 *
 * Context: RCU.
 * Return: enum ippfvs_state.
 */
static inline u8 ippfvs_conn_state(const struct ippfvs_conn *conn)
{
	return ippfvs_conn_word_state(ippfvs_conn_word_read(conn));
}

/**
 * ippfvs_conn_dest_port() - get the port to which packets are addressed
 * @conn: the connection
 * @dir: direction of the packets
 *
 * Context: RCU.
 * Return: the port in network byte order.
 */
static inline __be16 ippfvs_conn_dest_port(const struct ippfvs_conn *conn, enum ippfvs_conn_dir dir)
{
	return dir == IPPFVS_CONN_IN ? conn->port[IPPFVS_END_VIRTUAL] : conn->local_port;
}

/**
 * ippfvs_conn_translates_client() - whether the real server knows the client by another port
 * @conn: the connection
 *
 * Context: RCU.
 * Return: true if the client's port is translated.
 */
static inline bool ippfvs_conn_translates_client(const struct ippfvs_conn *conn)
{
	return conn->local_port != conn->port[IPPFVS_END_CLIENT];
}

/**
 * ippfvs_conn_addr() - get the address of an end
 * @conn: the connection
 * @end: the end
 * @addr: result
 *
 * Context: RCU.
 */
static inline void ippfvs_conn_addr(const struct ippfvs_conn *conn, enum ippfvs_conn_end end,
				    union ippfvs_addr *addr)
{
	if (conn->family == IPPFVS_FAMILY_IPV4)
		ippfvs_addr_set_ip(addr, conn->ip[end]);
	else
		addr->ip6 = conn->ip6[end];
}

/**
 * struct ippfvs_conn_plan - what scheduling decided about a connection that does not exist yet
 * @tuple: five-tuple of the client's first packet
 * @hash: hash of the client, from ippfvs_conn_lookup() of @tuple
 * @real: the real server; the entry takes its own reference
 * @addr: the address of @real; for Local Node, the address of the director from which the reply
 *	will come
 * @port: port at the real server, network byte order, never 0
 * @local_port: the client's port as the real server knows it, network byte order
 * @method: enum ippfvs_method
 * @state: enum ippfvs_state after the first packet
 * @position: ippfvs_tcp_position() of the first packet; 0 for UDP
 * @two_way: replies pass through the director
 * @link: number of the link to the client (forward/link.h), or 0
 */
struct ippfvs_conn_plan {
	const struct ippfvs_tuple *tuple;
	u32 hash;
	struct ippfvs_real *real;
	union ippfvs_addr addr;
	__be16 port;
	__be16 local_port;
	u8 method;
	u8 state;
	u16 position;
	bool two_way;
	u8 link;
};

/**
 * ippfvs_conn_advance() - record a packet in the state word
 * @conn: the packet's connection
 * @dir: the packet's direction
 * @tcp_flags: byte 13 of the TCP header; 0 for UDP
 * @sequence: the client's sequence number that the packet tells: the sequence number of a packet
 *	from the client, the acknowledgment number of a reply; 0 for UDP
 *
 * Writes nothing if the state stays the same, the position is near, the stamp is recent, and there
 * is nothing to learn about the client.
 *
 * Context: RCU, bottom halves off.
 */
void ippfvs_conn_advance(struct ippfvs_conn *conn, enum ippfvs_conn_dir dir, u8 tcp_flags,
			 u32 sequence);

/**
 * ippfvs_conn_reopens() - whether a client's segment opens a new connection in place of an old one
 * @conn: the old connection
 * @tcp_flags: byte 13 of the TCP header
 *
 * Context: RCU.
 * Return: true if the old connection must end, and the segment must be scheduled; false for UDP.
 */
bool ippfvs_conn_reopens(const struct ippfvs_conn *conn, u8 tcp_flags);

/**
 * ippfvs_conn_end() - end a connection
 * @conn: the connection; it may have ended already
 *
 * Lookups do not return it from now on. The worker or an insertion frees it.
 *
 * Context: RCU.
 */
void ippfvs_conn_end(struct ippfvs_conn *conn);

/**
 * ippfvs_conn_try_end() - end a connection if its state word has not changed
 * @conn: the connection, which was not dead when @word was read
 * @word: the state word on which the caller based the decision
 * @flags: IPPFVS_CONN_F_DEAD, alone or with IPPFVS_CONN_F_TOMBSTONE
 *
 * Context: RCU.
 * Return: false if the state word has changed; the caller must decide again.
 */
bool ippfvs_conn_try_end(struct ippfvs_conn *conn, u64 word, u64 flags);

/**
 * ippfvs_conn_tuple() - build the five-tuple of a connection's packets
 * @conn: the connection
 * @dir: direction of the packets
 * @tuple: result
 *
 * Context: RCU.
 */
void ippfvs_conn_tuple(const struct ippfvs_conn *conn, enum ippfvs_conn_dir dir,
		       struct ippfvs_tuple *tuple);

/**
 * ippfvs_conn_create() - allocate an entry that is in no table yet
 * @plan: its contents
 * @config: settings of the namespace, which has the memory cgroup to charge
 *
 * Takes a reference to the real server and counts the connection in its load.
 *
 * Context: RCU, bottom halves off.
 * Return: the entry, or ERR_PTR(-ENOMEM).
 */
struct ippfvs_conn *ippfvs_conn_create(const struct ippfvs_conn_plan *plan,
				       const struct ippfvs_config *config);

/**
 * ippfvs_conn_destroy() - undo ippfvs_conn_create() for an entry that was never linked
 * @conn: the entry
 *
 * Context: bottom halves off.
 */
void ippfvs_conn_destroy(struct ippfvs_conn *conn);

/**
 * ippfvs_conn_free_bulk() - free entries after their grace period
 * @conns: entries without readers, whose references to real servers have been dropped
 * @n: number of entries
 *
 * Context: any.
 */
void ippfvs_conn_free_bulk(struct ippfvs_conn **conns, u32 n);

/**
 * ippfvs_conn_entries_reached() - check the number of entries in all namespaces together
 * @limit: a limit
 *
 * Context: any.
 * Return: whether there are at least @limit entries; see ippfvs_conn_limit_reached().
 */
bool ippfvs_conn_entries_reached(u32 limit);

/* The number of entries in all namespaces together, about. Context: any. */
u64 ippfvs_conn_entries(void);

/**
 * ippfvs_conn_limit_reached() - check a counter of entries against a limit
 * @count: the counter
 * @limit: the limit
 *
 * Computing the exact sum for each packet of a flood would make all CPUs wait for one another. So
 * it is computed only if the approximate sum may be wrong by more than a sixteenth of the limit.
 *
 * Context: any.
 * Return: true if @count is at least @limit.
 */
static inline bool ippfvs_conn_limit_reached(struct percpu_counter *count, u32 limit)
{
#ifdef CONFIG_SMP /* a kernel without SMP has no percpu_counter_batch */
	if (limit >> 4 > percpu_counter_batch * num_online_cpus())
		return percpu_counter_read(count) >= limit;
#endif
	return percpu_counter_compare(count, limit) >= 0;
}

/**
 * ippfvs_conn_init() - create the slab caches
 *
 * Context: process, with the module.
 * Return: 0 or -ENOMEM.
 */
int ippfvs_conn_init(void);

/**
 * ippfvs_conn_exit() - destroy the slab caches
 *
 * Context: process, with the module. All RCU callbacks that free entries have run.
 */
void ippfvs_conn_exit(void);

#endif /* _IPPFVS_CONN_H */
