/* Connections for which there is no session just now: they wait 40 ms for one that ends (people come and go in
 * bursts), then hear that there is no room and are closed.
 *
 * Rules: one place a slot, so there is always one. A connection is either here or has a session. */
#pragma once
#include <lib/net_client.h>

struct console;

struct guest {
    bool waits, fin;
    uint64_t due_ns;
    struct net_event accepted;
};

void lobby_enter(struct console *console, const struct net_event *accepted);
void lobby_leave(struct console *console, uint32_t slot); /* it closed */
void lobby_fin(struct console *console, uint32_t slot);
void lobby_turn(struct console *console, uint64_t now_ns); /* gives sessions out, first come first served; refuses */
uint64_t lobby_due(const struct console *console);
void lobby_clear(struct console *console); /* netsrv died: all are gone */
