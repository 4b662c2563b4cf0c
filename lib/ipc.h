/* IPC for services: the one validator, the one server loop, and the client's call.
 *
 *   #define X(NAME, number, request, reply, caps, rights) IPC_OP_ENUM(PROTO_NET, NAME, number)
 *   enum { NET_OPS(X) };
 *
 * Server rules
 *  - A handler gets a request whose op, exact length, capability count and rights are checked, and a zeroed reply. It
 *    returns OK, an ERR_ value (goes into the reply's status; payload and caps are dropped) or IPC_DEFERRED after it
 *    kept request->head.token: then it answers later with ipc_reply().
 *  - Capabilities of the request belong to the loop: it closes what is left when the handler returns. A handler that
 *    keeps one takes it with ipc_take_cap(), which leaves HANDLE_NONE in its place.
 *  - Capabilities that a handler put into reply->head.caps (with cap_count) move to the caller, unless it set
 *    MSG_CAP_COPY(i) in reply->head.kind. When the reply does not go out, or with an error, the loop closes those that
 *    would have moved.
 *  - A one-way message (MSG_SEND) goes through the same checks and handlers; nobody hears the answer.
 *  - Every call gets an answer, also one that no table knows (ERR_NOT_SUPPORTED, ERR_BAD_MESSAGE, ERR_NO_RIGHT).
 *  - At most IPC_BATCH messages are taken at once, each with a place for its reply.
 */
#pragma once
#include <lib/runtime.h>
#include <proto/protocol.h>

#define IPC_BATCH 16
#define IPC_DEFERRED 1

typedef status_t (*ipc_handler)(void *server, struct msg *request, struct msg *reply);

struct ipc_op {
    uint16_t op, rights;
    uint8_t request_length, reply_length, cap_count;
    const char *name;
    ipc_handler handle;
};

/* Builds a table row; the handler of NET_ATTACH is called handle_NET_ATTACH. A struct empty counts 0 bytes. */
#define IPC_OP_ENUM(protocol, NAME, number) NAME = PROTO_OP(protocol, number),
#define IPC_OP_ROW(NAME, request, reply, caps, need_rights) \
    {.op = (NAME),                                          \
     .rights = (need_rights),                               \
     .request_length = sizeof(request),                     \
     .reply_length = sizeof(reply),                         \
     .cap_count = (caps),                                   \
     .name = #NAME,                                         \
     .handle = handle_##NAME},

struct ipc_server {
    handle_t channel;
    const struct ipc_op *ops;
    size_t op_count;
    void *context;                                           /* goes to every handler */
    void (*on_signals)(void *context, uint64_t bits);        /* may be NULL */
    void (*on_kernel_message)(void *context, struct msg *m); /* CLOSED, EXIT, FAULT; may be NULL */
    uint64_t (*on_idle)(void *context);                      /* before each wait: returns the deadline (ns) */
    /* Called after a wait timed out and after each batch; may be NULL. */
    void (*on_turn)(void *context);
    size_t reply_count; /* the loop's own: answers that go out with the next receive */
    struct msg requests[IPC_BATCH], replies[IPC_BATCH];
};

/* Creates the channel and binds a signal when on_signals is there (*signal gets its handle). */
status_t ipc_server_init(struct ipc_server *server, size_t slots, handle_t *signal);
_Noreturn void ipc_server_run(struct ipc_server *server);
/* One receive and its dispatch. The answers go out with the next turn's receive, in one kernel entry; a caller that does
 * long work between turns answers first with ipc_server_flush(). */
void ipc_server_turn(struct ipc_server *server, uint64_t deadline_ns);
void ipc_server_flush(struct ipc_server *server);

/* Pure: checks one request against the table and dispatches it. Returns true when the reply is to be sent now. */
bool ipc_dispatch(const struct ipc_op *ops, size_t op_count, void *context, struct msg *request, struct msg *reply);

handle_t ipc_take_cap(struct msg *request, unsigned index);
status_t ipc_reply(handle_t channel, struct msg *reply, uint32_t token);

/* Client: one call with struct request and reply; caps may be NULL. The result joins both statuses: the exchange's
 * error if it failed, else the server's. */
status_t ipc_call(handle_t channel, uint16_t op, const void *request, size_t request_length, void *reply,
                  size_t reply_length, uint64_t deadline_ns);
status_t ipc_call_caps(handle_t channel, uint16_t op, const void *request, size_t request_length, const handle_t *caps,
                       size_t cap_count, uint32_t copy_mask, void *reply, size_t reply_length, handle_t *reply_caps,
                       size_t reply_cap_max, uint64_t deadline_ns);

/* Looks a service up through init and waits for it: the handle, or an ERR_ value. */
result_t service_connect(const char *name, uint64_t deadline_ns);
/* Likewise for a scope that the manifest gives us (SCOPE_BADGE_MIN in proto/protocol.h): ERR_NO_RIGHT when it does not. */
result_t service_scope(const char *name, uint32_t scope, uint64_t deadline_ns);
/* Tells init that this service is up on `channel`. */
status_t service_ready(handle_t channel);
