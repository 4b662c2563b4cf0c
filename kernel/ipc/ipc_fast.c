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

#define INLINE static inline __attribute__((always_inline))

/* One half in the trace: the IPC event, the switch, and the end of the system call in which `next` waited. */
struct half {
    uint16_t event;
    enum trace_switch_reason reason;
    uint64_t a, b; /* the event's payload */
    int64_t result;
};

/* With one reservation and one reading of the clock. */
INLINE void trace_half_burst(struct cpu *cpu, const struct task *next, uint64_t tsc, const struct half *half, bool exit)
{
    uint64_t now = clock_of_tsc(tsc);
    struct trace_ring *ring = cpu->trace;
    uint64_t *cursor = trace_burst(ring, now);
    trace_put(&cursor[0], now << 16 | half->event);
    trace_put(&cursor[1], half->a);
    trace_put(&cursor[2], half->b);
    trace_put(&cursor[3], now << 16 | TRACE_ContextSwitch);
    trace_put(&cursor[4], TRACE_WORD(cpu->current->id, next->id));
    trace_put(&cursor[5], half->reason);
    if (exit) {
        trace_put(&cursor[6], now << 16 | TRACE_SyscallExit);
        trace_put(&cursor[7], TRACE_WORD(next->id, half->result));
    }
    trace_publish(ring, cursor + (exit ? 8 : 6), exit ? 3 : 2);
}

/* Only some of these classes, or only some tasks. */
static __attribute__((noinline)) void trace_half_filtered(struct cpu *cpu, const struct task *next,
                                                          const struct half *half)
{
    if (TRACE_ON(IPC, next->id))
        trace_record(half->event, 2, half->a, half->b);
    TRACE2_WITH(next->id, SCHED, ContextSwitch, TRACE_WORD(cpu->current->id, next->id), half->reason);
    if (trace_mask & TRACE_CLASS_SYSCALL && (!trace_only_count || trace_is_chosen(next->id)))
        trace_record(TRACE_SyscallExit, 1, TRACE_WORD(next->id, half->result), 0);
}

INLINE void trace_half(struct cpu *cpu, const struct task *next, uint64_t tsc, const struct half *half)
{
    if (LIKELY(trace_short == TRACE_SHORT_USUAL))
        trace_half_burst(cpu, next, tsc, half, false);
    else if (trace_short == TRACE_SHORT_ALL)
        trace_half_burst(cpu, next, tsc, half, true);
    else if (trace_short == TRACE_SHORT_GENERAL)
        trace_half_filtered(cpu, next, half);
}

/* The answer could not be written to the task that goes on. */
static __attribute__((noinline)) _Noreturn void resume_failed(struct task *task)
{
    trace_syscall_failed(ERR_FAULT);
    task_resume_short(task, ERR_FAULT, 0);
}

/* Runs `next` now instead of the current task; nobody more urgent is ready. */
INLINE void switch_direct(struct cpu *cpu, struct task *next, uint64_t tsc)
{
    next->state = TASK_READY;
    next->finish = NULL;
    if (UNLIKELY(!list_empty(&next->timer.link))) {
        list_remove(&next->timer.link);
        (void)sched_deadline_take(next);
    }
    cpu->slice_end_ns = UINT64_MAX;
    sched_switch_bare(cpu, next, next->root, tsc);
}

INLINE bool may_run_here(const struct cpu *cpu, const struct task *next)
{
    return (cpu->runq.ready | balance_waiting) >> next->priority == 0 && !cpu->resched;
}

/* A deadline that lies in the future is waited for; one that does not is the general path's. */
INLINE bool deadline_due(uint64_t deadline_ns)
{
    return UNLIKELY(deadline_ns != DEADLINE_NEVER) && deadline_ns <= clock_ns();
}

INLINE struct cap *channel_cap(struct task *task, uint64_t handle, uint32_t right)
{
    struct cap *cap = cap_find(&task->table, (handle_t)handle);
    if (UNLIKELY(!cap || cap->object->type != OBJECT_CHANNEL || !(cap->rights & right)))
        return NULL;
    return cap;
}

/* A message without capabilities from the current task's memory into the slot of a task that waits. Word 0 as the
 * sender wrote it; false: not for the short path, or a bad pointer, which the general path will name. */
INLINE bool short_copy_in(struct slot *slot, const struct msg *user, uint64_t word0)
{
    if (LIKELY(MSG_WORD0_IS_4W(word0))) {
        PAYLOAD_COPY_IN_4W(slot->message.words, user->words, fault);
        return true;
    }
    if (UNLIKELY(MSG_WORD0_CAPS(word0) || MSG_WORD0_LENGTH(word0) > MSG_PAYLOAD_MAX))
        return false;
    PAYLOAD_COPY_IN(slot->message.words, user->words, MSG_WORD0_LENGTH(word0), fault);
    return true;
fault:
    return false;
}

/* The other way: two header words, payload. The capability words carry nothing and are not written. */
INLINE status_t short_copy_out(struct msg *user, const struct slot *slot, uint64_t word0, uint64_t word1)
{
    uint64_t *target = (uint64_t *)user;
    if (UNLIKELY(!user_range_ok((uint64_t)user, sizeof *user)))
        return ERR_FAULT;
    user_access_begin();
    USER_STORE(word0, &target[0], fault);
    USER_STORE(word1, &target[1], fault);
    if (LIKELY(MSG_WORD0_IS_4W(word0)))
        PAYLOAD_COPY_OUT_4W(user->words, slot->message.words, fault);
    else
        PAYLOAD_COPY_OUT(user->words, slot->message.words, MSG_WORD0_LENGTH(word0), fault);
    user_access_end();
    return OK;
fault:
    user_access_end();
    return ERR_FAULT;
}

/* ---- call ---- */

void call_deliver_failed(struct channel *channel, struct task *caller);

/* The server's buffer is bad: it learns so, and the call waits in the queue as if it had just come. */
void call_deliver_failed(struct channel *channel, struct task *caller)
{
    caller->slot.caller = caller;
    list_remove(&caller->server_link);
    caller->server = NULL;
    caller->state = TASK_CALLING;
    channel_call_enters(channel, &caller->slot, caller->slot.sender);
}

INLINE bool call_copy_in(struct task *task, const struct msg *user, uint64_t *word0)
{
    if (UNLIKELY(!user_range_ok((uint64_t)user, sizeof *user)))
        return false;
    user_access_begin();
    USER_LOAD(*word0, (const uint64_t *)user, fault);
    bool done = short_copy_in(&task->slot, user, *word0);
    user_access_end();
    return done;
fault:
    user_access_end();
    return false;
}

INLINE void caller_waits(struct task *task, struct task *server, struct msg *message, uint64_t deadline_ns)
{
    task->wait.msgs = message;
    task->state = TASK_REPLYING;
    task->finish = call_finish;
    task->server = server;
    list_push_back(&server->callers, &task->server_link);
    if (UNLIKELY(deadline_ns != DEADLINE_NEVER))
        sched_timer_add(task, deadline_ns);
}

struct syscall_result sys_channel_call(uint64_t handle, uint64_t message, uint64_t deadline_ns)
{
    struct cpu *cpu = cpu_this();
    struct task *task = cpu->current;
    struct cap *cap = channel_cap(task, handle, RIGHT_CHANNEL_SEND);
    struct channel *channel = cap ? (struct channel *)cap->object : NULL;
    struct task *server = channel ? channel->receiver : NULL;
    uint64_t word0;
    if (UNLIKELY(!server || deadline_due(deadline_ns) || !may_run_here(cpu, server) || !balance_may_come(cpu, server) ||
                 server->priority < task->priority || !call_copy_in(task, (const struct msg *)message, &word0)))
        return channel_call_slow(handle, message, deadline_ns);

    balance_moved(server, cpu, TRACE_MIGRATE_CALLED); /* an event of its own: older than tsc */
    uint64_t tsc = rdtsc();
    uint32_t badge = cap->sender->badge;
    word0 = (word0 & MSG_WORD0_SENT) | MSG_WORD0_STAMP(MSG_CALL, cap->rights);
    uint64_t word1 = TRACE_WORD(badge, task->index | ++task->call_sequence << 16);
    uint64_t *head = (uint64_t *)&task->slot.message;
    head[0] = word0;
    head[1] = word1;
    task->slot.sender = cap->sender; /* for call_deliver_failed() */
    caller_waits(task, server, (struct msg *)message, deadline_ns);
    channel->receiver = NULL;
    cpu->messages++;
    struct half half = {TRACE_IpcCall, TRACE_SWITCH_CALL, TRACE_WORD(task->id, channel->object.id),
                        TRACE_WORD((uint16_t)word0, badge), 1};
    trace_half(cpu, server, tsc, &half);
    switch_direct(cpu, server, tsc);
    if (LIKELY(!short_copy_out(server->wait.msgs, &task->slot, word0, word1)))
        task_resume_short(server, 1, 0);
    call_deliver_failed(channel, task);
    resume_failed(server);
}

/* ---- reply_recv ---- */

/* Fills the caller's slot with the one reply. NULL: not for the short path. */
INLINE struct task *reply_copy_in(struct task *server, const struct msg *user, uint64_t *word0)
{
    uint64_t word1;
    if (UNLIKELY(!user_range_ok((uint64_t)user, sizeof *user)))
        return NULL;
    user_access_begin();
    USER_LOAD(*word0, (const uint64_t *)user, fault);
    USER_LOAD(word1, (const uint64_t *)user + 1, fault);
    struct task *caller = reply_caller(server, (uint32_t)(word1 >> 32));
    if (UNLIKELY(!caller || !short_copy_in(&caller->slot, user, *word0)))
        goto fault;
    user_access_end();
    return caller;
fault:
    user_access_end();
    return NULL;
}

INLINE void server_waits(struct task *task, struct channel *channel, handle_t handle, struct msg *messages,
                         uint32_t capacity, uint64_t deadline_ns)
{
    task->wait.msgs = messages;
    task->wait.capacity = capacity;
    task->wait.handle = handle;
    task->wait.channel = channel;
    task->state = TASK_RECEIVING;
    task->finish = recv_finish;
    channel->receiver = task;
    if (UNLIKELY(deadline_ns != DEADLINE_NEVER))
        sched_timer_add(task, deadline_ns);
}

struct syscall_result sys_channel_reply_recv(uint64_t handle, uint64_t replies, uint64_t counts, uint64_t messages,
                                             uint64_t deadline_ns)
{
    struct cpu *cpu = cpu_this();
    struct task *task = cpu->current, *caller = NULL;
    struct cap *cap = channel_cap(task, handle, RIGHT_CHANNEL_RECV);
    struct channel *channel = cap ? (struct channel *)cap->object : NULL;
    uint64_t word0, capacity = counts >> 32;
    if (LIKELY(channel && (uint32_t)counts == 1 && capacity - 1 < MSG_BATCH_MAX && !deadline_due(deadline_ns) &&
               !channel->news))
        caller = reply_copy_in(task, (const struct msg *)replies, &word0);
    if (UNLIKELY(!caller || caller->cpu != cpu->id || !may_run_here(cpu, caller)))
        return channel_reply_recv_slow(handle, replies, counts, messages, deadline_ns);

    uint64_t tsc = rdtsc();
    word0 = (word0 & MSG_WORD0_SENT) | MSG_WORD0_STAMP(MSG_REPLY, 0);
    server_waits(task, channel, (handle_t)handle, (struct msg *)messages, (uint32_t)capacity, deadline_ns);
    list_remove(&caller->server_link);
    caller->server = NULL;
    cpu->messages++;
    struct half half = {TRACE_IpcReply, TRACE_SWITCH_REPLY, TRACE_WORD(task->id, caller->id),
                        TRACE_WORD((uint16_t)word0, (int8_t)(word0 >> 40)), OK};
    trace_half(cpu, caller, tsc, &half);
    switch_direct(cpu, caller, tsc);
    if (LIKELY(!short_copy_out(caller->wait.msgs, &caller->slot, word0, 0)))
        task_resume_short(caller, OK, 0);
    resume_failed(caller);
}

/* ---- batches ----
 * The queue's end and the free list are kept in registers until the last message. */

static __attribute__((noinline)) bool send_plain(struct slot *slot, const struct msg *user, uint64_t word0)
{
    return short_copy_in(slot, user, word0);
}

/* One-way messages without capabilities into the channel's free slots, as many as `most`. What follows (a message with
 * capabilities, a bad one) is left to the general path. The slots leave the free list in the order of their links, so
 * that the run goes to the queue as it is. */
uint32_t send_short_batch(struct channel *channel, struct cap *cap, const struct msg *user, uint32_t most)
{
    struct sender *sender = cap->sender;
    const uint64_t stamp = MSG_WORD0_STAMP(MSG_SEND, cap->rights), badge = sender->badge;
    struct link *first = channel->free, *last = NULL, *free = first;
    const struct msg *end = user + most, *at = user;
    user_access_begin();
    for (; at < end; at++) {
        struct slot *slot = LIST_OWNER(free, struct slot, link);
        uint64_t *head = (uint64_t *)&slot->message, word0;
        USER_LOAD(word0, (const uint64_t *)at, stop);
        if (LIKELY(MSG_WORD0_IS_4W(word0)))
            PAYLOAD_COPY_IN_4W(slot->message.words, at->words, stop);
        else if (!send_plain(slot, at, word0))
            break;
        head[0] = (word0 & MSG_WORD0_SENT) | stamp;
        head[1] = badge;
        slot->sender = sender;
        last = free;
        free = free->next;
    }
stop:
    user_access_end();
    if (!last)
        return 0;
    uint32_t sent = (uint32_t)(at - user);
    queue_append_run(channel, first, last);
    channel->free = free;
    channel->free_count -= sent;
    sender->used += sent;
    return sent;
}

/* Kind SEND, no capabilities, four words: bits 16 to 39 of word 0. */
#define PLAIN_4W(word0) (((word0) >> 16 & 0xffffff) == 32)

/* Any other message without capabilities. */
static bool recv_plain(struct msg *user, const struct slot *slot, uint64_t word0)
{
    uint64_t *target = (uint64_t *)user;
    if (slot->caller || MSG_WORD0_CAPS(word0))
        return false;
    USER_STORE(word0, &target[0], fault);
    USER_STORE(((const uint64_t *)&slot->message)[1], &target[1], fault);
    PAYLOAD_COPY_OUT(user->words, slot->message.words, MSG_WORD0_LENGTH(word0), fault);
    return true;
fault:
    return false;
}

/* The run of one-way messages without capabilities at the queue's head, as many as `most`. Its slots go back to the free
 * list as they are linked. */
uint32_t recv_short_batch(struct channel *channel, struct msg *user, uint32_t most)
{
    struct link *first = channel->queue.next, *link = first, *last = NULL;
    struct msg *end = user + most, *at = user;
    user_access_begin();
    for (; at < end && link != &channel->queue; at++) {
        struct slot *slot = LIST_OWNER(link, struct slot, link);
        const uint64_t *head = (const uint64_t *)&slot->message;
        uint64_t *target = (uint64_t *)at;
        if (LIKELY(PLAIN_4W(head[0]))) {
            USER_STORE(head[0], &target[0], stop);
            USER_STORE(head[1], &target[1], stop);
            PAYLOAD_COPY_OUT_4W(at->words, slot->message.words, stop);
        } else if (!recv_plain(at, slot, head[0])) {
            break;
        }
        struct sender *sender = slot->sender;
        if (UNLIKELY(!--sender->used && !sender->calls && !sender->capabilities && !sender->badge))
            sender_free(sender);
        last = link;
        link = link->next;
    }
stop:
    user_access_end();
    if (!last)
        return 0;
    uint32_t received = (uint32_t)(at - user);
    queue_drop_until(channel, link);
    last->next = channel->free;
    channel->free = first;
    channel->free_count += received;
    return received;
}
