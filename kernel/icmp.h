/* SPDX-License-Identifier: GPL-2.0 */
/* ICMP errors about packets of known connections, in both directions. */
#ifndef _IPPFVS_ICMP_H
#define _IPPFVS_ICMP_H

#include "packet.h"

/**
 * ippfvs_icmp_input() - translate and forward an ICMP or ICMPv6 error
 * @pkt: the error, which quotes a packet
 *
 * Context: RCU, bottom halves off.
 * Return: a verdict; IPPFVS_PASS if the error is not about a known connection.
 */
enum ippfvs_verdict ippfvs_icmp_input(struct ippfvs_packet *pkt);

#endif /* _IPPFVS_ICMP_H */
