/* The client side of netsrv's rings: see net_client.h. */
#include "lib/net_client.h"

#include <string.h>

#include "lib/ipc.h"

#define X(NAME, number, request, reply, caps, rights) IPC_OP_ENUM(PROTO_NET, NAME, number)
enum { NET_OPS(X) };
#undef X

/* ---- commands ---- */

static bool put(struct net_client *client, const struct net_command *c)
{
    return client->attached && ring_write(&client->commands, c, 1) == 1;
}

/* Those that may not be lost wait for room: netsrv empties the ring in its next turn whatever else it does. */
void net_client_command(struct net_client *client, uint16_t code, uint32_t slot)
{
    struct net_command c = {.code = code, .slot = (uint16_t)slot};
    for (unsigned tries = 0; !put(client, &c) && client->attached && tries < 1000; tries++) {
        net_client_flush(client);
        task_yield();
    }
}

status_t net_client_listen(struct net_client *client, uint16_t port, uint64_t cookie)
{
    struct net_command c = {.code = NET_COMMAND_LISTEN, .value = port, .cookie = cookie};
    return put(client, &c) ? OK : ERR_WOULD_BLOCK;
}

status_t net_client_unlisten(struct net_client *client, uint16_t port)
{
    struct net_command c = {.code = NET_COMMAND_UNLISTEN, .value = port};
    return put(client, &c) ? OK : ERR_WOULD_BLOCK;
}

static struct net_client_slot *slot_of(struct net_client *client, uint32_t slot)
{
    return client->attached && slot < client->config.slot_count ? &client->slots[slot] : NULL;
}

/* Ready for bytes: netsrv zeroed the control words when it took the slot. */
static void open_slot(struct net_client *client, uint32_t index, uint8_t state)
{
    const struct net_region *region = (const struct net_region *)client->region;
    const struct net_client_config *config = &client->config;
    struct net_client_slot *slot = &client->slots[index];
    struct net_slot *shared = (struct net_slot *)(client->region + region->slot_offset) + index;
    uint8_t *data = client->region + region->data_offset + (size_t)index * (config->rx_size + config->tx_size);
    void *user = state == NET_CLIENT_OPEN && slot->state == NET_CLIENT_CONNECTING ? slot->user : NULL;
    bool dirty = slot->dirty, close_sent = slot->state == NET_CLIENT_CONNECTING && slot->close_sent;
    *slot = (struct net_client_slot){.state = state, .dirty = dirty, .user = user, .close_sent = close_sent};
    ring_view_init(&slot->rx, &shared->rx, data, config->rx_size, 1);
    ring_view_init(&slot->tx, &shared->tx, data + config->rx_size, config->tx_size, 1);
}

result_t net_client_connect(struct net_client *client, const uint8_t address[16], uint16_t port, uint64_t cookie)
{
    uint32_t count = client->attached ? client->config.slot_count : 0;
    for (uint32_t i = count - (count ? client->config.connect_slots : 0); i < count; i++) {
        if (client->slots[i].state != NET_CLIENT_FREE)
            continue;
        struct net_command c = {.code = NET_COMMAND_CONNECT, .slot = (uint16_t)i, .value = port, .cookie = cookie};
        memcpy(c.address, address, sizeof c.address);
        if (!put(client, &c))
            return ERR_WOULD_BLOCK;
        client->slots[i] = (struct net_client_slot){.state = NET_CLIENT_CONNECTING, .dirty = client->slots[i].dirty};
        return i;
    }
    return ERR_WOULD_BLOCK;
}

static void touch(struct net_client *client, struct net_client_slot *slot)
{
    if (slot->dirty)
        return;
    slot->dirty = true;
    client->dirty[client->dirty_count++] = (uint16_t)(slot - client->slots);
}

/* Publishes a slot's bytes before a command that refers to them. */
static void publish(struct net_client *client, struct net_client_slot *slot)
{
    if (slot->state == NET_CLIENT_OPEN) {
        client->ring |= ring_publish_produced(&slot->tx);
        client->ring |= ring_publish_consumed(&slot->rx);
        slot->unkicked = 0;
    }
}

static void last_word(struct net_client *client, struct net_client_slot *slot, uint16_t code)
{
    if (slot->close_sent || slot->state == NET_CLIENT_FREE)
        return;
    publish(client, slot);
    slot->close_sent = true;
    net_client_command(client, code, (uint32_t)(slot - client->slots));
    if (slot->state == NET_CLIENT_ENDED)
        slot->state = NET_CLIENT_FREE;
}

void net_client_shut(struct net_client *client, uint32_t index)
{
    struct net_client_slot *slot = slot_of(client, index);
    if (!slot || slot->state != NET_CLIENT_OPEN || slot->close_sent)
        return;
    publish(client, slot);
    net_client_command(client, NET_COMMAND_SHUT, index);
}

void net_client_close(struct net_client *client, uint32_t index)
{
    struct net_client_slot *slot = slot_of(client, index);
    if (slot)
        last_word(client, slot, NET_COMMAND_CLOSE);
}

void net_client_abort(struct net_client *client, uint32_t index)
{
    struct net_client_slot *slot = slot_of(client, index);
    if (slot)
        last_word(client, slot, NET_COMMAND_ABORT);
}

/* ---- events ---- */

/* CLOSED is the end: the library says the last word if the caller did not. FAILED needs none. */
static void end_slot(struct net_client *client, struct net_client_slot *slot, bool failed)
{
    bool said = slot->close_sent || failed;
    slot->state = NET_CLIENT_ENDED;
    if (said)
        slot->state = NET_CLIENT_FREE;
    else
        last_word(client, slot, NET_COMMAND_CLOSE);
}

static bool is_slot_event(uint16_t code)
{
    return code >= NET_EVENT_ACCEPTED && code <= NET_EVENT_CLOSED;
}

static void note(struct net_client *client, const struct net_event *event)
{
    struct net_client_slot *slot = &client->slots[event->slot];
    if (event->code == NET_EVENT_ACCEPTED || event->code == NET_EVENT_CONNECTED)
        open_slot(client, event->slot, NET_CLIENT_OPEN);
    else if (event->code == NET_EVENT_CLOSED || event->code == NET_EVENT_FAILED)
        end_slot(client, slot, event->code == NET_EVENT_FAILED);
}

bool net_client_event(struct net_client *client, struct net_event *event)
{
    while (client->attached && ring_read(&client->events, event, 1)) {
        if (!is_slot_event(event->code))
            return true;
        if (event->slot >= client->config.slot_count)
            continue;
        note(client, event);
        return true;
    }
    return false;
}

/* ---- the end of a turn ---- */

static void flush_slots(struct net_client *client)
{
    uint32_t left = 0;
    for (uint32_t i = 0; i < client->dirty_count; i++) {
        uint16_t index = client->dirty[i];
        struct net_client_slot *slot = &client->slots[index];
        struct net_command kick = {.code = NET_COMMAND_KICK, .slot = index};
        bool open = slot->state == NET_CLIENT_OPEN && !slot->close_sent;
        publish(client, slot);
        slot->dirty = open && !put(client, &kick);
        if (slot->dirty)
            client->dirty[left++] = index; /* the ring is full: in the next turn */
    }
    client->dirty_count = left;
}

void net_client_flush(struct net_client *client)
{
    if (!client->attached)
        return;
    flush_slots(client);
    client->ring |= ring_publish_produced(&client->commands);
    client->ring |= ring_publish_consumed(&client->events);
    if (client->ring)
        (void)signal_raise_no_hurry(client->bell, UINT64_MAX); /* a dead netsrv is told by MSG_CLOSED */
    client->ring = false;
}

bool net_client_sleep(struct net_client *client)
{
    if (!client->attached)
        return true;
    net_client_flush(client);
    if (client->dirty_count && !ring_producer_sleep(&client->commands))
        return false;
    return ring_consumer_sleep(&client->events);
}

/* ---- bytes ---- */

static struct net_client_slot *open_for_bytes(struct net_client *client, uint32_t index)
{
    struct net_client_slot *slot = slot_of(client, index);
    return slot && slot->state == NET_CLIENT_OPEN ? slot : NULL;
}

/* netsrv hears of consumption when it matters for the window: a quarter of the ring, or it was more than half full. */
static void consumed(struct net_client *client, struct net_client_slot *slot, uint32_t count)
{
    bool was_half_full = ring_filled(&slot->rx) > slot->rx.size / 2;
    ring_consume(&slot->rx, count);
    slot->unkicked += count;
    if (was_half_full || slot->unkicked >= slot->rx.size / 4)
        touch(client, slot);
}

uint32_t net_client_peek(struct net_client *client, uint32_t index, void **at)
{
    struct net_client_slot *slot = open_for_bytes(client, index);
    uint32_t n = slot ? ring_filled_span(&slot->rx, at) : 0;
    if (slot && n == 0 && !ring_consumer_sleep(&slot->rx))
        n = ring_filled_span(&slot->rx, at);
    return n;
}

void net_client_consume(struct net_client *client, uint32_t index, uint32_t count)
{
    struct net_client_slot *slot = open_for_bytes(client, index);
    if (slot && count)
        consumed(client, slot, count);
}

uint32_t net_client_read(struct net_client *client, uint32_t index, void *bytes, uint32_t count)
{
    uint32_t done = 0;
    while (done < count) {
        void *at;
        uint32_t n = net_client_peek(client, index, &at);
        if (n == 0)
            break;
        n = n < count - done ? n : count - done;
        memcpy((uint8_t *)bytes + done, at, n);
        net_client_consume(client, index, n);
        done += n;
    }
    return done;
}

uint32_t net_client_unread(struct net_client *client, uint32_t index)
{
    struct net_client_slot *slot = open_for_bytes(client, index);
    return slot ? ring_filled(&slot->rx) : 0;
}

static struct net_client_slot *open_for_writing(struct net_client *client, uint32_t index)
{
    struct net_client_slot *slot = open_for_bytes(client, index);
    return slot && !slot->close_sent ? slot : NULL;
}

uint32_t net_client_room(struct net_client *client, uint32_t index)
{
    struct net_client_slot *slot = open_for_writing(client, index);
    return slot ? ring_room(&slot->tx) : 0;
}

uint32_t net_client_room_span(struct net_client *client, uint32_t index, void **at)
{
    struct net_client_slot *slot = open_for_writing(client, index);
    return slot ? ring_room_span(&slot->tx, at) : 0;
}

void net_client_produce(struct net_client *client, uint32_t index, uint32_t count)
{
    struct net_client_slot *slot = open_for_writing(client, index);
    if (!slot || !count)
        return;
    ring_produce(&slot->tx, count);
    touch(client, slot);
}

uint32_t net_client_write(struct net_client *client, uint32_t index, const void *bytes, uint32_t count)
{
    struct net_client_slot *slot = open_for_writing(client, index);
    uint32_t n = slot ? ring_write(&slot->tx, bytes, count) : 0;
    if (n)
        touch(client, slot);
    return n;
}

bool net_client_want_room(struct net_client *client, uint32_t index)
{
    struct net_client_slot *slot = open_for_writing(client, index);
    return slot && ring_producer_sleep(&slot->tx);
}

/* ---- asking ---- */

status_t net_client_resolve(const char *name, uint8_t address[16], uint64_t deadline_ns)
{
    struct net_resolve request = {0};
    struct net_resolved reply;
    if (strlen(name) >= sizeof request.name)
        return ERR_TOO_LONG;
    strcpy(request.name, name);
    result_t scope = service_scope("netsrv", NET_SCOPE_ANY, deadline_ns);
    if (scope < 0)
        return (status_t)scope;
    status_t status =
        ipc_call((handle_t)scope, NET_RESOLVE, &request, sizeof request, &reply, sizeof reply, deadline_ns);
    cap_close((handle_t)scope);
    if (status == OK)
        memcpy(address, reply.address, sizeof reply.address);
    return status;
}
