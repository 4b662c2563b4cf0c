/* Slots: connections between lwIP's control blocks and the clients' rings. See connection.h for the rules. */
#include "netsrv/connection.h"

#include <string.h>

#include <lwip/priv/tcp_priv.h>
#include <lwip/tcp.h>
#include "netsrv/checksum.h"

#define COPY_BELOW 256u /* smaller writes are copied: one pbuf and one fragment instead of two */
#define POLL_HALF_SECONDS 1
#define LINGER_POLLS 120 /* a closed connection whose peer does not take the rest is reset after a minute */

static struct slot *first_dirty;

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

void slot_touch(struct slot *slot)
{
    if (slot->flags & SLOT_DIRTY)
        return;
    slot->flags |= SLOT_DIRTY;
    slot->next_dirty = first_dirty;
    first_dirty = slot;
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
static void slot_end(struct slot *slot, int32_t status)
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

/* Cuts the control block loose: it lives on (FIN, TIME_WAIT) or is aborted without us. */
static void detach(struct slot *slot)
{
    struct tcp_pcb *pcb = slot->pcb;
    slot->pcb = NULL;
    slot->queued = 0;
    tcp_ext_arg_set(pcb, 0, NULL);
    tcp_arg(pcb, NULL);
    tcp_err(pcb, NULL);
    tcp_recv(pcb, NULL);
    tcp_sent(pcb, NULL);
    tcp_poll(pcb, NULL, 0);
}

static void abort_pcb(struct slot *slot)
{
    struct tcp_pcb *pcb = slot->pcb;
    if (!pcb)
        return;
    detach(slot);
    tcp_abort(pcb);
}

void slot_drop(struct slot *slot)
{
    abort_pcb(slot);
    slot->state = SLOT_FREE;
}

/* ---- lwIP's callbacks ---- */

static void on_destroy(u8_t id, void *data)
{
    struct slot *slot = data;
    (void)id;
    if (!slot)
        return;
    slot->pcb = NULL;
    slot->queued = 0;
    if (slot->state == SLOT_HALF_OPEN)
        slot_free(slot); /* the client never knew */
    else
        slot_touch(slot);
}

static void on_error(void *arg, err_t err)
{
    struct slot *slot = arg;
    if (!slot || slot->state == SLOT_FREE || slot->state == SLOT_HALF_OPEN || err == ERR_CLSD)
        return; /* ERR_CLSD: both directions ended well; FIN was posted, the client will close */
    bool refused = slot->state == SLOT_CONNECTING && err == ERR_RST;
    slot_end(slot, refused ? ERR_REFUSED : err == ERR_RST ? ERR_PEER_DIED : ERR_TIMED_OUT);
}

static bool store(struct slot *slot, const struct pbuf *pbuf)
{
    if (pbuf->tot_len > ring_room(&slot->rx))
        return false;
    for (const struct pbuf *q = pbuf; q; q = q->next) {
        const uint8_t *from = q->payload;
        for (uint32_t left = q->len; left;) {
            void *at;
            uint32_t span = ring_room_span(&slot->rx, &at), n = span < left ? span : left;
            if (n == 0)
                return false; /* the index in shared memory moved back meanwhile */
            packet_copy(at, from, n);
            ring_produce(&slot->rx, n);
            from += n;
            left -= n;
        }
    }
    slot->unread += pbuf->tot_len;
    return true;
}

static err_t on_receive(void *arg, struct tcp_pcb *pcb, struct pbuf *pbuf, err_t err)
{
    struct slot *slot = arg;
    (void)err;
    slot_touch(slot);
    if (!pbuf) {
        tcp_clear_flags(pcb, TF_ACK_NOW); /* the client is about to answer with a FIN: one packet for both */
        tcp_set_flags(pcb, TF_ACK_DELAY);
        slot_post(slot, NET_EVENT_FIN);
        return ERR_OK;
    }
    if (pbuf->tot_len >= 2 * TCP_MSS)
        tcp_ack_now(pcb); /* several segments at once (merge.h): RFC 9293 §3.8.6.3 wants one for every second */
    bool stored = store(slot, pbuf);
    pbuf_free(pbuf);
    if (stored)
        return ERR_OK;
    detach(slot); /* more than the window: only a client that moves its index back gets here */
    slot_end(slot, ERR_BAD_STATE);
    tcp_abort(pcb);
    return ERR_ABRT;
}

static err_t on_sent(void *arg, struct tcp_pcb *pcb, u16_t length)
{
    struct slot *slot = arg;
    (void)pcb;
    uint32_t n = length < slot->queued ? length : slot->queued; /* a FIN counts one too */
    slot->queued -= n;
    ring_consume(&slot->tx, n);
    slot_touch(slot);
    return ERR_OK;
}

/* Twice a second: memory that was short may be there again. */
static err_t on_poll(void *arg, struct tcp_pcb *pcb)
{
    struct slot *slot = arg;
    slot_touch(slot);
    if (!(slot->flags & SLOT_CLOSE) || ++slot->linger < LINGER_POLLS)
        return ERR_OK;
    detach(slot);
    slot_end(slot, ERR_TIMED_OUT);
    tcp_abort(pcb);
    return ERR_ABRT;
}

static err_t on_connected(void *arg, struct tcp_pcb *pcb, err_t err)
{
    struct slot *slot = arg;
    (void)err;
    slot_attach_pcb(slot, pcb);
    slot_open(slot);
    slot_post(slot, NET_EVENT_CONNECTED);
    return ERR_OK;
}

static const struct tcp_ext_arg_callbacks slot_callbacks = {.destroy = on_destroy};

/* ---- a control block for a slot ---- */

static void copy_address(uint8_t out[16], const ip_addr_t *address)
{
    static const uint8_t mapped[12] = {[10] = 0xff, 0xff};
    if (IP_IS_V6(address)) {
        memcpy(out, ip_2_ip6(address)->addr, 16);
        return;
    }
    memcpy(out, mapped, 12);
    memcpy(out + 12, &ip_2_ip4(address)->addr, 4);
}

/* The receive window is the client's ring: set before the SYN-ACK goes out (or the ACK of a connection of ours), so
 * what arrives always fits. */
static void set_window(struct slot *slot, struct tcp_pcb *pcb)
{
    uint32_t limit = TCP_WND_MAX(pcb);
    pcb->rcv_wnd = slot->client->rx_size < limit ? slot->client->rx_size : limit;
    pcb->rcv_ann_wnd = pcb->rcv_wnd;
}

void slot_attach_pcb(struct slot *slot, struct tcp_pcb *pcb)
{
    slot->pcb = pcb;
    slot->local_port = pcb->local_port;
    slot->remote_port = pcb->remote_port;
    copy_address(slot->remote, &pcb->remote_ip);
    set_window(slot, pcb);
    tcp_ext_arg_set(pcb, 0, slot);
    tcp_ext_arg_set_callbacks(pcb, 0, &slot_callbacks);
    tcp_arg(pcb, slot);
    tcp_err(pcb, on_error);
}

void slot_open(struct slot *slot)
{
    slot->state = SLOT_OPEN;
    tcp_recv(slot->pcb, on_receive);
    tcp_sent(slot->pcb, on_sent);
    tcp_poll(slot->pcb, on_poll, POLL_HALF_SECONDS);
    tcp_nagle_disable(slot->pcb); /* a client's turn is the batch */
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
    err_t err = tcp_connect(pcb, &address, (u16_t)command->value, on_connected);
    if (err != ERR_OK)
        abort_pcb(slot);
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
    abort_pcb(slot);
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

/* ---- a turn's work on one slot ---- */

/* What the client has read since: credit it to TCP's window. */
static void credit_window(struct slot *slot)
{
    uint32_t there = slot->rx.size - ring_room(&slot->rx);
    uint32_t read = slot->unread > there ? slot->unread - there : 0;
    slot->unread -= read;
    while (read && slot->pcb) {
        uint16_t n = (uint16_t)(read < 0xffff ? read : 0xffff);
        tcp_recved(slot->pcb, n);
        read -= n;
    }
}

/* One piece from the ring to TCP: by reference, small ones by copy. False: nothing more goes now. */
static bool hand_over(struct slot *slot, uint32_t fresh)
{
    uint32_t at = (slot->tx.own + slot->queued) & (slot->tx.size - 1);
    uint32_t n = slot->tx.size - at;
    n = n < fresh ? n : fresh;
    n = n < tcp_sndbuf(slot->pcb) ? n : tcp_sndbuf(slot->pcb);
    n = n < 0xffff ? n : 0xffff;
    uint8_t flags = (uint8_t)((n < COPY_BELOW ? TCP_WRITE_FLAG_COPY : 0) | (n < fresh ? TCP_WRITE_FLAG_MORE : 0));
    if (n == 0 || tcp_write(slot->pcb, slot->tx.data + at, (u16_t)n, flags) != ERR_OK)
        return false;
    slot->queued += n;
    return true;
}

/* True: all that the client wrote is with TCP. */
static bool push(struct slot *slot)
{
    bool went = false, all;
    if (slot->flags & SLOT_FIN_SENT)
        return true; /* what is written after the FIN is never sent */
    for (;;) {
        uint32_t filled = ring_filled(&slot->tx);
        all = filled <= slot->queued;
        if (all || !hand_over(slot, filled - slot->queued))
            break;
        went = true;
    }
    if (went)
        tcp_output(slot->pcb);
    return all;
}

/* FIN, once all is handed over. lwIP would reset instead when its window is not at the default (it takes that for
 * unread data); the window of a connection whose reader is gone does not matter. */
static void finish(struct slot *slot)
{
    struct tcp_pcb *pcb = slot->pcb;
    err_t err = ERR_OK;
    if (slot->flags & SLOT_CLOSE) {
        pcb->rcv_wnd = TCP_WND_MAX(pcb);
        err = tcp_close(pcb);
    } else if (!(slot->flags & SLOT_FIN_SENT)) {
        err = tcp_shutdown(pcb, 0, 1);
    }
    if (err == ERR_OK)
        slot->flags |= SLOT_FIN_SENT;
}

static void work_tx(struct slot *slot)
{
    bool all = push(slot);
    bool to_close = slot->flags & SLOT_CLOSE && slot->state == SLOT_OPEN;
    bool to_shut = slot->flags & SLOT_SHUT && !(slot->flags & SLOT_FIN_SENT);
    if (all && (to_shut || to_close))
        finish(slot);
    if (all && slot->pcb && to_close && slot->queued == 0)
        detach(slot); /* acknowledged: nothing refers to the ring any more */
}

/* Room is told when it is worth a wake-up: half the ring, or all of it. */
static void publish(struct slot *slot)
{
    if (ring_publish_produced(&slot->rx))
        slot_post(slot, NET_EVENT_DATA);
    bool worth = slot->queued <= slot->tx.size / 2;
    if (worth && ring_publish_consumed(&slot->tx))
        slot_post(slot, NET_EVENT_ROOM);
}

static void slot_work(struct slot *slot)
{
    slot->flags &= (uint8_t)~SLOT_DIRTY;
    if (slot->state == SLOT_OPEN) {
        credit_window(slot);
        if (slot->pcb)
            work_tx(slot);
        publish(slot);
        if (!slot->pcb && slot->flags & SLOT_GIVEN_BACK)
            slot_end(slot, OK);
    }
    if (slot->state == SLOT_CONNECTING && slot->flags & SLOT_CLOSE) {
        abort_pcb(slot);
        slot_end(slot, OK);
    }
    if (slot->state == SLOT_ENDED && slot->flags & SLOT_GIVEN_BACK && !slot->listed)
        slot_free(slot);
}

void slots_turn(void)
{
    while (first_dirty) {
        struct slot *slot = first_dirty;
        first_dirty = slot->next_dirty;
        slot_work(slot);
    }
}
