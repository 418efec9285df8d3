/* SPDX-License-Identifier: GPL-2.0 */
/* Rewriting of addresses and ports, and of the checksums that cover them. */
#ifndef _IPPFVS_FORWARD_REWRITE_H
#define _IPPFVS_FORWARD_REWRITE_H

#include "../conn/conn.h"
#include "../core/wire.h"

struct sk_buff;

/**
 * struct ippfvs_new_end - the new source or destination of a packet
 * @addr: address, of the packet's family
 * @port: port, network byte order
 * @source: true for the source, false for the destination
 */
struct ippfvs_new_end {
	union ippfvs_addr addr;
	__be16 port;
	bool source;
};

/**
 * ippfvs_new_end_set() - make an end of a connection the new source or destination
 * @conn: the connection
 * @which: the end
 * @source: true for the source, false for the destination
 * @end: result
 *
 * The fields are written one by one into @end. Copying a whole structure would be slow, because its
 * wide loads would have to wait for narrow stores.
 *
 * Context: RCU.
 */
static inline void ippfvs_new_end_set(const struct ippfvs_conn *conn, enum ippfvs_conn_end which,
				      bool source, struct ippfvs_new_end *end)
{
	ippfvs_conn_addr(conn, which, &end->addr);
	end->port = conn->port[which];
	end->source = source;
}

/**
 * ippfvs_rewrite_addr() - rewrite an address that no transport checksum covers
 * @nh: writable network header
 * @family: IPPFVS_FAMILY_*
 * @addr: the new address
 * @source: true for the source address, false for the destination address
 *
 * Context: any.
 */
void ippfvs_rewrite_addr(u8 *nh, u8 family, const union ippfvs_addr *addr, bool source);

/**
 * ippfvs_rewrite() - rewrite one end in the headers at @nh
 * @nh: network header, writable as far as @wire was read
 * @wire: the headers as they are
 * @end: the new source or destination
 * @partial: the transport checksum covers only the pseudo header (CHECKSUM_PARTIAL)
 *
 * Context: any.
 */
void ippfvs_rewrite(u8 *nh, const struct ippfvs_wire *wire, const struct ippfvs_new_end *end,
		    bool partial);

/**
 * ippfvs_rewrite_skb() - rewrite one end in the headers of a packet
 * @skb: the packet, whose headers are writable
 * @wire: the headers as they are
 * @end: the new source or destination
 *
 * Context: any.
 */
void ippfvs_rewrite_skb(struct sk_buff *skb, const struct ippfvs_wire *wire,
			const struct ippfvs_new_end *end);

#endif /* _IPPFVS_FORWARD_REWRITE_H */
