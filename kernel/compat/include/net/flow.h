/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Before 6.18 a flow had a TOS byte and no DSCP. Before 6.12 rules and routes expected only the
 * bits of RFC 1349 in it.
 */
#include_next <net/flow.h>

#ifndef _IPPFVS_COMPAT_NET_FLOW_H
#define _IPPFVS_COMPAT_NET_FLOW_H

#include <linux/version.h>
#include <net/inet_dscp.h>

/* Set the DSCP of @fl4 from the TOS byte of a header. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0)
static inline void flowi4_set_tos(struct flowi4 *fl4, __u8 tos)
{
	fl4->flowi4_tos = tos & 0x1c;
}
#elif !defined(flowi4_dscp)
static inline void flowi4_set_tos(struct flowi4 *fl4, __u8 tos)
{
	fl4->flowi4_tos = tos & INET_DSCP_MASK;
}
#else
static inline void flowi4_set_tos(struct flowi4 *fl4, __u8 tos)
{
	fl4->flowi4_dscp = inet_dsfield_to_dscp(tos);
}
#endif

#endif /* _IPPFVS_COMPAT_NET_FLOW_H */
