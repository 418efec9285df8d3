/* SPDX-License-Identifier: GPL-2.0 */
/* Drops, with or without telling the sender by RST or an ICMP error. */
#ifndef _IPPFVS_REJECT_H
#define _IPPFVS_REJECT_H

#include "packet.h"
#include "uapi/ippfvs.h"

/**
 * ippfvs_drop() - count a drop
 * @pkt: the packet
 * @reason: why
 *
 * Context: any.
 * Return: IPPFVS_DROP.
 */
enum ippfvs_verdict ippfvs_drop(const struct ippfvs_packet *pkt, enum ippfvs_drop reason);

/*
 * All of the following count the drop and return IPPFVS_DROP.
 * Context: RCU, bottom halves off. The packet must be unchanged, because the error quotes it.
 */

/* RST for TCP, port unreachable for UDP. */
enum ippfvs_verdict ippfvs_reject(struct ippfvs_packet *pkt, enum ippfvs_drop reason);

/* Fragmentation needed, or packet too big, with @mtu in bytes. */
enum ippfvs_verdict ippfvs_reject_too_big(struct ippfvs_packet *pkt, u32 mtu);

/* Time exceeded. */
enum ippfvs_verdict ippfvs_reject_ttl(struct ippfvs_packet *pkt);

/* Host unreachable. */
enum ippfvs_verdict ippfvs_reject_no_route(struct ippfvs_packet *pkt);

#endif /* _IPPFVS_REJECT_H */
