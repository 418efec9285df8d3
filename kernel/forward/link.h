/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Links: the VRF and the conntrack mark of a client, which the route of a reply needs.
 *
 * A connection stores the number of its link in one byte, because hosts have few different ones.
 * Number 0 means no VRF and no mark. A link never changes and is never removed while the namespace
 * has a service.
 */
#ifndef _IPPFVS_FORWARD_LINK_H
#define _IPPFVS_FORWARD_LINK_H

#include "../conn/conn.h"
#include "../packet.h"

#include <linux/spinlock.h>

#define IPPFVS_LINKS 256

/**
 * struct ippfvs_link - the client's side of connections
 * @l3mdev: index of the VRF that the first packet came from, or 0
 * @mark: mark that conntrack had for the first packet (CONNMARK, "ct mark set"), or 0
 */
struct ippfvs_link {
	int l3mdev;
	u32 mark;
};

/**
 * struct ippfvs_links - the links of a namespace
 * @lock: serialises the addition of links; bottom halves are off
 * @used: number of links including number 0; a link is complete before it is counted
 * @link: the links; number 0 is empty
 */
struct ippfvs_links {
	spinlock_t lock;
	unsigned int used;
	struct ippfvs_link link[IPPFVS_LINKS];
};

/**
 * ippfvs_links_create() - allocate the links of a namespace
 *
 * Context: process.
 * Return: the links, which kfree() frees, or NULL.
 */
struct ippfvs_links *ippfvs_links_create(void);

/**
 * ippfvs_link_learn() - the link of a new connection
 * @pkt: its first packet, at the hook that schedules it
 *
 * If no further link fits, the mark is dropped. A VRF is never dropped: then the connection is
 * refused.
 *
 * Context: RCU, bottom halves off.
 * Return: its number, or -ENOSPC if it cannot be remembered.
 */
int ippfvs_link_learn(const struct ippfvs_packet *pkt);

/* The link of @conn, whose number is not 0. Context: RCU. */
const struct ippfvs_link *ippfvs_link_of(const struct ippfvs_packet *pkt,
					 const struct ippfvs_conn *conn);

#endif /* _IPPFVS_FORWARD_LINK_H */
