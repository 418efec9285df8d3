/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Packets to a virtual address at a port that no service has.
 *
 * If the director has the address, its own stack answers them. If another host has it, they are
 * forwarded. If no host has it, and the director's route leads back to the router that sent them,
 * they would loop until their TTL is used up. These are answered as a host would: an echo request
 * is replied to, TCP gets RST, UDP gets port unreachable; other packets are dropped.
 */
#ifndef _IPPFVS_UNSERVED_H
#define _IPPFVS_UNSERVED_H

#include "packet.h"

/**
 * ippfvs_unserved() - handle a packet that belongs to no service and to no connection
 * @pkt: TCP, UDP or an ICMP error; it is unchanged
 *
 * Context: RCU, bottom halves off.
 * Return: IPPFVS_PASS if the packet is not at FORWARD, or would not return to where it came from.
 */
enum ippfvs_verdict ippfvs_unserved(struct ippfvs_packet *pkt);

/**
 * ippfvs_unserved_other() - the same for a packet that ippfvs_packet_read() has refused
 * @pkt: at FORWARD; its @wire is not valid
 * @family: IPPFVS_FAMILY_* of the hook
 *
 * Context: RCU, bottom halves off.
 * Return: as ippfvs_unserved().
 */
enum ippfvs_verdict ippfvs_unserved_other(struct ippfvs_packet *pkt, u8 family);

#endif /* _IPPFVS_UNSERVED_H */
