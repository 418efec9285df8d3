/* SPDX-License-Identifier: GPL-2.0 */
/*
 * New connections: find the service, choose a real server, create the entry. This happens after the
 * host's firewall and routing, or earlier at PREROUTING (early.h).
 */
#ifndef _IPPFVS_SCHEDULE_H
#define _IPPFVS_SCHEDULE_H

#include "packet.h"

/**
 * ippfvs_schedule() - open a connection for a packet that the firewall has accepted
 * @pkt: a packet that belongs to no known connection
 *
 * Context: RCU, bottom halves off.
 * Return: a verdict; IPPFVS_PASS if the packet is for the stack.
 */
enum ippfvs_verdict ippfvs_schedule(struct ippfvs_packet *pkt);

/**
 * ippfvs_schedule_early() - open a connection before the firewall has seen the packet
 * @pkt: a packet at PREROUTING that belongs to no known connection
 *
 * Context: RCU, bottom halves off.
 * Return: a verdict; IPPFVS_PASS if the firewall or the stack must see the packet first.
 */
enum ippfvs_verdict ippfvs_schedule_early(struct ippfvs_packet *pkt);

#endif /* _IPPFVS_SCHEDULE_H */
