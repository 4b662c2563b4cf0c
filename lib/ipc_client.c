#include "lib/ipc.h"

#include <proto/init.h>
#include <string.h>

#define X(NAME, number, request, reply, caps, rights) IPC_OP_ENUM(PROTO_INIT, NAME, number)
enum { INIT_OPS(X) };
#undef X

static void close_extra(const struct msg_header *head, size_t from)
{
    for (size_t i = from; i < head->cap_count && i < MSG_CAPS_MAX; i++) {
        if (head->caps[i] != HANDLE_NONE)
            cap_close(head->caps[i]);
    }
}

static void fill(struct msg *m, uint16_t op, const void *request, size_t length)
{
    m->head = (struct msg_header){.op = op, .length = (uint8_t)length};
    if (length)
        memcpy(m->payload, request, length);
}

/* The answer has the size that its operation has, or it is none. Capabilities that nobody asked for are closed. */
static status_t unpack(struct msg *m, void *reply, size_t reply_length, handle_t *caps, size_t cap_max)
{
    status_t status = m->head.status;
    if (status == OK && m->head.length != reply_length)
        status = ERR_BAD_MESSAGE;
    if (status != OK) {
        close_extra(&m->head, 0);
        return status;
    }
    for (size_t i = 0; i < cap_max; i++)
        caps[i] = i < m->head.cap_count ? m->head.caps[i] : HANDLE_NONE;
    close_extra(&m->head, cap_max);
    if (reply_length)
        memcpy(reply, m->payload, reply_length);
    return OK;
}

status_t ipc_call_caps(handle_t channel, uint16_t op, const void *request, size_t request_length, const handle_t *caps,
                       size_t cap_count, uint32_t copy_mask, void *reply, size_t reply_length, handle_t *reply_caps,
                       size_t reply_cap_max, uint64_t deadline_ns)
{
    struct msg m;
    ASSERT(request_length <= MSG_PAYLOAD_MAX && cap_count <= MSG_CAPS_MAX && reply_cap_max <= MSG_CAPS_MAX);
    for (size_t i = 0; i < reply_cap_max; i++)
        reply_caps[i] = HANDLE_NONE;
    fill(&m, op, request, request_length);
    m.head.cap_count = (uint8_t)cap_count;
    m.head.kind = (uint8_t)copy_mask;
    for (size_t i = 0; i < cap_count; i++)
        m.head.caps[i] = caps[i];
    status_t status = channel_call(channel, &m, deadline_ns);
    return status == OK ? unpack(&m, reply, reply_length, reply_caps, reply_cap_max) : status;
}

status_t ipc_call(handle_t channel, uint16_t op, const void *request, size_t request_length, void *reply,
                  size_t reply_length, uint64_t deadline_ns)
{
    struct msg m;
    ASSERT(request_length <= MSG_PAYLOAD_MAX);
    fill(&m, op, request, request_length);
    status_t status = channel_call(channel, &m, deadline_ns);
    return status == OK ? unpack(&m, reply, reply_length, NULL, 0) : status;
}

/* One try: the handle, or why not. A service that died after init had answered leaves HANDLE_NONE in its place. */
static result_t connect_once(const struct init_connect *request, uint64_t deadline_ns)
{
    struct init_connected reply;
    handle_t cap;
    status_t status = ipc_call_caps(cap_named("init"), INIT_CONNECT, request, sizeof *request, NULL, 0, 0, &reply,
                                    sizeof reply, &cap, 1, deadline_ns);
    if (status != OK)
        return status;
    return cap == HANDLE_NONE ? ERR_PEER_DIED : (result_t)cap;
}

result_t service_scope(const char *name, uint32_t scope, uint64_t deadline_ns)
{
    struct init_connect request = {.scope = scope};
    if (strlen(name) >= sizeof request.name)
        return ERR_TOO_LONG;
    strcpy(request.name, name);
    result_t result;
    do {
        result = connect_once(&request, deadline_ns);
    } while (result == ERR_PEER_DIED && clock_now() < deadline_ns);
    return result;
}

result_t service_connect(const char *name, uint64_t deadline_ns)
{
    return service_scope(name, 0, deadline_ns);
}

status_t service_ready(handle_t channel)
{
    struct init_ready request = {0};
    result_t sender = cap_mint(channel, RIGHTS_SERVICE | RIGHT_CHANNEL_SEND | RIGHT_MINT | RIGHT_TRANSFER, 0);
    if (sender < 0)
        return (status_t)sender;
    handle_t cap = (handle_t)sender;
    return ipc_call_caps(cap_named("init"), INIT_READY, &request, sizeof request, &cap, 1, 0, NULL, 0, NULL, 0,
                         DEADLINE_NEVER);
}
