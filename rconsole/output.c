/* What a session sends: our own words first, then the answer from jarvis's ring. */
#include "rconsole/console.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void out_printf(struct session *s, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    size_t room = SESSION_OUT - s->out_length;
    int n = vsnprintf(s->out + s->out_length, room, format, args);
    va_end(args);
    s->out_length = (uint16_t)(s->out_length + (n < 0 ? 0 : (size_t)n < room ? (size_t)n : room - 1));
}

void out_prompt(struct session *s)
{
    if (s->interactive && !s->fin && s->state != SESSION_ENDING)
        out_printf(s, "> ");
}

static const char *peer_text(const uint8_t a[16], char out[48])
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    if (memcmp(a, mapped, sizeof mapped) == 0) {
        snprintf(out, 48, "%u.%u.%u.%u", a[12], a[13], a[14], a[15]);
        return out;
    }
    size_t n = 0;
    for (unsigned i = 0; i < 16; i += 2)
        n += (size_t)snprintf(out + n, 48 - n, i ? ":%x" : "%x", a[i] << 8 | a[i + 1]);
    return out;
}

void out_greeting(struct console *console, struct session *s)
{
    char peer[48];
    out_printf(s,
               "TRustOs %s, at your service.\n"
               "You are an observer (session %u, from %s): look at everything, change nothing.\n"
               "\n"
               "  Type   status   memory   tasks   network   devices   log   help\n"
               "  or ask in your own words:  how much memory is free?   who is using the most cpu?\n"
               "  En français aussi :        quelle est ton adresse ip ?   aide\n"
               "\n"
               "`login TOKEN` makes you operator, `quit` ends.\n",
               console->version, s->number, peer_text(s->peer, peer));
    out_prompt(s);
}

/* One line end as CR LF, in two halves when there is room for one only. */
static bool put_crlf(struct console *console, struct session *s)
{
    if (!s->cr_sent)
        s->cr_sent = net_client_write(&console->net, s->slot, "\r", 1);
    if (!s->cr_sent || !net_client_write(&console->net, s->slot, "\n", 1))
        return false;
    s->cr_sent = false;
    return true;
}

/* Copies into the connection's ring, LF as CR LF where the client likes that. Returns the bytes taken from `bytes`. */
static uint32_t put(struct console *console, struct session *s, const char *bytes, uint32_t count)
{
    uint32_t done = 0;
    if (!s->crlf)
        return net_client_write(&console->net, s->slot, bytes, count);
    while (done < count) {
        const char *end = memchr(bytes + done, '\n', count - done);
        uint32_t n = end ? (uint32_t)(end - bytes) - done : count - done;
        uint32_t sent = n ? net_client_write(&console->net, s->slot, bytes + done, n) : 0;
        done += sent;
        if (sent < n || !end || !put_crlf(console, s))
            break;
        done++;
    }
    return done;
}

bool out_flush(struct console *console, struct session *s)
{
    uint32_t n = put(console, s, s->out + s->out_at, (uint32_t)(s->out_length - s->out_at));
    s->out_at = (uint16_t)(s->out_at + n);
    if (s->out_at == s->out_length)
        s->out_at = s->out_length = 0;
    return n > 0;
}

/* A copy of the answer's bytes is sent, never the shared memory itself: jarvis may still write there. */
bool out_answer(struct console *console, struct session *s)
{
    char piece[2048];
    uint32_t moved = 0;
    if (!s->place || s->out_length)
        return false;
    for (;;) {
        void *at;
        uint32_t n = ring_filled_span(&s->place->answer, &at);
        n = n < sizeof piece ? n : (uint32_t)sizeof piece;
        if (n == 0)
            break;
        memcpy(piece, at, n);
        uint32_t sent = put(console, s, piece, n);
        ring_consume(&s->place->answer, sent);
        moved += sent;
        if (sent < n)
            break;
    }
    if (moved && ring_publish_consumed(&s->place->answer))
        link_room(&console->link, s->place);
    s->answer_begun |= moved > 0;
    return moved > 0;
}

bool out_waits(const struct session *s)
{
    return s->out_length || (s->place && ring_filled(&((struct session *)s)->place->answer));
}
