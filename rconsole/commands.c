/* login, logout, quit: what concerns the session itself. Jarvis never sees a token. */
#include "rconsole/console.h"
#include <string.h>

struct word {
    const char *text;
    size_t length;
};

/* The next word of the line from *at on; length 0: none. */
static struct word next_word(const char *text, size_t length, size_t *at)
{
    while (*at < length && text[*at] == ' ')
        ++*at;
    struct word word = {text + *at, 0};
    while (*at < length && text[*at] != ' ') {
        ++*at;
        word.length++;
    }
    return word;
}

static bool is(struct word word, const char *name)
{
    size_t n = strlen(name);
    for (size_t i = 0; i < n && n == word.length; i++)
        if ((word.text[i] | 0x20) != name[i])
            return false;
    return n == word.length;
}

void session_set_role(struct session *s, enum session_role role)
{
    s->role = role;
    authority_drop(&s->authority); /* at once: what jarvis holds of the old role is dead now */
    s->minted = false;
    if (s->place)
        s->place->authority_sent = false;
}

static void run_login(struct console *console, struct session *s, struct word token)
{
    if (token.length == 0) {
        out_printf(s, "Type `login TOKEN`; the token is on the serial console, or in the boot line (token=).\n");
        out_prompt(s);
        return;
    }
    s->login_right = login_try(&console->login, s->peer, token.text, token.length, clock_now(), &s->login_ns);
    s->state = SESSION_WAITING;
    if (!s->login_right)
        log_warning("session %u: wrong token", s->number);
}

void command_login_done(struct console *console, struct session *s)
{
    (void)console;
    s->state = SESSION_READY;
    if (s->login_right) {
        session_set_role(s, ROLE_OPERATOR);
        log_info("session %u is operator now", s->number);
        out_printf(
            s, "You are operator now: you may restart, stop and start services. `logout` makes you observer again.\n");
    } else {
        out_printf(s, "That token is not right; you stay what you are. Each wrong one makes the next answer slower.\n");
    }
    out_prompt(s);
}

static void run_logout(struct console *console, struct session *s, struct word rest)
{
    (void)console;
    (void)rest;
    if (s->role == ROLE_OBSERVER) {
        out_printf(s, "You are an observer; there is nothing to log out of. `quit` ends the session.\n");
    } else {
        session_set_role(s, ROLE_OBSERVER);
        log_info("session %u is observer again", s->number);
        out_printf(s, "You are an observer again.\n");
    }
    out_prompt(s);
}

static void run_quit(struct console *console, struct session *s, struct word rest)
{
    (void)console;
    (void)rest;
    if (s->interactive)
        out_printf(s, "Goodbye.\n");
    s->state = SESSION_ENDING;
}

static const struct {
    const char *name;
    bool takes_rest; /* else the word must stand alone: "exit code of netsrv" is a question for jarvis */
    void (*run)(struct console *console, struct session *session, struct word rest);
} commands[] = {
    {"login", true, run_login}, {"logout", false, run_logout}, {"quit", false, run_quit},  {"exit", false, run_quit},
    {"bye", false, run_quit},   {"quitter", false, run_quit},  {"adieu", false, run_quit},
};

bool command_run(struct console *console, struct session *s, char *text, size_t length)
{
    size_t at = 0;
    struct word first = next_word(text, length, &at), rest = next_word(text, length, &at);
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (!is(first, commands[i].name) || (rest.length && !commands[i].takes_rest))
            continue;
        commands[i].run(console, s, rest);
        memset(text, 0, length); /* a token does not stay in memory */
        return true;
    }
    return false;
}
