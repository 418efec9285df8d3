/* SPDX-License-Identifier: GPL-2.0 */
/* Before 6.5 this header's contents were in linux/skbuff.h. */
#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 5, 0)
#include <linux/skbuff.h>
#else
#include_next <net/gso.h>
#endif
