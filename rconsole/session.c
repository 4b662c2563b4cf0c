#include "rconsole/console.h"
#include <string.h>

#define SECOND_NS 1000000000ull
#define GREET_NS 60000000ull
#define ASK_NS (10 * SECOND_NS) /* how long a request waits for a jarvis that is away */
#define STUCK_NS (300 * SECOND_NS)
#define IDLE_NS (900 * SECOND_NS)

/* ---- beginning and end ---- */

static void init_session(struct console *console, struct session *s, uint32_t slot, const struct net_event *event)
{
    memset(s, 0, offsetof(struct session, line));
    memset((char *)s + offsetof(struct session, place), 0, sizeof *s - offsetof(struct session, place));
    console_line_init(&s->line);
    s->out_length = s->out_at = 0;
    s->used = s->dirty = true;
    s->slot = slot;
    s->number = ++console->next_number ? console->next_number : ++console->next_number;
    s->number &= 0x7fffffff;
    memcpy(s->peer, event->address, sizeof s->peer);
    s->peer_port = event->remote_port;
    s->opened_ns = s->heard_ns = s->moved_ns = clock_now();
}

struct session *session_accept(struct console *console, uint32_t slot, const struct net_event *event)
{
    for (unsigned i = 0; i < SESSIONS_MAX; i++) {
        struct session *s = &console->sessions[i];
        if (s->used)
            continue;
        init_session(console, s, slot, event);
        log_debug("session %u opened, from %u.%u.%u.%u port %u", s->number, s->peer[12], s->peer[13], s->peer[14],
                  s->peer[15], s->peer_port);
        return s;
    }
    return NULL;
}

void session_gone(struct console *console, struct session *s, enum log_level level, const char *why)
{
    uint64_t seconds = (clock_now() - s->opened_ns) / SECOND_NS;
    if (s->place)
        link_close(&console->link, s->place);
    authority_drop(&s->authority);
    trace_keep_restore(&console->trace_keep, console->roots.trace, s->number);
    memset(s->line.text, 0, s->line.length);
    log_line(level, "session %u ended after %lu s and %u lines: %s", s->number, (unsigned long)seconds, s->lines, why);
    s->used = false;
}

void session_end(struct console *console, struct session *s, const char *why)
{
    net_client_set_user(&console->net, s->slot, NULL);
    net_client_close(&console->net, s->slot);
    session_gone(console, s, LOG_DEBUG, why);
}

/* ---- asking jarvis ---- */

static void ready(struct session *s)
{
    s->state = SESSION_READY;
    s->asked_sent = s->answer_last = s->goes_on = false;
}

static void fail(struct session *s, const char *words)
{
    ready(s);
    out_printf(s, "%s\n", words);
    out_prompt(s);
}

static bool mint(struct console *console, struct session *s)
{
    if (s->minted)
        return true;
    if (console->roots.devmgr == HANDLE_NONE)
        authority_roots_refresh(&console->roots, clock_now());
    s->minted = authority_mint(&s->authority, &console->roots, console->net.service, s->number, s->role) == OK;
    return s->minted;
}

/* Sends the line that stands in the buffer; called again while jarvis is away or its queue is full. */
static void ask(struct console *console, struct session *s)
{
    struct jarvis_open about = {.session = s->number, .role = s->role};
    uint64_t now = clock_now();
    if (!link_connect(&console->link, now)) {
        if (now - s->asked_ns > ASK_NS)
            fail(s, "Jarvis is not there; try again in a moment.");
        return;
    }
    if (!mint(console, s) || (!s->place && !(s->place = link_place(&console->link, s->number)))) {
        fail(s, "There is no memory left for this session's requests; try again in a moment.");
        return;
    }
    memcpy(about.peer, s->peer, sizeof about.peer);
    s->asked_sent = link_ask(&console->link, s->place, &about, &s->authority, s->line.text, s->line.length, s->serial);
    console->again |= !s->asked_sent;
}

static void begin_ask(struct console *console, struct session *s)
{
    s->state = SESSION_ASKED;
    s->asked_sent = s->answer_last = s->answer_begun = false;
    s->serial++;
    s->asked_ns = s->moved_ns = clock_now();
    if (!s->interactive && s->answers++)
        out_printf(s, "\n"); /* a script sees where one answer ends */
    ask(console, s);
}

static void refresh(struct console *console, struct session *s)
{
    authority_roots_refresh(&console->roots, clock_now());
    session_set_role(s, s->role);
}

static void act_nothing(struct console *console, struct session *s)
{
    (void)console;
    out_prompt(s);
}

static void act_close(struct console *console, struct session *s)
{
    (void)console;
    s->state = SESSION_ENDING;
}

static void act_logout(struct console *console, struct session *s)
{
    char word[] = "logout";
    command_run(console, s, word, sizeof word - 1);
}

static void act_refresh(struct console *console, struct session *s)
{
    refresh(console, s);
    out_prompt(s);
}

static void finish_answer(struct console *console, struct session *s)
{
    static void (*const acts[])(struct console * console, struct session * s) = {[CONSOLE_NOTHING] = act_nothing,
                                                                                 [CONSOLE_CLOSE] = act_close,
                                                                                 [CONSOLE_LOGOUT] = act_logout,
                                                                                 [CONSOLE_REFRESH] = act_refresh};
    ready(s);
    acts[s->action < CONSOLE_ENDED ? s->action : CONSOLE_NOTHING](console, s);
}

void session_answered(struct console *console, struct session *s, const struct console_answer *answer)
{
    if (answer->action == CONSOLE_ENDED) { /* jarvis could not open it */
        link_ended(&console->link, s->number);
        s->place = NULL;
        if (s->state == SESSION_ASKED)
            fail(s, "Jarvis has no room for this session; try again in a moment.");
    } else if (s->state == SESSION_ASKED && answer->serial == s->serial) {
        s->answer_last |= answer->last != 0;
        s->goes_on |= answer->action == CONSOLE_GOES_ON;
        s->action = answer->action;
    }
    s->dirty = true;
}

void session_jarvis_died(struct console *console, struct session *s)
{
    (void)console;
    s->place = NULL;
    authority_drop(&s->authority);
    s->minted = false;
    s->dirty = true;
    if (s->state != SESSION_ASKED || !s->asked_sent)
        return;
    if (s->answer_begun)
        out_printf(s, "\n"); /* half a line may stand there */
    fail(s, "Jarvis was restarted while it worked on that. The session goes on; please ask again.");
}

/* ---- input ---- */

static void line_text(struct console *console, struct session *s)
{
    s->crlf |= s->line.saw_crlf;
    bool blank = true;
    for (size_t i = 0; i < s->line.length && blank; i++)
        blank = s->line.text[i] == ' ';
    if (blank) {
        out_prompt(s);
        return;
    }
    s->lines++;
    if (!command_run(console, s, s->line.text, s->line.length))
        begin_ask(console, s);
}

static void line_too_long(struct console *console, struct session *s)
{
    (void)console;
    out_printf(s, "That line is too long: the limit is %u bytes. It was skipped.\n", CONSOLE_LINE_MAX);
    out_prompt(s);
}

static void line_not_utf8(struct console *console, struct session *s)
{
    (void)console;
    out_printf(s, "That line is not valid UTF-8 text. It was skipped.\n");
    out_prompt(s);
}

static void line_control(struct console *console, struct session *s)
{
    (void)console;
    out_printf(s, "That line has a control byte in it (0x%02x). It was skipped.\n", s->line.control);
    out_prompt(s);
}

static void line_interrupt(struct console *console, struct session *s)
{
    (void)console;
    if (s->interactive)
        out_printf(s, "^C\n");
    out_prompt(s);
}

static void line_eof(struct console *console, struct session *s)
{
    (void)console;
    s->state = SESSION_ENDING;
}

static void line_event(struct console *console, struct session *s, enum console_event event)
{
    static void (*const handlers[])(struct console * console, struct session * s) = {
        [CONSOLE_LINE] = line_text,       [CONSOLE_TOO_LONG] = line_too_long,   [CONSOLE_NOT_UTF8] = line_not_utf8,
        [CONSOLE_CONTROL] = line_control, [CONSOLE_INTERRUPT] = line_interrupt, [CONSOLE_EOF] = line_eof};
    if (event != CONSOLE_MORE)
        handlers[event](console, s);
}

/* Reads up to one line. True: something was read. The bytes are copied before they are looked at. */
static bool take_input(struct console *console, struct session *s)
{
    uint8_t piece[1024];
    void *at;
    size_t used;
    uint32_t n = net_client_peek(&console->net, s->slot, &at);
    if (n == 0)
        return false;
    n = n < sizeof piece ? n : (uint32_t)sizeof piece;
    memcpy(piece, at, n);
    enum console_event event = console_line_feed(&s->line, piece, n, &used);
    net_client_consume(&console->net, s->slot, (uint32_t)used);
    s->heard_ns = clock_now();
    line_event(console, s, event);
    return true;
}

/* What cuts an answer short that takes its time; any other line waits until that is over. */
static bool is_stop(const struct session *s, const char *text, uint32_t length)
{
    static const char *const words[] = {"stop", "cancel", "arr\xc3\xaate", "annule"};
    while (length && (text[length - 1] == '\r' || text[length - 1] == ' '))
        length--;
    while (length && *text == ' ') {
        text++;
        length--;
    }
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strlen(words[i]) == length && memcmp(words[i], text, length) == 0)
            return true;
    return length == 0 && s->interactive; /* a script's blank lines mean nothing */
}

static void stop_asked(struct console *console, struct session *s)
{
    s->goes_on = false; /* once; the next part of the answer may set it again */
    link_stop(&console->link, s->place);
}

/* Ctrl-C, also as telnet's "interrupt process" (RFC 854), counts at once; a word when its line is whole. A person who ended
 * the connection has gone; a script's end of input means nothing. */
static void take_stop(struct console *console, struct session *s)
{
    char piece[64];
    void *at;
    uint32_t n = net_client_peek(&console->net, s->slot, &at), end = 0;
    n = n < sizeof piece ? n : (uint32_t)sizeof piece;
    memcpy(piece, at, n);
    while (end < n && piece[end] != '\n' && piece[end] != 3 && piece[end] != (char)0xf4)
        end++;
    if (s->fin && s->interactive) {
        stop_asked(console, s);
        return;
    }
    if (end == n || (piece[end] == '\n' && !is_stop(s, piece, end)))
        return;
    net_client_consume(&console->net, s->slot, end + 1);
    s->heard_ns = clock_now();
    stop_asked(console, s);
}

static void take_end(struct console *console, struct session *s)
{
    enum console_event event = console_line_finish(&s->line);
    if (event == CONSOLE_MORE)
        s->state = SESSION_ENDING;
    else
        line_event(console, s, event);
}

/* ---- the pump ---- */

/* Whoever speaks before the greeting is a script: it hears answers and nothing else. */
static void greet(struct console *console, struct session *s, bool silent)
{
    bool speaks = net_client_unread(&console->net, s->slot) || s->fin;
    if (!speaks && !silent)
        return;
    s->state = SESSION_READY;
    s->interactive = !speaks;
    if (s->interactive)
        out_greeting(console, s);
}

static bool step(struct console *console, struct session *s)
{
    bool moved = out_flush(console, s);
    moved |= out_answer(console, s);
    if (moved || !out_waits(s))
        s->moved_ns = clock_now();
    if (s->out_length)
        return moved;
    if (s->state == SESSION_ASKED && s->answer_last && !out_waits(s)) {
        finish_answer(console, s);
        return true;
    }
    if (s->state == SESSION_ASKED && s->goes_on && s->place)
        take_stop(console, s);
    if (s->state != SESSION_READY || out_waits(s))
        return moved;
    if (take_input(console, s))
        return true;
    if (s->fin)
        take_end(console, s);
    return moved || s->fin;
}

void session_pump(struct console *console, struct session *s)
{
    s->dirty = false;
    if (s->state == SESSION_GREETING)
        greet(console, s, false);
    if (s->state == SESSION_ASKED && !s->asked_sent)
        ask(console, s);
    while (s->state != SESSION_GREETING && step(console, s)) {
        if (s->state == SESSION_ENDING && !out_waits(s))
            break;
    }
    if (s->state == SESSION_ENDING && !out_waits(s))
        session_end(console, s, s->fin ? "end of input" : "as asked");
    else if (out_waits(s) && !net_client_want_room(&console->net, s->slot))
        s->dirty = true;
}

/* ---- time ---- */

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t session_due(const struct session *s)
{
    uint64_t due = s->heard_ns + IDLE_NS;
    if (s->state == SESSION_GREETING)
        due = earlier(due, s->opened_ns + GREET_NS);
    if (s->state == SESSION_WAITING)
        due = earlier(due, s->login_ns);
    if (s->state == SESSION_ASKED || out_waits(s))
        due = earlier(due, s->moved_ns + STUCK_NS);
    if (s->state == SESSION_ASKED && !s->asked_sent)
        due = earlier(due, clock_now() + SECOND_NS / 10);
    return due;
}

void session_timer(struct console *console, struct session *s, uint64_t now)
{
    bool waits = s->state == SESSION_ASKED || out_waits(s);
    if (s->state == SESSION_GREETING && now >= s->opened_ns + GREET_NS)
        greet(console, s, true);
    if (s->state == SESSION_WAITING && now >= s->login_ns)
        command_login_done(console, s);
    s->dirty = true;
    if (waits && now >= s->moved_ns + STUCK_NS) {
        net_client_set_user(&console->net, s->slot, NULL);
        net_client_abort(&console->net, s->slot);
        session_gone(console, s, LOG_INFO, "it took nothing for 5 minutes");
    } else if (!waits && now >= s->heard_ns + IDLE_NS && s->state != SESSION_ENDING) {
        out_printf(s, "\nNothing heard for 15 minutes: goodbye.\n");
        s->state = SESSION_ENDING;
    }
}
