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
#include <linux/bitops.h>
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

#else /* compiled by cffi: the kernel's names, implemented by the compiler's builtins */

#include <arpa/inet.h>
#include <linux/types.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int32_t s32;

/* The C library's definition does not include the keyword inline. */
#undef __always_inline
#define __always_inline inline __attribute__((__always_inline__))

#define noinline    __attribute__((__noinline__))
#define unlikely(x) __builtin_expect(!!(x), 0)

#define U32_MAX ((u32)~0u)

#define READ_ONCE(x)	     (*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, value) (*(volatile __typeof__(x) *)&(x) = (value))

#define min(a, b)                                  \
	({                                         \
		__typeof__(a) _min_a = (a);        \
		__typeof__(b) _min_b = (b);        \
                                                   \
		_min_a < _min_b ? _min_a : _min_b; \
	})

#define max(a, b)                                  \
	({                                         \
		__typeof__(a) _max_a = (a);        \
		__typeof__(b) _max_b = (b);        \
                                                   \
		_max_a > _max_b ? _max_a : _max_b; \
	})

static inline u64 div64_u64(u64 dividend, u64 divisor)
{
	return dividend / divisor;
}

static inline u64 div64_u64_rem(u64 dividend, u64 divisor, u64 *remainder)
{
	*remainder = dividend % divisor;
	return dividend / divisor;
}

/* The number of the highest bit that is set, from 1 on; 0 for 0. */
static inline int fls(unsigned int x)
{
	return x ? 32 - __builtin_clz(x) : 0;
}

typedef struct {
	u64 value;
} ippfvs_atomic64;

static inline void ippfvs_atomic64_set(ippfvs_atomic64 *a, u64 value)
{
	__atomic_store_n(&a->value, value, __ATOMIC_RELAXED);
}

static inline u64 ippfvs_atomic64_read(const ippfvs_atomic64 *a)
{
	return __atomic_load_n(&a->value, __ATOMIC_RELAXED);
}

static inline u64 ippfvs_atomic64_fetch_inc(ippfvs_atomic64 *a)
{
	return __atomic_fetch_add(&a->value, 1, __ATOMIC_RELAXED);
}

#endif

#endif /* _IPPFVS_CORE_PORT_H */
