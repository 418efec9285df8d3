/* SPDX-License-Identifier: GPL-2.0 */
/* New connections: a service, a server, an entry. */
#ifndef _IPPFVS_SCHEDULE_H
#define _IPPFVS_SCHEDULE_H

#include "packet.h"

/* All under RCU with bottom halves off; no connection of @pkt is known. */

/* The host's firewall has let it through. PASS: the stack shall have it. */
enum ippfvs_verdict ippfvs_schedule(struct ippfvs_packet *pkt);

/* It arrives. PASS: the firewall, or the stack, is to be asked first (shortcut.h). */
enum ippfvs_verdict ippfvs_schedule_early(struct ippfvs_packet *pkt);

#endif /* _IPPFVS_SCHEDULE_H */
