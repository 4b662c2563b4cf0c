/* Any message against every protocol's table of init, devmgr and netsrv: a handler sees nothing but exact requests with the
 * rights of its row, and a call is answered in the one form that an answer has. */
#include <stdlib.h>
#include <string.h>
#include <proto/devmgr.h>
#include <proto/init.h>
#include <proto/net.h>
#include "lib/ipc.h"

static const struct ipc_op *expected;

static status_t handle(void *server, struct msg *request, struct msg *reply)
{
    const struct msg_header *head = &request->head;
    const uint8_t *choice = server;
    if (head->op != expected->op || head->length != expected->request_length ||
        head->cap_count != expected->cap_count || (head->rights & expected->rights) != expected->rights)
        abort();
    for (unsigned i = 0; i < expected->reply_length; i++) {
        if (reply->payload[i] != 0)
            abort();
    }
    if (*choice & 4)
        reply->head.caps[0] = expected->cap_count ? ipc_take_cap(request, 0) : 7;
    reply->head.cap_count = *choice & 4 ? 1 : 0;
    return *choice & 1 ? ERR_BUSY : *choice & 2 ? IPC_DEFERRED : OK;
}

#define X(NAME, number, request, reply, caps, need) \
    {.op = PROTO_OP(PROTOCOL, number),              \
     .rights = need,                                \
     .request_length = sizeof(request),             \
     .reply_length = sizeof(reply),                 \
     .cap_count = caps,                             \
     .name = #NAME,                                 \
     .handle = handle},
static const struct ipc_op ops[] = {
#define PROTOCOL PROTO_INIT
    INIT_OPS(X)
#undef PROTOCOL
#define PROTOCOL PROTO_DEVMGR
        DEVMGR_OPS(X)
#undef PROTOCOL
#define PROTOCOL PROTO_NET
            NET_OPS(X)};

static const struct ipc_op *row_of(uint16_t op)
{
    for (unsigned i = 0; i < sizeof ops / sizeof ops[0]; i++) {
        if (ops[i].op == op)
            return &ops[i];
    }
    return NULL;
}

static void check(const struct msg *reply, bool answered, uint8_t kind, uint32_t token)
{
    if (answered && kind != MSG_CALL)
        abort();
    if (!answered)
        return;
    if (reply->head.status > 0 || reply->head.token != token)
        abort();
    if (reply->head.status != OK && (reply->head.length || reply->head.cap_count))
        abort();
    if (reply->head.status == OK && (!expected || reply->head.length != expected->reply_length))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct msg request = {0}, reply;
    uint8_t choice;
    if (size < 2)
        return 0;
    choice = data[0];
    memset(&reply, data[1], sizeof reply);
    memcpy(&request, data + 2, size - 2 < sizeof request ? size - 2 : sizeof request);
    if (choice & 8) /* a known operation, so that the fuzzer gets past that */
        request.head.op = ops[request.head.op % (sizeof ops / sizeof ops[0])].op;
    expected = row_of(request.head.op);
    if (expected && (choice & 16)) {
        request.head.length = expected->request_length;
        request.head.cap_count = expected->cap_count;
    }
    uint8_t kind = request.head.kind;
    uint32_t token = request.head.token;
    check(&reply, ipc_dispatch(ops, sizeof ops / sizeof ops[0], &choice, &request, &reply), kind, token);
    return 0;
}
