/* Object types and rights.
 *
 * A rights word is 32 bits: the low 16 belong to the service behind a channel (stamped on each message, never
 * interpreted here), the high 16 to the kernel. Minting can only drop bits. */
#pragma once
#include <abi/types.h>

/* clang-format off */
#define OBJECT_TYPES(X)      \
    X(NONE, "none")          \
    X(TASK, "task")          \
    X(MEMORY, "memory")      \
    X(CHANNEL, "channel")    \
    X(SIGNAL, "signal")      \
    X(IRQ, "irq")            \
    X(IOPORT, "ioport")      \
    X(DMA, "dma")            \
    X(TRACE, "trace")        \
    X(POWER, "power")        \
    X(ROOT, "root")
/* clang-format on */

enum object_type {
#define X(name, text) OBJECT_##name,
    OBJECT_TYPES(X)
#undef X
        OBJECT_TYPE_COUNT
};
/* Device memory is a MEMORY object with MEMORY_DEVICE set: same calls, uncached, never pinned. */

#define RIGHTS_SERVICE 0xffffu
#define RIGHT_MINT (1u << 16)     /* may derive children (cap_mint, copying in a message) */
#define RIGHT_TRANSFER (1u << 17) /* may go into a message or another task's table */

#define RIGHT_CHANNEL_SEND (1u << 18)
#define RIGHT_CHANNEL_RECV (1u << 19) /* exactly one capability of a channel has it; it moves and is never copied */
#define RIGHT_MEMORY_READ (1u << 18)
#define RIGHT_MEMORY_WRITE (1u << 19)
#define RIGHT_MEMORY_EXEC (1u << 20)
#define RIGHT_MEMORY_PIN (1u << 21)   /* may be pinned for a device */
#define RIGHT_SIGNAL_RAISE (1u << 18) /* the bits of the badge, and no others (badge 0: all) */
#define RIGHT_SIGNAL_BIND (1u << 19)
#define RIGHT_IRQ_USE (1u << 18)
#define RIGHT_IOPORT_READ (1u << 18)
#define RIGHT_IOPORT_WRITE (1u << 19)
#define RIGHT_DMA_PIN (1u << 18)
#define RIGHT_TASK_INFO (1u << 18)
#define RIGHT_TASK_CONTROL (1u << 19)  /* map, grant, start, kill */
#define RIGHT_TRACE_EMIT (1u << 18)    /* log lines and user events */
#define RIGHT_TRACE_OBSERVE (1u << 19) /* system_info, trace_read */
#define RIGHT_TRACE_CONTROL (1u << 20) /* filters */
#define RIGHT_POWER_USE (1u << 18)
#define RIGHT_ROOT_DEVICE (1u << 18) /* device memory, ports, irqs, dma: devmgr's */
#define RIGHT_ROOT_TASK (1u << 19)   /* create tasks: init's */
#define RIGHTS_ALL 0xffffffffu

#define SIGNAL_NO_HURRY 1u /* signal_raise's flags: see lib/syscall.h */

/* What cap_info and INFO_CAPS tell of one capability. */
struct cap_info {
    uint64_t id, parent_id; /* the capability's own, unique since boot; parent 0 at the root of a derivation tree */
    uint64_t object_id;     /* unique since boot */
    uint64_t badge;
    handle_t handle;
    uint32_t rights;
    uint32_t type; /* enum object_type */
    uint32_t owner_task_id;
    uint32_t children; /* at most 1000 are counted */
    uint32_t reserved;
};
