#include "lib/ipc.h"

#define CREDIT_MAX 64u

status_t ipc_server_init(struct ipc_server *server, size_t slots, handle_t *signal)
{
    size_t credit = slots / 4 < CREDIT_MAX ? slots / 4 : CREDIT_MAX;
    credit = credit ? credit : 1;
    server->reply_count = 0;
    if (server->on_signals)
        return channel_with_signal(slots, (uint32_t)credit, &server->channel, signal);
    result_t channel = channel_create(slots, (uint32_t)credit);
    if (channel < 0)
        return (status_t)channel;
    server->channel = (handle_t)channel;
    return OK;
}

static void close_caps(struct msg_header *head)
{
    for (unsigned i = 0; i < MSG_CAPS_MAX; i++) {
        if (head->caps[i] != HANDLE_NONE)
            cap_close(head->caps[i]);
    }
}

/* What a handler put into a reply that does not go out with its capabilities: those that would have moved are closed,
 * those that it meant to copy stay its own. */
static void drop_reply_caps(struct msg_header *head)
{
    for (unsigned i = 0; i < MSG_CAPS_MAX; i++) {
        if (head->caps[i] != HANDLE_NONE && !(head->kind & MSG_CAP_COPY(i)))
            cap_close(head->caps[i]);
    }
}

/* After replies went out: the capabilities of those whose caller was gone are still here. A moved one's handle is stale
 * (its generation has passed), so closing it does nothing. */
static void drop_unsent(struct msg *replies, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (replies[i].head.cap_count)
            drop_reply_caps(&replies[i].head);
    }
}

static void serve(struct ipc_server *server, struct msg *request)
{
    struct msg *reply = &server->replies[server->reply_count];
    unsigned cap_count = request->head.cap_count;
    for (unsigned i = cap_count; i < MSG_CAPS_MAX; i++)
        request->head.caps[i] = HANDLE_NONE;
    bool answer = ipc_dispatch(server->ops, server->op_count, server->context, request, reply);
    if (cap_count)
        close_caps(&request->head);
    if (!answer || reply->head.status != OK)
        drop_reply_caps(&reply->head);
    server->reply_count += answer;
}

static void take(struct ipc_server *server, struct msg *m)
{
    if (m->head.kind == MSG_CALL || m->head.kind == MSG_SEND)
        serve(server, m);
    else if (server->on_kernel_message)
        server->on_kernel_message(server->context, m);
}

void ipc_server_turn(struct ipc_server *server, uint64_t deadline_ns)
{
    uint64_t signals = 0;
    size_t replies = server->reply_count;
    server->reply_count = 0;
    result_t count = channel_reply_recv(server->channel, server->replies, replies, server->requests, IPC_BATCH,
                                        &signals, deadline_ns);
    drop_unsent(server->replies, replies);
    /* The kernel took the replies whatever came in. Anything else but "nothing came" is our own mistake. */
    ASSERT(count >= 0 || count == ERR_WOULD_BLOCK || count == ERR_TIMED_OUT);
    if (count >= 0 && signals && server->on_signals)
        server->on_signals(server->context, signals);
    for (result_t i = 0; i < count; i++)
        take(server, &server->requests[i]);
    if (server->on_turn)
        server->on_turn(server->context);
}

void ipc_server_flush(struct ipc_server *server)
{
    uint64_t signals;
    size_t replies = server->reply_count;
    server->reply_count = 0;
    if (replies)
        (void)channel_reply_recv(server->channel, server->replies, replies, NULL, 0, &signals, DEADLINE_NOW);
    drop_unsent(server->replies, replies);
}

_Noreturn void ipc_server_run(struct ipc_server *server)
{
    for (;;)
        ipc_server_turn(server, server->on_idle ? server->on_idle(server->context) : DEADLINE_NEVER);
}

status_t ipc_reply(handle_t channel, struct msg *reply, uint32_t token)
{
    uint64_t signals;
    reply->head.token = token;
    result_t result = channel_reply_recv(channel, reply, 1, NULL, 0, &signals, DEADLINE_NOW);
    return result < 0 ? (status_t)result : OK;
}
