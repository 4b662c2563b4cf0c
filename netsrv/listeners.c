/* Listening ports, and how a SYN becomes a slot. */
#include "netsrv/connection.h"

#include <lwip/priv/tcp_priv.h>
#include <lwip/tcp.h>
#include "netsrv/tell.h"

struct listener listeners[NET_LISTENERS_MAX];

static struct listener *find(uint16_t port)
{
    for (unsigned i = 0; i < NET_LISTENERS_MAX; i++)
        if (listeners[i].client && listeners[i].pcb && listeners[i].port == port)
            return &listeners[i];
    return NULL;
}

static struct listener *find_free(void)
{
    for (unsigned i = 0; i < NET_LISTENERS_MAX; i++)
        if (!listeners[i].client)
            return &listeners[i];
    return NULL;
}

/* ---- connections coming in ---- */

/* A SYN came: takes a slot, so that the window in the SYN-ACK is one that there is. No slot: the SYN is forgotten, the
 * peer sends it again. */
static err_t on_passive_open(u8_t id, struct tcp_pcb_listen *listening, struct tcp_pcb *pcb)
{
    struct listener *listener = tcp_ext_arg_get((struct tcp_pcb *)listening, id);
    bool allowed = listener && listener->client && scope_still_lives(listener->scope);
    struct slot *slot = allowed ? slot_take(listener->client, true, 0) : NULL;
    if (!slot)
        return ERR_MEM;
    slot->scope = listener->scope;
    slot->cookie = listener->cookie;
    slot_attach_pcb(slot, pcb);
    return ERR_OK;
}

static err_t on_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
    struct slot *slot = arg;
    if (!pcb || err != ERR_OK)
        return ERR_VAL; /* lwIP had no memory for a control block: arg is not a slot */
    slot_open(slot);
    slot_post(slot, NET_EVENT_ACCEPTED);
    return ERR_OK;
}

static const struct tcp_ext_arg_callbacks listen_callbacks = {.passive_open = on_passive_open};

/* ---- commands ---- */

static struct tcp_pcb *listen_on(uint16_t port, uint32_t slots)
{
    struct tcp_pcb *pcb = tcp_new_ip_type(IPADDR_TYPE_ANY);
    if (!pcb)
        return NULL;
    struct tcp_pcb *listening = NULL;
    if (tcp_bind(pcb, IP_ANY_TYPE, port) == ERR_OK)
        listening = tcp_listen_with_backlog(pcb, (u8_t)(slots < 255 ? slots : 255));
    if (!listening)
        tcp_abort(pcb);
    return listening;
}

/* An entry is taken in any case: it holds the answer until the event ring has room. */
void listener_add(struct client *client, const struct net_command *command)
{
    struct listener *listener = find_free();
    uint16_t port = (uint16_t)command->value;
    if (!listener) {
        struct net_event event = {
            .code = NET_EVENT_LISTEN_FAILED, .status = ERR_TABLE_FULL, .value = port, .cookie = command->cookie};
        client_post(client, &event);
        return;
    }
    bool taken = find(port);
    *listener =
        (struct listener){.client = client, .scope = client->allowed_by, .port = port, .cookie = command->cookie};
    listener->pcb = taken ? NULL : listen_on(port, client->slot_count);
    listener->announce = listener->pcb ? NET_EVENT_LISTENING : NET_EVENT_LISTEN_FAILED;
    listener->status = listener->pcb ? OK : taken ? ERR_EXISTS : ERR_NO_MEMORY;
    if (!listener->pcb)
        return;
    tcp_ext_arg_set(listener->pcb, 0, listener);
    tcp_ext_arg_set_callbacks(listener->pcb, 0, &listen_callbacks);
    tcp_accept(listener->pcb, on_accept);
    tell_state(listener->pcb);
}

static void close_listener(struct listener *listener)
{
    if (listener->pcb) {
        tcp_ext_arg_set(listener->pcb, 0, NULL);
        tcp_close(listener->pcb); /* cannot fail for a listening one; half-open connections are dropped */
    }
    *listener = (struct listener){0};
}

void listener_remove(struct client *client, const struct net_command *command)
{
    struct listener *listener = find((uint16_t)command->value);
    if (listener && listener->client == client)
        close_listener(listener);
}

void listeners_drop(struct client *client)
{
    for (unsigned i = 0; i < NET_LISTENERS_MAX; i++)
        if (listeners[i].client == client)
            close_listener(&listeners[i]);
}

/* The client hears of it like of a LISTEN that failed. */
void listeners_revoke(struct client *client, const struct scope *scope)
{
    for (unsigned i = 0; i < NET_LISTENERS_MAX; i++) {
        struct listener listener = listeners[i];
        if (listener.client != client || listener.scope != scope)
            continue;
        close_listener(&listeners[i]);
        listeners[i] = (struct listener){.client = client,
                                         .port = listener.port,
                                         .cookie = listener.cookie,
                                         .announce = NET_EVENT_LISTEN_FAILED,
                                         .status = ERR_NO_RIGHT};
    }
}

void listeners_post(struct client *client)
{
    for (unsigned i = 0; i < NET_LISTENERS_MAX; i++) {
        struct listener *listener = &listeners[i];
        if (listener->client != client || !listener->announce || !ring_room(&client->events))
            continue;
        struct net_event event = {.code = listener->announce,
                                  .status = listener->status,
                                  .value = listener->port,
                                  .cookie = listener->cookie};
        client_post(client, &event);
        listener->announce = 0;
        if (!listener->pcb)
            *listener = (struct listener){0};
    }
}
