/* Intel's gigabit controllers as a nic: see device.h and ring.h. */
#include <stdlib.h>
#include <string.h>

#include "drivers/e1000/device.h"
#include "drivers/e1000/ring.h"

#define HANG_NS 2000000000ull /* work is queued, the link is up, and nothing is sent for so long */
#define RX_BATCH 16u          /* so many buffers are worth telling the device */

struct e1000 {
    struct e1000_device device;
    struct e1000_rx_ring rx;
    struct e1000_tx_ring tx;
    uint16_t rx_told, tx_told; /* tails that the device knows */
    bool hung;
    uint32_t watched_done; /* packets that had been sent at the watchdog's last look … */
    uint64_t watched_ns;   /* … and when that was; 0: nothing to watch */
    bool link;
};

static struct e1000 *e1000_of(struct nic *nic)
{
    return nic->driver;
}

/* ---- opening ---- */

static void describe(struct nic *nic)
{
    nic->tx_headroom = 0;
    nic->rx_buffers = E1000_RX_RING - 1;
    nic->tx_packets = (E1000_TX_RING - 1) / (NIC_FRAGMENTS_MAX + 1);
    nic->features = NIC_TX_CHECKSUM | NIC_RX_CHECKSUM;
}

static void net_close(struct nic *nic)
{
    struct e1000 *e1000 = e1000_of(nic);
    if (!e1000)
        return;
    e1000_close(&e1000->device);
    free(e1000);
    nic->driver = NULL;
}

static status_t net_open(struct nic *nic, const struct nic_resources *resources)
{
    struct e1000 *e1000 = calloc(1, sizeof *e1000);
    if (!e1000)
        return ERR_NO_MEMORY;
    nic->driver = e1000;
    status_t status = e1000_open(&e1000->device, resources);
    if (status == OK)
        status = e1000_read_mac(&e1000->device, nic->mac);
    if (status != OK) {
        net_close(nic);
        return status;
    }
    describe(nic);
    e1000_rx_init(&e1000->rx, e1000->device.rx.base);
    e1000_tx_init(&e1000->tx, e1000->device.tx.base);
    e1000_start(&e1000->device, nic->mac);
    return OK;
}

/* ---- receiving and sending ---- */

static bool rx_provide(struct nic *nic, const uint8_t *memory, uint64_t address, uint32_t length, uint32_t id)
{
    (void)memory;
    return e1000_rx_add(&e1000_of(nic)->rx, address, length, id);
}

static unsigned rx_take(struct nic *nic, struct nic_received *received, unsigned max)
{
    unsigned n = 0;
    while (n < max && e1000_rx_take(&e1000_of(nic)->rx, &received[n]))
        n++;
    return n;
}

static bool rx_pending(struct nic *nic)
{
    return e1000_rx_pending(&e1000_of(nic)->rx);
}

static bool tx_send(struct nic *nic, const struct nic_packet *packet)
{
    return e1000_tx_add(&e1000_of(nic)->tx, packet);
}

static unsigned tx_done(struct nic *nic, uint32_t *ids, unsigned max)
{
    unsigned n = 0;
    while (n < max && e1000_tx_take(&e1000_of(nic)->tx, &ids[n]))
        n++;
    return n;
}

static unsigned tx_outstanding(struct nic *nic)
{
    return e1000_tx_outstanding(&e1000_of(nic)->tx);
}

/* Each tail is a register, so the device hears of buffers in batches, and at once when it has few left. */
static bool worth_telling(const struct e1000 *e1000)
{
    uint16_t untold = (uint16_t)((e1000->rx.tail - e1000->rx_told) % E1000_RX_RING);
    return untold >= RX_BATCH || (untold && e1000->rx.held < 2 * RX_BATCH + untold);
}

static void kick(struct nic *nic) /* S3.2.6 and S3.4: the tail */
{
    struct e1000 *e1000 = e1000_of(nic);
    if (e1000->tx.tail != e1000->tx_told)
        e1000_write(&e1000->device, REG_TDT, e1000->tx_told = e1000->tx.tail);
    if (worth_telling(e1000))
        e1000_write(&e1000->device, REG_RDT, e1000->rx_told = e1000->rx.tail);
}

/* ---- the watchdog ---- */

static void tell_hang(const struct e1000 *e1000)
{
    log_error("e1000: the transmitter hangs at descriptor %u of %u, %u packets wait",
              e1000_read(&e1000->device, REG_TDH), e1000->tx.tail, e1000_tx_outstanding(&e1000->tx));
}

/* Without a link what is queued waits for it: that is no hang. */
static void second_look(struct nic *nic)
{
    struct e1000 *e1000 = e1000_of(nic);
    uint64_t now = clock_now();
    bool waits = e1000_tx_outstanding(&e1000->tx) != 0 && nic->ops->link_up(nic);
    if (!waits || e1000->tx.done != e1000->watched_done || e1000->watched_ns == 0) {
        e1000->watched_done = e1000->tx.done;
        e1000->watched_ns = waits ? now : 0;
    } else if (now - e1000->watched_ns >= HANG_NS && !e1000->hung) {
        e1000->hung = true;
        tell_hang(e1000);
    }
}

static bool failed(struct nic *nic)
{
    struct e1000 *e1000 = e1000_of(nic);
    return e1000->hung || e1000->rx.broken || e1000_gone(&e1000->device);
}

/* ---- interrupts, link, counts ---- */

static bool irq_arm(struct nic *nic)
{
    e1000_unmask(&e1000_of(nic)->device);
    return rx_pending(nic);
}

static void irq_disarm(struct nic *nic)
{
    struct e1000 *e1000 = e1000_of(nic);
    if (!e1000->device.masked)
        e1000_mask(&e1000->device);
}

static void irq_cause(struct nic *nic)
{
    e1000_acknowledge(&e1000_of(nic)->device);
}

static bool link_up(struct nic *nic)
{
    static const uint16_t speeds[] = {10, 100, 1000, 1000};
    struct e1000 *e1000 = e1000_of(nic);
    uint32_t status = e1000_read(&e1000->device, REG_STATUS);
    bool up = status != REGISTER_GONE && (status & STATUS_LINK_UP);
    if (up && !e1000->link)
        log_info("e1000: link up, %u Mb/s", speeds[STATUS_SPEED(status)]);
    if (!up && e1000->link)
        log_info("e1000: link down");
    e1000->link = up;
    return up;
}

/* S13.7, D10.2.7: reading clears them. A device that is gone has nothing to say. */
static uint64_t sum_of(const struct e1000 *e1000, const enum e1000_register *at, unsigned n)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < n; i++) {
        uint32_t value = e1000_read(&e1000->device, at[i]);
        sum += value == REGISTER_GONE ? 0 : value;
    }
    return sum;
}

static void count(struct nic *nic)
{
    static const enum e1000_register missed[] = {REG_MPC},
                                     errors[] = {REG_CRCERRS, REG_ALGNERRC, REG_RXERRC, REG_RLEC, REG_ROC, REG_RJC};
    const struct e1000 *e1000 = e1000_of(nic);
    nic->rx_missed += sum_of(e1000, missed, 1);
    nic->rx_errors += sum_of(e1000, errors, sizeof errors / sizeof *errors);
}

static const uint16_t device_ids[] = {0x100e, 0x100f, 0x10d3, 0};

const struct nic_ops e1000_ops = {
    .name = "e1000",
    .vendor = 0x8086,
    .devices = device_ids,
    .open = net_open,
    .close = net_close,
    .rx_provide = rx_provide,
    .rx_take = rx_take,
    .rx_pending = rx_pending,
    .tx_send = tx_send,
    .tx_done = tx_done,
    .tx_outstanding = tx_outstanding,
    .kick = kick,
    .second_look = second_look,
    .irq_arm = irq_arm,
    .irq_disarm = irq_disarm,
    .irq_cause = irq_cause,
    .link_up = link_up,
    .failed = failed,
    .count = count,
};
