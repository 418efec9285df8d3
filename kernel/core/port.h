/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The environment of kernel/core and kernel/sched, which are pure C: they do not allocate memory,
 * take locks, read a clock or have global variables. They are compiled into ippfvs.ko and, by cffi,
 * into a Python extension, so that tests and simulations run the same code.
 */
#ifndef _IPPFVS_CORE_PORT_H
#define _IPPFVS_CORE_PORT_H

#ifdef __KERNEL__

#include <asm/byteorder.h>
#include <linux/atomic.h>
#include <linux/compiler.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/limits.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/stddef.h>
#include <linux/string.h>
#include <linux/types.h>

typedef atomic64_t ippfvs_atomic64;

#define ippfvs_atomic64_set(a, value) atomic64_set(a, value)
#define ippfvs_atomic64_read(a)	      ((u64)atomic64_read(a))
#define ippfvs_atomic64_fetch_inc(a)  ((u64)atomic64_fetch_inc_relaxed(a))

#else /* compiled by cffi */

#include "user_port.h"

#endif

#endif /* _IPPFVS_CORE_PORT_H */
