/* The system calls. Number in rax; arguments in rdi, rsi, rdx, r10, r8, r9; answers in rax and rdx.
 * rcx and r11 are the CPU's (SYSCALL); rdi, rsi, r8, r9, r10 come back as 0. C stubs: lib/syscall.h, where each is described. */
#pragma once

/* X(number, name, arguments) — the handlers' table, the C stubs' numbers and the trace's names all come from here. */
/* clang-format off */
#define SYSCALL_LIST(X)          \
    X(0, null, 0)                \
    X(1, channel_call, 3)        \
    X(2, channel_reply_recv, 6)  \
    X(3, channel_send, 3)        \
    X(4, channel_recv, 4)        \
    X(5, channel_create, 2)      \
    X(6, signal_create, 0)       \
    X(7, signal_raise, 3)        \
    X(8, signal_bind, 2)         \
    X(9, cap_mint, 3)            \
    X(10, cap_close, 1)          \
    X(11, cap_revoke, 1)         \
    X(12, cap_info, 2)           \
    X(13, memory_create, 2)      \
    X(14, memory_map, 6)         \
    X(15, memory_unmap, 3)       \
    X(16, memory_protect, 4)     \
    X(17, task_create, 1)        \
    X(18, task_grant, 4)         \
    X(19, task_start, 4)         \
    X(20, task_kill, 1)          \
    X(21, task_exit, 1)          \
    X(22, task_info, 2)          \
    X(23, task_yield, 0)         \
    X(24, clock_now, 0)          \
    X(25, random_bytes, 2)       \
    X(26, irq_create, 5)         \
    X(27, irq_bind, 3)           \
    X(28, irq_ack, 1)            \
    X(29, ioport_create, 3)      \
    X(30, ioport_read, 3)        \
    X(31, ioport_write, 4)       \
    X(32, devmem_create, 3)      \
    X(33, dma_create, 2)         \
    X(34, dma_pin, 6)            \
    X(35, dma_unpin, 2)          \
    X(36, log_write, 4)          \
    X(37, trace_emit, 4)         \
    X(38, trace_read, 5)         \
    X(39, trace_control, 3)      \
    X(40, system_info, 5)        \
    X(41, power_control, 2)      \
    X(42, task_revoke, 2)
/* clang-format on */

enum syscall_number {
#define X(number, name, arguments) SYS_##name = number,
    SYSCALL_LIST(X)
#undef X
        SYS_COUNT
};
