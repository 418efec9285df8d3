/* SPDX-License-Identifier: GPL-2.0 */
/* ICMP errors about packets of our connections, from either side. */
#ifndef _IPPFVS_ICMP_H
#define _IPPFVS_ICMP_H

#include "packet.h"

/* RCU, BH off. @pkt is an ICMP or ICMPv6 error. */
enum ippfvs_verdict ippfvs_icmp(struct ippfvs_packet *pkt);

#endif /* _IPPFVS_ICMP_H */
