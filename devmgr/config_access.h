/* Configuration space of the real machine: memory-mapped where the firmware says so (ECAM, PCIe §7.2.2), else through
 * ports 0xcf8 and 0xcfc (PCI 3.0 §3.2.2.3.2). A bus's window is mapped when it is first looked at. */
#pragma once
#include "devmgr/pci.h"
#include <abi/device.h>

struct config_access {
    struct pci_config_ops ops; /* valid after config_access_init */
    handle_t root, port;       /* port: the range 0xcf8..0xcff */
    struct platform_info platform;
    volatile uint8_t *windows[256]; /* ECAM: by bus; NULL: not mapped yet, or not mappable */
};

status_t config_access_init(struct config_access *access, handle_t root) MUST_CHECK;
