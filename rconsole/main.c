/* rconsole: the text console on TCP. Setup and one loop. */
#include "rconsole/console.h"
#include <abi/boot_options.h>
#include <string.h>

#define QUEUE 256
#define NET_BIT 0u
#define SOON_NS 5000000ull
#define SECOND_NS 1000000000ull

#define X(NAME, number, request, reply, caps, rights) IPC_OP_ENUM(PROTO_CONSOLE, NAME, number)
enum { CONSOLE_OPS(X) };
#undef X

static struct console console;

/* ---- from jarvis ---- */

static struct session *session_numbered(struct console *c, uint32_t number)
{
    for (unsigned i = 0; i < SESSIONS_MAX; i++)
        if (c->sessions[i].used && c->sessions[i].number == number)
            return &c->sessions[i];
    return NULL;
}

static status_t handle_CONSOLE_ANSWER(void *server, struct msg *request, struct msg *reply)
{
    struct console *c = server;
    struct console_answer answer;
    (void)reply;
    if (request->head.badge != CONSOLE_BADGE_JARVIS)
        return ERR_NO_RIGHT;
    memcpy(&answer, request->payload, sizeof answer);
    struct session *s = session_numbered(c, answer.session);
    if (s)
        session_answered(c, s, &answer);
    else if (answer.action == CONSOLE_ENDED)
        link_ended(&c->link, answer.session);
    return OK;
}

static status_t handle_CONSOLE_TRACE(void *server, struct msg *request, struct msg *reply)
{
    struct console *c = server;
    struct console_trace before;
    (void)reply;
    if (request->head.badge != CONSOLE_BADGE_JARVIS)
        return ERR_NO_RIGHT;
    memcpy(&before, request->payload, sizeof before);
    trace_keep_note(&c->trace_keep, &before);
    if (before.session && !session_numbered(c, before.session))
        trace_keep_restore(&c->trace_keep, c->roots.trace, before.session); /* it ended while this was under way */
    return OK;
}

#define X(NAME, number, request, reply, caps, rights) IPC_OP_ROW(NAME, request, reply, caps, rights)
static const struct ipc_op ops[] = {CONSOLE_OPS(X)};
#undef X

/* ---- from netsrv ---- */

static void on_accepted(struct console *c, struct session *s, const struct net_event *event)
{
    (void)s;
    lobby_enter(c, event);
}

static void on_bytes(struct console *c, struct session *s, const struct net_event *event)
{
    bool fin = event->code == NET_EVENT_FIN;
    if (s)
        s->fin |= fin;
    else if (fin)
        lobby_fin(c, event->slot);
}

static void on_closed(struct console *c, struct session *s, const struct net_event *event)
{
    net_client_close(&c->net, event->slot); /* our last word on the slot */
    lobby_leave(c, event->slot);
    if (s)
        session_gone(c, s, event->status == OK ? LOG_DEBUG : LOG_INFO,
                     event->status == OK ? "closed" : status_text(event->status));
}

static void on_listening(struct console *c, struct session *s, const struct net_event *event)
{
    (void)s;
    c->listen_ns = DEADLINE_NEVER;
    c->listen_refused = false;
    log_info("listening on port %u: the console", event->value);
}

static void on_listen_failed(struct console *c, struct session *s, const struct net_event *event)
{
    (void)s;
    if (!c->listen_refused)
        log_error("cannot listen on port %u: %s", event->value, status_text(event->status));
    c->listen_refused = true; /* tried again each second, told once */
    c->listen_ns = clock_now() + SECOND_NS;
}

static void net_event(struct console *c, const struct net_event *event)
{
    static void (*const handlers[])(struct console * c, struct session * s, const struct net_event *event) = {
        [NET_EVENT_LISTENING] = on_listening, [NET_EVENT_LISTEN_FAILED] = on_listen_failed,
        [NET_EVENT_ACCEPTED] = on_accepted,   [NET_EVENT_DATA] = on_bytes,
        [NET_EVENT_ROOM] = on_bytes,          [NET_EVENT_FIN] = on_bytes,
        [NET_EVENT_CLOSED] = on_closed};
    if (event->code >= sizeof handlers / sizeof handlers[0] || !handlers[event->code])
        return;
    bool listener = event->code == NET_EVENT_LISTENING || event->code == NET_EVENT_LISTEN_FAILED;
    struct session *s = listener || event->slot >= CONSOLE_SLOTS || event->code == NET_EVENT_ACCEPTED
                            ? NULL
                            : net_client_user(&c->net, event->slot);
    if (s)
        s->dirty = true;
    handlers[event->code](c, s, event);
}

/* Waits until netsrv is there: without a network there is nothing else to do. */
static void net_attach(struct console *c)
{
    const struct net_client_config config = {.slot_count = CONSOLE_SLOTS,
                                             .rx_size = CONSOLE_RX,
                                             .tx_size = CONSOLE_TX,
                                             .signal = c->signal,
                                             .bit = NET_BIT,
                                             .channel = c->server.channel,
                                             .badge = CONSOLE_BADGE_NETSRV,
                                             .scopes = {NET_SCOPE_LISTEN(CONSOLE_PORT)}};
    status_t status;
    do {
        status = net_client_attach(&c->net, &config, clock_now() + 5 * SECOND_NS);
        if (status != OK && status != ERR_TIMED_OUT)
            log_warning("no network: %s", status_text(status));
    } while (status == ERR_TIMED_OUT || status == ERR_PEER_DIED);
    c->listen_refused = false;
    c->net_up = status == OK;
    c->listen_ns = c->net_up ? DEADLINE_NEVER : clock_now() + SECOND_NS;
    if (c->net_up && net_client_listen(&c->net, CONSOLE_PORT, CONSOLE_PORT) != OK)
        c->listen_ns = clock_now() + SECOND_NS;
}

static void net_died(struct console *c)
{
    log_warning("netsrv died: all connections are gone, attaching anew");
    for (unsigned i = 0; i < SESSIONS_MAX; i++)
        if (c->sessions[i].used)
            session_gone(c, &c->sessions[i], LOG_DEBUG, "the network service was restarted");
    lobby_clear(c);
    net_attach(c);
}

static void listen_again(struct console *c)
{
    c->listen_ns = clock_now() + SECOND_NS;
    if (!c->net_up)
        net_attach(c);
    else
        (void)net_client_listen(&c->net, CONSOLE_PORT, CONSOLE_PORT);
}

/* ---- the loop ---- */

static void jarvis_died(struct console *c)
{
    log_warning("jarvis died; sessions go on");
    for (unsigned i = 0; i < SESSIONS_MAX; i++) { /* what it had answered is taken out of its ring before that goes */
        struct session *s = &c->sessions[i];
        if (s->used && s->state == SESSION_ASKED && s->answer_last)
            session_pump(c, s);
    }
    link_down(&c->link);
    for (unsigned i = 0; i < SESSIONS_MAX; i++)
        if (c->sessions[i].used)
            session_jarvis_died(c, &c->sessions[i]);
    trace_keep_restore(&c->trace_keep, c->roots.trace, 0);
}

static void on_kernel_message(void *context, struct msg *m)
{
    struct console *c = context;
    if (net_client_closed(&c->net, m))
        net_died(c);
    if (m->head.kind == MSG_CLOSED && m->head.badge == CONSOLE_BADGE_JARVIS)
        jarvis_died(c);
}

static void on_signals(void *context, uint64_t bits)
{
    (void)context; /* on_turn looks at the rings anyway */
    (void)bits;
}

static void on_turn(void *context)
{
    struct console *c = context;
    struct net_event event;
    uint64_t now = clock_now();
    c->again = false;
    while (net_client_event(&c->net, &event))
        net_event(c, &event);
    if (now >= c->listen_ns)
        listen_again(c);
    for (unsigned i = 0; i < SESSIONS_MAX; i++) {
        struct session *s = &c->sessions[i];
        if (s->used && now >= session_due(s))
            session_timer(c, s, now);
        if (s->used && (s->dirty || (s->state == SESSION_ASKED && !s->asked_sent)))
            session_pump(c, s);
    }
    lobby_turn(c, now);
    c->again |= link_pump(&c->link);
}

static uint64_t on_idle(void *context)
{
    struct console *c = context;
    uint64_t now = clock_now(), due = lobby_due(c);
    due = c->listen_ns < due ? c->listen_ns : due;
    if (!net_client_sleep(&c->net))
        return DEADLINE_NOW;
    for (unsigned i = 0; i < SESSIONS_MAX; i++) {
        const struct session *s = &c->sessions[i];
        uint64_t at = !s->used ? DEADLINE_NEVER : s->dirty ? DEADLINE_NOW : session_due(s);
        due = at < due ? at : due;
    }
    return c->again && now + SOON_NS < due ? now + SOON_NS : due;
}

static void token_init(struct console *c)
{
    uint8_t random[16] = {0};
    size_t length;
    const char *token = boot_option(boot_line(), "token", &length);
    if (token && length) {
        login_set_token(&c->login, token, length);
        return;
    }
    if (random_bytes(random, sizeof random) != OK) {
        log_error("no random numbers: nobody can log in");
        return; /* an empty token never matches */
    }
    login_make_token(&c->login, random);
    log_line(LOG_SECRET, "operator token: %s", c->login.token);
}

static void version_init(struct console *c)
{
    struct system_info info;
    if (system_info(c->roots.trace, INFO_SYSTEM, 0, &info, sizeof info) == 1)
        memcpy(c->version, info.version, sizeof c->version - 1);
}

int main(void)
{
    struct console *c = &console;
    c->listen_ns = DEADLINE_NEVER;
    c->server = (struct ipc_server){.ops = ops,
                                    .op_count = sizeof ops / sizeof ops[0],
                                    .context = c,
                                    .on_signals = on_signals,
                                    .on_kernel_message = on_kernel_message,
                                    .on_idle = on_idle,
                                    .on_turn = on_turn};
    status_t status = ipc_server_init(&c->server, QUEUE, &c->signal);
    if (status == OK)
        status = service_ready(c->server.channel);
    if (status != OK) {
        log_error("cannot start: %s", status_text(status));
        return 1;
    }
    c->link.channel = c->server.channel;
    authority_roots_init(&c->roots);
    version_init(c);
    token_init(c);
    net_attach(c);
    ipc_server_run(&c->server);
}
