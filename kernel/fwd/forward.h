/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How a packet reaches its real server: one method a file, each deciding first
 * (route, size, time to live), then writing, then sending. RCU, BH off.
 */
#ifndef _IPPFVS_FWD_FORWARD_H
#define _IPPFVS_FWD_FORWARD_H

#include "../packet.h"
#include "route.h"
#include "send.h"

struct dst_entry;
struct ippfvs_conn;

/* By the method of @conn; counted for its real server. */
enum ippfvs_verdict ippfvs_forward(struct ippfvs_packet *pkt,
				   struct ippfvs_conn *conn);

/* The same, not counted: an ICMP error on the connection's way, as it is. */
enum ippfvs_verdict ippfvs_forward_uncounted(struct ippfvs_packet *pkt,
					     struct ippfvs_conn *conn);

enum ippfvs_verdict ippfvs_nat_in(struct ippfvs_packet *pkt,
				  const struct ippfvs_conn *conn);

/* The answer, by @dst, whose reference it takes; NULL: it has its route. */
enum ippfvs_verdict ippfvs_nat_out(struct ippfvs_packet *pkt,
				   const struct ippfvs_conn *conn,
				   struct dst_entry *dst);

enum ippfvs_verdict ippfvs_tun(struct ippfvs_packet *pkt,
			       const struct ippfvs_conn *conn);
enum ippfvs_verdict ippfvs_dr(struct ippfvs_packet *pkt,
			      const struct ippfvs_conn *conn);

/* Give a packet past the input firewall to the socket that shall have it. */
enum ippfvs_verdict ippfvs_local(struct ippfvs_packet *pkt,
				 struct ippfvs_conn *conn);

/* Has the director a socket that would serve @pkt, the first of a connection? */
bool ippfvs_local_serves(const struct ippfvs_packet *pkt,
			 const union ippfvs_addr *real, __be16 port);

/* @pkt is for us: has the director a socket connected to this very client? */
bool ippfvs_local_connected(const struct ippfvs_packet *pkt);

/*
 * Where will the director's own server answer from? Sets @addr; @port is where
 * it listens. Return: must its answers be rewritten?
 */
bool ippfvs_local_answers(const struct ippfvs_packet *pkt,
			  union ippfvs_addr *addr, __be16 port);

#endif /* _IPPFVS_FWD_FORWARD_H */
