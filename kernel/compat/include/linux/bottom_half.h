/* SPDX-License-Identifier: GPL-2.0 */
#include_next <linux/bottom_half.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 18, 0) && defined(CONFIG_PREEMPT_RT)
/* Before 6.18, disabling bottom halves on PREEMPT_RT always takes a per-CPU lock. */
#define CONFIG_PREEMPT_RT_NEEDS_BH_LOCK 1
#endif
