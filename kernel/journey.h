/* SPDX-License-Identifier: GPL-2.0 */
/* A packet's journey: who decides about it, in which order. */
#ifndef _IPPFVS_JOURNEY_H
#define _IPPFVS_JOURNEY_H

#include "packet.h"

/* All under RCU with bottom halves off. */

/*
 * It arrives: forward it on its connection, or on a new one if it opens one and
 * nobody could refuse that (shortcut.h). PASS: it goes its way.
 */
enum ippfvs_verdict ippfvs_arrived(struct ippfvs_packet *pkt);

/*
 * A bridge carries it from one machine to another: only what a server answers
 * to a client that knows nothing but the virtual address is ours.
 */
enum ippfvs_verdict ippfvs_overheard(struct ippfvs_packet *pkt);

/*
 * The host's firewall has let it through: forward it on its connection, or make
 * one if it is for a service.
 */
enum ippfvs_verdict ippfvs_admitted(struct ippfvs_packet *pkt);

#endif /* _IPPFVS_JOURNEY_H */
