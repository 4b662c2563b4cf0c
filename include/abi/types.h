/* Scalars that the kernel and every task agree on. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint32_t handle_t; /* index 17 bits | generation 15 bits << 17; 0 names nothing */
typedef int32_t status_t;  /* 0 (OK) or a negative ERR_ value, see abi/errors.h */
typedef int64_t result_t;  /* a syscall's answer: a count, handle or address >= 0, or an ERR_ value */

#define HANDLE_NONE 0u
#define HANDLE_INDEX_BITS 17
#define HANDLE_INDEX(h) ((h)&0x1ffffu)
#define HANDLE_GENERATION(h) ((h) >> HANDLE_INDEX_BITS)

#define PAGE_SIZE 4096ul
#define PAGE_SHIFT 12

/* Deadlines are absolute nanoseconds since boot, as clock_now() tells them. */
#define DEADLINE_NOW 0ul          /* do not wait: ERR_WOULD_BLOCK when nothing is there */
#define DEADLINE_NEVER UINT64_MAX /* wait as long as the other side lives */

#define MUST_CHECK __attribute__((warn_unused_result))
