/* SPDX-License-Identifier: GPL-2.0 */
/* What happens to a packet at each hook: lookup of its connection, then its way by direction. */
#ifndef _IPPFVS_INPUT_H
#define _IPPFVS_INPUT_H

#include "packet.h"

/**
 * ippfvs_input_early() - handle a packet before routing
 * @pkt: at PREROUTING
 *
 * Forwards a packet of a known connection. Opens a connection only if no firewall could refuse the
 * packet (early scheduling).
 *
 * Context: RCU, bottom halves off.
 * Return: IPPFVS_PASS for what the stack must see first or is not ours.
 */
enum ippfvs_verdict ippfvs_input_early(struct ippfvs_packet *pkt);

/**
 * ippfvs_input_bridged() - handle a packet that a bridge of the host carries to another machine
 * @pkt: at PREROUTING
 *
 * Takes only replies of real servers, whose clients know nothing but the virtual address.
 *
 * Context: RCU, bottom halves off.
 * Return: a verdict; IPPFVS_PASS for everything else.
 */
enum ippfvs_verdict ippfvs_input_bridged(struct ippfvs_packet *pkt);

/**
 * ippfvs_input() - handle a packet that the host's firewall has accepted
 * @pkt: at LOCAL_IN, FORWARD or LOCAL_OUT
 *
 * Forwards a packet of a known connection, and opens one if the packet is for a service.
 *
 * Context: RCU, bottom halves off.
 * Return: a verdict.
 */
enum ippfvs_verdict ippfvs_input(struct ippfvs_packet *pkt);

#endif /* _IPPFVS_INPUT_H */
