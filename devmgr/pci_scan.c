#include "devmgr/pci.h"

#include <abi/device.h>

#define HEADER_MULTI_FUNCTION 0x80u
#define HEADER_BRIDGE 1u
#define CLASS_BRIDGE 0x06u

struct walk { /* buses still to be looked at: each is put in once */
    uint8_t buses[256];
    unsigned head, tail;
};

static void enqueue(struct pci_bus *bus, struct walk *walk, uint32_t number)
{
    uint32_t bit = 1u << (number & 31);
    if (number < bus->ops->bus_first || number > bus->ops->bus_last || (bus->visited[number >> 5] & bit))
        return;
    bus->visited[number >> 5] |= bit;
    walk->buses[walk->tail++] = (uint8_t)number;
}

bool pci_is_bridge(const struct pci_device *device)
{
    return device->class_code >> 16 == CLASS_BRIDGE || (device->header_type & 0x7f) != 0;
}

static void stop_master(const struct pci_config_ops *ops, struct pci_device *device)
{
    uint32_t command = ops->read(ops->context, device->bus_id, PCI_COMMAND, 2);
    device->was_master = command & PCI_COMMAND_MASTER;
    if (device->was_master)
        ops->write(ops->context, device->bus_id, PCI_COMMAND, 2, command & ~PCI_COMMAND_MASTER);
}

static void describe(const struct pci_config_ops *ops, struct pci_device *device)
{
    uint32_t class_word = ops->read(ops->context, device->bus_id, PCI_REVISION, 4);
    uint32_t line = ops->read(ops->context, device->bus_id, PCI_INTERRUPT_LINE, 2);
    device->class_code = class_word >> 8;
    device->revision = (uint8_t)class_word;
    device->irq_line = (uint8_t)line;
    device->irq_pin = (uint8_t)(line >> 8);
    if (pci_is_bridge(device))
        return;
    device->subsystem = (uint16_t)ops->read(ops->context, device->bus_id, PCI_SUBSYSTEM, 2);
    stop_master(ops, device);
}

/* True when there is a function. */
static bool look(struct pci_bus *bus, struct walk *walk, uint32_t bus_id, uint8_t *header_type)
{
    const struct pci_config_ops *ops = bus->ops;
    uint32_t id = ops->read(ops->context, bus_id, PCI_VENDOR, 4);
    if ((id & 0xffff) == 0xffff || (id & 0xffff) == 0) /* §6.1: no device */
        return false;
    *header_type = (uint8_t)ops->read(ops->context, bus_id, PCI_HEADER_TYPE, 1);
    if (bus->count == PCI_DEVICES_MAX)
        return true;
    struct pci_device *device = &bus->devices[bus->count++];
    *device = (struct pci_device){.bus_id = (uint16_t)bus_id, .vendor = (uint16_t)id, .device = (uint16_t)(id >> 16)};
    device->header_type = *header_type;
    describe(ops, device);
    pci_read_capabilities(ops, device);
    if ((*header_type & 0x7f) == HEADER_BRIDGE)
        enqueue(bus, walk, ops->read(ops->context, bus_id, PCI_SECONDARY_BUS, 1));
    return true;
}

static void scan_slot(struct pci_bus *bus, struct walk *walk, uint32_t number, uint32_t slot)
{
    uint8_t header_type, other;
    if (!look(bus, walk, DMA_BUS_ID(number, slot, 0), &header_type) || !(header_type & HEADER_MULTI_FUNCTION))
        return;
    for (uint32_t function = 1; function < 8; function++)
        look(bus, walk, DMA_BUS_ID(number, slot, function), &other);
}

void pci_scan(struct pci_bus *bus, const struct pci_config_ops *ops)
{
    struct walk walk = {.head = 0};
    bus->ops = ops;
    enqueue(bus, &walk, ops->bus_first);
    while (walk.head < walk.tail) {
        uint32_t number = walk.buses[walk.head++];
        for (uint32_t slot = 0; slot < 32; slot++)
            scan_slot(bus, &walk, number, slot);
    }
}
