/* Slots: taking and freeing them, and the client's commands. See connection.h for the rules; tcp.c has the connection
 * behind a slot, work.c what a turn does with it. */
#include "netsrv/connection.h"

#include <string.h>

#include <lwip/tcp.h>

/* ---- taking and freeing ---- */

static uint8_t *slot_data(const struct client *client, uint32_t index)
{
    size_t stride = (size_t)client->rx_size + client->tx_size;
    return client->area.address + client->layout.data_offset + index * stride;
}

static void reset_rings(struct slot *slot)
{
    struct client *client = slot->client;
    struct net_slot *shared = (struct net_slot *)(client->area.address + client->layout.slot_offset) + slot->index;
    uint8_t *data = slot_data(client, slot->index);
    ring_init_control(&shared->rx);
    ring_init_control(&shared->tx);
    shared->rx.consumer_asleep = 1; /* the first bytes are an event */
    ring_view_init(&slot->rx, &shared->rx, data, client->rx_size, 1);
    ring_view_init(&slot->tx, &shared->tx, data + client->rx_size, client->tx_size, 1);
}

/* for_accept: any of the first accept_count; else the one that the client names among the others. */
struct slot *slot_take(struct client *client, bool for_accept, uint16_t index)
{
    struct slot *slot = for_accept ? client->free_slots : &client->slots[index];
    if (!slot || slot->state != SLOT_FREE || (!for_accept && index < client->accept_count))
        return NULL;
    if (for_accept)
        client->free_slots = slot->next_free;
    index = slot->index;
    uint8_t listed = slot->flags & SLOT_DIRTY;
    struct slot *next_dirty = slot->next_dirty;
    *slot = (struct slot){.client = client, .index = index, .flags = listed, .next_dirty = next_dirty};
    slot->state = for_accept ? SLOT_HALF_OPEN : SLOT_CONNECTING;
    client->slots_used++;
    reset_rings(slot);
    return slot;
}

void slot_free(struct slot *slot)
{
    struct client *client = slot->client;
    slot->state = SLOT_FREE;
    slot->pcb = NULL;
    client->slots_used--;
    if (slot->index < client->accept_count) {
        slot->next_free = client->free_slots;
        client->free_slots = slot;
    }
}

void slot_post(struct slot *slot, uint16_t event)
{
    struct client *client = slot->client;
    slot->events |= (uint16_t)(1u << event);
    if (slot->listed)
        return;
    slot->listed = true;
    slot->next_event = NULL;
    *client->last_event = slot;
    client->last_event = &slot->next_event;
}

/* The connection is over for the client. With its last word said, the slot is free once CLOSED is in the ring. */
void slot_end(struct slot *slot, int32_t status)
{
    bool connecting = slot->state == SLOT_CONNECTING;
    if (slot->state == SLOT_ENDED)
        return;
    slot->state = SLOT_ENDED;
    slot->status = status;
    if (connecting)
        slot->flags |= SLOT_GIVEN_BACK; /* FAILED stands for both */
    slot_post(slot, connecting ? NET_EVENT_FAILED : NET_EVENT_CLOSED);
}

void slot_drop(struct slot *slot)
{
    slot_abort_pcb(slot);
    slot->state = SLOT_FREE;
}

void slot_revoke(struct slot *slot)
{
    if (slot->state == SLOT_FREE || slot->state == SLOT_ENDED)
        return;
    slot_abort_pcb(slot);
    if (slot->state == SLOT_HALF_OPEN) {
        slot_free(slot); /* the client never knew */
        return;
    }
    slot_end(slot, ERR_NO_RIGHT);
    slot_touch(slot);
}

static void read_address(const uint8_t in[16], ip_addr_t *out)
{
    static const uint8_t mapped[12] = {[10] = 0xff, 0xff};
    memset(out, 0, sizeof *out);
    if (memcmp(in, mapped, 12) == 0) {
        IP_SET_TYPE_VAL(*out, IPADDR_TYPE_V4);
        memcpy(&ip_2_ip4(out)->addr, in + 12, 4);
        return;
    }
    IP_SET_TYPE_VAL(*out, IPADDR_TYPE_V6);
    memcpy(ip_2_ip6(out)->addr, in, 16);
}

static err_t dial(struct slot *slot, const struct net_command *command)
{
    ip_addr_t address;
    read_address(command->address, &address);
    struct tcp_pcb *pcb = tcp_new_ip_type(IP_GET_TYPE(&address));
    if (!pcb)
        return ERR_MEM;
    slot_attach_pcb(slot, pcb); /* tcp_connect sets the window anew: lwIP wants its default until the scale is known */
    err_t err = tcp_connect(pcb, &address, (u16_t)command->value, slot_on_connected);
    if (err != ERR_OK)
        slot_abort_pcb(slot);
    return err;
}

/* ---- commands (checked by command.c) ---- */

static bool has_connection(const struct slot *slot)
{
    return slot->state == SLOT_CONNECTING || slot->state == SLOT_OPEN || slot->state == SLOT_ENDED;
}

static void connect_failed(struct client *client, const struct net_command *command, int32_t status)
{
    struct net_event event = {
        .code = NET_EVENT_FAILED, .slot = command->slot, .status = status, .cookie = command->cookie};
    client_post(client, &event);
}

void slot_connect(struct client *client, const struct net_command *command)
{
    struct slot *slot = slot_take(client, false, command->slot);
    if (!slot) {
        connect_failed(client, command, ERR_BAD_STATE);
        return;
    }
    slot->cookie = command->cookie;
    slot->scope = client->allowed_by;
    err_t err = dial(slot, command);
    if (err != ERR_OK)
        slot_end(slot, err == ERR_RTE ? ERR_UNREACHABLE : ERR_NO_MEMORY);
}

void slot_shut(struct client *client, const struct net_command *command)
{
    struct slot *slot = &client->slots[command->slot];
    if (!has_connection(slot))
        return;
    slot->flags |= SLOT_SHUT;
    slot_touch(slot);
}

void slot_close(struct client *client, const struct net_command *command)
{
    struct slot *slot = &client->slots[command->slot];
    if (!has_connection(slot) || slot->flags & SLOT_GIVEN_BACK)
        return;
    slot->flags |= SLOT_SHUT | SLOT_CLOSE | SLOT_GIVEN_BACK;
    slot_touch(slot);
}

void slot_abort(struct client *client, const struct net_command *command)
{
    struct slot *slot = &client->slots[command->slot];
    if (!has_connection(slot))
        return;
    slot_abort_pcb(slot);
    slot->flags |= SLOT_GIVEN_BACK | SLOT_CLOSE;
    slot_end(slot, OK);
    slot_touch(slot);
}

void slot_kick(struct client *client, const struct net_command *command)
{
    struct slot *slot = &client->slots[command->slot];
    if (has_connection(slot))
        slot_touch(slot);
}
