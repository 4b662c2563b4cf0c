/* What the system call handlers share. A handler returns the two result registers, or does not return: it has blocked
 * the task and gone to sched_dispatch(). Arguments come as 64-bit registers; a handler checks all it uses.
 * Decode, then do: once a handler changes something it can't fail any more. */
#pragma once
#include "kernel/sched/task.h"

struct syscall_result {
    int64_t value;   /* rax */
    uint64_t second; /* rdx */
};

static inline struct syscall_result syscall_status(status_t status)
{
    return (struct syscall_result){status, 0};
}
static inline struct syscall_result syscall_value(uint64_t value)
{
    return (struct syscall_result){(int64_t)value, 0};
}
/* The task that a capability with CONTROL of the current task names; ERR_PEER_DIED when it is gone. */
status_t MUST_CHECK task_controlled(uint64_t handle, struct task **target);
/* Puts a fresh capability into the task's table: its handle, or the error (the capability is ended). */
struct syscall_result syscall_installed(struct task *task, struct cap *cap);
/* A new object gets its first capability in the task's table; consumes the caller's reference. */
struct syscall_result syscall_object_named(struct task *task, struct object *object, uint32_t rights);

/* sys_NAME for every row of SYSCALL_LIST; prototypes differ in how many arguments they use. */
#define DECLARE(name) struct syscall_result sys_##name
DECLARE(null)(void);
DECLARE(channel_call)(uint64_t handle, uint64_t message, uint64_t deadline_ns);
DECLARE(channel_reply_recv)
(uint64_t handle, uint64_t replies, uint64_t counts, uint64_t messages, uint64_t deadline_ns);
DECLARE(channel_send)(uint64_t handle, uint64_t messages, uint64_t count);
DECLARE(channel_recv)(uint64_t handle, uint64_t messages, uint64_t capacity, uint64_t deadline_ns);
DECLARE(channel_create)(uint64_t slots, uint64_t credit);
DECLARE(signal_create)(void);
DECLARE(signal_raise)(uint64_t handle, uint64_t bits, uint64_t flags);
DECLARE(signal_bind)(uint64_t handle, uint64_t channel_handle);
DECLARE(cap_mint)(uint64_t handle, uint64_t rights, uint64_t badge);
DECLARE(cap_close)(uint64_t handle);
DECLARE(cap_revoke)(uint64_t handle);
DECLARE(cap_info)(uint64_t handle, uint64_t user_info);
DECLARE(memory_create)(uint64_t pages, uint64_t flags);
DECLARE(memory_map)
(uint64_t task, uint64_t memory, uint64_t address, uint64_t first_page, uint64_t pages, uint64_t protection);
DECLARE(memory_unmap)(uint64_t task, uint64_t address, uint64_t pages);
DECLARE(memory_protect)(uint64_t task, uint64_t address, uint64_t pages, uint64_t protection);
DECLARE(task_create)(uint64_t user_args);
DECLARE(task_grant)(uint64_t task, uint64_t source, uint64_t rights, uint64_t badge);
DECLARE(task_start)(uint64_t task, uint64_t entry, uint64_t stack_top, uint64_t argument);
DECLARE(task_kill)(uint64_t task);
DECLARE(task_exit)(uint64_t code);
DECLARE(task_info)(uint64_t task, uint64_t user_info);
DECLARE(task_yield)(void);
DECLARE(clock_now)(void);
DECLARE(random_bytes)(uint64_t buffer, uint64_t bytes);
DECLARE(irq_create)(uint64_t root, uint64_t kind, uint64_t number, uint64_t user_route, uint64_t message_at);
DECLARE(irq_bind)(uint64_t irq, uint64_t signal, uint64_t bit);
DECLARE(irq_ack)(uint64_t irq);
DECLARE(ioport_create)(uint64_t root, uint64_t first, uint64_t count);
DECLARE(ioport_read)(uint64_t port, uint64_t offset, uint64_t width);
DECLARE(ioport_write)(uint64_t port, uint64_t offset, uint64_t width, uint64_t value);
DECLARE(devmem_create)(uint64_t root, uint64_t physical, uint64_t bytes);
DECLARE(dma_create)(uint64_t root, uint64_t bus_id);
DECLARE(dma_pin)(uint64_t dma, uint64_t memory, uint64_t first_page, uint64_t pages, uint64_t user_addresses);
DECLARE(dma_unpin)(uint64_t dma, uint64_t memory);
DECLARE(log_write)(uint64_t trace, uint64_t level, uint64_t text, uint64_t length);
DECLARE(trace_emit)(uint64_t trace, uint64_t event, uint64_t low, uint64_t value);
DECLARE(trace_read)(uint64_t trace, uint64_t cpu, uint64_t sequence, uint64_t buffer, uint64_t bytes);
DECLARE(trace_control)(uint64_t trace, uint64_t value, uint64_t op);
DECLARE(system_info)(uint64_t handle, uint64_t kind, uint64_t index, uint64_t buffer, uint64_t bytes);
DECLARE(power_control)(uint64_t power, uint64_t action);
DECLARE(task_revoke)(uint64_t task, uint64_t handle);
#undef DECLARE
