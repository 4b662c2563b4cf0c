/* What a turn does with a slot that was touched: new bytes to TCP, credit to its window, indices and events to the client.
 * See connection.h for the rules. */
#include "netsrv/connection.h"

#include <lwip/tcp.h>

#define COPY_BELOW 256u /* smaller writes are copied: one pbuf and one fragment instead of two */

static struct slot *first_dirty;

void slot_touch(struct slot *slot)
{
    if (slot->flags & SLOT_DIRTY)
        return;
    slot->flags |= SLOT_DIRTY;
    slot->next_dirty = first_dirty;
    first_dirty = slot;
}

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
        slot_detach(slot); /* acknowledged: nothing refers to the ring any more */
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
        slot_abort_pcb(slot);
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
