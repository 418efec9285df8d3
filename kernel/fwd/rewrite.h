/* SPDX-License-Identifier: GPL-2.0 */
/* Changes one end of a packet: address, port and the checksums over them. */
#ifndef _IPPFVS_FWD_REWRITE_H
#define _IPPFVS_FWD_REWRITE_H

#include "../conn/conn.h"
#include "../core/wire.h"

struct sk_buff;

/**
 * struct ippfvs_new_end - the new address and port of a packet's source or destination
 * @addr: of the packet's family
 * @port: network byte order
 * @source: of its source, else of its destination
 */
struct ippfvs_new_end {
	union ippfvs_addr addr;
	__be16 port;
	bool source;
};

/*
 * The end of @conn that shall be a packet's source, or its destination. Filled in
 * place: the wide loads of a copy stall on the narrow stores just before them.
 */
static inline void ippfvs_new_end_set(const struct ippfvs_conn *conn,
				      enum ippfvs_conn_end which, bool source,
				      struct ippfvs_new_end *end)
{
	ippfvs_conn_addr(conn, which, &end->addr);
	end->port = conn->port[which];
	end->source = source;
}

/* Only an address, for packets whose transport does not cover it. */
void ippfvs_rewrite_addr(u8 *nh, u8 family, const union ippfvs_addr *addr,
			 bool source);

/**
 * ippfvs_rewrite() - write @end into the headers at @nh
 * @nh: network header; writable as far as @wire has read
 * @wire: what stands there
 * @end: what shall stand there
 * @partial: the transport checksum is CHECKSUM_PARTIAL
 */
void ippfvs_rewrite(u8 *nh, const struct ippfvs_wire *wire,
		    const struct ippfvs_new_end *end, bool partial);

/* The same for a packet itself; it is writable. */
void ippfvs_rewrite_skb(struct sk_buff *skb, const struct ippfvs_wire *wire,
			const struct ippfvs_new_end *end);

#endif /* _IPPFVS_FWD_REWRITE_H */
