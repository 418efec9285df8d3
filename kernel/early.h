/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Early scheduling: when a connection may be opened at PREROUTING.
 *
 * It may if no hook on the way to LOCAL_IN could refuse the packet, and if an earlier packet for the
 * same pool from the same device has come to LOCAL_IN since routes last changed.
 *
 * Context of everything here: RCU, bottom halves off.
 */
#ifndef _IPPFVS_EARLY_H
#define _IPPFVS_EARLY_H

#include "packet.h"

struct ippfvs_pool;

/* Whether nothing on the way to LOCAL_IN could refuse the packet or route it elsewhere. */
bool ippfvs_early_allowed(const struct ippfvs_packet *pkt);

/* Whether packets of this device and DSCP have come to LOCAL_IN for this pool. */
bool ippfvs_early_is_known(const struct ippfvs_pool *pool, const struct ippfvs_packet *pkt);

/**
 * ippfvs_early_learn() - remember that a packet has come to LOCAL_IN for a pool
 * @pool: the pool; one with Local Node learns nothing, because its packets must come to LOCAL_IN
 * @pkt: the packet
 */
void ippfvs_early_learn(struct ippfvs_pool *pool, const struct ippfvs_packet *pkt);

#endif /* _IPPFVS_EARLY_H */
