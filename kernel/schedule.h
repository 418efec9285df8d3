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
 * The same for one that has just arrived, belongs to no connection, and need not
 * ask anybody (shortcut.h). PASS: let it go its way.
 */
enum ippfvs_verdict ippfvs_arrived(struct ippfvs_packet *pkt);

#endif /* _IPPFVS_SCHEDULE_H */
