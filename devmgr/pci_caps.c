#include "devmgr/pci.h"

#define CAPS_MAX 48 /* as many as fit into 0x40..0xff: a longer list loops */

enum { CAP_MSI = 0x05, CAP_PCIE = 0x10, CAP_MSIX = 0x11, CAP_AF = 0x13 }; /* appendix H */

struct found {
    const struct pci_config_ops *ops;
    struct pci_device *device;
    uint8_t offset;
    uint16_t control; /* the capability's bytes 2 and 3 */
};

static uint32_t read_at(const struct found *f, uint32_t offset)
{
    return f->ops->read(f->ops->context, f->device->bus_id, f->offset + offset, 4);
}

static void found_msi(const struct found *f)
{
    if (f->offset <= 0xff - 13) /* §6.8.1: 14 bytes with 64-bit addresses */
        f->device->msi_offset = f->offset;
}

static void found_msix(const struct found *f)
{
    if (f->offset > 0xff - 11) /* §6.8.2: 12 bytes */
        return;
    uint32_t table = read_at(f, 4), pba = read_at(f, 8);
    f->device->msix = (struct pci_msix){
        .offset = f->offset,
        .vectors = (uint16_t)((f->control & 0x7ff) + 1), /* §6.8.2.3 */
        .table_bar = table & 7,                          /* §6.8.2.4 */
        .table_offset = table & ~7u,
        .pba_bar = pba & 7,
        .pba_offset = pba & ~7u,
    };
    if (f->device->msix.table_bar >= PCI_BARS || f->device->msix.pba_bar >= PCI_BARS)
        f->device->msix = (struct pci_msix){0};
}

static void found_pcie(const struct found *f)
{
    if (f->offset > 0xff - 11)
        return;
    if (read_at(f, 4) >> 28 & 1) /* PCIe §7.5.3.3, Function Level Reset Capability */
        f->device->pcie_flr_offset = f->offset;
}

/* Conventional PCI ECN "Advanced Capabilities": byte 3 says which of FLR (bit 1) and transactions pending (bit 0). */
static void found_af(const struct found *f)
{
    if (f->offset > 0xff - 5)
        return;
    if (f->control >> 9 & 1)
        f->device->af_flr_offset = f->offset;
}

static const struct {
    uint8_t id;
    void (*take)(const struct found *f);
} takers[] = {{CAP_MSI, found_msi}, {CAP_MSIX, found_msix}, {CAP_PCIE, found_pcie}, {CAP_AF, found_af}};

static void take(const struct found *f, uint8_t id)
{
    for (unsigned i = 0; i < sizeof takers / sizeof takers[0]; i++) {
        if (takers[i].id == id)
            takers[i].take(f);
    }
}

void pci_read_capabilities(const struct pci_config_ops *ops, struct pci_device *device)
{
    uint32_t status = ops->read(ops->context, device->bus_id, PCI_STATUS, 2);
    if (!(status & PCI_STATUS_CAPABILITIES) || (device->header_type & 0x7f) > 1)
        return;
    uint32_t at = ops->read(ops->context, device->bus_id, PCI_CAPABILITIES, 1) & 0xfc; /* §6.7 */
    for (unsigned i = 0; i < CAPS_MAX && at >= 0x40; i++) {
        uint32_t head = ops->read(ops->context, device->bus_id, at, 4);
        struct found f = {ops, device, (uint8_t)at, (uint16_t)(head >> 16)};
        if ((head & 0xff) == 0xff)
            return;
        take(&f, (uint8_t)head);
        at = head >> 8 & 0xfc;
    }
}
