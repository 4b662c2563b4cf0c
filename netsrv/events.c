/* Events from slots to the client's ring. Each slot has a set of pending events and stands in its client's list once,
 * so a client that does not drain its ring costs no memory and loses nothing. */
#include <string.h>

#include "netsrv/connection.h"

void client_post(struct client *client, const struct net_event *event)
{
    ring_write(&client->events, event, 1);
}

static void fill(const struct slot *slot, uint16_t code, struct net_event *event)
{
    *event = (struct net_event){.code = code, .slot = slot->index, .cookie = slot->cookie};
    if (code == NET_EVENT_CLOSED || code == NET_EVENT_FAILED)
        event->status = slot->status;
    if (code == NET_EVENT_ACCEPTED || code == NET_EVENT_CONNECTED) {
        event->value = slot->local_port;
        event->remote_port = slot->remote_port;
        memcpy(event->address, slot->remote, sizeof event->address);
    }
}

/* The codes ascend in the order in which they make sense: ACCEPTED before DATA before FIN before CLOSED. */
static bool write_events(struct client *client, struct slot *slot)
{
    while (slot->events) {
        uint16_t code = (uint16_t)__builtin_ctz(slot->events);
        struct net_event event;
        if (!ring_room(&client->events))
            return false;
        fill(slot, code, &event);
        ring_write(&client->events, &event, 1);
        slot->events &= (uint16_t)(slot->events - 1);
    }
    return true;
}

/* Twice: room may have come between the look and the sleep flag. */
static bool write_or_sleep(struct client *client, struct slot *slot)
{
    return write_events(client, slot) || (!ring_producer_sleep(&client->events) && write_events(client, slot));
}

void events_flush(struct client *client)
{
    listeners_post(client);
    while (client->first_event) {
        struct slot *slot = client->first_event;
        if (!write_or_sleep(client, slot))
            break; /* the client rings when it has drained some */
        client->first_event = slot->next_event;
        if (!client->first_event)
            client->last_event = &client->first_event;
        slot->listed = false;
        if (slot->state == SLOT_ENDED)
            slot_touch(slot); /* CLOSED is out: free when the client said its last word */
    }
    client->ring |= ring_publish_produced(&client->events);
}
