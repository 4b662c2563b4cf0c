/* devmgr: PCI devices and the capabilities for them. */
#pragma once
#include <proto/protocol.h>

/* clang-format off */
#define DEVMGR_OPS(X)                                                                             \
    X(DEVMGR_LIST, 1, struct devmgr_list, struct devmgr_device_list, 0, SERVICE_READ)             \
    X(DEVMGR_CLAIM, 2, struct devmgr_claim, struct devmgr_claimed, 0, SERVICE_ATTACH)             \
    X(DEVMGR_BAR, 3, struct devmgr_bar, struct devmgr_bar_reply, 0, SERVICE_ATTACH)               \
    X(DEVMGR_IRQ, 4, struct devmgr_irq, struct devmgr_irq_reply, 0, SERVICE_ATTACH)               \
    X(DEVMGR_CONFIG_READ, 5, struct devmgr_config, struct devmgr_config_value, 0, SERVICE_ATTACH) \
    X(DEVMGR_ENABLE, 6, struct devmgr_enable, struct empty, 0, SERVICE_ATTACH)                    \
    X(DEVMGR_RELEASE, 7, struct devmgr_enable, struct empty, 0, SERVICE_ATTACH)
/* clang-format on */

/* Service rights of devmgr's own: the class of devices that the capability may claim. init's manifest gives a driver
 * exactly one (a host test proves it); the kernel stamps them on each message, so devmgr needs no table of clients. */
#define DEVMGR_CLASS_NETWORK 0x0100u
#define DEVMGR_CLASS_STORAGE 0x0200u
#define DEVMGR_CLASS_DISPLAY 0x0400u
#define DEVMGR_CLASSES 0xff00u

struct devmgr_list {
    uint32_t first, reserved;
};
struct devmgr_device {
    uint16_t vendor, device, bus_id /* bus << 8 | device << 3 | function */, subsystem;
    uint32_t class_code; /* class << 16 | subclass << 8 | interface */
    uint32_t holder;     /* badge of the client that has it; 0: nobody */
    uint8_t revision, has_msix, has_msi, irq_pin;
    uint8_t state; /* enum devmgr_state */
    char kind[11]; /* "network", "storage", "bridge", "display", … ends in 0 */
};
/* QUARANTINED: the IOMMU caught it reaching for what it was not given. Its holder has lost it, and nobody gets it before
 * the machine is restarted. */
enum devmgr_state { DEVMGR_TRUSTED = 0, DEVMGR_QUARANTINED = 1 };
struct devmgr_device_list {
    uint32_t total, count;
    struct devmgr_device devices[6];
};

/* CLAIM: the first free device that matches and is of the class that the caller's rights say: netsrv gets network devices
 * and nothing else. Bus mastering is off until ENABLE, and the device is reset if it can be from outside: a driver resets
 * it by its registers, too, before ENABLE, lest it goes on with what the last driver told it.
 * ERR_NOT_FOUND: there is no such device free; ERR_BAD_STATE: but one that is quarantined.
 * Reply caps[0]: the dma capability (PIN). */
struct devmgr_claim {
    uint16_t vendor, device; /* 0xffff: any */
    uint32_t index;          /* the index-th free match, from 0 */
};
struct devmgr_claimed {
    struct devmgr_device about;
    uint32_t device_id;              /* names it in the calls below */
    uint16_t msix_vectors, confined; /* confined: the IOMMU keeps it to what is pinned through caps[0] */
    uint64_t bar_size[6];            /* 0: none */
    uint8_t bar_is_port[8];
};

/* BAR: caps[0] is a memory (device, never its MSI-X table's page) or an ioport capability. */
struct devmgr_bar {
    uint32_t device_id, bar;
};
struct devmgr_bar_reply {
    uint64_t size;
    uint32_t is_port;
    uint32_t hole_first_page, hole_pages; /* pages of the MSI-X table and PBA inside a memory BAR, which the capability
                                             leaves out: it covers the larger part, before or behind them */
    uint32_t first_page;                  /* the capability's page 0 is this page of the BAR */
};

/* IRQ: caps[0] is an irq capability. entry: which MSI-X entry (0 for MSI or the line). devmgr programs the table. */
enum devmgr_irq_mode { DEVMGR_IRQ_MSIX = 0, DEVMGR_IRQ_MSI = 1, DEVMGR_IRQ_LINE = 2 };
struct devmgr_irq {
    uint32_t device_id, entry;
};
struct devmgr_irq_reply {
    uint32_t mode, reserved; /* enum devmgr_irq_mode: the best that the device has */
};

struct devmgr_config {
    uint32_t device_id;
    uint16_t offset, width; /* width 1, 2 or 4 */
};
struct devmgr_config_value {
    uint32_t value, reserved;
};

/* ENABLE: memory decoding and bus mastering on. RELEASE: off, function reset, all its capabilities revoked. */
struct devmgr_enable {
    uint32_t device_id, reserved;
};
