/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Early scheduling: whether a connection may be opened at PREROUTING.
 *
 * It may be opened if no hook on the way to LOCAL_IN could refuse the packet, and if an earlier
 * packet for the same pool and from the same device has reached LOCAL_IN since the last change of
 * the routes.
 *
 * Context of everything here: RCU, bottom halves off.
 */
#ifndef _IPPFVS_EARLY_H
#define _IPPFVS_EARLY_H

#include "packet.h"

struct ippfvs_pool;

/**
 * ippfvs_early_allowed() - check whether a packet would reach LOCAL_IN
 * @pkt: the packet, at PREROUTING
 *
 * Return: true if nothing on the way could refuse the packet or route it elsewhere.
 */
bool ippfvs_early_allowed(const struct ippfvs_packet *pkt);

/**
 * ippfvs_early_is_known() - check whether earlier packets have reached LOCAL_IN for a pool
 * @pool: the pool
 * @pkt: the packet
 *
 * Return: true if a packet from the same device and with the same DSCP has.
 */
bool ippfvs_early_is_known(const struct ippfvs_pool *pool, const struct ippfvs_packet *pkt);

/**
 * ippfvs_early_learn() - record that a packet has reached LOCAL_IN for a pool
 * @pool: the pool; if it has a Local Node, nothing is recorded, because packets for a Local Node
 *	must not leave the path to LOCAL_IN
 * @pkt: the packet
 */
void ippfvs_early_learn(struct ippfvs_pool *pool, const struct ippfvs_packet *pkt);

#endif /* _IPPFVS_EARLY_H */
