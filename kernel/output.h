/* SPDX-License-Identifier: GPL-2.0 */
/* Replies of real servers on their way to the client. */
#ifndef _IPPFVS_OUTPUT_H
#define _IPPFVS_OUTPUT_H

#include "packet.h"

struct ippfvs_conn;

/**
 * ippfvs_output() - forward a reply
 * @pkt: a packet from the real server of @conn
 * @conn: its connection, whose replies pass through the director
 *
 * Context: RCU, bottom halves off.
 * Return: a verdict.
 */
enum ippfvs_verdict ippfvs_output(struct ippfvs_packet *pkt, struct ippfvs_conn *conn);

#endif /* _IPPFVS_OUTPUT_H */
