/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A link to an entry: its address, whose alignment leaves six low bits. One says
 * which of the entry's links it is, five are of the hash.
 */
#ifndef _IPPFVS_CONN_LINK_H
#define _IPPFVS_CONN_LINK_H

#include "conn.h"

#define IPPFVS_LINK_DIR		1UL
#define IPPFVS_LINK_TAG		0x3eUL
#define IPPFVS_LINK_BITS	(IPPFVS_LINK_DIR | IPPFVS_LINK_TAG)

static inline struct ippfvs_conn *ippfvs_link_conn(unsigned long link)
{
	return (struct ippfvs_conn *)(link & ~IPPFVS_LINK_BITS);
}

static inline enum ippfvs_conn_dir ippfvs_link_dir(unsigned long link)
{
	return link & IPPFVS_LINK_DIR;
}

static inline unsigned long ippfvs_link_tag(u32 hash)
{
	return ((unsigned long)hash << 1) & IPPFVS_LINK_TAG;
}

static inline unsigned long ippfvs_link(const struct ippfvs_conn *conn,
					enum ippfvs_conn_dir dir)
{
	return (unsigned long)conn | dir | ippfvs_link_tag(conn->hash[dir]);
}

#endif /* _IPPFVS_CONN_LINK_H */
