/* call, reply, send and recv in their general form. The short path for the common case is ipc_fast.c. */
#include "kernel/ipc/ipc.h"
#include "kernel/sched/sched.h"
#include "kernel/syscall.h"
#include "kernel/trace/trace.h"
#include "kernel/x86/platform.h"
#include "kernel/x86/user.h"

/* What the kernel says of where a message came from. */
static void slot_stamp(struct slot *slot, enum msg_kind kind, const struct cap *cap, uint32_t token)
{
    struct msg_header *head = &slot->message.head;
    head->kind = kind;
    head->rights = (uint16_t)cap->rights;
    head->badge = cap->sender->badge;
    head->token = token;
}

/* ---- call ---- */

void call_finish(struct task *task)
{
    struct msg *user = task->wait.msgs;
    status_t status = task->wake_status;
    (void)sched_deadline_take(task);
    if (!status)
        status = slot_deliver(&task->slot, task, user);
    slot_return_caps(&task->slot);
    task->context.rax = (uint64_t)(int64_t)status;
    task->context.rdx = 0;
}

struct syscall_result channel_call_slow(uint64_t handle, uint64_t message, uint64_t deadline_ns)
{
    struct task *task = task_this();
    struct cap *cap;
    status_t status = cap_check(&task->table, (handle_t)handle, OBJECT_CHANNEL, RIGHT_CHANNEL_SEND, &cap);
    if (status)
        return syscall_status(status);
    struct channel *channel = (struct channel *)cap->object;
    if (channel->closed)
        return syscall_status(ERR_PEER_DIED);
    if (channel->receive_right->table == &task->table)
        return syscall_status(ERR_BAD_STATE); /* it would wait for itself */
    if (deadline_ns != DEADLINE_NEVER && deadline_ns <= clock_ns())
        return syscall_status(ERR_TIMED_OUT);
    status = slot_fill(&task->slot, task, (const struct msg *)message);
    if (status)
        return syscall_status(status);
    task->call_sequence++;
    slot_stamp(&task->slot, MSG_CALL, cap, reply_token(task));
    task->wait.msgs = (struct msg *)message;
    cpu_this()->messages++;
    TRACE2_WITH(channel_reader(channel), IPC, IpcCall, TRACE_WORD(task_id(task), channel->object.id),
                TRACE_WORD(task->slot.message.head.op, cap->sender->badge));
    channel_call_enters(channel, &task->slot, cap->sender);
    task_block(task, TASK_CALLING, channel, call_finish, deadline_ns);
    channel_wake_receiver(channel);
    sched_dispatch();
}

/* ---- reply ---- */

/* A caller that is gone is skipped; so is a message that names none. */
static status_t reply_one(struct task *server, const struct msg *user)
{
    uint32_t token;
    status_t status = user_copy_in(&token, &user->head.token, sizeof token);
    if (status)
        return status;
    struct task *caller = reply_caller(server, token);
    if (!caller)
        return OK;
    status = slot_fill(&caller->slot, server, user);
    if (status)
        return status;
    caller->slot.message.head.kind = MSG_REPLY;
    caller->slot.message.head.rights = 0;
    caller->slot.message.head.badge = 0;
    cpu_this()->messages++;
    TRACE2_WITH(task_id(caller), IPC, IpcReply, TRACE_WORD(task_id(server), task_id(caller)),
                TRACE_WORD(caller->slot.message.head.op, caller->slot.message.head.status));
    task_wake(caller, OK);
    return OK;
}

static status_t reply_batch(struct task *server, const struct msg *replies, uint32_t count)
{
    status_t status = OK;
    for (uint32_t i = 0; i < count && !status; i++)
        status = reply_one(server, &replies[i]);
    return status;
}

/* ---- send ---- */

static status_t send_one(struct task *task, struct channel *channel, struct cap *cap, const struct msg *user)
{
    struct slot *slot = LIST_OWNER(channel->free, struct slot, link);
    status_t status = slot_fill(slot, task, user);
    if (status)
        return status;
    slot_stamp(slot, MSG_SEND, cap, 0);
    channel->free = slot->link.next;
    channel->free_count--;
    slot->sender = cap->sender;
    slot->sender->used++;
    queue_append_run(channel, &slot->link, &slot->link);
    return OK;
}

static uint32_t send_limit(const struct channel *channel, const struct sender *sender, uint32_t count)
{
    uint32_t room = sender->credit - sender->used;
    room = room < channel->free_count ? room : channel->free_count;
    return count < room ? count : room;
}

/* Runs of plain messages go the short way, one with capabilities the general one. */
static status_t send_batch(struct task *task, struct channel *channel, struct cap *cap, const struct msg *user,
                           uint32_t count, uint32_t *sent)
{
    if (!user_range_ok((uint64_t)user, count * sizeof *user))
        return ERR_FAULT;
    status_t status = OK;
    for (*sent = 0; *sent < count && !status;) {
        uint32_t run = send_short_batch(channel, cap, user + *sent, count - *sent);
        *sent += run;
        if (*sent < count && !run) {
            status = send_one(task, channel, cap, user + *sent);
            *sent += !status;
        }
    }
    return status;
}

struct syscall_result sys_channel_send(uint64_t handle, uint64_t messages, uint64_t count)
{
    struct task *task = task_this();
    struct cap *cap;
    status_t status = cap_check(&task->table, (handle_t)handle, OBJECT_CHANNEL, RIGHT_CHANNEL_SEND, &cap);
    if (!status && (!count || count > MSG_BATCH_MAX))
        status = ERR_INVALID;
    if (status)
        return syscall_status(status);
    struct channel *channel = (struct channel *)cap->object;
    if (channel->closed)
        return syscall_status(ERR_PEER_DIED);
    uint32_t sent = 0, limit = send_limit(channel, cap->sender, (uint32_t)count);
    const struct link *first = channel->free;
    status = limit ? send_batch(task, channel, cap, (const struct msg *)messages, limit, &sent) : ERR_WOULD_BLOCK;
    if (!sent)
        return syscall_status(status);
    cpu_this()->messages += sent;
    channel->news |= NEWS_MESSAGES;
    TRACE2_WITH(channel_reader(channel), IPC, IpcSend, TRACE_WORD(task->id, channel->object.id),
                TRACE_WORD(LIST_OWNER(first, struct slot, link)->message.head.op, sent));
    channel_wake_receiver(channel);
    return syscall_value(sent);
}

/* ---- recv ---- */

static void kernel_message(struct slot *slot, enum msg_kind kind, uint32_t badge, const void *payload, uint8_t length)
{
    slot->message.head = (struct msg_header){.kind = kind, .badge = badge, .length = length};
    __builtin_memcpy(slot->message.payload, payload, length);
}

/* Reports of tasks whose supervisor's capability was revoked since: without its badge they would be nobody's. From the
 * front, so that the first one left may be delivered. */
static void reports_drop_revoked(struct channel *channel)
{
    while (!list_empty(&channel->exits) && !task_of_report(channel->exits.next)->supervisor)
        task_report_dropped(list_pop_front(&channel->exits));
}

/* A supervised task that faulted or ended. */
static status_t recv_report(struct channel *channel, struct msg *user)
{
    struct slot slot = {0};
    struct task *reported = task_of_report(channel->exits.next);
    uint32_t badge = reported->supervisor->sender->badge;
    if (reported->state == TASK_DEAD) {
        struct msg_exit end = {.code = reported->exit_code, .task_id = task_id(reported), .killed = reported->killed};
        kernel_message(&slot, MSG_EXIT, badge, &end, sizeof end);
    } else {
        kernel_message(&slot, MSG_FAULT, badge, &reported->fault, sizeof reported->fault);
    }
    status_t status = msg_copy_out(user, &slot.message);
    if (!status)
        task_report_dropped(list_pop_front(&channel->exits));
    reports_drop_revoked(channel);
    return status;
}

/* The end of a badge, once everything that it had queued is delivered. */
static status_t recv_closed(struct channel *channel, struct msg *user)
{
    struct slot slot = {0};
    struct sender *sender = LIST_OWNER(channel->notes.next, struct sender, closed);
    kernel_message(&slot, MSG_CLOSED, sender->badge, "", 0);
    status_t status = msg_copy_out(user, &slot.message);
    if (!status) {
        list_remove(&sender->closed);
        sender_free(sender);
    }
    return status;
}

static status_t recv_queued(struct task *task, struct channel *channel, struct msg *user)
{
    struct slot *slot = LIST_OWNER(channel->queue.next, struct slot, link);
    status_t status = slot_deliver(slot, task, user);
    if (status)
        return status;
    struct task *caller = slot->caller;
    if (!caller) {
        queue_pop(channel);
        channel_slot_return(channel, slot);
        return OK;
    }
    channel_call_leaves(slot);
    caller->state = TASK_REPLYING;
    caller->server = task;
    list_push_back(&task->callers, &caller->server_link);
    return OK;
}

static bool closed_note_due(const struct channel *channel)
{
    if (list_empty(&channel->notes))
        return false;
    const struct sender *sender = LIST_OWNER(channel->notes.next, struct sender, closed);
    return !sender->used && !sender->calls;
}

static status_t recv_next(struct task *task, struct channel *channel, struct msg *user)
{
    if (!list_empty(&channel->exits))
        return recv_report(channel, user);
    if (closed_note_due(channel))
        return recv_closed(channel, user);
    return recv_queued(task, channel, user);
}

static bool recv_has_message(const struct channel *channel)
{
    return !list_empty(&channel->queue) || !list_empty(&channel->exits) || closed_note_due(channel);
}

/* What the trace says of a batch that is received. */
static inline void trace_receive(const struct task *task, const struct channel *channel, const struct slot *first,
                                 uint32_t count)
{
    uint32_t caller = first && first->caller ? task_id(first->caller) : 0;
    TRACE2_WITH(caller, IPC, IpcReceive, TRACE_WORD(task_id(task), channel->object.id),
                TRACE_WORD(first ? first->message.head.op : 0, count));
}

result_t recv_collect(struct task *task, struct channel *channel, struct msg *msgs, uint32_t capacity,
                      uint64_t *signals)
{
    const struct slot *first = NULL; /* of the queue, when the batch begins with it */
    uint32_t count = 0;
    reports_drop_revoked(channel);
    status_t status = user_range_ok((uint64_t)msgs, capacity * sizeof *msgs) ? OK : ERR_FAULT;
    while (count < capacity && recv_has_message(channel) && !status) {
        bool plain = list_empty(&channel->exits) && !closed_note_due(channel);
        if (plain && !count)
            first = LIST_OWNER(channel->queue.next, struct slot, link);
        uint32_t run = plain ? recv_short_batch(channel, &msgs[count], capacity - count) : 0;
        count += run;
        if (count < capacity && !run) {
            status = recv_next(task, channel, &msgs[count]);
            count += !status;
        }
    }
    if (channel->signal && (count || !status)) {
        *signals = channel->signal->word;
        channel->signal->word = 0;
    }
    channel_news_renew(channel);
    if (status && !count)
        return status;
    if (count)
        trace_receive(task, channel, first, count);
    return count;
}

static void recv_wait(struct task *task, struct channel *channel, uint64_t deadline_ns)
{
    task->wait.channel = channel;
    channel->receiver = task;
    task_block(task, TASK_RECEIVING, channel, recv_finish, deadline_ns);
}

/* The handle is checked again: between the wake-up and now somebody may have revoked the receive right. And what woke us
 * may be gone again (a caller that gave up): then the wait goes on. */
void recv_finish(struct task *task)
{
    result_t result = task->wake_status;
    uint64_t signals = 0, deadline_ns = sched_deadline_take(task);
    struct cap *cap;
    if (!result)
        result = cap_check(&task->table, task->wait.handle, OBJECT_CHANNEL, RIGHT_CHANNEL_RECV, &cap);
    if (!result)
        result = recv_collect(task, (struct channel *)cap->object, task->wait.msgs, task->wait.capacity, &signals);
    if (!result && !signals) {
        recv_wait(task, (struct channel *)cap->object, deadline_ns);
        return;
    }
    task->context.rax = (uint64_t)result;
    task->context.rdx = signals;
}

static struct syscall_result recv_or_wait(struct task *task, struct cap *cap, struct msg *msgs, uint32_t capacity,
                                          uint64_t deadline_ns)
{
    struct channel *channel = (struct channel *)cap->object;
    if (channel->news) {
        reports_drop_revoked(channel);
        channel_news_renew(channel); /* a queued caller may have gone meanwhile */
    }
    if (channel->news) {
        uint64_t signals = 0;
        result_t result = recv_collect(task, channel, msgs, capacity, &signals);
        return (struct syscall_result){result, signals};
    }
    if (deadline_ns == DEADLINE_NOW)
        return syscall_status(ERR_WOULD_BLOCK);
    if (channel->receiver)
        return syscall_status(ERR_BUSY);
    task->wait = (struct ipc_wait){.msgs = msgs, .capacity = capacity, .handle = cap->handle};
    recv_wait(task, channel, deadline_ns);
    sched_dispatch();
}

struct syscall_result sys_channel_recv(uint64_t handle, uint64_t messages, uint64_t capacity, uint64_t deadline_ns)
{
    struct task *task = task_this();
    struct cap *cap;
    status_t status = cap_check(&task->table, (handle_t)handle, OBJECT_CHANNEL, RIGHT_CHANNEL_RECV, &cap);
    if (!status && (!capacity || capacity > MSG_BATCH_MAX))
        status = ERR_INVALID;
    if (status)
        return syscall_status(status);
    return recv_or_wait(task, cap, (struct msg *)messages, (uint32_t)capacity, deadline_ns);
}

struct syscall_result channel_reply_recv_slow(uint64_t handle, uint64_t replies, uint64_t counts, uint64_t messages,
                                              uint64_t deadline_ns)
{
    struct task *task = task_this();
    struct cap *cap;
    uint32_t reply_count = (uint32_t)counts, capacity = (uint32_t)(counts >> 32);
    status_t status = cap_check(&task->table, (handle_t)handle, OBJECT_CHANNEL, RIGHT_CHANNEL_RECV, &cap);
    if (!status && (reply_count > MSG_BATCH_MAX || capacity > MSG_BATCH_MAX || !counts))
        status = ERR_INVALID;
    if (!status)
        status = reply_batch(task, (const struct msg *)replies, reply_count);
    if (status || !capacity)
        return syscall_status(status);
    return recv_or_wait(task, cap, (struct msg *)messages, capacity, deadline_ns);
}

/* ---- making channels and signals ---- */

struct syscall_result sys_channel_create(uint64_t slots, uint64_t credit)
{
    struct task *task = task_this();
    struct channel *channel;
    if (!slots || slots > 1024 || !credit || credit > slots)
        return syscall_status(ERR_INVALID);
    status_t status = cap_table_reserve(&task->table);
    if (!status)
        status = channel_new(task->account, (uint32_t)slots, (uint32_t)credit, &channel);
    if (status)
        return syscall_status(status);
    struct cap *cap = cap_create(&channel->object, RIGHTS_ALL, task->account, &status);
    object_unref(&channel->object); /* the capability's reference stays */
    if (!cap)
        return syscall_status(status);
    channel->receive_right = cap;
    status = sender_attach(cap, NULL, 0, task->account);
    if (!status)
        return syscall_installed(task, cap);
    cap_close(cap);
    return syscall_status(status);
}

struct syscall_result sys_signal_create(void)
{
    struct task *task = task_this();
    struct signal *signal;
    status_t status = signal_new(task->account, &signal);
    if (status)
        return syscall_status(status);
    return syscall_object_named(task, &signal->object, RIGHTS_ALL & ~RIGHTS_SERVICE);
}

struct syscall_result sys_signal_raise(uint64_t handle, uint64_t bits, uint64_t flags)
{
    struct cap *cap;
    status_t status = cap_check(&task_this()->table, (handle_t)handle, OBJECT_SIGNAL, RIGHT_SIGNAL_RAISE, &cap);
    if (status)
        return syscall_status(status);
    if (cap->badge)
        bits &= cap->badge;
    struct signal *signal = (struct signal *)cap->object;
    TRACE2_WITH(signal->channel ? channel_reader(signal->channel) : 0, IPC, SignalRaise, bits,
                TRACE_WORD(signal->object.id, task_id(task_this())));
    bool hurry = cpu_this()->resched;
    signal_raise_bits(signal, bits);
    if (flags & SIGNAL_NO_HURRY && !hurry)
        sched_no_hurry();
    return syscall_status(OK);
}

struct syscall_result sys_signal_bind(uint64_t handle, uint64_t channel_handle)
{
    struct task *task = task_this();
    struct cap *cap, *channel_cap;
    status_t status = cap_check(&task->table, (handle_t)handle, OBJECT_SIGNAL, RIGHT_SIGNAL_BIND, &cap);
    if (!status)
        status = cap_check(&task->table, (handle_t)channel_handle, OBJECT_CHANNEL, RIGHT_CHANNEL_RECV, &channel_cap);
    if (status)
        return syscall_status(status);
    struct signal *signal = (struct signal *)cap->object;
    struct channel *channel = (struct channel *)channel_cap->object;
    if (signal->channel || channel->signal)
        return syscall_status(ERR_BUSY);
    signal->channel = channel;
    channel->signal = signal;
    object_ref(&signal->object);
    cap_use(cap, &signal->bound, USE_SIGNAL_BIND);
    channel_news_renew(channel); /* bits that were raised before */
    return syscall_status(OK);
}
