/* SPDX-License-Identifier: GPL-2.0 */
/* How a client learns that its packet goes no further. RCU, BH off. */
#ifndef _IPPFVS_REJECT_H
#define _IPPFVS_REJECT_H

#include "packet.h"

/* RST for TCP, port unreachable for UDP; counted as @reason. */
enum ippfvs_verdict ippfvs_reject(struct ippfvs_packet *pkt,
				  enum ippfvs_drop reason);

/* Fragmentation needed, or packet too big: the path takes @mtu bytes. */
enum ippfvs_verdict ippfvs_reject_too_big(struct ippfvs_packet *pkt, u32 mtu);

/* Time exceeded: no time to live is left. */
enum ippfvs_verdict ippfvs_reject_ttl(struct ippfvs_packet *pkt);

/* Host unreachable: no route; counted as IPPFVS_DROP_NO_ROUTE. */
enum ippfvs_verdict ippfvs_reject_route(struct ippfvs_packet *pkt);

#endif /* _IPPFVS_REJECT_H */
