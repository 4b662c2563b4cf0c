#include "jarvis/session.h"
#include "jarvis/numa_view.h"
#include "jarvis/watch.h"
#include <proto/protocol.h>
#include <stdlib.h>
#include <string.h>

#define BUFFER_PAGES ((sizeof(struct jarvis_buffer) + PAGE_SIZE - 1) / PAGE_SIZE)
#define X(NAME, number, request, reply, caps, rights) IPC_OP_ENUM(PROTO_CONSOLE, NAME, number)
enum { CONSOLE_OPS(X) };
#undef X

static char answer_memory[ANSWER_BYTES]; /* of the line being run */

static struct session *find(struct sessions *sessions, uint32_t number)
{
    for (unsigned i = 0; number && i < JARVIS_SESSIONS_MAX; i++)
        if (sessions->all[i].who.number == number && !sessions->all[i].ended)
            return &sessions->all[i];
    return NULL;
}

static struct session *find_free(struct sessions *sessions)
{
    for (unsigned i = 0; i < JARVIS_SESSIONS_MAX; i++)
        if (sessions->all[i].who.number == 0)
            return &sessions->all[i];
    return NULL;
}

/* ---- telling rconsole ---- */

static bool send_answer(struct sessions *sessions, const struct console_answer *answer)
{
    struct msg m = {.head = {.op = CONSOLE_ANSWER, .length = sizeof *answer}};
    memcpy(m.payload, answer, sizeof *answer);
    return channel_send(sessions->console, &m, 1) != ERR_WOULD_BLOCK; /* a dead rconsole is told of by CLOSED */
}

/* Tells that bytes are there, that the answer is whole, or that the session is gone. Retried until it went. */
static void tell(struct sessions *sessions, struct session *s)
{
    bool last = s->rest_at == s->rest_length && !s->dialogue.goes_on;
    struct console_answer answer = {.session = s->who.number,
                                    .serial = s->serial,
                                    .last = last,
                                    .action = s->ended              ? (uint32_t)CONSOLE_ENDED
                                              : last                ? s->action
                                              : s->dialogue.goes_on ? (uint32_t)CONSOLE_GOES_ON
                                                                    : 0};
    sessions->untold -= s->tell;
    s->tell = !send_answer(sessions, &answer);
    sessions->untold += s->tell;
    if (s->tell)
        return;
    s->busy = s->busy && !last;
    if (s->ended)
        memset(s, 0, sizeof *s);
}

void sessions_tell(struct sessions *sessions)
{
    for (unsigned i = 0; sessions->untold && i < JARVIS_SESSIONS_MAX; i++)
        if (sessions->all[i].tell)
            tell(sessions, &sessions->all[i]);
}

/* ---- the answer's way into the ring ---- */

static void rest_drop(struct sessions *sessions, struct session *s)
{
    sessions->rest_total -= s->rest_length;
    free(s->rest);
    s->rest = NULL;
    s->rest_length = s->rest_at = 0;
}

static void rest_flush(struct sessions *sessions, struct session *s)
{
    do {
        s->rest_at += ring_write(&s->ring, s->rest + s->rest_at, s->rest_length - s->rest_at);
        (void)ring_publish_produced(&s->ring); /* CONSOLE_ANSWER is the bell */
    } while (s->rest_at < s->rest_length && !ring_producer_sleep(&s->ring));
    if (s->rest_at == s->rest_length)
        rest_drop(sessions, s);
    tell(sessions, s);
}

/* Keeps what the ring did not take; when there is no memory for it the answer is cut, and says so. */
static void rest_keep(struct sessions *sessions, struct session *s, const char *bytes, size_t length)
{
    static const char cut[] = "\n(the rest of this answer did not fit)\n";
    bool fits = length <= REST_TOTAL_MAX - sessions->rest_total;
    s->rest = fits ? malloc(length) : NULL;
    if (!s->rest) {
        bytes = cut;
        length = sizeof cut - 1;
        s->rest = malloc(length);
    }
    if (!s->rest)
        return;
    memcpy(s->rest, bytes, length);
    s->rest_length = (uint32_t)length;
    s->rest_at = 0;
    sessions->rest_total += (uint32_t)length;
}

static void deliver(struct sessions *sessions, struct session *s, const struct answer *answer)
{
    uint32_t sent = ring_write(&s->ring, answer->bytes, (uint32_t)answer->length);
    (void)ring_publish_produced(&s->ring);
    if (sent == answer->length) {
        tell(sessions, s);
        return;
    }
    rest_keep(sessions, s, answer->bytes + sent, answer->length - sent);
    rest_flush(sessions, s);
}

/* ---- what takes its time ---- */

/* Before a watch changes the trace's filter: rconsole shall put it back if we can't. NULL: it is done. */
static bool keep_filter(void *context, const struct trace_filter *before)
{
    struct sessions *sessions = context;
    struct console_trace kept = {.session = before ? watch_session() : 0};
    struct msg m = {.head = {.op = CONSOLE_TRACE, .length = sizeof kept}};
    if (before) {
        kept.mask = before->mask;
        kept.count = before->count;
        memcpy(kept.tasks, before->tasks, sizeof kept.tasks);
    }
    memcpy(m.payload, &kept, sizeof kept);
    return channel_send(sessions->console, &m, 1) != ERR_WOULD_BLOCK;
}

static void say_progress(struct sessions *sessions, struct session *s)
{
    struct answer answer;
    if (s->rest || s->dialogue.json) /* nobody reads, or one document is wanted */
        return;
    answer_init(&answer, answer_memory, sizeof answer_memory, s->dialogue.language);
    watch_say_progress(&answer);
    deliver(sessions, s, &answer);
}

static void finish(struct sessions *sessions, struct session *s)
{
    struct answer answer;
    answer_init(&answer, answer_memory, sizeof answer_memory, s->dialogue.language);
    s->action = execute_rest(&s->dialogue, &s->authority, &s->who, &answer);
    deliver(sessions, s, &answer);
    execute_after(&s->dialogue, &s->authority);
}

void sessions_turn(struct sessions *sessions)
{
    struct session *s = find(sessions, watch_session());
    enum watch_news news = s ? watch_turn(s->authority.caps[CAP_TRACE], keep_filter, sessions) : WATCH_NOTHING;
    if (news == WATCH_PROGRESS)
        say_progress(sessions, s);
    else if (news == WATCH_OVER && !s->rest) /* else it is told when there is room: see sessions_due */
        finish(sessions, s);
}

uint64_t sessions_due(const struct sessions *sessions)
{
    (void)sessions;
    return watch_due();
}

/* ---- what rconsole asks for ---- */

static void drop_caps(struct session *s)
{
    for (unsigned i = 0; i < CAP_KINDS; i++) {
        if (s->authority.caps[i] != HANDLE_NONE)
            cap_close(s->authority.caps[i]);
        s->authority.caps[i] = HANDLE_NONE;
        s->authority.rights[i] = 0;
    }
}

static void let_go(struct sessions *sessions, struct session *s)
{
    if (watch_session() == s->who.number)
        watch_drop(s->authority.caps[CAP_TRACE]);
    rest_drop(sessions, s);
    drop_caps(s);
    if (s->buffer)
        memory_unmap(HANDLE_NONE, (uint64_t)s->buffer, BUFFER_PAGES);
    s->buffer = NULL;
    cap_close(s->memory);
    s->memory = HANDLE_NONE;
}

void sessions_end_all(struct sessions *sessions)
{
    for (unsigned i = 0; i < JARVIS_SESSIONS_MAX; i++) {
        struct session *s = &sessions->all[i];
        if (s->who.number && !s->ended)
            let_go(sessions, s);
        memset(s, 0, sizeof *s);
    }
    sessions->untold = 0;
    if (sessions->console != HANDLE_NONE)
        cap_close(sessions->console);
    sessions->console = HANDLE_NONE;
}

void sessions_attach(struct sessions *sessions, handle_t console)
{
    sessions_end_all(sessions);
    sessions->console = console;
}

/* Whatever went wrong: rconsole hears that the number has no session here. */
static status_t open_failed(struct sessions *sessions, uint32_t number, status_t status)
{
    struct console_answer answer = {.session = number, .last = 1, .action = CONSOLE_ENDED};
    (void)send_answer(sessions, &answer);
    return status;
}

/* A root: rconsole can't take it away under us. */
static status_t check_buffer(handle_t memory)
{
    struct cap_info info;
    status_t status = cap_info(memory, &info);
    if (status == OK && info.type != OBJECT_MEMORY)
        status = ERR_WRONG_TYPE;
    return status == OK && info.parent_id ? ERR_REFUSED : status;
}

status_t session_open(struct sessions *sessions, const struct jarvis_open *open, handle_t memory)
{
    struct session *s = find_free(sessions);
    if (!open->session || find(sessions, open->session))
        return ERR_INVALID;
    if (!s)
        return open_failed(sessions, open->session, ERR_TABLE_FULL);
    result_t at = check_buffer(memory);
    if (at == OK)
        at = memory_map(HANDLE_NONE, memory, 0, 0, BUFFER_PAGES, PROT_READ | PROT_WRITE);
    if (at < 0)
        return open_failed(sessions, open->session, (status_t)at);
    *s = (struct session){.memory = memory, .buffer = (struct jarvis_buffer *)at};
    s->who.number = open->session;
    s->who.role = open->role;
    s->who.agent = open->agent;
    memcpy(s->who.peer, open->peer, sizeof s->who.peer);
    ring_view_init(&s->ring, &s->buffer->answer, s->buffer->answer_bytes, JARVIS_ANSWER_SIZE, 1);
    return OK;
}

/* What a capability is, is asked of the kernel and not of who sent it: one of another type counts as none. */
static void take_cap(struct session *s, unsigned kind, handle_t cap)
{
    struct cap_info info;
    enum object_type type = kind == CAP_TRACE ? OBJECT_TRACE : OBJECT_CHANNEL;
    if (cap_info(cap, &info) != OK || info.type != (uint32_t)type) {
        cap_close(cap);
        return;
    }
    s->authority.caps[kind] = cap;
    s->authority.rights[kind] = info.rights;
}

/* What the time since a look is reckoned from when somebody asks. */
static void look_around(const struct session *s)
{
    usage_note(s->authority.caps[CAP_TRACE]);
    numa_view_note(s->authority.caps[CAP_TRACE]);
}

status_t session_authority(struct sessions *sessions, const struct jarvis_authority *about,
                           const handle_t caps[CAP_KINDS])
{
    struct session *s = find(sessions, about->session);
    if (!s) {
        for (unsigned i = 0; i < CAP_KINDS; i++)
            cap_close(caps[i]);
        return ERR_NOT_FOUND;
    }
    drop_caps(s);
    for (unsigned i = 0; i < CAP_KINDS; i++)
        take_cap(s, i, caps[i]);
    s->who.role = about->role;
    look_around(s);
    return OK;
}

status_t session_request(struct sessions *sessions, const struct jarvis_request *request)
{
    static char line[JARVIS_REQUEST_MAX];
    struct session *s = find(sessions, request->session);
    struct answer answer;
    if (!s)
        return ERR_NOT_FOUND;
    if (s->busy || request->length > sizeof line)
        return ERR_BAD_STATE;
    memcpy(line, s->buffer->request, request->length); /* copy, then read: rconsole could change it meanwhile */
    look_around(s);
    answer_init(&answer, answer_memory, sizeof answer_memory, s->dialogue.language);
    s->action = execute_line(line, request->length, &s->dialogue, &s->authority, &s->who, &answer);
    s->serial = request->serial;
    s->busy = true;
    deliver(sessions, s, &answer);
    execute_after(&s->dialogue, &s->authority);
    return OK;
}

status_t session_room(struct sessions *sessions, uint32_t number)
{
    struct session *s = find(sessions, number);
    if (!s || !s->rest)
        return ERR_NOT_FOUND;
    rest_flush(sessions, s);
    return OK;
}

status_t session_stop(struct sessions *sessions, uint32_t number)
{
    if (!find(sessions, number))
        return ERR_NOT_FOUND;
    if (watch_session() == number)
        watch_stop();
    return OK;
}

status_t session_close(struct sessions *sessions, uint32_t number)
{
    struct session *s = find(sessions, number);
    if (!s)
        return ERR_NOT_FOUND;
    let_go(sessions, s);
    s->ended = true;
    tell(sessions, s);
    return OK;
}
