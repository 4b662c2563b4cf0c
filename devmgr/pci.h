/* PCI as its configuration space tells it: finding devices, sizing BARs, capabilities, control. Section numbers are of
 * PCI Local Bus 3.0, PCI-to-PCI Bridge 1.2 ("bridge") and PCI Express Base 4.0 ("PCIe").
 *
 * Rules
 *  - Pure over struct pci_config_ops: no system call, no state but what the caller hands in, so it runs on the host
 *    against a fake bus.
 *  - What a device says is material to judge: a list that loops ends, a bus is visited once, an offset outside is
 *    dropped, a device that answers 0xffffffff is not there. Nothing here can fail loudly, only find less.
 *  - Everything about a device is read once, when it is found or claimed; later decisions use that copy. */
#pragma once
#include <abi/errors.h>
#include <abi/types.h>

#define PCI_DEVICES_MAX 64
#define PCI_BARS 6
#define PCI_MSIX_ENTRY 16u /* bytes of a table entry, §6.8.2.6 */

/* Reads and writes `width` (1, 2, 4) bytes at a naturally aligned offset below 256. Absent devices read all ones. */
struct pci_config_ops {
    uint32_t (*read)(void *context, uint32_t bus_id, uint32_t offset, uint32_t width);
    void (*write)(void *context, uint32_t bus_id, uint32_t offset, uint32_t width, uint32_t value);
    void *context;
    uint32_t bus_first, bus_last; /* what can be reached */
};

struct pci_bar {
    uint64_t address, size; /* size 0: none */
    bool port, wide;        /* wide: takes the next register too */
};

struct pci_msix {   /* §6.8.2 */
    uint8_t offset; /* of the capability; 0: none */
    uint8_t table_bar, pba_bar;
    uint16_t vectors; /* 1..2048 */
    uint32_t table_offset, pba_offset;
};

struct pci_device {
    uint16_t bus_id, vendor, device, subsystem;
    uint32_t class_code; /* class << 16 | subclass << 8 | interface */
    uint8_t revision, header_type, irq_line, irq_pin;
    uint8_t msi_offset;                     /* capability; 0: none */
    uint8_t pcie_flr_offset, af_flr_offset; /* capabilities that offer a function level reset; 0: none */
    bool restore;                           /* was reset: its BARs are to be written back */
    bool was_master;                        /* bus mastering was on when it was found */
    struct pci_msix msix;
    struct pci_bar bars[PCI_BARS];    /* valid once sized */
    uint32_t bar_registers[PCI_BARS]; /* what firmware had put there */
    bool sized;
};

struct pci_bus {
    const struct pci_config_ops *ops;
    struct pci_device devices[PCI_DEVICES_MAX];
    uint32_t count;
    uint32_t visited[8]; /* a bit for each of 256 buses */
};

/* pci_scan.c: all devices behind the first bus, bridges followed. Bus mastering is off in every device that is no
 * bridge when it returns: whoever drove them before is gone. */
void pci_scan(struct pci_bus *bus, const struct pci_config_ops *ops);
bool pci_is_bridge(const struct pci_device *device);

/* pci_caps.c: fills the capability fields of a device just found. */
void pci_read_capabilities(const struct pci_config_ops *ops, struct pci_device *device);

/* pci_bars.c */
/* Once; decoding is off meanwhile. An MSI-X capability whose table is not inside its BAR is forgotten. */
void pci_size_bars(const struct pci_config_ops *ops, struct pci_device *device);
/* The part of a memory BAR that a driver may have: all of it but the pages of the MSI-X table and PBA. Where these lie in
 * the midst, the larger part. */
struct pci_bar_part {
    uint64_t first_page, pages;           /* pages 0: nothing is left */
    uint64_t hole_first_page, hole_pages; /* hole_pages 0: nothing was left out */
};
struct pci_bar_part pci_bar_part(const struct pci_device *device, unsigned bar);
/* Is there a device other than `except` with a BAR inside this page? (A BAR smaller than a page shares it.) */
bool pci_page_shared(const struct pci_bus *bus, const struct pci_device *except, uint64_t page);

/* pci_control.c */
void pci_quiet(const struct pci_config_ops *ops, const struct pci_device *device);  /* no DMA, no interrupts */
bool pci_reset_start(const struct pci_config_ops *ops, struct pci_device *device);  /* true: it takes PCI_RESET_NS */
#define PCI_RESET_NS 100000000ull                                                   /* PCIe §6.6.2 */
void pci_reset_finish(const struct pci_config_ops *ops, struct pci_device *device); /* BARs back, decoding on */
void pci_enable(const struct pci_config_ops *ops, const struct pci_device *device); /* decoding and bus mastering */
void pci_line_allow(const struct pci_config_ops *ops, const struct pci_device *device);
void pci_msi_set(const struct pci_config_ops *ops, const struct pci_device *device, uint64_t address, uint32_t data);
void pci_msix_set(const struct pci_config_ops *ops, const struct pci_device *device, bool enable);

/* pci_class.c: what people call it, and the right that it takes to claim it (DEVMGR_CLASS_, 0: nobody). */
struct pci_class {
    uint8_t class;
    uint16_t right;
    const char *kind;
};
const struct pci_class *pci_class_of(const struct pci_device *device);

/* ---- registers, §6.1 ---- */
enum pci_register {
    PCI_VENDOR = 0x00,
    PCI_COMMAND = 0x04,
    PCI_STATUS = 0x06,
    PCI_REVISION = 0x08, /* and class code in the upper 24 bits */
    PCI_HEADER_TYPE = 0x0e,
    PCI_BAR0 = 0x10,
    PCI_SECONDARY_BUS = 0x19, /* bridge §3.2.5.4 */
    PCI_SUBSYSTEM = 0x2e,
    PCI_CAPABILITIES = 0x34,
    PCI_INTERRUPT_LINE = 0x3c,
    PCI_INTERRUPT_PIN = 0x3d,
};
#define PCI_COMMAND_IO 0x0001u /* §6.2.2 */
#define PCI_COMMAND_MEMORY 0x0002u
#define PCI_COMMAND_MASTER 0x0004u
#define PCI_COMMAND_NO_LINE 0x0400u
#define PCI_STATUS_CAPABILITIES 0x0010u /* §6.2.3 */
