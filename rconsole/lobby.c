#include "rconsole/console.h"
#include <string.h>

#define PATIENCE_NS 40000000ull

/* A session for the connection, if one is free. */
static bool seat(struct console *c, const struct guest *guest)
{
    uint32_t slot = guest->accepted.slot;
    struct session *s = session_accept(c, slot, &guest->accepted);
    net_client_set_user(&c->net, slot, s);
    if (s)
        s->fin = guest->fin;
    return s != NULL;
}

void lobby_enter(struct console *c, const struct net_event *accepted)
{
    struct guest *guest = &c->lobby[accepted->slot % CONSOLE_SLOTS];
    *guest = (struct guest){.accepted = *accepted, .due_ns = clock_now() + PATIENCE_NS};
    guest->waits = !seat(c, guest);
}

void lobby_leave(struct console *c, uint32_t slot)
{
    c->lobby[slot % CONSOLE_SLOTS].waits = false;
}

void lobby_fin(struct console *c, uint32_t slot)
{
    c->lobby[slot % CONSOLE_SLOTS].fin = true;
}

void lobby_clear(struct console *c)
{
    memset(c->lobby, 0, sizeof c->lobby);
}

static struct guest *longest_waiting(struct console *c)
{
    struct guest *first = NULL;
    for (unsigned i = 0; i < CONSOLE_SLOTS; i++)
        if (c->lobby[i].waits && (!first || c->lobby[i].due_ns < first->due_ns))
            first = &c->lobby[i];
    return first;
}

static void refuse(struct console *c, struct guest *guest)
{
    static const char words[] = "All sessions of this console are in use; please try again later.\n";
    net_client_write(&c->net, guest->accepted.slot, words, sizeof words - 1);
    net_client_close(&c->net, guest->accepted.slot);
    guest->waits = false;
}

void lobby_turn(struct console *c, uint64_t now_ns)
{
    for (struct guest *guest; (guest = longest_waiting(c));) {
        if (seat(c, guest))
            guest->waits = false;
        else if (now_ns >= guest->due_ns)
            refuse(c, guest);
        else
            break;
    }
}

uint64_t lobby_due(const struct console *c)
{
    uint64_t due = DEADLINE_NEVER;
    for (unsigned i = 0; i < CONSOLE_SLOTS; i++)
        if (c->lobby[i].waits && c->lobby[i].due_ns < due)
            due = c->lobby[i].due_ns;
    return due;
}
