/* The message system calls. See lib/syscall.h for what each promises. */
#pragma once
#include "kernel/ipc/channel.h"
#include "kernel/sched/task.h"

/* Fills a slot from a message in the current task's memory: copies, takes the capabilities (all or none). */
status_t MUST_CHECK slot_fill(struct slot *slot, struct task *from, const struct msg *user);
/* Writes a slot's message to the current task's memory; its capabilities enter the task's table. */
status_t MUST_CHECK slot_deliver(struct slot *slot, struct task *to, struct msg *user);
struct task *reply_caller(struct task *server, uint32_t token);
static inline uint32_t reply_token(const struct task *caller)
{
    return caller->index | caller->call_sequence << 16;
}
void call_finish(struct task *task);
void recv_finish(struct task *task);
/* One pass over what lies there; returns the number of messages, or an error. */
result_t recv_collect(struct task *task, struct channel *channel, struct msg *msgs, uint32_t capacity,
                      uint64_t *signals);
