/* SPDX-License-Identifier: GPL-2.0 */
/* The entry to the packet path from each hook. */
#ifndef _IPPFVS_INPUT_H
#define _IPPFVS_INPUT_H

#include "packet.h"

/**
 * ippfvs_input_early() - handle a packet before routing
 * @pkt: the packet, at PREROUTING
 *
 * A packet of a known connection is forwarded. A connection is opened only if no firewall could
 * refuse the packet (early scheduling).
 *
 * Context: RCU, bottom halves off.
 * Return: a verdict; IPPFVS_PASS if the stack must see the packet first, or if the packet is
 * neither of a connection nor for a service.
 */
enum ippfvs_verdict ippfvs_input_early(struct ippfvs_packet *pkt);

/**
 * ippfvs_input_bridged() - handle a packet that a bridge of the host carries to another machine
 * @pkt: the packet, at PREROUTING
 *
 * Only replies of real servers are handled, because their clients expect the virtual address.
 *
 * Context: RCU, bottom halves off.
 * Return: a verdict; IPPFVS_PASS for everything else.
 */
enum ippfvs_verdict ippfvs_input_bridged(struct ippfvs_packet *pkt);

/**
 * ippfvs_input() - handle a packet that the host's firewall has accepted
 * @pkt: the packet, at LOCAL_IN, FORWARD or LOCAL_OUT
 *
 * A packet of a known connection is forwarded. Any other packet opens a connection if it is for a
 * service.
 *
 * Context: RCU, bottom halves off.
 * Return: a verdict.
 */
enum ippfvs_verdict ippfvs_input(struct ippfvs_packet *pkt);

#endif /* _IPPFVS_INPUT_H */
