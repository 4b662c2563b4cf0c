/* The validator: pure, no system call, so it runs unchanged under cmocka and the fuzzer. */
#include "lib/ipc.h"

#include <string.h>

static const struct ipc_op *find_op(const struct ipc_op *ops, size_t op_count, uint16_t op)
{
    size_t guess = (size_t)(op & 0xff) - 1; /* tables list their operations from 1 on */
    if (guess < op_count && ops[guess].op == op)
        return &ops[guess];
    for (size_t i = 0; i < op_count; i++) {
        if (ops[i].op == op)
            return &ops[i];
    }
    return NULL;
}

static status_t check(const struct ipc_op *op, const struct msg_header *head)
{
    if (!op)
        return ERR_NOT_SUPPORTED;
    if (head->length != op->request_length || head->cap_count != op->cap_count)
        return ERR_BAD_MESSAGE;
    if ((head->rights & op->rights) != op->rights)
        return ERR_NO_RIGHT;
    for (unsigned i = 0; i < op->cap_count; i++) {
        if (head->caps[i] == HANDLE_NONE) /* revoked on the way */
            return ERR_BAD_HANDLE;
    }
    return OK;
}

bool ipc_dispatch(const struct ipc_op *ops, size_t op_count, void *context, struct msg *request, struct msg *reply)
{
    const struct ipc_op *op = find_op(ops, op_count, request->head.op);
    bool is_call = request->head.kind == MSG_CALL;
    status_t status = check(op, &request->head);

    reply->head = (struct msg_header){.op = request->head.op, .token = request->head.token};
    if (status == OK) {
        memset(reply->payload, 0, op->reply_length);
        status = op->handle(context, request, reply);
    }
    if (status == IPC_DEFERRED)
        return false;
    reply->head.status = (int8_t)status;
    reply->head.length = status == OK ? op->reply_length : 0;
    if (status != OK)
        reply->head.cap_count = 0;
    return is_call;
}

handle_t ipc_take_cap(struct msg *request, unsigned index)
{
    handle_t handle = request->head.caps[index];
    request->head.caps[index] = HANDLE_NONE;
    return handle;
}
