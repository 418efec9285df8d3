/* SPDX-License-Identifier: GPL-2.0 */
/* Before 6.10 there was no dst_rtable(). */
#include_next <net/route.h>

#ifndef _IPPFVS_COMPAT_NET_ROUTE_H
#define _IPPFVS_COMPAT_NET_ROUTE_H

#ifndef dst_rtable
#define dst_rtable(_ptr) container_of_const(_ptr, struct rtable, dst)
#endif

#endif /* _IPPFVS_COMPAT_NET_ROUTE_H */
