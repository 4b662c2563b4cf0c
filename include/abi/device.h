/* Hardware: calls that need RIGHT_ROOT_DEVICE (devmgr) and the objects that they make. */
#pragma once
#include <abi/types.h>

/* irq_create(root, kind, number, struct irq_route *out, message_at): a vector for an interrupt line or a message. It goes to the
 * CPU of the task that receives on the channel of the signal that it is bound to, and follows it. For that the kernel changes
 * what it has routed itself, and of a message the device's own copy: message_at is the physical address of the device's MSI-X
 * table entry, aligned to its 16 bytes (ERR_INVALID) and not in RAM (ERR_NO_RIGHT); 0: a message stays with one CPU where
 * interrupts are not remapped.
 * IRQ_IOMMU exists once and is no device's own: it is raised when the IOMMU refused a device something; what, is told by
 * system_info(root, INFO_IOMMU_FAULTS, …). ERR_NOT_SUPPORTED without an IOMMU. */
enum irq_kind {
    IRQ_LINE_LEVEL = 0, /* number: global system interrupt; level, active low (PCI) */
    IRQ_LINE_EDGE = 1,  /* number: global system interrupt; edge, active high (ISA) */
    IRQ_MESSAGE = 2,    /* MSI or MSI-X: write address and data into the device; number: DMA_BUS_ID of that device,
                           the only one that can raise it where interrupts are remapped */
    IRQ_IOMMU = 3,      /* number: 0 */
};
struct irq_route {
    uint64_t message_address; /* IRQ_MESSAGE only */
    uint32_t message_data, vector;
};

/* dma_create(root, bus_id): there is one dma object a bus id. ERR_BUSY while somebody holds a capability to it. When the
 * last one goes with pins still in it (devmgr died), they stay, and the next dma_create gets them back: its holder stops
 * the device, then revokes. With an IOMMU a device without a dma capability reaches nothing at all.
 *
 * dma_pin(dma, memory, first_page, pages, uint64_t *addresses, flags): a device address for each page, of 4096 at most
 * (ERR_TOO_LONG). With an IOMMU they are a run of addresses of the device's own, below 4 GiB, and the device may write only
 * what was pinned with RIGHT_MEMORY_WRITE.
 * Pins end with dma_unpin(dma, memory), or when the capability that the dma capability came from is revoked; they
 * outlive the driver, for its device may still write. */
#define DMA_BUS_ID(bus, device, function) ((uint32_t)(bus) << 8 | (uint32_t)(device) << 3 | (uint32_t)(function))

/* What the firmware told, for devmgr: system_info(root, INFO_PLATFORM, …); devmem_create makes the areas mappable. */
struct platform_info {
    uint64_t ecam_address; /* 0: none, use ports 0xcf8/0xcfc */
    uint32_t ecam_bus_first, ecam_bus_last;
    uint64_t rsdp_address;
    uint32_t gsi_count;
    uint32_t iommu_present; /* DMA is confined by hardware: translation is on */
    uint8_t isa_gsi[16];    /* ISA irq -> global system interrupt */
};

/* power_control(power, action) */
enum power_action { POWER_OFF = 0, POWER_REBOOT = 1 };

/* INFO_IOMMU_FAULTS: what the IOMMU refused, oldest first, from sequence number `index` on; the last 64 are kept. After a
 * device's first fault the kernel counts no more of them until its dma capability is created anew. */
struct iommu_fault {
    uint64_t sequence; /* from 1 */
    uint64_t address;  /* as the device gave it, page-aligned */
    uint64_t time_ns;
    uint32_t bus_id;    /* DMA_BUS_ID */
    uint32_t reason;    /* VT-d's fault reason (VT-d specification, appendix) */
    uint32_t write;     /* 1: the device wanted to write, 0: to read */
    uint32_t interrupt; /* 1: an interrupt that was not its own, 0: memory */
};
