/* What every driver of a PCI device asks devmgr for: registers, interrupts, memory that the device can reach.
 *
 * Rules
 *  - The capabilities are the driver's until it gives them back here. Memory is unpinned only when the device is quiet.
 *  - Nothing here waits longer than devmgr's time-out.
 */
#pragma once
#include "drivers/nic.h"

struct pci_mapping { /* of the part of a memory BAR that devmgr gave */
    uint8_t *address;
    uint64_t first, bytes; /* which part of the BAR it is */
    handle_t memory;       /* HANDLE_NONE: not mapped */
};

struct pci_memory { /* contiguous for the device */
    void *base;
    size_t pages;
    handle_t memory; /* HANDLE_NONE: none */
};

/* 0 when devmgr does not answer. */
uint32_t pci_config_read(const struct nic_resources *resources, unsigned offset, unsigned width);
MUST_CHECK status_t pci_bus_master(const struct nic_resources *resources); /* memory decoding and bus mastering on */
MUST_CHECK status_t pci_map_bar(const struct nic_resources *resources, unsigned bar, struct pci_mapping *mapping);
void pci_unmap_bar(struct pci_mapping *mapping);
/* The irq for an MSI-X entry (0 for MSI or the line), bound to bit `bit` of the resources' signal; *mode: enum
 * devmgr_irq_mode. */
MUST_CHECK status_t pci_take_irq(const struct nic_resources *resources, uint32_t entry, uint32_t bit, handle_t *irq,
                                 uint32_t *mode);
/* Zeroed; at most 16 pages. *address: where the device sees it. After a failure, too, pci_memory_free. */
MUST_CHECK status_t pci_memory_new(const struct nic_resources *resources, size_t pages, struct pci_memory *memory,
                                   uint64_t *address);
void pci_memory_free(const struct nic_resources *resources, struct pci_memory *memory);
