/* The short path of call and reply_recv: one message without capabilities, and the other side waits. It is the slow
 * path's work in the same order with every general case cut away; whatever does not fit goes there unchanged.
 *
 *      caller (this CPU)                          server
 *      call: slot filled, stamped                 waits in recv: queue, notes and signal word are empty
 *      REPLYING, linked to the server             message copied out in its address space, goes on at once
 *      copied out, goes on at once                reply_recv: nothing new came meanwhile: waits again
 */
#include "kernel/ipc/ipc.h"
#include "kernel/sched/sched.h"
#include "kernel/syscall.h"
#include "kernel/trace/trace.h"
#include "kernel/x86/platform.h"
#include "kernel/x86/user.h"

#define LIKELY(e) __builtin_expect(!!(e), 1)
#define UNLIKELY(e) __builtin_expect(!!(e), 0)

struct syscall_result channel_call_slow(uint64_t handle, uint64_t message, uint64_t deadline_ns);
struct syscall_result channel_reply_recv_slow(uint64_t handle, uint64_t replies, uint64_t counts, uint64_t messages,
                                              uint64_t deadline_ns);

/* IPC event (two words of payload) and context switch, with one reading of the clock. */
static inline void trace_ipc_switch(struct cpu *cpu, uint64_t tsc, uint16_t event, uint64_t a, uint64_t b,
                                    uint64_t switch_word)
{
    if (UNLIKELY((trace_mask & (TRACE_CLASS_IPC | TRACE_CLASS_SCHED)) == 0))
        return;
    uint64_t now = (uint64_t)((unsigned __int128)(tsc - clock_tsc_start) * clock_mult >> 32);
    struct trace_ring *ring = &trace_rings[cpu->id];
    uint64_t *cursor = trace_burst(ring, now);
    cursor[0] = now << 16 | event;
    cursor[1] = a;
    cursor[2] = b;
    cursor[3] = now << 16 | TRACE_ContextSwitch;
    cursor[4] = switch_word;
    ring->cursor = cursor + 5;
    ring->events += 2;
    ring->last_ns = now;
}

/* Runs `next` now instead of the current task; nobody more urgent is ready. */
static inline void switch_direct(struct cpu *cpu, struct task *next, uint64_t tsc)
{
    next->state = TASK_READY;
    next->finish = NULL;
    if (UNLIKELY(!list_empty(&next->timer.link)))
        list_remove(&next->timer.link);
    slice_end_ns[cpu->id] = UINT64_MAX;
    sched_switch_bare(cpu, next, tsc);
}

static inline bool may_run_here(const struct cpu *cpu, const struct task *next)
{
    return runq_top(&runqs[cpu->id]) < (int)next->priority && !cpu->resched;
}

static inline struct channel *channel_of(struct task *task, uint64_t handle, uint32_t right, struct cap **found)
{
    struct cap *cap = cap_find(&task->table, (handle_t)handle);
    if (UNLIKELY(!cap || cap->object->type != OBJECT_CHANNEL || !(cap->rights & right)))
        return NULL;
    *found = cap;
    return (struct channel *)cap->object;
}

/* The server's buffer is bad: it learns so, and the call waits in the queue as if it had just come. */
static void call_deliver_failed(struct channel *channel, struct task *caller, struct task *server)
{
    list_remove(&caller->server_link);
    caller->server = NULL;
    caller->state = TASK_CALLING;
    list_push_back(&channel->queue, &caller->slot.link);
    server->context.rax = (uint64_t)ERR_FAULT;
}

struct syscall_result sys_channel_call(uint64_t handle, uint64_t message, uint64_t deadline_ns)
{
    struct cpu *cpu = cpu_this();
    struct task *task = cpu->current;
    struct cap *cap;
    struct channel *channel = channel_of(task, handle, RIGHT_CHANNEL_SEND, &cap);
    struct task *server = channel ? channel->receiver : NULL;
    if (UNLIKELY(!server || deadline_ns != DEADLINE_NEVER || !may_run_here(cpu, server) ||
                 server->priority < task->priority))
        return channel_call_slow(handle, message, deadline_ns);
    struct msg_header *head = &task->slot.message.head;
    if (UNLIKELY(msg_copy_in(&task->slot.message, (const struct msg *)message) || head->cap_count))
        return channel_call_slow(handle, message, deadline_ns);

    uint64_t tsc = rdtsc();
    uint32_t token = task->index | ++task->call_sequence << 16;
    head->kind = MSG_CALL;
    head->rights = (uint16_t)cap->rights;
    head->badge = cap->sender->badge;
    head->token = token;
    task->slot.caller = task;
    task->wait.msgs = (struct msg *)message;
    task->state = TASK_REPLYING;
    task->finish = call_finish;
    task->server = server;
    list_push_back(&server->callers, &task->server_link);
    channel->receiver = NULL;
    cpu->messages++;
    trace_ipc_switch(cpu, tsc, TRACE_IpcCall, TRACE_WORD(task_id(task), channel->object.id),
                     TRACE_WORD(head->op, head->badge), TRACE_WORD(task_id(task), task_id(server)));
    switch_direct(cpu, server, tsc);
    server->context.rax = 1;
    server->context.rdx = 0;
    if (UNLIKELY(msg_copy_out(server->wait.msgs, &task->slot.message)))
        call_deliver_failed(channel, task, server);
    task_resume(server);
}

/* Fills the caller's slot with the one reply. NULL: not for the short path. */
static inline struct task *reply_prepare(struct task *task, const struct msg *user)
{
    uint32_t token;
    if (UNLIKELY(!user_range_ok((uint64_t)user, sizeof *user)))
        return NULL;
    user_access_begin();
    USER_LOAD(token, &user->head.token, fault);
    user_access_end();
    struct task *caller = reply_caller(task, token);
    if (UNLIKELY(!caller || msg_copy_in(&caller->slot.message, user) || caller->slot.message.head.cap_count))
        return NULL;
    return caller;
fault:
    user_access_end();
    return NULL;
}

struct syscall_result sys_channel_reply_recv(uint64_t handle, uint64_t replies, uint64_t counts, uint64_t messages,
                                             uint64_t deadline_ns)
{
    struct cpu *cpu = cpu_this();
    struct task *task = cpu->current;
    struct cap *cap;
    struct channel *channel = channel_of(task, handle, RIGHT_CHANNEL_RECV, &cap);
    if (UNLIKELY(!channel || (uint32_t)counts != 1 || counts >> 32 == 0 || counts >> 32 > MSG_BATCH_MAX ||
                 deadline_ns != DEADLINE_NEVER || channel_has_news(channel)))
        return channel_reply_recv_slow(handle, replies, counts, messages, deadline_ns);
    struct task *caller = reply_prepare(task, (const struct msg *)replies);
    if (UNLIKELY(!caller || !may_run_here(cpu, caller)))
        return channel_reply_recv_slow(handle, replies, counts, messages, deadline_ns);

    uint64_t tsc = rdtsc();
    struct msg_header *head = &caller->slot.message.head;
    head->kind = MSG_REPLY;
    head->rights = 0;
    head->badge = 0;
    task->wait = (struct ipc_wait){.msgs = (struct msg *)messages, .capacity = (uint32_t)(counts >> 32),
                                   .handle = (handle_t)handle, .channel = channel};
    task->state = TASK_RECEIVING;
    task->finish = recv_finish;
    channel->receiver = task;
    list_remove(&caller->server_link);
    caller->server = NULL;
    cpu->messages++;
    trace_ipc_switch(cpu, tsc, TRACE_IpcReply, TRACE_WORD(task_id(task), task_id(caller)),
                     TRACE_WORD(head->op, head->status), TRACE_WORD(task_id(task), task_id(caller)));
    switch_direct(cpu, caller, tsc);
    caller->context.rax = (uint64_t)(int64_t)msg_copy_out(caller->wait.msgs, &caller->slot.message);
    caller->context.rdx = 0;
    task_resume(caller);
}
