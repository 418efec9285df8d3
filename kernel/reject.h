/* SPDX-License-Identifier: GPL-2.0 */
/* Dropping of packets, with or without an RST or ICMP error to the sender. */
#ifndef _IPPFVS_REJECT_H
#define _IPPFVS_REJECT_H

#include "packet.h"
#include "uapi/ippfvs.h"

/**
 * ippfvs_drop() - count a drop
 * @pkt: the packet
 * @reason: reason of the drop
 *
 * Context: any.
 * Return: IPPFVS_DROP.
 */
enum ippfvs_verdict ippfvs_drop(const struct ippfvs_packet *pkt, enum ippfvs_drop reason);

/*
 * The following functions send an error, count the drop and return IPPFVS_DROP. The packet must be
 * unchanged, because the error quotes it.
 */

/**
 * ippfvs_reject() - drop a packet with RST (TCP) or port unreachable (UDP)
 * @pkt: the packet
 * @reason: reason of the drop
 *
 * Context: RCU, bottom halves off.
 * Return: IPPFVS_DROP.
 */
enum ippfvs_verdict ippfvs_reject(struct ippfvs_packet *pkt, enum ippfvs_drop reason);

/**
 * ippfvs_reject_too_big() - drop a packet with fragmentation needed or packet too big
 * @pkt: the packet
 * @mtu: number of bytes that fit
 *
 * Context: RCU, bottom halves off.
 * Return: IPPFVS_DROP.
 */
enum ippfvs_verdict ippfvs_reject_too_big(struct ippfvs_packet *pkt, u32 mtu);

/**
 * ippfvs_reject_ttl() - drop a packet with time exceeded
 * @pkt: the packet
 *
 * Context: RCU, bottom halves off.
 * Return: IPPFVS_DROP.
 */
enum ippfvs_verdict ippfvs_reject_ttl(struct ippfvs_packet *pkt);

/**
 * ippfvs_reject_no_route() - drop a packet with host unreachable
 * @pkt: the packet
 *
 * Context: RCU, bottom halves off.
 * Return: IPPFVS_DROP.
 */
enum ippfvs_verdict ippfvs_reject_no_route(struct ippfvs_packet *pkt);

#endif /* _IPPFVS_REJECT_H */
