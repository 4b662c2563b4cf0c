/* The client side of netsrv's rings: see net_client.h. */
#include "lib/net_client.h"

#include <stdlib.h>
#include <string.h>

#include "lib/ipc.h"

#define X(NAME, number, request, reply, caps, rights) IPC_OP_ENUM(PROTO_NET, NAME, number)
enum { NET_OPS(X) };
#undef X

/* ---- attaching ---- */

static void write_region(struct net_client *client, const struct net_layout *layout)
{
    struct net_region *region = (struct net_region *)client->region;
    *region = (struct net_region){
        .magic = NET_REGION_MAGIC,
        .slot_count = client->config.slot_count,
        .rx_size = client->config.rx_size,
        .tx_size = client->config.tx_size,
        .data_offset = layout->data_offset,
        .command_offset = layout->command_offset,
        .event_offset = layout->event_offset,
        .slot_offset = layout->slot_offset,
    };
    region->events.consumer_asleep = 1;
    ring_view_init(&client->commands, &region->commands, client->region + layout->command_offset, NET_COMMANDS,
                   sizeof(struct net_command));
    ring_view_init(&client->events, &region->events, client->region + layout->event_offset, NET_EVENTS,
                   sizeof(struct net_event));
}

static status_t make_region(struct net_client *client, uint64_t *bytes)
{
    struct net_layout layout;
    const struct net_client_config *config = &client->config;
    status_t status = net_region_layout(config->slot_count, config->rx_size, config->tx_size, &layout);
    if (status != OK || config->connect_slots > config->slot_count)
        return ERR_INVALID;
    client->region_pages = layout.bytes >> PAGE_SHIFT;
    client->region = memory_map_new(client->region_pages, 0, &client->memory);
    client->slots = calloc(config->slot_count, sizeof *client->slots);
    client->dirty = calloc(config->slot_count, sizeof *client->dirty);
    if (!client->region || !client->slots || !client->dirty)
        return ERR_NO_MEMORY;
    write_region(client, &layout);
    *bytes = layout.bytes;
    return OK;
}

static handle_t mint(handle_t source, uint32_t rights, uint64_t badge)
{
    result_t minted = source ? cap_mint(source, rights | RIGHT_TRANSFER, badge) : HANDLE_NONE;
    return minted > 0 ? (handle_t)minted : HANDLE_NONE;
}

/* A channel must be given in any case: without one of the caller's, netsrv holds one that nobody listens to. */
static handle_t death_notice(const struct net_client_config *config)
{
    if (config->channel)
        return mint(config->channel, RIGHT_CHANNEL_SEND, config->badge);
    result_t channel = channel_create(1, 1);
    handle_t sender = channel > 0 ? mint((handle_t)channel, RIGHT_CHANNEL_SEND, 1) : HANDLE_NONE;
    if (channel > 0)
        cap_close((handle_t)channel);
    return sender;
}

static status_t introduce(struct net_client *client, uint64_t bytes, uint64_t deadline_ns)
{
    const struct net_client_config *config = &client->config;
    struct net_attach request = {bytes, config->slot_count, config->rx_size, config->tx_size, config->connect_slots};
    struct net_attached reply;
    handle_t caps[3] = {
        mint(client->memory, RIGHT_MEMORY_READ | RIGHT_MEMORY_WRITE | RIGHT_MEMORY_PIN, 0),
        mint(config->signal, RIGHT_SIGNAL_RAISE, 1ull << config->bit),
        death_notice(config),
    };
    status_t status = caps[0] && caps[1] && caps[2] ? OK : ERR_NO_RIGHT;
    if (status == OK)
        status = ipc_call_caps(client->service, NET_ATTACH, &request, sizeof request, caps, 3, 0, &reply, sizeof reply,
                               &client->bell, 1, deadline_ns);
    for (unsigned i = 0; status != OK && i < 3; i++)
        if (caps[i])
            cap_close(caps[i]); /* stale when it was moved: does nothing then */
    return status;
}

static status_t attach_once(struct net_client *client, uint64_t deadline_ns)
{
    uint64_t bytes;
    result_t service = service_connect("netsrv", deadline_ns);
    if (service < 0)
        return (status_t)service;
    client->service = (handle_t)service;
    status_t status = make_region(client, &bytes);
    if (status == OK)
        status = introduce(client, bytes, deadline_ns);
    client->attached = status == OK;
    return status;
}

status_t net_client_attach(struct net_client *client, const struct net_client_config *config, uint64_t deadline_ns)
{
    struct net_client_config copy = *config;
    status_t status;
    do { /* netsrv may die in between */
        net_client_detach(client);
        client->config = copy;
        status = attach_once(client, deadline_ns);
    } while (status == ERR_PEER_DIED && clock_now() < deadline_ns);
    if (status != OK)
        net_client_detach(client);
    return status;
}

static void command(struct net_client *client, uint16_t code, uint32_t slot);

void net_client_detach(struct net_client *client)
{
    if (client->attached) {
        command(client, NET_COMMAND_DETACH, 0);
        net_client_flush(client);
    }
    if (client->region && memory_unmap(HANDLE_NONE, (uint64_t)client->region, client->region_pages) != OK)
        log_warning("net_client: the region does not unmap");
    handle_t handles[] = {client->memory, client->bell, client->service};
    for (unsigned i = 0; i < 3; i++)
        if (handles[i])
            cap_close(handles[i]);
    free(client->slots);
    free(client->dirty);
    *client = (struct net_client){0};
}

/* ---- commands ---- */

static bool put(struct net_client *client, const struct net_command *c)
{
    return client->attached && ring_write(&client->commands, c, 1) == 1;
}

/* Those that may not be lost wait for room: netsrv empties the ring in its next turn whatever else it does. */
static void command(struct net_client *client, uint16_t code, uint32_t slot)
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
    command(client, code, (uint32_t)(slot - client->slots));
    if (slot->state == NET_CLIENT_ENDED)
        slot->state = NET_CLIENT_FREE;
}

void net_client_shut(struct net_client *client, uint32_t index)
{
    struct net_client_slot *slot = slot_of(client, index);
    if (!slot || slot->state != NET_CLIENT_OPEN || slot->close_sent)
        return;
    publish(client, slot);
    command(client, NET_COMMAND_SHUT, index);
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

status_t net_client_resolve(struct net_client *client, const char *name, uint8_t address[16], uint64_t deadline_ns)
{
    struct net_resolve request = {0};
    struct net_resolved reply;
    if (strlen(name) >= sizeof request.name)
        return ERR_TOO_LONG;
    strcpy(request.name, name);
    status_t status =
        ipc_call(client->service, NET_RESOLVE, &request, sizeof request, &reply, sizeof reply, deadline_ns);
    if (status == OK)
        memcpy(address, reply.address, sizeof reply.address);
    return status;
}
