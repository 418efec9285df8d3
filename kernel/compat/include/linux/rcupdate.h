/* SPDX-License-Identifier: GPL-2.0 */
#include_next <linux/rcupdate.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
/* Before 6.2 no callback is lazy. */
#define call_rcu_hurry(head, func) call_rcu(head, func)
#endif
