/* Clients: attaching a region, walking its command ring, and letting go of it. See connection.h for the rules. */
#include <stdlib.h>
#include <string.h>

#include "netsrv/command.h"
#include "netsrv/connection.h"
#include "netsrv/port.h"
#include "netsrv/transmit.h"

#define RELEASE_LOOK_NS 5000000ull
#define REFUSAL_NS 1000000000ull

struct client clients[NET_CLIENTS_MAX];
static handle_t own_signal;
static unsigned first_signal_bit;

void clients_init(handle_t signal, unsigned first_bit)
{
    own_signal = signal;
    first_signal_bit = first_bit;
}

/* ---- attaching ---- */

static void set_up_rings(struct client *client)
{
    struct net_region *region = (struct net_region *)client->area.address;
    uint8_t *base = client->area.address;
    ring_view_init(&client->commands, &region->commands, base + client->layout.command_offset, NET_COMMANDS,
                   sizeof(struct net_command));
    ring_view_init(&client->events, &region->events, base + client->layout.event_offset, NET_EVENTS,
                   sizeof(struct net_event));
}

static status_t set_up_slots(struct client *client)
{
    client->slots = calloc(client->slot_count, sizeof *client->slots);
    if (!client->slots)
        return ERR_NO_MEMORY;
    for (uint32_t i = client->slot_count; i-- > 0;) {
        struct slot *slot = &client->slots[i];
        slot->client = client;
        slot->index = (uint16_t)i;
        if (i >= client->accept_count)
            continue;
        slot->next_free = client->free_slots;
        client->free_slots = slot;
    }
    client->last_event = &client->first_event;
    return OK;
}

static struct client *find_unused(uint32_t badge)
{
    unsigned own = 0;
    for (unsigned i = 0; i < NET_CLIENTS_MAX; i++)
        own += clients[i].used && clients[i].badge == badge;
    if (own >= NET_CLIENTS_OF_ONE)
        return NULL;
    for (unsigned i = 0; i < NET_CLIENTS_MAX; i++)
        if (!clients[i].used) {
            clients[i] = (struct client){.number = (uint8_t)i};
            return &clients[i];
        }
    return NULL;
}

/* A root: nobody can take the memory away while we work on it. (Its size is checked by mapping it, and whether it is a
 * device's by pinning it.) */
static status_t check_region(handle_t region)
{
    const uint32_t need = RIGHT_MEMORY_READ | RIGHT_MEMORY_WRITE | RIGHT_MEMORY_PIN;
    struct cap_info info;
    status_t status = cap_info(region, &info);
    if (status != OK)
        return status;
    if (info.type != OBJECT_MEMORY)
        return ERR_WRONG_TYPE;
    if ((info.rights & need) != need)
        return ERR_NO_RIGHT;
    return info.parent_id == 0 ? OK : ERR_REFUSED;
}

static status_t check(struct client *client, const struct net_attach *request)
{
    status_t status = net_region_layout(request->slot_count, request->rx_size, request->tx_size, &client->layout);
    if (status != OK)
        return status;
    return request->region_bytes == client->layout.bytes && request->connect_slots <= request->slot_count ? OK
                                                                                                          : ERR_INVALID;
}

static void describe(struct client *client, uint32_t badge, const struct net_attach *request)
{
    client->badge = badge;
    client->slot_count = request->slot_count;
    client->accept_count = request->slot_count - request->connect_slots;
    client->rx_size = request->rx_size;
    client->tx_size = request->tx_size;
}

/* Everything that can fail. The region's capability is the area's once it gets there. */
static status_t build(struct client *client, handle_t region, handle_t *bell)
{
    result_t minted =
        cap_mint(own_signal, RIGHT_SIGNAL_RAISE | RIGHT_TRANSFER, 1ull << (first_signal_bit + client->number));
    status_t status = minted < 0 ? (status_t)minted : set_up_slots(client);
    if (status != OK)
        cap_close(region);
    else
        status = dma_area_map(&client->area, region, client->layout.bytes >> PAGE_SHIFT);
    if (status != OK) {
        free(client->slots);
        if (minted >= 0)
            cap_close((handle_t)minted);
        return status;
    }
    *bell = (handle_t)minted;
    return OK;
}

static void close_caps(const handle_t *caps, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        cap_close(caps[i]);
}

/* Owns caps from here on, whatever it answers. */
status_t client_attach(uint32_t badge, const struct net_attach *request, const handle_t caps[3],
                       struct net_attached *reply, handle_t *bell)
{
    struct client *client = find_unused(badge);
    status_t status = client ? check(client, request) : ERR_TABLE_FULL;
    if (status == OK)
        status = check_region(caps[0]);
    if (status != OK) {
        close_caps(caps, 3);
        return status;
    }
    describe(client, badge, request);
    status = build(client, caps[0], bell);
    if (status != OK) {
        close_caps(caps + 1, 2);
        return status;
    }
    client->bell = caps[1];
    client->notice = caps[2];
    client->used = true;
    set_up_rings(client);
    reply->client = client->number;
    return OK;
}

struct client *client_numbered(uint32_t number, uint32_t badge)
{
    struct client *client = number < NET_CLIENTS_MAX ? &clients[number] : NULL;
    return client && client->used && !client->dropped && client->badge == badge ? client : NULL;
}

/* ---- letting go ---- */

void client_drop(struct client *client)
{
    if (!client->used || client->dropped)
        return;
    listeners_drop(client);
    scopes_drop(client);
    for (uint32_t i = 0; i < client->slot_count; i++)
        slot_drop(&client->slots[i]);
    client->dropped = true;
    client->first_event = NULL;
    client->sent_mark = transmit_mark();
    cap_close(client->bell);
    cap_close(client->notice);
}

void clients_drop_badge(uint32_t badge)
{
    for (unsigned i = 0; i < NET_CLIENTS_MAX; i++)
        if (clients[i].badge == badge)
            client_drop(&clients[i]);
}

/* The device may still read what was sent from the region. */
static void release(struct client *client)
{
    if (!transmit_passed(client->sent_mark))
        return;
    dma_area_free(&client->area);
    free(client->slots);
    *client = (struct client){0};
}

uint64_t clients_deadline(void)
{
    for (unsigned i = 0; i < NET_CLIENTS_MAX; i++)
        if (clients[i].used && clients[i].dropped)
            return clock_now() + RELEASE_LOOK_NS;
    return DEADLINE_NEVER;
}

/* ---- commands ---- */

static void detach(struct client *client, const struct net_command *command)
{
    (void)command;
    client_drop(client);
}

typedef void (*command_handler)(struct client *client, const struct net_command *command);
static const command_handler handlers[NET_COMMAND_COUNT] = {
    [NET_COMMAND_LISTEN] = listener_add,  [NET_COMMAND_UNLISTEN] = listener_remove,
    [NET_COMMAND_CONNECT] = slot_connect, [NET_COMMAND_SHUT] = slot_shut,
    [NET_COMMAND_CLOSE] = slot_close,     [NET_COMMAND_ABORT] = slot_abort,
    [NET_COMMAND_KICK] = slot_kick,       [NET_COMMAND_DETACH] = detach,
};

/* A client is told each time; a person once a client, and once a second at most. */
static void tell_refusal(struct client *client, const struct net_command *command)
{
    static uint64_t next_ns;
    if (client->refusal_told || port_now() < next_ns)
        return;
    client->refusal_told = true;
    next_ns = port_now() + REFUSAL_NS;
    log_warning("client %u (badge %u): may not %s port %u: no capability that it presented allows it", client->number,
                client->badge, command->code == NET_COMMAND_LISTEN ? "listen on" : "connect there, to", command->value);
}

static void refuse(struct client *client, const struct net_command *command, status_t status)
{
    if (status == ERR_NO_RIGHT)
        tell_refusal(client, command);
    struct net_event event = {.slot = command->slot, .status = status, .cookie = command->cookie};
    if (command->code == NET_COMMAND_LISTEN)
        event.code = NET_EVENT_LISTEN_FAILED;
    else if (command->code == NET_COMMAND_CONNECT)
        event.code = NET_EVENT_FAILED;
    else
        return; /* nobody waits for an answer to the others */
    event.value = command->value;
    client_post(client, &event);
}

static status_t allow(struct client *client, const struct net_command *command)
{
    status_t status = command_check(command, client->slot_count);
    if (status != OK || !(command_rules[command->code].needs & COMMAND_SCOPE))
        return status;
    client->allowed_by = scope_for(client, command);
    return client->allowed_by ? OK : ERR_NO_RIGHT;
}

/* At most a ring full a turn, so that one busy client cannot hold up the others. */
static bool client_commands(struct client *client)
{
    uint32_t count = ring_filled(&client->commands);
    for (uint32_t i = 0; i < count && !client->dropped; i++) {
        struct net_command command;
        if (!ring_read(&client->commands, &command, 1))
            break;
        status_t status = allow(client, &command);
        if (status == OK)
            handlers[command.code](client, &command);
        else
            refuse(client, &command, status);
    }
    if (!client->dropped)
        client->ring |= ring_publish_consumed(&client->commands);
    return count != 0;
}

bool clients_commands(void)
{
    bool any = false;
    for (unsigned i = 0; i < NET_CLIENTS_MAX; i++)
        if (clients[i].used && !clients[i].dropped)
            any |= client_commands(&clients[i]);
    return any;
}

bool clients_pending(void)
{
    for (unsigned i = 0; i < NET_CLIENTS_MAX; i++)
        if (clients[i].used && !clients[i].dropped && ring_filled(&clients[i].commands))
            return true;
    return false;
}

bool clients_sleep(void)
{
    bool quiet = true;
    for (unsigned i = 0; i < NET_CLIENTS_MAX; i++)
        if (clients[i].used && !clients[i].dropped)
            quiet &= ring_consumer_sleep(&clients[i].commands);
    return quiet;
}

/* ---- the end of a turn ---- */

static void ring_bell(struct client *client)
{
    client->ring = false;
    status_t status = signal_raise(client->bell, UINT64_MAX);
    if (status != OK)
        client_drop(client); /* the other side is gone */
}

void clients_flush(void)
{
    for (unsigned i = 0; i < NET_CLIENTS_MAX; i++) {
        struct client *client = &clients[i];
        if (!client->used)
            continue;
        if (client->dropped) {
            release(client);
            continue;
        }
        events_flush(client);
        if (client->ring)
            ring_bell(client);
    }
}
