/* Devices that the IOMMU caught at something that they were not given.
 *
 * Rules
 *  - Pure: no system call, so it runs on the host.
 *  - The first fault of a device quarantines it, until the machine starts anew; its later ones cost nothing and say
 *    nothing. Nobody takes a device out again: neither its driver nor the device can be trusted, and which of them it
 *    was cannot be told from here.
 *  - The kernel keeps the faults, so a devmgr that was started anew reads them again and knows as much as the last one.
 *  - A fault whose requester is no device that devmgr could give away (a bridge, a function that it never saw) is
 *    reported and quarantines nobody: no such device has a capability that could be taken back. */
#pragma once
#include "devmgr/pci.h"
#include <abi/device.h>

struct quarantine {
    struct iommu_fault faults[PCI_DEVICES_MAX]; /* by index in the bus's list; sequence 0: not quarantined */
    uint64_t next_sequence;                     /* the first fault not looked at yet */
};

enum quarantine_verdict { QUARANTINE_NEW, QUARANTINE_ALREADY, QUARANTINE_NOBODY };
/* *device: whom it was (NULL with QUARANTINE_NOBODY). */
enum quarantine_verdict quarantine_add(struct quarantine *q, struct pci_bus *bus, const struct iommu_fault *fault,
                                       struct pci_device **device);
/* Why this device is quarantined; NULL: it is not. */
const struct iommu_fault *quarantine_of(const struct quarantine *q, const struct pci_bus *bus,
                                        const struct pci_device *device);

#define FAULT_TEXT 160
/* "wanted to write to 0x100000: nothing is pinned there for it to write". */
void fault_text(const struct iommu_fault *fault, char text[FAULT_TEXT]);
