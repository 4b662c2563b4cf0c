/* See e1000_model.h. Sections as in drivers/e1000/registers.h. */
#include "tests/unit/e1000_model.h"

#include <stdlib.h>
#include <string.h>

#define RX_RING_AT 0x10000000ull
#define TX_RING_AT 0x18000000ull
#define MAC_LOW 0x12005452u /* 52:54:00:12:34:56 */
#define MAC_HIGH (0x5634u | RAH_VALID)

struct model model;
static uint8_t rx_ring[E1000_RX_RING * 16] __attribute__((aligned(4096)));
static uint8_t tx_ring[E1000_TX_RING * 16] __attribute__((aligned(4096)));

static void require(bool what)
{
    if (!what)
        abort(); /* the sanitizers show where */
}

static uint32_t *reg(uint32_t at)
{
    require(at < sizeof model.registers && at % 4 == 0);
    return &model.registers[at / 4];
}

/* ---- memory: only what was pinned, and only as bus master ---- */

static uint8_t *dma(uint64_t address, uint32_t length)
{
    require(model.master && model.pinned == 2);
    if (address >= MODEL_BUFFER_AT && address + length <= MODEL_BUFFER_AT + sizeof model.buffers)
        return (uint8_t *)model.buffers + (address - MODEL_BUFFER_AT);
    if (address >= RX_RING_AT && address + length <= RX_RING_AT + sizeof rx_ring)
        return rx_ring + (address - RX_RING_AT);
    require(address >= TX_RING_AT && address + length <= TX_RING_AT + sizeof tx_ring);
    return tx_ring + (address - TX_RING_AT);
}

static uint64_t ring_base(enum e1000_register low)
{
    return *reg(low) | (uint64_t)*reg(low + 4) << 32;
}

/* ---- interrupts ---- */

static void cause(uint32_t bits)
{
    model.icr |= bits;
}

bool model_line(void)
{
    return model.icr & model.ims;
}

void model_link(bool up)
{
    uint32_t *status = reg(REG_STATUS);
    *status = up ? *status | STATUS_LINK_UP : *status & ~STATUS_LINK_UP;
    cause(CAUSE_LINK);
}

/* ---- receiving: S3.2.3, S3.2.6 ---- */

static uint64_t rx_at(unsigned index)
{
    return ring_base(REG_RDBAL) + 16ull * index;
}

void model_result(unsigned index, uint64_t result)
{
    memcpy(dma(rx_at(index) + 8, 8), &result, 8);
}

void model_tx_word(unsigned index, uint64_t second)
{
    memcpy(tx_ring + 16 * index + 8, &second, 8);
}

static void fill(const void *bytes, uint32_t length, uint8_t status, uint8_t errors)
{
    uint64_t address;
    uint32_t head = *reg(REG_RDH);
    memcpy(&address, dma(rx_at(head), 8), 8);
    memcpy(dma(address, length), bytes, length);
    model_result(head, length | (uint64_t)(status | 1) << 32 | (uint64_t)errors << 40);
    *reg(REG_RDH) = (head + 1) % (*reg(REG_RDLEN) / 16);
}

bool model_receive(const void *bytes, uint32_t length, uint8_t status, uint8_t errors)
{
    if (!(*reg(REG_RCTL) & RCTL_ENABLE) || *reg(REG_RDH) == *reg(REG_RDT)) {
        *reg(REG_MPC) += 1;
        return false;
    }
    fill(bytes, length, status, errors);
    cause(CAUSE_RECEIVED | CAUSE_RX_QUEUE0);
    return true;
}

/* ---- sending: S3.3, S3.4 ---- */

uint16_t model_sum(const uint8_t *bytes, uint32_t length)
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i < length; i++)
        sum += i % 2 ? bytes[i] : (uint32_t)bytes[i] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

static void end_frame(void)
{
    struct model_frame *frame = &model.frame;
    require(model.sent_count < MODEL_SENT_MAX);
    if (model.frame_summed) {
        require(model.sum_start < frame->length && model.sum_place + 2u <= frame->length);
        uint16_t sum = model_sum(frame->bytes + model.sum_start, frame->length - model.sum_start);
        frame->bytes[model.sum_place] = (uint8_t)(sum >> 8);
        frame->bytes[model.sum_place + 1] = (uint8_t)sum;
    }
    model.sent[model.sent_count++] = *frame;
    frame->length = 0;
}

static void send_data(uint64_t address, uint64_t second)
{
    uint32_t length = second & 0xfffff;
    require(length && length <= sizeof model.frame.bytes - model.frame.length);
    require(second >> 25 & 1); /* IFCS: frames need a checksum */
    if (model.frame.length == 0)
        model.frame_summed = second >> 41 & 1;
    memcpy(model.frame.bytes + model.frame.length, dma(address, length), length);
    model.frame.length += length;
    if (second >> 24 & 1)
        end_frame();
}

static void do_descriptor(uint8_t *at)
{
    uint64_t first, second;
    memcpy(&first, at, 8);
    memcpy(&second, at + 8, 8);
    require(second >> 29 & 1);
    if (second >> 20 & 15) {
        send_data(first, second);
    } else {
        require(model.frame.length == 0); /* S3.3.6: between packets */
        model.sum_start = (uint8_t)(first >> 32);
        model.sum_place = (uint8_t)(first >> 40);
    }
    if (second >> 27 & 1)
        second |= 1ull << 32;
    memcpy(at + 8, &second, 8);
}

void model_transmit(void)
{
    uint32_t entries = *reg(REG_TDLEN) / 16;
    if (!(*reg(REG_TCTL) & TCTL_ENABLE) || model.hangs)
        return;
    require(*reg(REG_TDT) < entries);
    while (*reg(REG_TDH) != *reg(REG_TDT)) {
        do_descriptor(dma(ring_base(REG_TDBAL) + 16ull * *reg(REG_TDH), 16));
        *reg(REG_TDH) = (*reg(REG_TDH) + 1) % entries;
    }
}

/* ---- registers ---- */

static void reset(void)
{
    require(model.ims == 0 && !(*reg(REG_RCTL) & RCTL_ENABLE) && !(*reg(REG_TCTL) & TCTL_ENABLE));
    require(!model.is_82574 || (*reg(REG_CTRL) & CTRL_MASTER_DISABLE)); /* D10.2.2.1 */
    memset(model.registers, 0, sizeof model.registers);
    memset(&model.frame, 0, sizeof model.frame);
    *reg(REG_STATUS) = STATUS_LINK_UP | 2u << 6;
    *reg(REG_RAL0) = MAC_LOW;
    *reg(REG_RAH0) = model.eeprom_dead ? 0 : MAC_HIGH;
    model.hangs = false;
    model.icr = 0x50; /* whatever */
    model.resets++;
}

static void write_control(uint32_t value)
{
    *reg(REG_CTRL) = value;
    if (!(value & CTRL_RESET))
        return;
    if (!model.never_resets)
        reset();
    *reg(REG_CTRL) = model.never_resets ? value : value & ~CTRL_RESET;
}

static void read_word(uint32_t value) /* S13.4.4, D10.2.2.4 */
{
    unsigned word = value >> (model.is_82574 ? 2 : 8) & 0xff, done = model.is_82574 ? 1 : 4;
    require((value & 1) && word < 3);
    *reg(REG_EERD) = model.eeprom_dead && !model.eeprom[word] ? value : (uint32_t)model.eeprom[word] << 16 | 1u << done;
}

void e1000_write(const struct e1000_device *device, enum e1000_register at, uint32_t value)
{
    (void)device;
    if (model.gone)
        return;
    *reg(at) = at == REG_CTRL ? *reg(at) : value;
    if (at == REG_CTRL)
        write_control(value);
    if (at == REG_IMS)
        model.ims |= value;
    if (at == REG_IMC)
        model.ims &= ~value;
    if (at == REG_EERD)
        read_word(value);
    if (at == REG_TDT)
        model_transmit();
    model.tail_writes += at == REG_TDT || at == REG_RDT;
}

/* D10.2.4.1: the 82574 keeps the causes when some are enabled. */
static uint32_t read_causes(void)
{
    uint32_t causes = model.icr;
    if (!model.is_82574 || model.ims == 0)
        model.icr = 0;
    return causes;
}

uint32_t e1000_read(const struct e1000_device *device, enum e1000_register at)
{
    (void)device;
    uint32_t value = *reg(at);
    if (model.gone)
        return REGISTER_GONE;
    if (at == REG_ICR)
        return read_causes();
    if (at >= REG_STATS && at < REG_STATS_END)
        *reg(at) = 0; /* S13.7 */
    return value;
}

/* ---- what devmgr and the kernel give ---- */

status_t pci_bus_master(const struct nic_resources *resources)
{
    (void)resources;
    require(model.resets); /* not before: it may know another driver's memory */
    model.master = true;
    return OK;
}

status_t pci_map_bar(const struct nic_resources *resources, unsigned bar, struct pci_mapping *mapping)
{
    (void)resources;
    require(bar == 0);
    model.capabilities++;
    *mapping = (struct pci_mapping){(uint8_t *)model.registers, 0, 128 << 10, 5};
    return OK;
}

void pci_unmap_bar(struct pci_mapping *mapping)
{
    model.capabilities -= mapping->memory != HANDLE_NONE;
    *mapping = (struct pci_mapping){0};
}

status_t pci_take_irq(const struct nic_resources *resources, uint32_t entry, uint32_t bit, handle_t *irq,
                      uint32_t *mode)
{
    require(entry == 0 && bit == resources->irq_bit);
    model.capabilities++;
    *irq = 6;
    *mode = model.irq_mode;
    return OK;
}

status_t pci_memory_new(const struct nic_resources *resources, size_t pages, struct pci_memory *memory,
                        uint64_t *address)
{
    bool rx = pages == sizeof rx_ring / 4096;
    (void)resources;
    if (model.refuse_memory)
        return ERR_NO_MEMORY;
    require(rx || pages == sizeof tx_ring / 4096);
    memset(rx ? rx_ring : tx_ring, 0, pages * 4096);
    *memory = (struct pci_memory){rx ? rx_ring : tx_ring, pages, 7};
    *address = rx ? RX_RING_AT : TX_RING_AT;
    model.pinned++;
    return OK;
}

/* The device is quiet when its memory goes. */
void pci_memory_free(const struct nic_resources *resources, struct pci_memory *memory)
{
    (void)resources;
    if (memory->memory == HANDLE_NONE)
        return;
    require(model.gone || model.never_resets || !(*reg(REG_RCTL) & RCTL_ENABLE));
    model.pinned--;
    *memory = (struct pci_memory){0};
}

uint64_t host_clock_now(void)
{
    return model.now += 1000;
}
void host_task_yield(void)
{
}
status_t host_irq_ack(handle_t irq)
{
    require(irq == 6);
    model.acks++;
    return OK;
}
status_t host_signal_raise(handle_t signal, uint64_t bits)
{
    require(signal == 3);
    model.signals |= bits;
    return OK;
}
status_t host_cap_close(handle_t handle)
{
    require(handle == 6);
    model.capabilities--;
    return OK;
}
void log_line(enum log_level level, const char *format, ...)
{
    (void)level;
    (void)format;
}
const char *status_name(status_t status)
{
    (void)status;
    return "status";
}

void model_power_on(uint16_t id)
{
    struct model_frame *sent = model.sent ? model.sent : calloc(MODEL_SENT_MAX, sizeof *sent);
    require(sent != NULL);
    memset(&model, 0, sizeof model);
    model.sent = sent;
    model.is_82574 = id == 0x10d3;
    model.irq_mode = model.is_82574 ? DEVMGR_IRQ_MSIX : DEVMGR_IRQ_LINE;
    *reg(REG_RCTL) = RCTL_ENABLE; /* the firmware left it so */
    *reg(REG_MPC) = 77;           /* S13.7: unknown */
    model.ims = CAUSE_RECEIVED;
}

struct nic_resources model_resources(uint16_t id)
{
    return (struct nic_resources){
        .claimed.about = {.vendor = 0x8086, .device = id}, .signal = 3, .irq_bit = 0, .config_irq_bit = 1};
}
