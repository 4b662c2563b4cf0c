/* The device: see device.h. */
#include "drivers/e1000/device.h"

#include <string.h>

#include "drivers/e1000/ring.h"

#define RESET_NS 1000000ull      /* S13.4.1, D10.2.2.1: nothing is touched for 1 us; EEPROM and PHY need a while more */
#define RESET_MAX_NS 20000000ull /* until it says so itself */
#define MASTER_MAX_NS 1000000ull /* D10.2.2.2: requests on their way have ended by then */
#define EEPROM_MAX_NS 10000000ull

/* PCI ids: S5.2, D9. EERD: S13.4.4 and D10.2.2.4. */
const struct e1000_kind e1000_kinds[] = {
    {.id = 0x100e, .eerd_done = 4, .eerd_shift = 8},                   /* 82540EM */
    {.id = 0x100f, .eerd_done = 4, .eerd_shift = 8},                   /* 82545EM */
    {.id = 0x10d3, .is_82574 = true, .eerd_done = 1, .eerd_shift = 2}, /* 82574L */
    {0},
};

const struct e1000_kind *e1000_kind_of(uint16_t id)
{
    for (const struct e1000_kind *kind = e1000_kinds; kind->id; kind++)
        if (kind->id == id)
            return kind;
    return NULL;
}

/* ---- waiting: nothing is to be heard from the device for a moment ---- */

static void pause_ns(uint64_t ns)
{
    for (uint64_t end = clock_now() + ns; clock_now() < end;)
        task_yield();
}

/* Until the bits in a register are as wanted. */
static bool wait_for(const struct e1000_device *device, enum e1000_register at, uint32_t bits, uint32_t wanted,
                     uint64_t limit_ns)
{
    uint64_t end = clock_now() + limit_ns;
    while ((e1000_read(device, at) & bits) != wanted) {
        if (clock_now() > end)
            return false;
        task_yield();
    }
    return true;
}

/* ---- reset (S14.3, D4.6) ---- */

/* No new work, and what is under way ends: on PCI Express that comes before a reset (GIO master
 * disable, D10.2.2.1). */
static void stop(struct e1000_device *device)
{
    e1000_mask(device);
    e1000_write(device, REG_RCTL, 0);
    e1000_write(device, REG_TCTL, TCTL_PAD_SHORT);
    (void)e1000_read(device, REG_STATUS); /* what was written is there */
    if (!device->kind->is_82574)
        return;
    e1000_write(device, REG_CTRL, e1000_read(device, REG_CTRL) | CTRL_MASTER_DISABLE);
    (void)wait_for(device, REG_STATUS, STATUS_MASTER, 0, MASTER_MAX_NS);
}

static status_t reset(struct e1000_device *device)
{
    stop(device);
    e1000_write(device, REG_CTRL, (e1000_read(device, REG_CTRL) & ~CTRL_PHY_RESET) | CTRL_RESET);
    pause_ns(RESET_NS);
    if (!wait_for(device, REG_CTRL, CTRL_RESET, 0, RESET_MAX_NS))
        return ERR_IO;
    e1000_mask(device); /* a reset may have set them */
    (void)e1000_read(device, REG_ICR);
    e1000_write(device, REG_CTRL, e1000_read(device, REG_CTRL) & ~CTRL_MASTER_DISABLE);
    return e1000_gone(device) ? ERR_IO : OK;
}

bool e1000_gone(const struct e1000_device *device)
{
    return e1000_read(device, REG_STATUS) == REGISTER_GONE;
}

/* ---- life ---- */

static status_t take_irq(struct e1000_device *device)
{
    status_t status = pci_take_irq(&device->resources, 0, device->resources.irq_bit, &device->irq, &device->irq_mode);
    bool queues = device->irq_mode == DEVMGR_IRQ_MSIX;
    device->causes = queues ? CAUSE_RX_QUEUE0 | CAUSE_OTHER | CAUSE_LINK : CAUSE_RECEIVED | CAUSE_LINK;
    return status == OK ? irq_ack(device->irq) : status;
}

status_t e1000_open(struct e1000_device *device, const struct nic_resources *resources)
{
    memset(device, 0, sizeof *device);
    device->resources = *resources;
    device->kind = e1000_kind_of(resources->claimed.about.device);
    if (!device->kind)
        return ERR_NOT_SUPPORTED;
    status_t status = pci_map_bar(resources, 0, &device->registers); /* S4.1, D9: the registers are BAR 0 */
    if (status == OK && (device->registers.first || device->registers.bytes < REG_END))
        status = ERR_NOT_SUPPORTED;
    if (status == OK)
        status = reset(device); /* before it may touch memory: it may still know another driver's */
    if (status == OK)
        status = pci_memory_new(resources, E1000_RX_RING * sizeof(struct e1000_rx_descriptor) >> PAGE_SHIFT,
                                &device->rx, &device->rx_address);
    if (status == OK)
        status = pci_memory_new(resources, E1000_TX_RING * sizeof(struct e1000_tx_descriptor) >> PAGE_SHIFT,
                                &device->tx, &device->tx_address);
    if (status == OK)
        status = pci_bus_master(resources);
    return status == OK ? take_irq(device) : status;
}

void e1000_close(struct e1000_device *device)
{
    if (device->registers.bytes >= REG_END && reset(device) != OK)
        log_error("e1000: the device does not reset");
    pci_memory_free(&device->resources, &device->rx);
    pci_memory_free(&device->resources, &device->tx);
    pci_unmap_bar(&device->registers);
    if (device->irq)
        cap_close(device->irq);
    memset(device, 0, sizeof *device);
}

/* ---- the address (S5.3.1, S5.6.1 and S13.5.2; D6 and D10.2.5) ---- */

static bool is_address(const uint8_t mac[6])
{
    static const uint8_t none[6];
    return memcmp(mac, none, 6) != 0 && !(mac[0] & 1);
}

/* Word by word, first byte in the low half. */
static bool read_eeprom(const struct e1000_device *device, uint8_t mac[6])
{
    for (uint32_t word = 0; word < 3; word++) {
        e1000_write(device, REG_EERD, word << device->kind->eerd_shift | EERD_START);
        uint32_t done = 1u << device->kind->eerd_done;
        if (!wait_for(device, REG_EERD, done, done, EEPROM_MAX_NS))
            return false;
        uint32_t value = e1000_read(device, REG_EERD) >> 16;
        mac[2 * word] = (uint8_t)value;
        mac[2 * word + 1] = (uint8_t)(value >> 8);
    }
    return is_address(mac);
}

/* After a reset the device itself has put the EEPROM's address into the first receive address. */
status_t e1000_read_mac(const struct e1000_device *device, uint8_t mac[6])
{
    uint32_t low = e1000_read(device, REG_RAL0), high = e1000_read(device, REG_RAH0);
    memcpy(mac, &low, 4);
    memcpy(mac + 4, &high, 2);
    if ((high & RAH_VALID) && is_address(mac))
        return OK;
    return read_eeprom(device, mac) ? OK : ERR_IO;
}

/* ---- starting (S14.3 to S14.5, D4.6) ---- */

static void write_at(const struct e1000_device *device, enum e1000_register first, unsigned index, uint32_t value)
{
    e1000_write(device, (enum e1000_register)(first + 4 * index), value);
}

/* S14.3: the PHY negotiates, the MAC follows; no flow control, no VLANs. */
static void start_link(const struct e1000_device *device)
{
    uint32_t control = e1000_read(device, REG_CTRL);
    control &= ~(CTRL_LOSS_OF_SIGNAL_INVERTED | CTRL_FORCE_SPEED | CTRL_FORCE_DUPLEX | CTRL_FLOW_CONTROL | CTRL_VLAN |
                 CTRL_PHY_RESET | CTRL_RESET);
    e1000_write(device, REG_CTRL, control | CTRL_LINK_UP | CTRL_AUTO_SPEED);
    e1000_write(device, REG_FCAL, 0);
    e1000_write(device, REG_FCAH, 0);
    e1000_write(device, REG_FCT, 0);
    e1000_write(device, REG_FCTTV, 0);
}

static void start_receiver(const struct e1000_device *device, const uint8_t mac[6]) /* S14.4 */
{
    uint32_t low, high = 0;
    memcpy(&low, mac, 4);
    memcpy(&high, mac + 4, 2);
    e1000_write(device, REG_RAL0, low);
    e1000_write(device, REG_RAH0, high | RAH_VALID);
    for (unsigned i = 0; i < MTA_WORDS; i++)
        write_at(device, REG_MTA, i, 0);
    e1000_write(device, REG_RDTR, 0);
    e1000_write(device, REG_RADV, 0);
    e1000_write(device, REG_RXCSUM, RXCSUM_IP | RXCSUM_TCP);
    e1000_write(device, REG_RDBAL, (uint32_t)device->rx_address);
    e1000_write(device, REG_RDBAH, (uint32_t)(device->rx_address >> 32));
    e1000_write(device, REG_RDLEN, E1000_RX_RING * sizeof(struct e1000_rx_descriptor));
    e1000_write(device, REG_RDH, 0);
    e1000_write(device, REG_RDT, 0);
    e1000_write(device, REG_RCTL, RCTL_ENABLE | RCTL_MULTICAST_ALL | RCTL_BROADCAST | RCTL_STRIP_CRC);
}

static void start_transmitter(const struct e1000_device *device) /* S14.5 */
{
    e1000_write(device, REG_TDBAL, (uint32_t)device->tx_address);
    e1000_write(device, REG_TDBAH, (uint32_t)(device->tx_address >> 32));
    e1000_write(device, REG_TDLEN, E1000_TX_RING * sizeof(struct e1000_tx_descriptor));
    e1000_write(device, REG_TDH, 0);
    e1000_write(device, REG_TDT, 0);
    e1000_write(device, REG_TIDV, 0);
    if (device->kind->is_82574)
        e1000_write(device, REG_TXDCTL, TXDCTL_82574);
    e1000_write(device, REG_TIPG, TIPG_VALUE);
    e1000_write(device, REG_TCTL, TCTL_ENABLE | TCTL_PAD_SHORT | TCTL_COLLISION_THRESHOLD | TCTL_COLLISION_DISTANCE);
}

void e1000_start(struct e1000_device *device, const uint8_t mac[6])
{
    for (unsigned i = 0; REG_STATS + 4 * i < REG_STATS_END; i++) /* S13.7: cleared by reading, unknown before */
        (void)e1000_read(device, (enum e1000_register)(REG_STATS + 4 * i));
    start_link(device);
    start_receiver(device, mac);
    start_transmitter(device);
    e1000_write(device, REG_ITR, ITR_INTERVAL);
    if (device->irq_mode == DEVMGR_IRQ_MSIX) {
        e1000_write(device, REG_IVAR, IVAR_RX_QUEUE0 | IVAR_TX_QUEUE0 | IVAR_OTHER);
        e1000_write(device, REG_EITR0, ITR_INTERVAL);
    }
    e1000_unmask(device);
}

/* ---- interrupts (S13.4.17 to S13.4.21, D10.2.4) ---- */

void e1000_mask(struct e1000_device *device)
{
    e1000_write(device, REG_IMC, CAUSES_ALL);
    device->masked = true;
}

/* While all is masked, reading ICR clears it in each kind (D10.2.4.1 tells three cases). What the device wrote to memory
 * before a cause is there when the read comes back. */
static void clear_causes(struct e1000_device *device)
{
    uint32_t causes = e1000_read(device, REG_ICR);
    status_t status = OK;
    if (causes != REGISTER_GONE && (causes & CAUSE_LINK))
        status = signal_raise(device->resources.signal, 1ull << device->resources.config_irq_bit);
    if (status != OK)
        log_error("e1000: telling of the link: %s", status_name(status));
}

void e1000_unmask(struct e1000_device *device)
{
    if (!device->masked)
        return;
    clear_causes(device);
    e1000_write(device, REG_IMS, device->causes);
    device->masked = false;
}

void e1000_acknowledge(struct e1000_device *device)
{
    if (!device->masked)
        e1000_mask(device);
    if (device->irq_mode != DEVMGR_IRQ_LINE)
        return;           /* unmask clears */
    clear_causes(device); /* the line is down when the read comes back */
    status_t status = irq_ack(device->irq);
    if (status != OK)
        log_error("e1000: irq_ack: %s", status_name(status));
}
