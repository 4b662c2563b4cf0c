/* The connection behind a slot: a control block of lwIP and its callbacks. See connection.h for the rules. */
#include "netsrv/connection.h"

#include <string.h>

#include <lwip/priv/tcp_priv.h>
#include <lwip/tcp.h>
#include "netsrv/checksum.h"

#define POLL_HALF_SECONDS 1
#define LINGER_POLLS 120 /* a closed connection whose peer does not take the rest is reset after a minute */

/* ---- cutting it loose ---- */

/* Cuts the control block loose: it lives on (FIN, TIME_WAIT) or is aborted without us. */
void slot_detach(struct slot *slot)
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

void slot_abort_pcb(struct slot *slot)
{
    struct tcp_pcb *pcb = slot->pcb;
    if (!pcb)
        return;
    slot_detach(slot);
    tcp_abort(pcb);
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
    slot_detach(slot); /* more than the window: only a client that moves its index back gets here */
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
    slot_detach(slot);
    slot_end(slot, ERR_TIMED_OUT);
    tcp_abort(pcb);
    return ERR_ABRT;
}

err_t slot_on_connected(void *arg, struct tcp_pcb *pcb, err_t err)
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
