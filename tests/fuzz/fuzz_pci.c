/* A bus of any bytes whose registers take any writes: looking at it ends, and what a driver could map lies in the BAR and
 * never holds the MSI-X table. */
#include <stdlib.h>
#include <string.h>
#include <abi/device.h>
#include "devmgr/pci.h"

static uint8_t space[4][256], sticks[256];

static uint8_t *place(uint32_t bus_id, uint32_t offset, uint32_t width)
{
    if (offset > 256 - width || offset % width)
        abort();
    return &space[(bus_id >> 3 ^ bus_id >> 8 ^ bus_id) & 3][offset];
}

static uint32_t read(void *context, uint32_t bus_id, uint32_t offset, uint32_t width)
{
    uint32_t value = 0;
    (void)context;
    memcpy(&value, place(bus_id, offset, width), width);
    return value;
}

static void write(void *context, uint32_t bus_id, uint32_t offset, uint32_t width, uint32_t value)
{
    uint8_t *at = place(bus_id, offset, width);
    (void)context;
    for (unsigned i = 0; i < width; i++)
        at[i] = (uint8_t)((at[i] & ~sticks[offset + i]) | ((value >> 8 * i) & sticks[offset + i]));
}

static void check(const struct pci_device *device)
{
    const struct pci_msix *m = &device->msix;
    for (unsigned bar = 0; bar < PCI_BARS; bar++) {
        uint64_t pages = (device->bars[bar].size + PAGE_SIZE - 1) >> PAGE_SHIFT;
        struct pci_bar_part part = pci_bar_part(device, bar);
        uint64_t first = m->table_offset >> PAGE_SHIFT;
        uint64_t end = (m->table_offset + m->vectors * (uint64_t)PCI_MSIX_ENTRY + PAGE_SIZE - 1) >> PAGE_SHIFT;
        if (part.first_page > pages || part.pages > pages - part.first_page)
            abort();
        if (m->offset && m->table_bar == bar && part.pages && part.first_page < end &&
            first < part.first_page + part.pages)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct pci_bus bus;
    static const struct pci_config_ops ops = {.read = read, .write = write, .bus_last = 3};
    if (size < sizeof sticks)
        return 0;
    memcpy(sticks, data, sizeof sticks);
    data += sizeof sticks;
    size -= sizeof sticks;
    memset(space, 0, sizeof space);
    memcpy(space, data, size < sizeof space ? size : sizeof space);
    memset(&bus, 0, sizeof bus);
    pci_scan(&bus, &ops);
    for (uint32_t i = 0; i < bus.count && i < 4; i++) {
        pci_size_bars(&ops, &bus.devices[i]);
        check(&bus.devices[i]);
        pci_quiet(&ops, &bus.devices[i]);
        pci_reset_start(&ops, &bus.devices[i]);
        pci_reset_finish(&ops, &bus.devices[i]);
        pci_enable(&ops, &bus.devices[i]);
        if (bus.devices[i].msi_offset)
            pci_msi_set(&ops, &bus.devices[i], 0xfee00000, 0x41);
    }
    return 0;
}
