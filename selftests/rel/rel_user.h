/* SPDX-License-Identifier: GPL-2.0 */
/* What rel_*.c and cc.c take from the kernel, for user space. */
#ifndef _REL_USER_H
#define _REL_USER_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef int32_t s32;
typedef unsigned long long u64;

#define READ_ONCE(x)		(*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v)	(*(volatile __typeof__(x) *)&(x) = (v))
#define fallthrough		__attribute__((fallthrough))
#define noinline		__attribute__((noinline))
#define __weak			__attribute__((weak))
#define likely(x)		__builtin_expect(!!(x), 1)
#define unlikely(x)		__builtin_expect(!!(x), 0)
#define ARRAY_SIZE(a)		(sizeof(a) / sizeof((a)[0]))
#define min_t(type, a, b)	({ type _a = (a), _b = (b); _a < _b ? _a : _b; })
#define max_t(type, a, b)	({ type _a = (a), _b = (b); _a > _b ? _a : _b; })

/* As in the kernel, both sides must have one type. */
#define min(a, b) ({						\
	__typeof__(a) _x = (a);					\
	__typeof__(b) _y = (b);					\
	(void)(&_x == &_y);					\
	_x < _y ? _x : _y; })
#define max(a, b) ({						\
	__typeof__(a) _x = (a);					\
	__typeof__(b) _y = (b);					\
	(void)(&_x == &_y);					\
	_x > _y ? _x : _y; })
#define clamp(v, lo, hi)	min(max(v, lo), hi)

static inline u64 div_u64(u64 dividend, u32 divisor)
{
	return dividend / divisor;
}

static inline u64 div64_u64(u64 dividend, u64 divisor)
{
	return dividend / divisor;
}

/* Segments looked at by walks, and the limits, see rel_tx.h. */
__weak unsigned long rel_steps;
__weak int rel_steps_most = 64;

#define fsk_rel_step()		(rel_steps++)
#define FSK_SACK_STEPS		rel_steps_most
#define FSK_LOST_STEPS		rel_steps_most

/* A warning is a failed test here. */
#define WARN_ON_ONCE(cond) ({						\
	bool _warn = !!(cond);						\
	if (_warn) {							\
		fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond); \
		abort();						\
	}								\
	_warn; })

#endif /* _REL_USER_H */
