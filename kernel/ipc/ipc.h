/* The message system calls. See lib/syscall.h for what each promises. */
#pragma once
#include "kernel/ipc/channel.h"
#include "kernel/sched/task.h"

/* Fills a slot from a message in the current task's memory: copies, takes the capabilities (all or none). */
status_t MUST_CHECK slot_fill(struct slot *slot, struct task *from, const struct msg *user);
/* Writes a slot's message to the current task's memory; its capabilities enter the task's table. */
status_t MUST_CHECK slot_deliver(struct slot *slot, struct task *to, struct msg *user);
/* Who waits for us under that token; NULL: nobody (any more). */
static inline struct task *reply_caller(struct task *server, uint32_t token)
{
    uint32_t index = token & 0xffff;
    struct task *caller = index < TASKS_MAX ? task_slots[index] : NULL;
    if (!caller || caller->server != server || (caller->call_sequence & 0xffff) != token >> 16)
        return NULL;
    return caller;
}
static inline uint32_t reply_token(const struct task *caller)
{
    return caller->index | caller->call_sequence << 16;
}
void call_finish(struct task *task);
void recv_finish(struct task *task);
/* One pass over what lies there; returns the number of messages, or an error. */
result_t recv_collect(struct task *task, struct channel *channel, struct msg *msgs, uint32_t capacity,
                      uint64_t *signals);
/* ipc_fast.c: runs of one-way messages without capabilities; each returns how many it did. user is range-checked. */
uint32_t send_short_batch(struct channel *channel, struct cap *cap, const struct msg *user, uint32_t most);
uint32_t recv_short_batch(struct channel *channel, struct msg *user, uint32_t most);
