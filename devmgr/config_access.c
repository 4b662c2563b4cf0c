#include "devmgr/config_access.h"

#include <lib/runtime.h>

#define ECAM_BUS_BYTES (1ul << 20) /* PCIe §7.2.2: 32 devices x 8 functions x 4 KiB */
#define PORT_FIRST 0xcf8u
#define PORT_DATA 4u /* offsets in our range of 8 ports */
#define ADDRESS_ENABLE 0x80000000u

static uint32_t all_ones(uint32_t width)
{
    return width == 4 ? 0xffffffffu : (1u << 8 * width) - 1;
}

/* ---- memory-mapped ---- */

static volatile uint8_t *map_window(struct config_access *access, uint32_t bus)
{
    uint64_t physical = access->platform.ecam_address + bus * ECAM_BUS_BYTES;
    result_t memory = devmem_create(access->root, physical, ECAM_BUS_BYTES);
    if (memory < 0)
        return NULL;
    result_t address =
        memory_map(HANDLE_NONE, (handle_t)memory, 0, 0, ECAM_BUS_BYTES >> PAGE_SHIFT, PROT_READ | PROT_WRITE);
    cap_close((handle_t)memory); /* the mapping stays */
    return address < 0 ? NULL : (volatile uint8_t *)address;
}

static volatile uint8_t *ecam_place(struct config_access *access, uint32_t bus_id, uint32_t offset)
{
    uint32_t bus = bus_id >> 8;
    if (!access->windows[bus])
        access->windows[bus] = map_window(access, bus);
    if (!access->windows[bus])
        return NULL;
    return access->windows[bus] + ((size_t)(bus_id & 0xff) << 12) + offset;
}

static uint32_t ecam_read(void *context, uint32_t bus_id, uint32_t offset, uint32_t width)
{
    volatile uint8_t *at = ecam_place(context, bus_id, offset);
    if (!at)
        return all_ones(width);
    if (width == 4)
        return *(volatile uint32_t *)at;
    return width == 2 ? *(volatile uint16_t *)at : *at;
}

static void ecam_write(void *context, uint32_t bus_id, uint32_t offset, uint32_t width, uint32_t value)
{
    volatile uint8_t *at = ecam_place(context, bus_id, offset);
    if (!at)
        return;
    if (width == 4)
        *(volatile uint32_t *)at = value;
    else if (width == 2)
        *(volatile uint16_t *)at = (uint16_t)value;
    else
        *at = (uint8_t)value;
}

/* ---- ports ---- */

static bool port_select(const struct config_access *access, uint32_t bus_id, uint32_t offset)
{
    return ioport_write(access->port, 0, 4, ADDRESS_ENABLE | bus_id << 8 | (offset & 0xfc)) == OK;
}

static uint32_t port_read(void *context, uint32_t bus_id, uint32_t offset, uint32_t width)
{
    const struct config_access *access = context;
    if (!port_select(access, bus_id, offset))
        return all_ones(width);
    result_t value = ioport_read(access->port, PORT_DATA + (offset & 3), width);
    return value < 0 ? all_ones(width) : (uint32_t)value;
}

static void port_write(void *context, uint32_t bus_id, uint32_t offset, uint32_t width, uint32_t value)
{
    const struct config_access *access = context;
    if (port_select(access, bus_id, offset))
        (void)ioport_write(access->port, PORT_DATA + (offset & 3), width, value);
}

/* ---- which of them ---- */

static void use_ecam(struct config_access *access)
{
    access->ops = (struct pci_config_ops){
        .read = ecam_read,
        .write = ecam_write,
        .context = access,
        .bus_first = access->platform.ecam_bus_first & 0xff,
        .bus_last = access->platform.ecam_bus_last & 0xff,
    };
}

static status_t use_ports(struct config_access *access)
{
    result_t port = ioport_create(access->root, PORT_FIRST, 8);
    if (port < 0)
        return (status_t)port;
    access->port = (handle_t)port;
    access->ops = (struct pci_config_ops){.read = port_read, .write = port_write, .context = access, .bus_last = 255};
    return OK;
}

status_t config_access_init(struct config_access *access, handle_t root)
{
    access->root = root;
    result_t got = system_info(root, INFO_PLATFORM, 0, &access->platform, sizeof access->platform);
    if (got < 0)
        return (status_t)got;
    if (!access->platform.ecam_address)
        return use_ports(access);
    use_ecam(access);
    return OK;
}
