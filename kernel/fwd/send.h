/* SPDX-License-Identifier: GPL-2.0 */
/* The last steps of every packet: does it fit, who takes it over. RCU, BH off. */
#ifndef _IPPFVS_FWD_SEND_H
#define _IPPFVS_FWD_SEND_H

#include "../packet.h"

struct dst_entry;
struct ippfvs_real;

/* Must the sender be told that the packet does not fit into @mtu? */
bool ippfvs_send_too_big(const struct ippfvs_packet *pkt, u32 mtu);

/*
 * Send a packet that is complete by @dst, whose reference it takes. Goes to the
 * neighbour at once; by way of the stack's output only if it must be cut up or treated
 * specially. @mtu is dst_mtu() of @dst, an indirect call that the caller has made.
 */
enum ippfvs_verdict ippfvs_send(struct ippfvs_packet *pkt,
				struct dst_entry *dst, u32 mtu);

/* The same, without taking a reference to @dst, which RCU keeps. */
enum ippfvs_verdict ippfvs_send_noref(struct ippfvs_packet *pkt,
				      struct dst_entry *dst, u32 mtu);

/*
 * The same, to @real though the packet is addressed to another: as the next hop,
 * or by way of the gateway to it.
 */
enum ippfvs_verdict ippfvs_send_direct(struct ippfvs_packet *pkt,
				       struct dst_entry *dst, u32 mtu,
				       const struct ippfvs_real *real);

#endif /* _IPPFVS_FWD_SEND_H */
