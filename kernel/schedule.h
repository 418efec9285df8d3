/* SPDX-License-Identifier: GPL-2.0 */
/* New connections: a service, a server, an entry. */
#ifndef _IPPFVS_SCHEDULE_H
#define _IPPFVS_SCHEDULE_H

#include "packet.h"

/*
 * RCU, BH off. The host's firewall has let the packet through: forward it on its
 * connection, or make one if it is for a service.
 */
enum ippfvs_verdict ippfvs_admitted(struct ippfvs_packet *pkt);

/*
 * RCU, BH off. A packet arrives: forward it on its connection, or on a new one if
 * it opens one and nobody could refuse that (shortcut.h). PASS: it goes its way.
 */
enum ippfvs_verdict ippfvs_arrived(struct ippfvs_packet *pkt);

#endif /* _IPPFVS_SCHEDULE_H */
