/* The registers of Intel's gigabit controllers: reset, address, rings, interrupts, link, counts. Sections: registers.h.
 *
 * Rules
 *  - open leaves the device reset and quiet, with its interrupt taken; start sets it going; close resets it before its
 *    memory is given back. A reset stops receiver and transmitter by their own switches first: not every model of the
 *    device does all of it for CTRL.RST.
 *  - Interrupts: mask, work, then unmask (which forgets old causes first). Only reception and the link cause any.
 */
#pragma once
#include "drivers/e1000/registers.h"
#include "drivers/pci.h"

struct e1000_kind {
    uint16_t id;
    bool is_82574;
    uint8_t eerd_done, eerd_shift; /* EERD: where the done bit and the word's number lie */
};

struct e1000_device {
    struct nic_resources resources;
    const struct e1000_kind *kind;
    struct pci_mapping registers;
    struct pci_memory rx, tx; /* the rings */
    uint64_t rx_address, tx_address;
    handle_t irq;
    uint32_t irq_mode, causes; /* causes: those that are wanted */
    bool masked;
};

extern const struct e1000_kind e1000_kinds[];
const struct e1000_kind *e1000_kind_of(uint16_t id); /* NULL: none of ours */

/* registers.c; the host tests have a model in its place */
uint32_t e1000_read(const struct e1000_device *device, enum e1000_register at);
void e1000_write(const struct e1000_device *device, enum e1000_register at, uint32_t value);

MUST_CHECK status_t e1000_open(struct e1000_device *device, const struct nic_resources *resources);
void e1000_close(struct e1000_device *device);
MUST_CHECK status_t e1000_read_mac(const struct e1000_device *device, uint8_t mac[6]);
void e1000_start(struct e1000_device *device, const uint8_t mac[6]);
void e1000_mask(struct e1000_device *device);
/* Interrupts on again. Causes that came meanwhile are cleared, so look at the ring after; the link is told (below). */
void e1000_unmask(struct e1000_device *device);
void e1000_acknowledge(struct e1000_device *device); /* after an interrupt: masks, clears, tells of the link */
bool e1000_gone(const struct e1000_device *device);  /* pulled out, or dead */
