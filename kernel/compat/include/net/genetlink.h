/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _IPPFVS_COMPAT_NET_GENETLINK_H
#define _IPPFVS_COMPAT_NET_GENETLINK_H

#include_next <net/genetlink.h>

#include <linux/version.h>

/* Before 6.2, the argument of pre_doit and post_doit was a struct genl_ops. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
#define genl_split_ops genl_ops
#endif

/* Before 6.6, a dump had no struct genl_info, but another structure with the attributes. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 6, 0)
#define genl_info_dump(cb) genl_dumpit_info(cb)
#endif

#endif /* _IPPFVS_COMPAT_NET_GENETLINK_H */
