/* One person (or script) on the text console: from ACCEPTED to CLOSED.
 *
 *   GREETING ──60 ms of silence: greet──▶ READY ──a line──▶ ASKED ──last part of the answer──▶ READY
 *      │ speaks at once: a script, no greeting, no prompts ▲        login: WAITING ──when the penalty is over──▶ READY
 *      └────────────────────────────────────────────────────┘        quit, end of input: ENDING ──all sent──▶ closed
 *
 * Rules
 *  - Input is read only in READY (but for what cuts a long answer short): lines are answered in order, the rest waits in the connection's ring and then
 *    at the peer (TCP's window). So a session's memory is bounded whatever its peer does.
 *  - An answer is moved only as far as the connection's ring has room: a peer that never reads waits for nobody but itself.
 *  - No progress for 5 minutes with something to send, or 15 minutes without a word: the session ends.
 *  - The line buffer keeps the line being answered; it is wiped after a login. */
#pragma once
#include "rconsole/console_line.h"
#include "rconsole/jarvis_link.h"
#include "rconsole/login.h"

#define SESSIONS_MAX 20 /* 16 are promised; some may be on their way out */
#define SESSION_OUT 1024

enum session_state { SESSION_GREETING = 0, SESSION_READY, SESSION_ASKED, SESSION_WAITING, SESSION_ENDING };

struct console;

struct session {
    bool used, interactive, crlf, cr_sent, fin, dirty; /* cr_sent: the CR of a CR LF went, its LF has not */
    enum session_state state;
    enum session_role role;
    uint32_t number, slot, lines, answers;
    uint8_t peer[16];
    uint16_t peer_port;
    uint64_t opened_ns, heard_ns, moved_ns; /* last input; last byte that went out (or nothing to send) */

    struct console_line line;
    uint16_t out_length, out_at; /* our own words, before any answer */
    char out[SESSION_OUT];

    struct place *place; /* NULL: jarvis does not know this session */
    struct authority authority;
    enum session_role authority_role;
    bool minted, asked_sent, answer_begun, answer_last, goes_on; /* goes_on: the answer takes its time */
    uint32_t serial, action;
    uint64_t asked_ns;

    uint64_t login_ns; /* WAITING: when the answer may be given */
    bool login_right;
};

struct session *session_accept(struct console *console, uint32_t slot, const struct net_event *event);
void session_end(struct console *console, struct session *session, const char *why); /* the connection is closed too */
/* It is closed already. level: LOG_DEBUG for an end that nobody needs to read of on the serial port. */
void session_gone(struct console *console, struct session *session, enum log_level level, const char *why);
void session_pump(struct console *console, struct session *session);
void session_answered(struct console *console, struct session *session, const struct console_answer *answer);
void session_jarvis_died(struct console *console, struct session *session);
/* When session_timer wants to be called next; it pumps when something is due. */
uint64_t session_due(const struct session *session);
void session_timer(struct console *console, struct session *session, uint64_t now_ns);

/* commands.c: the words that rconsole itself understands. True: done here, jarvis never sees the line. */
bool command_run(struct console *console, struct session *session, char *text, size_t length);
void command_login_done(struct console *console, struct session *session);
void session_set_role(struct session *session, enum session_role role);

/* output.c */
void out_printf(struct session *session, const char *format, ...) __attribute__((format(printf, 2, 3)));
void out_greeting(struct console *console, struct session *session);
void out_prompt(struct session *session);
bool out_flush(struct console *console, struct session *session);  /* true: bytes moved */
bool out_answer(struct console *console, struct session *session); /* from jarvis's ring to the connection; the same */
bool out_waits(const struct session *session);                     /* something is still to be sent */
