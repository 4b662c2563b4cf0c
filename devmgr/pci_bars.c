#include "devmgr/pci.h"

#define BAR_PORT 1u /* §6.2.5.1 */
#define BAR_WIDE 4u
#define PORT_MASK 0xfffcu
#define MEMORY_MASK 0xfffffff0u

static uint32_t bar_read(const struct pci_config_ops *ops, const struct pci_device *device, unsigned bar)
{
    return ops->read(ops->context, device->bus_id, PCI_BAR0 + 4 * bar, 4);
}

static void bar_write(const struct pci_config_ops *ops, const struct pci_device *device, unsigned bar, uint32_t value)
{
    ops->write(ops->context, device->bus_id, PCI_BAR0 + 4 * bar, 4, value);
}

/* §6.2.5.1: write ones, read which bits stick, put the address back. */
static uint32_t bar_probe(const struct pci_config_ops *ops, const struct pci_device *device, unsigned bar)
{
    bar_write(ops, device, bar, 0xffffffff);
    uint32_t sticks = bar_read(ops, device, bar);
    bar_write(ops, device, bar, device->bar_registers[bar]);
    return sticks;
}

static void size_port(const struct pci_config_ops *ops, struct pci_device *device, unsigned bar)
{
    uint32_t sticks = bar_probe(ops, device, bar) & PORT_MASK;
    device->bars[bar] =
        (struct pci_bar){.address = device->bar_registers[bar] & PORT_MASK, .size = sticks & -sticks, .port = true};
}

static void size_memory(const struct pci_config_ops *ops, struct pci_device *device, unsigned bar, bool wide)
{
    uint64_t sticks = bar_probe(ops, device, bar) & MEMORY_MASK;
    uint64_t address = device->bar_registers[bar] & MEMORY_MASK;
    if (wide) {
        sticks |= (uint64_t)bar_probe(ops, device, bar + 1) << 32;
        address |= (uint64_t)device->bar_registers[bar + 1] << 32;
    }
    device->bars[bar] = (struct pci_bar){.address = address, .size = sticks & -sticks, .wide = wide};
}

/* What firmware gave no place to, or an impossible one, is not there. */
static void check_place(struct pci_bar *bar)
{
    if (bar->address == 0 || (bar->address & (bar->size - 1)) || bar->size > UINT64_MAX - bar->address ||
        (bar->port && bar->size > 256)) /* §6.2.5.1: at most 256 ports */
        *bar = (struct pci_bar){0};
}

static unsigned size_bar(const struct pci_config_ops *ops, struct pci_device *device, unsigned bar)
{
    uint32_t value = device->bar_registers[bar];
    bool wide = !(value & BAR_PORT) && (value & 6) == BAR_WIDE;
    if (wide && bar == PCI_BARS - 1) /* no register for its upper half */
        return 1;
    if (value & BAR_PORT)
        size_port(ops, device, bar);
    else
        size_memory(ops, device, bar, wide);
    if (device->bars[bar].size)
        check_place(&device->bars[bar]);
    return wide ? 2 : 1;
}

static void size_all(const struct pci_config_ops *ops, struct pci_device *device)
{
    uint32_t command = ops->read(ops->context, device->bus_id, PCI_COMMAND, 2);
    ops->write(ops->context, device->bus_id, PCI_COMMAND, 2, command & ~(PCI_COMMAND_IO | PCI_COMMAND_MEMORY));
    for (unsigned i = 0; i < PCI_BARS; i++)
        device->bar_registers[i] = bar_read(ops, device, i);
    for (unsigned i = 0; i < PCI_BARS;)
        i += size_bar(ops, device, i);
    ops->write(ops->context, device->bus_id, PCI_COMMAND, 2, command);
}

static bool lies_inside(const struct pci_bar *bar, uint64_t offset, uint64_t bytes)
{
    return !bar->port && offset <= bar->size && bytes <= bar->size - offset;
}

static void check_msix(struct pci_device *device)
{
    const struct pci_msix *m = &device->msix;
    uint64_t pba_bytes = (uint64_t)(m->vectors + 63) / 64 * 8; /* §6.8.2.10 */
    if (m->offset && (!lies_inside(&device->bars[m->table_bar], m->table_offset, m->vectors * PCI_MSIX_ENTRY) ||
                      !lies_inside(&device->bars[m->pba_bar], m->pba_offset, pba_bytes)))
        device->msix = (struct pci_msix){0};
}

void pci_size_bars(const struct pci_config_ops *ops, struct pci_device *device)
{
    if (device->sized)
        return;
    device->sized = true;
    if ((device->header_type & 0x7f) == 0) /* others have registers of another meaning there */
        size_all(ops, device);
    check_msix(device);
}

/* ---- what a driver may map ---- */

struct range {
    uint64_t first, end; /* pages; empty: first == end */
};

static struct range join(struct range a, struct range b)
{
    if (a.first == a.end)
        return b;
    return (struct range){a.first < b.first ? a.first : b.first, a.end > b.end ? a.end : b.end};
}

static struct range pages_of(uint64_t offset, uint64_t bytes)
{
    return (struct range){offset >> PAGE_SHIFT, (offset + bytes + PAGE_SIZE - 1) >> PAGE_SHIFT};
}

static struct range hole_in(const struct pci_msix *m, unsigned bar)
{
    struct range hole = {0, 0};
    if (m->offset && m->table_bar == bar)
        hole = join(hole, pages_of(m->table_offset, m->vectors * PCI_MSIX_ENTRY));
    if (m->offset && m->pba_bar == bar)
        hole = join(hole, pages_of(m->pba_offset, (uint64_t)(m->vectors + 63) / 64 * 8));
    return hole;
}

struct pci_bar_part pci_bar_part(const struct pci_device *device, unsigned bar)
{
    uint64_t pages = (device->bars[bar].size + PAGE_SIZE - 1) >> PAGE_SHIFT;
    struct range hole = hole_in(&device->msix, bar);
    struct pci_bar_part part = {.pages = pages};
    if (hole.first == hole.end)
        return part;
    part.hole_first_page = hole.first;
    part.hole_pages = hole.end - hole.first;
    part.pages = hole.first;
    if (hole.first < pages - hole.end) {
        part.first_page = hole.end;
        part.pages = pages - hole.end;
    }
    return part;
}

static bool has_bar_in(const struct pci_config_ops *ops, const struct pci_device *device, uint64_t page)
{
    uint64_t upper = 0;
    for (unsigned i = PCI_BARS; i-- > 0;) { /* downwards: the upper half of a wide one is read first */
        uint32_t value = bar_read(ops, device, i);
        uint64_t high = !(value & BAR_PORT) && (value & 6) == BAR_WIDE ? upper << 32 : 0;
        if (!(value & BAR_PORT) && value != 0 && (high | (value & MEMORY_MASK)) >> PAGE_SHIFT == page)
            return true;
        upper = value;
    }
    return false;
}

bool pci_page_shared(const struct pci_bus *bus, const struct pci_device *except, uint64_t page)
{
    for (uint32_t i = 0; i < bus->count; i++) {
        const struct pci_device *device = &bus->devices[i];
        if (device != except && !pci_is_bridge(device) && has_bar_in(bus->ops, device, page))
            return true;
    }
    return false;
}
