#include "devmgr/pci.h"

#include <proto/devmgr.h>

/* Class codes: PCI Code and ID Assignment, §1. A class without a right is listed and never given away. */
static const struct pci_class classes[] = {
    {0x01, DEVMGR_CLASS_STORAGE, "storage"},
    {0x02, DEVMGR_CLASS_NETWORK, "network"},
    {0x03, DEVMGR_CLASS_DISPLAY, "display"},
    {0x04, 0, "multimedia"},
    {0x05, 0, "memory"},
    {0x06, 0, "bridge"},
    {0x07, 0, "serial"},
    {0x08, 0, "system"},
    {0x09, 0, "input"},
    {0x0c, 0, "bus"},
};

const struct pci_class *pci_class_of(const struct pci_device *device)
{
    static const struct pci_class other = {0xff, 0, "other"};
    for (unsigned i = 0; i < sizeof classes / sizeof classes[0]; i++) {
        if (classes[i].class == device->class_code >> 16)
            return pci_is_bridge(device) && classes[i].right ? &other : &classes[i];
    }
    return &other;
}
