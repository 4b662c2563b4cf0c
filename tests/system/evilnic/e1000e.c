/* The least that makes an Intel 82574L send and receive, with evil addresses. Section numbers are of the 82574 GbE
 * Controller Family Datasheet, revision 3.4. */
#include "card.h"

#include <stdlib.h>
#include <string.h>

/* §10.2 */
enum {
    CTRL = 0x0000,
    STATUS = 0x0008,
    IMC = 0x00d8,
    RCTL = 0x0100,
    TCTL = 0x0400,
    RDBAL = 0x2800,
    RDBAH = 0x2804,
    RDLEN = 0x2808,
    RDH = 0x2810,
    RDT = 0x2818,
    TDBAL = 0x3800,
    TDBAH = 0x3804,
    TDLEN = 0x3808,
    TDH = 0x3810,
    TDT = 0x3818,
    RAL0 = 0x5400,
    RAH0 = 0x5404
};
#define CTRL_LINK_UP (1u << 6) /* §10.2.2.1 */
#define CTRL_RESET (1u << 26)
#define STATUS_LINK_UP (1u << 1) /* §10.2.2.2 */
#define RCTL_ENABLE (1u << 1)    /* §10.2.5.1; buffers of 2048 bytes, legacy descriptors */
#define RCTL_UNICAST_ALL (1u << 3)
#define RCTL_BROADCAST (1u << 15)
#define TCTL_ENABLE (1u << 1) /* §10.2.6.1 */
#define TCTL_PAD (1u << 3)
#define RINGS 8u           /* descriptors: RDLEN is a multiple of 128 bytes, §10.2.5.7 */
#define RX_RING_PAGE 0u    /* in `rings` */
#define TX_COMMAND_LAST 1u /* §7.2.10.1.3: end of packet */
#define TX_COMMAND_FCS 2u
#define TX_COMMAND_STATUS 8u
#define DESCRIPTOR_DONE 1u /* §7.1.4.2 and §7.2.10.1.4 */

struct rx_descriptor { /* §7.1.4 */
    uint64_t address;
    uint16_t length, checksum;
    uint8_t status, errors;
    uint16_t special;
};
struct tx_descriptor { /* §7.2.10.1 */
    uint64_t address;
    uint16_t length;
    uint8_t checksum_offset, command, status, checksum_start;
    uint16_t special;
};
_Static_assert(sizeof(struct rx_descriptor) == 16 && sizeof(struct tx_descriptor) == 16, "legacy descriptors");

struct evil_e1000e {
    volatile uint8_t *registers;
    size_t pages;
    struct evil_memory rx_ring, tx_ring;
    uint32_t tx_tail;
};

static struct evil_e1000e *of(const struct card *card)
{
    return card->driver;
}

static uint32_t get(const struct card *card, uint32_t at)
{
    return *(volatile uint32_t *)(of(card)->registers + at);
}

static void set(const struct card *card, uint32_t at, uint32_t value)
{
    *(volatile uint32_t *)(of(card)->registers + at) = value;
}

static volatile struct rx_descriptor *rx_ring(const struct card *card)
{
    return (volatile struct rx_descriptor *)of(card)->rx_ring.at;
}

static volatile struct tx_descriptor *tx_ring(const struct card *card)
{
    return (volatile struct tx_descriptor *)of(card)->tx_ring.at;
}

#define X(NAME, number, request, reply, caps, rights) IPC_OP_ENUM(PROTO_DEVMGR, NAME, number)
enum { DEVMGR_OPS(X) };
#undef X

static status_t master_on(struct card *card)
{
    struct devmgr_enable enable = {card->resources.device_id, 0};
    return ipc_call(card->resources.devmgr, DEVMGR_ENABLE, &enable, sizeof enable, NULL, 0, DEADLINE_NEVER);
}

static void pause(const struct card *card, uint64_t ns)
{
    uint64_t unused;
    card_sleep(card, ns, &unused);
}

/* §4.6.3 to §4.6.6: interrupts off, reset, interrupts off again, the link up. */
static status_t reset(struct card *card)
{
    set(card, IMC, 0xffffffff);
    set(card, CTRL, get(card, CTRL) | CTRL_RESET);
    pause(card, 2000000);
    set(card, IMC, 0xffffffff);
    set(card, CTRL, get(card, CTRL) | CTRL_LINK_UP);
    for (unsigned i = 0; i < 300; i++) {
        if (get(card, STATUS) & STATUS_LINK_UP)
            return OK;
        pause(card, 10000000);
    }
    return ERR_TIMED_OUT;
}

static void tell_rings(struct card *card)
{
    uint64_t rx = of(card)->rx_ring.address[0], tx = of(card)->tx_ring.address[0];
    set(card, RDBAL, (uint32_t)rx);
    set(card, RDBAH, (uint32_t)(rx >> 32));
    set(card, RDLEN, RINGS * sizeof(struct rx_descriptor));
    set(card, RDH, 0);
    set(card, RDT, 0);
    set(card, TDBAL, (uint32_t)tx);
    set(card, TDBAH, (uint32_t)(tx >> 32));
    set(card, TDLEN, RINGS * sizeof(struct tx_descriptor));
    set(card, TDH, 0);
    set(card, TDT, 0);
}

static void read_mac(struct card *card)
{
    uint32_t low = get(card, RAL0), high = get(card, RAH0);
    memcpy(card->mac, &low, 4);
    memcpy(card->mac + 4, &high, 2);
}

static status_t evil_open(struct card *card)
{
    struct devmgr_bar_reply bar;
    card->driver = calloc(1, sizeof(struct evil_e1000e));
    if (!card->driver)
        return ERR_NO_MEMORY;
    status_t status = card_map_bar(card, 0, &bar, &of(card)->registers);
    if (status != OK)
        return status;
    of(card)->pages = bar.size >> PAGE_SHIFT;
    status = reset(card);
    if (status == OK)
        status = evil_memory_new(card, &of(card)->rx_ring, 1, 1);
    if (status == OK)
        status = evil_memory_new(card, &of(card)->tx_ring, 1, 1);
    if (status == OK)
        status = master_on(card);
    if (status != OK)
        return status;
    read_mac(card);
    tell_rings(card);
    return OK;
}

static void evil_receive_at(struct card *card, uint64_t address)
{
    rx_ring(card)[0].address = address;
    set(card, RDT, 1);
}

static status_t evil_run(struct card *card)
{
    set(card, TCTL, TCTL_ENABLE | TCTL_PAD);
    set(card, RCTL, RCTL_ENABLE | RCTL_UNICAST_ALL | RCTL_BROADCAST);
    return OK;
}

static void evil_send(struct card *card, uint64_t address)
{
    struct evil_e1000e *e = of(card);
    volatile struct tx_descriptor *d = &tx_ring(card)[e->tx_tail];
    d->address = address;
    d->length = FRAME_BYTES;
    d->status = 0;
    d->command = TX_COMMAND_LAST | TX_COMMAND_FCS | TX_COMMAND_STATUS;
    e->tx_tail = (e->tx_tail + 1) % RINGS;
    set(card, TDT, e->tx_tail);
}

static bool evil_received(const struct card *card)
{
    return rx_ring(card)[0].status & DESCRIPTOR_DONE;
}

static bool evil_sent(const struct card *card)
{
    return tx_ring(card)[0].status & DESCRIPTOR_DONE;
}

static status_t evil_unpin_rx_ring(struct card *card)
{
    return evil_memory_unpin(card, &of(card)->rx_ring);
}

static void evil_close(struct card *card)
{
    struct evil_e1000e *e = of(card);
    if (!e)
        return;
    if (e->registers && !card_taken(card))
        set(card, CTRL, get(card, CTRL) | CTRL_RESET);
    if (e->registers)
        (void)memory_unmap(HANDLE_NONE, (uint64_t)e->registers, e->pages);
    evil_memory_free(&e->rx_ring);
    evil_memory_free(&e->tx_ring);
    free(e);
    card->driver = NULL;
}

const struct card_ops evil_e1000e = {
    .name = "e1000e",
    .vendor = 0x8086,
    .devices = {0x10d3},
    .open = evil_open,
    .receive_at = evil_receive_at,
    .run = evil_run,
    .send = evil_send,
    .received = evil_received,
    .sent = evil_sent,
    .unpin_rx_ring = evil_unpin_rx_ring,
    .close = evil_close,
};
