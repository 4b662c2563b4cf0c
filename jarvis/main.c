/* Jarvis: understands what a person types and does it with that session's authority. Setup and one loop. */
#include "jarvis/session.h"
#include <string.h>

#define QUEUE 256           /* a request, ROOM, AUTHORITY, OPEN and CLOSE of each session at once */
#define RETRY_NS 5000000ull /* when rconsole's queue was full */

#define X(NAME, number, request, reply, caps, rights) IPC_OP_ENUM(PROTO_JARVIS, NAME, number)
enum { JARVIS_OPS(X) };
#undef X

static uint32_t owner_badge; /* of who attached last, and owns the sessions: rconsole */

static status_t handle_JARVIS_ATTACH(void *server, struct msg *request, struct msg *reply)
{
    (void)reply;
    owner_badge = request->head.badge;
    sessions_attach(server, ipc_take_cap(request, 0));
    return OK;
}

static status_t handle_JARVIS_OPEN(void *server, struct msg *request, struct msg *reply)
{
    struct jarvis_open open;
    (void)reply;
    memcpy(&open, request->payload, sizeof open);
    status_t status = session_open(server, &open, request->head.caps[0]);
    if (status == OK)
        (void)ipc_take_cap(request, 0);
    return status;
}

static status_t handle_JARVIS_AUTHORITY(void *server, struct msg *request, struct msg *reply)
{
    struct jarvis_authority about;
    handle_t caps[CAP_KINDS];
    (void)reply;
    memcpy(&about, request->payload, sizeof about);
    for (unsigned i = 0; i < CAP_KINDS; i++)
        caps[i] = ipc_take_cap(request, i);
    return session_authority(server, &about, caps);
}

static status_t handle_JARVIS_REQUEST(void *server, struct msg *request, struct msg *reply)
{
    struct jarvis_request about;
    (void)reply;
    memcpy(&about, request->payload, sizeof about);
    return session_request(server, &about);
}

static status_t handle_JARVIS_CLOSE(void *server, struct msg *request, struct msg *reply)
{
    struct jarvis_close about;
    (void)reply;
    memcpy(&about, request->payload, sizeof about);
    return session_close(server, about.session);
}

static status_t handle_JARVIS_ROOM(void *server, struct msg *request, struct msg *reply)
{
    struct jarvis_close about;
    (void)reply;
    memcpy(&about, request->payload, sizeof about);
    return session_room(server, about.session);
}

static status_t handle_JARVIS_STOP(void *server, struct msg *request, struct msg *reply)
{
    struct jarvis_close about;
    (void)reply;
    memcpy(&about, request->payload, sizeof about);
    return session_stop(server, about.session);
}

#define X(NAME, number, request, reply, caps, rights) IPC_OP_ROW(NAME, request, reply, caps, rights)
static const struct ipc_op ops[] = {JARVIS_OPS(X)};
#undef X

static void on_kernel_message(void *context, struct msg *m)
{
    if (m->head.kind == MSG_CLOSED && m->head.badge == owner_badge)
        sessions_end_all(context);
}

static uint64_t on_idle(void *context)
{
    struct sessions *sessions = context;
    uint64_t due = sessions_due(sessions), retry = clock_now() + RETRY_NS;
    return sessions->untold && retry < due ? retry : due;
}

static void on_turn(void *context)
{
    sessions_tell(context);
    sessions_turn(context);
}

static struct sessions sessions;
static struct ipc_server server = {.ops = ops,
                                   .op_count = sizeof ops / sizeof ops[0],
                                   .context = &sessions,
                                   .on_kernel_message = on_kernel_message,
                                   .on_idle = on_idle,
                                   .on_turn = on_turn};

int main(void)
{
    handle_t none;
    lexicon_init();
    status_t status = ipc_server_init(&server, QUEUE, &none);
    if (status == OK)
        status = service_ready(server.channel);
    if (status != OK) {
        log_error("cannot start: %s", status_text(status));
        return 1;
    }
    log_info("ready, English and French");
    ipc_server_run(&server);
}
