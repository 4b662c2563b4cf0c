/* Hardware: calls that need RIGHT_ROOT_DEVICE (devmgr) and the objects that they make. */
#pragma once
#include <abi/types.h>

/* irq_create(root, kind, number, struct irq_route *out): a vector for an interrupt line or a message. */
enum irq_kind {
    IRQ_LINE_LEVEL = 0, /* number: global system interrupt; level, active low (PCI) */
    IRQ_LINE_EDGE = 1,  /* number: global system interrupt; edge, active high (ISA) */
    IRQ_MESSAGE = 2,    /* MSI or MSI-X: write address and data into the device */
};
struct irq_route {
    uint64_t message_address; /* IRQ_MESSAGE only */
    uint32_t message_data, vector;
};

/* dma_pin(dma, memory, first_page, pages, uint64_t *addresses, flags): a device address for each page.
 * Pins end with dma_unpin(dma, memory), or when the capability that the dma capability came from is revoked; they
 * outlive the driver, for its device may still write. */
#define DMA_BUS_ID(bus, device, function) ((uint32_t)(bus) << 8 | (uint32_t)(device) << 3 | (uint32_t)(function))

/* What the firmware told, for devmgr: system_info(root, INFO_PLATFORM, …); devmem_create makes the areas mappable. */
struct platform_info {
    uint64_t ecam_address; /* 0: none, use ports 0xcf8/0xcfc */
    uint32_t ecam_bus_first, ecam_bus_last;
    uint64_t rsdp_address;
    uint32_t gsi_count, iommu_present;
    uint8_t isa_gsi[16]; /* ISA irq -> global system interrupt */
};

/* power_control(power, action) */
enum power_action { POWER_OFF = 0, POWER_REBOOT = 1 };
