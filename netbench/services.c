#include "netbench/services.h"

#include <string.h>

#include "netbench/pattern.h"

/* What is kept for each connection lies in the slot's user word. */
#define ECHO_FIN 1ul /* the peer is done: close when all is echoed */

static uintptr_t word(struct net_client *client, uint32_t slot)
{
    return (uintptr_t)net_client_user(client, slot);
}
static void set_word(struct net_client *client, uint32_t slot, uintptr_t value)
{
    net_client_set_user(client, slot, (void *)value);
}

static void nothing(struct net_client *client, uint32_t slot)
{
    (void)client;
    (void)slot;
}

/* ---- echo ---- */

/* One piece from the receive to the transmit ring; 0: nothing to read or no room. */
static uint32_t echo_piece(struct net_client *client, uint32_t slot)
{
    void *from, *to;
    uint32_t n = net_client_peek(client, slot, &from);
    uint32_t room = n ? net_client_room_span(client, slot, &to) : 0;
    n = n < room ? n : room;
    if (n == 0)
        return 0;
    memcpy(to, from, n);
    net_client_consume(client, slot, n);
    net_client_produce(client, slot, n);
    return n;
}

static void echo_move(struct net_client *client, uint32_t slot)
{
    for (;;) {
        if (echo_piece(client, slot))
            continue;
        bool all = net_client_unread(client, slot) == 0;
        if (all && word(client, slot) & ECHO_FIN)
            net_client_close(client, slot);
        if (all || net_client_want_room(client, slot) || !net_client_room(client, slot))
            return;
    }
}

static void echo_ended(struct net_client *client, uint32_t slot)
{
    set_word(client, slot, ECHO_FIN);
    echo_move(client, slot);
}

/* ---- discard ---- */

static void discard_all(struct net_client *client, uint32_t slot)
{
    void *at;
    uint32_t n;
    while ((n = net_client_peek(client, slot, &at)))
        net_client_consume(client, slot, n);
}

static void discard_ended(struct net_client *client, uint32_t slot)
{
    discard_all(client, slot);
    net_client_close(client, slot);
}

/* ---- character generator ---- */

static void chargen_fill(struct net_client *client, uint32_t slot)
{
    uint32_t offset = (uint32_t)word(client, slot);
    do {
        void *to;
        uint32_t n;
        while ((n = net_client_room_span(client, slot, &to))) {
            offset = pattern_write(to, n, offset);
            net_client_produce(client, slot, n);
        }
    } while (!net_client_want_room(client, slot) && net_client_room(client, slot));
    set_word(client, slot, offset);
}

const struct service services[SERVICES_COUNT] = {
    {"echo", 7, 256, 8192, 8192, nothing, echo_move, echo_move, echo_ended},
    {"discard", 9, 32, 65536, NET_SIZE_MIN, nothing, discard_all, nothing, discard_ended},
    {"chargen", 19, 32, NET_SIZE_MIN, 65536, chargen_fill, discard_all, chargen_fill, net_client_abort},
};

/* ---- events ---- */

typedef void (*service_handler)(struct net_client *client, uint32_t slot);

static service_handler handler_of(const struct service *service, uint16_t code)
{
    const service_handler handlers[] = {
        [NET_EVENT_ACCEPTED] = service->opened,
        [NET_EVENT_DATA] = service->readable,
        [NET_EVENT_ROOM] = service->writable,
        [NET_EVENT_FIN] = service->ended,
    };
    return code < sizeof handlers / sizeof *handlers ? handlers[code] : NULL;
}

static void act(const struct service *service, struct net_client *client, const struct net_event *event)
{
    service_handler handle = handler_of(service, event->code);
    if (handle)
        handle(client, event->slot);
    else if (event->code == NET_EVENT_LISTEN_FAILED)
        log_error("%s: port %u: %s", service->name, service->port, status_text(event->status));
}

void service_events(const struct service *service, struct net_client *client)
{
    struct net_event event;
    while (net_client_event(client, &event))
        act(service, client, &event);
}
