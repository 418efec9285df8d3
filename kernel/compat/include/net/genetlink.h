/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _IPPFVS_COMPAT_NET_GENETLINK_H
#define _IPPFVS_COMPAT_NET_GENETLINK_H

#include_next <net/genetlink.h>

#include <linux/version.h>

/* pre_doit and post_doit are given the plain operation. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
#define genl_split_ops genl_ops
#endif

/* A dump has no struct genl_info; what it has holds the attributes, too. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 6, 0)
#define genl_info_dump(cb) genl_dumpit_info(cb)
#endif

#endif /* _IPPFVS_COMPAT_NET_GENETLINK_H */
