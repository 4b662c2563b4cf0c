/* The C stubs of the system calls, one a call. Unless said otherwise the answer is OK or an ERR_ value.
 * May be called from anywhere in a task (a task has one thread). Pointers must be valid user memory (ERR_FAULT). */
#pragma once
#include <abi/device.h>
#include <abi/errors.h>
#include <abi/info.h>
#include <abi/memory.h>
#include <abi/message.h>
#include <abi/object.h>
#include <abi/syscall.h>
#include <abi/task.h>
#include <abi/trace_events.h>

struct syscall_result {
    int64_t value;
    uint64_t second;
};

static inline struct syscall_result syscall6(uint64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d,
                                             uint64_t e, uint64_t f)
{
    register uint64_t r10 __asm__("r10") = d;
    register uint64_t r8 __asm__("r8") = e;
    register uint64_t r9 __asm__("r9") = f;
    struct syscall_result r;
    __asm__ volatile("syscall"
                     : "=a"(r.value), "+d"(c), "+D"(a), "+S"(b), "+r"(r10), "+r"(r8), "+r"(r9)
                     : "a"(number)
                     : "rcx", "r11", "memory");
    r.second = c;
    return r;
}

static inline struct syscall_result syscall3(uint64_t number, uint64_t a, uint64_t b, uint64_t c)
{
    struct syscall_result r;
    __asm__ volatile("syscall"
                     : "=a"(r.value), "+d"(c), "+D"(a), "+S"(b)
                     : "a"(number)
                     : "rcx", "r8", "r9", "r10", "r11", "memory");
    r.second = c;
    return r;
}

/* ---- messages ---- */

/* Sends *m and waits for the answer, which replaces *m. The result is that of the exchange; the server's own status is
 * m->head.status. ERR_PEER_DIED when the receiver dies, ERR_TIMED_OUT past the deadline. */
static inline status_t channel_call(handle_t channel, struct msg *m, uint64_t deadline_ns)
{
    return (status_t)syscall3(SYS_channel_call, channel, (uint64_t)m, deadline_ns).value;
}

/* Answers `reply_count` callers (each message's token; a caller that is gone is skipped), then receives like
 * channel_recv. With capacity 0 it only answers. */
static inline result_t channel_reply_recv(handle_t channel, struct msg *replies, size_t reply_count, struct msg *msgs,
                                          size_t capacity, uint64_t *signals, uint64_t deadline_ns)
{
    struct syscall_result r = syscall6(SYS_channel_reply_recv, channel, (uint64_t)replies,
                                       reply_count | (uint64_t)capacity << 32, (uint64_t)msgs, deadline_ns, 0);
    *signals = r.second;
    return r.value;
}

/* Queues up to n messages. Returns how many were taken (the credit may end the batch early); ERR_WOULD_BLOCK when
 * none. */
static inline result_t channel_send(handle_t channel, struct msg *msgs, size_t n)
{
    return syscall3(SYS_channel_send, channel, (uint64_t)msgs, n).value;
}

/* Waits for messages or signals. Returns the number of messages (0 with *signals != 0 possible), ERR_WOULD_BLOCK or
 * ERR_TIMED_OUT past the deadline. */
static inline result_t channel_recv(handle_t channel, struct msg *msgs, size_t capacity, uint64_t *signals,
                                    uint64_t deadline_ns)
{
    struct syscall_result r = syscall6(SYS_channel_recv, channel, (uint64_t)msgs, capacity, deadline_ns, 0, 0);
    *signals = r.second;
    return r.value;
}

/* slots: how many one-way messages may lie queued (1..1024). Returns a handle with all channel rights (SEND, RECV and
 * all 16 service rights); mint senders from it. Minting drops RECV. */
static inline result_t channel_create(size_t slots, uint32_t default_credit)
{
    return syscall3(SYS_channel_create, slots, default_credit, 0).value;
}

/* ---- signals ---- */
static inline result_t signal_create(void)
{
    return syscall3(SYS_signal_create, 0, 0, 0).value;
}
/* ORs bits into the word (those that the capability's badge allows) and wakes the receiver of the bound channel. */
static inline status_t signal_raise(handle_t signal, uint64_t bits)
{
    return (status_t)syscall3(SYS_signal_raise, signal, bits, 0).value;
}
/* Likewise, for who is about to wait: a more urgent receiver runs when the caller waits, at the latest after a slice. */
static inline status_t signal_raise_no_hurry(handle_t signal, uint64_t bits)
{
    return (status_t)syscall3(SYS_signal_raise, signal, bits, SIGNAL_NO_HURRY).value;
}
/* Binds to the channel (RECV): its recv returns and clears the word. A channel has at most one signal. */
static inline status_t signal_bind(handle_t signal, handle_t channel)
{
    return (status_t)syscall3(SYS_signal_bind, signal, channel, 0).value;
}

/* ---- capabilities ---- */

/* Derives a child: rights are ANDed (never grow). badge: for a channel 32 bits, only where the parent has badge 0; for
 * a signal the mask of bits it may raise. Returns the new handle. */
static inline result_t cap_mint(handle_t source, uint32_t rights, uint64_t badge)
{
    return syscall3(SYS_cap_mint, source, rights, badge).value;
}
/* Its children become children of what it was derived from. */
static inline status_t cap_close(handle_t handle)
{
    return (status_t)syscall3(SYS_cap_close, handle, 0, 0).value;
}
/* Removes every descendant everywhere; the capability itself stays. Goes on by itself after preemption points. */
static inline status_t cap_revoke(handle_t handle)
{
    status_t status;
    do {
        status = (status_t)syscall3(SYS_cap_revoke, handle, 0, 0).value;
    } while (status == ERR_RESTARTED);
    return status;
}
static inline status_t cap_info(handle_t handle, struct cap_info *info)
{
    return (status_t)syscall3(SYS_cap_info, handle, (uint64_t)info, 0).value;
}

/* ---- memory ---- */
/* These go on by themselves after preemption points, like cap_revoke. */
static inline result_t memory_create(size_t pages, uint32_t flags)
{
    result_t result;
    do {
        result = syscall3(SYS_memory_create, pages, flags, 0).value;
    } while (result == ERR_RESTARTED);
    return result;
}
/* task HANDLE_NONE: the caller. address 0: the kernel chooses. Returns the address. At most 4096 mappings a task. */
static inline result_t memory_map(handle_t task, handle_t memory, uint64_t address, size_t first_page, size_t pages,
                                  uint32_t protection)
{
    struct syscall_result results = {.second = address};
    do {
        results = syscall6(SYS_memory_map, task, memory, results.second, first_page, pages, protection);
    } while (results.value == ERR_RESTARTED);
    return results.value;
}
static inline status_t memory_unmap(handle_t task, uint64_t address, size_t pages)
{
    status_t status;
    do {
        status = (status_t)syscall3(SYS_memory_unmap, task, address, pages).value;
    } while (status == ERR_RESTARTED);
    return status;
}
static inline status_t memory_protect(handle_t task, uint64_t address, size_t pages, uint32_t protection)
{
    status_t status;
    do {
        status = (status_t)syscall6(SYS_memory_protect, task, address, pages, protection, 0, 0).value;
    } while (status == ERR_RESTARTED);
    return status;
}

/* ---- tasks ---- */
static inline result_t task_create(const struct task_create_args *args)
{
    return syscall3(SYS_task_create, (uint64_t)args, 0, 0).value;
}
/* Derives a child of `source` into the task's table. Returns the handle's value there. Moves a RECV capability. */
static inline result_t task_grant(handle_t task, handle_t source, uint32_t rights, uint64_t badge)
{
    return syscall6(SYS_task_grant, task, source, rights, badge, 0, 0).value;
}
static inline status_t task_start(handle_t task, uint64_t entry, uint64_t stack_top, uint64_t argument)
{
    return (status_t)syscall6(SYS_task_start, task, entry, stack_top, argument, 0, 0).value;
}
static inline status_t task_kill(handle_t task)
{
    return (status_t)syscall3(SYS_task_kill, task, 0, 0).value;
}
/* Ends the capability that a task holds under that handle, and everything derived from it. Needs CONTROL of the task.
 * Goes on by itself like cap_revoke. */
static inline status_t task_revoke(handle_t task, handle_t handle)
{
    status_t status;
    do {
        status = (status_t)syscall3(SYS_task_revoke, task, handle, 0).value;
    } while (status == ERR_RESTARTED);
    return status;
}
_Noreturn static inline void task_exit(int64_t code)
{
    for (;;)
        syscall3(SYS_task_exit, (uint64_t)code, 0, 0);
}
/* HANDLE_NONE: the caller itself. */
static inline status_t task_info(handle_t task, struct task_info *info)
{
    return (status_t)syscall3(SYS_task_info, task, (uint64_t)info, 0).value;
}
static inline void task_yield(void)
{
    syscall3(SYS_task_yield, 0, 0, 0);
}

/* Gives way like task_yield. True: another task could run on this CPU, of whatever priority: do not spin. */
static inline bool task_others_ready(void)
{
    return syscall3(SYS_task_yield, 0, 0, 0).value != 0;
}

/* ---- time and chance ---- */
static inline uint64_t clock_now(void)
{
    return (uint64_t)syscall3(SYS_clock_now, 0, 0, 0).value;
}
static inline status_t random_bytes(void *buffer, size_t bytes)
{
    return (status_t)syscall3(SYS_random_bytes, (uint64_t)buffer, bytes, 0).value;
}

/* ---- hardware ---- */
static inline result_t irq_create(handle_t root, uint32_t kind, uint32_t number, struct irq_route *route,
                                  uint64_t message_at)
{
    return syscall6(SYS_irq_create, root, kind, number, (uint64_t)route, message_at, 0).value;
}
/* Each interrupt raises `bit` (0..63) of the signal. A line stays masked until irq_ack. */
static inline status_t irq_bind(handle_t irq, handle_t signal, uint32_t bit)
{
    return (status_t)syscall3(SYS_irq_bind, irq, signal, bit).value;
}
static inline status_t irq_ack(handle_t irq)
{
    return (status_t)syscall3(SYS_irq_ack, irq, 0, 0).value;
}
static inline result_t ioport_create(handle_t root, uint32_t first, uint32_t count)
{
    return syscall3(SYS_ioport_create, root, first, count).value;
}
/* offset within the capability's range; width 1, 2 or 4. ioport_read returns the value. */
static inline result_t ioport_read(handle_t port, uint32_t offset, uint32_t width)
{
    return syscall3(SYS_ioport_read, port, offset, width).value;
}
static inline status_t ioport_write(handle_t port, uint32_t offset, uint32_t width, uint32_t value)
{
    return (status_t)syscall6(SYS_ioport_write, port, offset, width, value, 0, 0).value;
}
/* Page-aligned physical range that is not RAM. Returns a memory handle. */
static inline result_t devmem_create(handle_t root, uint64_t physical, uint64_t bytes)
{
    return syscall3(SYS_devmem_create, root, physical, bytes).value;
}
static inline result_t dma_create(handle_t root, uint32_t bus_id)
{
    return syscall3(SYS_dma_create, root, bus_id, 0).value;
}
/* Writes one device address a page. At most 4096 pages a call (ERR_TOO_LONG), and 4096 pins a device (ERR_TABLE_FULL). The
 * device may write them if the capability has RIGHT_MEMORY_WRITE; where there is an IOMMU, only then. */
static inline status_t dma_pin(handle_t dma, handle_t memory, size_t first_page, size_t pages, uint64_t *addresses)
{
    return (status_t)syscall6(SYS_dma_pin, dma, memory, first_page, pages, (uint64_t)addresses, 0).value;
}
/* Every pin of that memory. Goes on by itself like cap_revoke. ERR_IO: the IOMMU does not answer, and the memory is lost. */
static inline status_t dma_unpin(handle_t dma, handle_t memory)
{
    status_t status;
    do {
        status = (status_t)syscall3(SYS_dma_unpin, dma, memory, 0).value;
    } while (status == ERR_RESTARTED);
    return status;
}

/* ---- log, trace, power ---- */
enum log_level {
    LOG_ERROR = 0,
    LOG_WARNING = 1,
    LOG_INFO = 2,
    LOG_DEBUG = 3,
    LOG_SECRET = 4 /* to the serial port only, kept nowhere */
};
/* One line of text (the kernel puts time and the task's name before it and a line end behind it); at most 240 bytes. */
static inline status_t log_write(handle_t trace, uint32_t level, const char *text, size_t length)
{
    return (status_t)syscall6(SYS_log_write, trace, level, (uint64_t)text, length, 0, 0).value;
}
/* An event of class USER (abi/trace_events.h): `low` is its second field, `rest` the word behind. ERR_INVALID: the event is
 * none that a task may emit. Cheap while the class is off: the kernel looks and comes back. */
static inline status_t trace_emit(handle_t trace, uint32_t event, uint32_t low, uint64_t rest)
{
    return (status_t)syscall6(SYS_trace_emit, trace, event, low, rest, 0, 0).value;
}
/* Copies packet `sequence` of a CPU (see abi/trace_events.h); the buffer has room for TRACE_PACKET_SIZE bytes, of which the
 * packet's content is written. Its header's events_discarded is the number of events that this CPU recorded before it.
 *   value TRACE_PACKET_SIZE    the packet is closed; second: the number of the event after its last
 *   value below that           the one that is being written, closed as it stands, so many bytes; second likewise
 *   ERR_NOT_FOUND              overwritten; second: the oldest packet that is there
 *   ERR_WOULD_BLOCK            not begun; second: the one that is being written */
static inline struct syscall_result trace_read_packet(handle_t trace, uint32_t cpu, uint64_t sequence, void *buffer,
                                                      size_t bytes)
{
    return syscall6(SYS_trace_read, trace, cpu, sequence, (uint64_t)buffer, bytes, 0);
}
static inline result_t trace_read(handle_t trace, uint32_t cpu, uint64_t sequence, void *buffer, size_t bytes)
{
    return trace_read_packet(trace, cpu, sequence, buffer, bytes).value;
}
/* Sets the mask of enabled classes; returns the old one. */
static inline result_t trace_control(handle_t trace, uint64_t mask)
{
    return syscall3(SYS_trace_control, trace, mask, TRACE_CONTROL_MASK).value;
}
/* Only events in which this task has a part from now on, or one chosen before; 0: everybody's again. ERR_NOT_FOUND: no such
 * task; ERR_TOO_LONG: TRACE_ONLY_MAX are chosen. */
static inline status_t trace_only(handle_t trace, uint32_t task_id)
{
    return (status_t)syscall3(SYS_trace_control, trace, task_id, TRACE_CONTROL_ONLY).value;
}
/* A TaskName event for every task that lives: what begins to read now knows their names. Takes RIGHT_TRACE_OBSERVE. */
static inline status_t trace_announce(handle_t trace)
{
    return (status_t)syscall3(SYS_trace_control, trace, 0, TRACE_CONTROL_ANNOUNCE).value;
}
static inline result_t system_info(handle_t trace, uint32_t kind, uint64_t index, void *buffer, size_t bytes)
{
    return syscall6(SYS_system_info, trace, kind, index, (uint64_t)buffer, bytes, 0).value;
}
static inline status_t power_control(handle_t power, uint32_t action)
{
    return (status_t)syscall3(SYS_power_control, power, action, 0).value;
}
