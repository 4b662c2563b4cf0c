/* Making a region and handing it to netsrv: see net_client.h. */
#include "lib/net_client.h"

#include <stdlib.h>
#include <string.h>

#include "lib/ipc.h"

#define X(NAME, number, request, reply, caps, rights) IPC_OP_ENUM(PROTO_NET, NAME, number)
enum { NET_OPS(X) };
#undef X

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

static status_t make_region(struct net_client *client, uint64_t *bytes, handle_t *root)
{
    struct net_layout layout;
    const struct net_client_config *config = &client->config;
    status_t status = net_region_layout(config->slot_count, config->rx_size, config->tx_size, &layout);
    if (status != OK || config->connect_slots > config->slot_count)
        return ERR_INVALID;
    client->region_pages = layout.bytes >> PAGE_SHIFT;
    client->region = memory_map_shared(client->region_pages, &client->memory, root);
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

#define NOTICE_SHIFT 8 /* above the caller's badge: which attachment it is */

/* A badge of its own for each attachment, as the end of one may be told when the next one stands:
 *
 *   client                                netsrv
 *   detach: DETACH, closes its sender
 *                                         drops the client, closes its notice: the last with that badge
 *   attach: mints the next notice         (the kernel queues MSG_CLOSED for the client)
 *                                         takes the region
 *   reads MSG_CLOSED: with the same badge it would be netsrv's death: detach, and so on for ever
 *
 * A channel must be given in any case: without one of the caller's, netsrv holds one that nobody listens to. */
static handle_t death_notice(struct net_client *client)
{
    static uint32_t attachments;
    const struct net_client_config *config = &client->config;
    if (config->channel) {
        client->notice = config->badge | ++attachments << NOTICE_SHIFT;
        return mint(config->channel, RIGHT_CHANNEL_SEND, client->notice);
    }
    result_t channel = channel_create(1, 1);
    handle_t sender = channel > 0 ? mint((handle_t)channel, RIGHT_CHANNEL_SEND, 1) : HANDLE_NONE;
    if (channel > 0)
        cap_close((handle_t)channel);
    return sender;
}

/* Moves the region's root to netsrv; what was not moved is closed. */
static status_t introduce(struct net_client *client, uint64_t bytes, handle_t root, uint64_t deadline_ns)
{
    const struct net_client_config *config = &client->config;
    struct net_attach request = {bytes, config->slot_count, config->rx_size, config->tx_size, config->connect_slots};
    struct net_attached reply = {0};
    handle_t caps[3] = {
        root,
        mint(config->signal, RIGHT_SIGNAL_RAISE, 1ull << config->bit),
        death_notice(client),
    };
    status_t status = caps[0] && caps[1] && caps[2] ? OK : ERR_NO_RIGHT;
    if (status == OK)
        status = ipc_call_caps(client->service, NET_ATTACH, &request, sizeof request, caps, 3, 0, &reply, sizeof reply,
                               &client->bell, 1, deadline_ns);
    for (unsigned i = 0; status != OK && i < 3; i++)
        if (caps[i])
            cap_close(caps[i]); /* stale when it was moved: does nothing then */
    client->number = reply.client;
    return status;
}

static status_t present(const struct net_client *client, uint32_t badge, uint64_t deadline_ns)
{
    struct net_present request = {.client = client->number};
    result_t scope = service_scope("netsrv", badge, deadline_ns);
    if (scope < 0)
        return (status_t)scope;
    handle_t cap = (handle_t)scope;
    status_t status = ipc_call_caps(client->service, NET_PRESENT, &request, sizeof request, &cap, 1, 0, NULL, 0, NULL,
                                    0, deadline_ns);
    if (status != OK)
        cap_close(cap);
    return status;
}

static status_t present_all(const struct net_client *client, uint64_t deadline_ns)
{
    status_t status = OK;
    for (unsigned i = 0; i < NET_SCOPES_MAX && client->config.scopes[i] && status == OK; i++)
        status = present(client, client->config.scopes[i], deadline_ns);
    return status;
}

static status_t attach_once(struct net_client *client, uint64_t deadline_ns)
{
    uint64_t bytes;
    handle_t root = HANDLE_NONE;
    result_t service = service_connect("netsrv", deadline_ns);
    if (service < 0)
        return (status_t)service;
    client->service = (handle_t)service;
    status_t status = make_region(client, &bytes, &root);
    if (status == OK)
        status = introduce(client, bytes, root, deadline_ns);
    else if (root)
        cap_close(root);
    client->attached = status == OK;
    return status == OK ? present_all(client, deadline_ns) : status;
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

bool net_client_closed(const struct net_client *client, const struct msg *m)
{
    return client->attached && m->head.kind == MSG_CLOSED && m->head.badge == client->notice;
}

void net_client_detach(struct net_client *client)
{
    if (client->attached) {
        net_client_command(client, NET_COMMAND_DETACH, 0);
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
