/* An e1000 that writes any bytes into descriptors and registers at any time: the driver gives back each buffer and packet
 * once, never more bytes than a buffer holds, and all that it took when it closes. */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/e1000_model.h"

static const uint16_t ids[] = {0x100e, 0x100f, 0x10d3};
static struct nic nic;
static bool at_device[MODEL_BUFFERS], in_flight[256];
static const uint8_t *input;
static size_t left;

static uint64_t draw(unsigned bytes)
{
    uint64_t value = 0;
    unsigned n = bytes < left ? bytes : (unsigned)left;
    memcpy(&value, input, n);
    input += n;
    left -= n;
    return value;
}

static bool open_device(uint16_t id)
{
    struct nic_resources resources = model_resources(id);
    memset(at_device, 0, sizeof at_device);
    memset(in_flight, 0, sizeof in_flight);
    if (e1000_ops.open(&nic, &resources) != OK)
        return false;
    model.hangs = true; /* it is this file that writes what the device would */
    return true;
}

static void close_device(void)
{
    e1000_ops.close(&nic);
    if (model.pinned || model.capabilities)
        abort();
}

static void provide(void)
{
    uint32_t id = draw(1);
    if (!at_device[id])
        at_device[id] = e1000_ops.rx_provide(&nic, model.buffers[id], MODEL_BUFFER_AT + (uint64_t)id * E1000_BUFFER,
                                             E1000_BUFFER, id);
}

static void take(void)
{
    struct nic_received received[8];
    unsigned n = e1000_ops.rx_take(&nic, received, 8);
    for (unsigned i = 0; i < n; i++) {
        if (received[i].id >= MODEL_BUFFERS || !at_device[received[i].id] || received[i].offset ||
            received[i].length > E1000_BUFFER)
            abort();
        at_device[received[i].id] = false;
    }
}

static void send(void)
{
    uint32_t id = draw(1), words = (uint32_t)draw(4), total = 0;
    struct nic_fragment fragments[16];
    struct nic_packet packet = {.fragments = fragments, .count = words & 15, .id = id};
    packet.checksum_start = words >> 4 & 0x1ff;
    packet.checksum_offset = words >> 13 & 63;
    for (unsigned i = 0; i < packet.count; i++, total += words >> 19 & 0x7ff)
        fragments[i] = (struct nic_fragment){MODEL_BUFFER_AT, words >> 19 & 0x7ff};
    if (in_flight[id])
        return;
    in_flight[id] = e1000_ops.tx_send(&nic, &packet);
    if (in_flight[id] && total > NIC_MTU_FRAME)
        abort();
}

static void done(void)
{
    uint32_t list[8];
    unsigned n = e1000_ops.tx_done(&nic, list, 8);
    for (unsigned i = 0; i < n; i++) {
        if (list[i] >= 256 || !in_flight[list[i]])
            abort();
        in_flight[list[i]] = false;
    }
}

static void interrupt(void)
{
    e1000_ops.irq_disarm(&nic);
    e1000_ops.irq_cause(&nic);
    (void)e1000_ops.irq_arm(&nic);
}

static void write_rx(void)
{
    unsigned index = (unsigned)draw(1);
    model_result(index, draw(8));
}

static void write_tx(void)
{
    model_tx_word((unsigned)draw(2) % E1000_TX_RING, draw(8));
}

static void write_register(void)
{
    static const uint32_t places[] = {REG_STATUS, REG_EERD, REG_RAL0, REG_RAH0, REG_MPC, REG_TDH, REG_RDH, REG_CTRL};
    uint32_t at = places[draw(1) % (sizeof places / sizeof *places)];
    model.registers[at / 4] = (uint32_t)draw(4);
    model.icr = (uint32_t)draw(4);
}

static void look(void)
{
    model.now += draw(4);
    e1000_ops.second_look(&nic);
    e1000_ops.kick(&nic);
    e1000_ops.count(&nic);
}

static void vanish(void)
{
    model.gone = !model.gone;
}

static void (*const steps[])(void) = {provide,   provide,  take,     send,           send, done,
                                      interrupt, write_rx, write_tx, write_register, look, vanish};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    input = data;
    left = size;
    uint16_t id = ids[draw(1) % 3];
    model_power_on(id);
    nic = (struct nic){.ops = &e1000_ops};
    if (!open_device(id))
        abort();
    while (left) {
        steps[draw(1) % (sizeof steps / sizeof *steps)]();
        if (!e1000_ops.failed(&nic))
            continue;
        close_device();
        model.gone = false;
        if (!open_device(id))
            abort();
    }
    close_device();
    return 0;
}
