/* Asking devmgr: see pci.h. */
#include "drivers/pci.h"

#include <lib/ipc.h>

#define DEVMGR_TIMEOUT_NS 2000000000ull
#define PAGES_MAX 16u

#define X(NAME, number, request, reply, caps, rights) IPC_OP_ENUM(PROTO_DEVMGR, NAME, number)
enum { DEVMGR_OPS(X) };
#undef X

static uint64_t soon(void)
{
    return clock_now() + DEVMGR_TIMEOUT_NS;
}

uint32_t pci_config_read(const struct nic_resources *resources, unsigned offset, unsigned width)
{
    struct devmgr_config request = {resources->device_id, (uint16_t)offset, (uint16_t)width};
    struct devmgr_config_value value = {0};
    status_t status =
        ipc_call(resources->devmgr, DEVMGR_CONFIG_READ, &request, sizeof request, &value, sizeof value, soon());
    return status == OK ? value.value : 0;
}

status_t pci_bus_master(const struct nic_resources *resources)
{
    struct devmgr_enable enable = {resources->device_id, 0};
    return ipc_call(resources->devmgr, DEVMGR_ENABLE, &enable, sizeof enable, NULL, 0, soon());
}

/* ---- registers ---- */

status_t pci_map_bar(const struct nic_resources *resources, unsigned bar, struct pci_mapping *mapping)
{
    struct devmgr_bar request = {resources->device_id, bar};
    struct devmgr_bar_reply reply = {0};
    handle_t memory = HANDLE_NONE;
    status_t status = ipc_call_caps(resources->devmgr, DEVMGR_BAR, &request, sizeof request, NULL, 0, 0, &reply,
                                    sizeof reply, &memory, 1, soon());
    if (status != OK)
        return status;
    uint64_t pages = (reply.size + PAGE_SIZE - 1) >> PAGE_SHIFT;
    uint64_t last = reply.hole_pages && reply.hole_first_page > reply.first_page ? reply.hole_first_page : pages;
    if (reply.is_port || reply.first_page >= last)
        return ERR_NOT_SUPPORTED;
    result_t address = memory_map(HANDLE_NONE, memory, 0, 0, last - reply.first_page, PROT_READ | PROT_WRITE);
    if (address < 0)
        return (status_t)address;
    *mapping = (struct pci_mapping){(uint8_t *)address, (uint64_t)reply.first_page << PAGE_SHIFT,
                                    (last - reply.first_page) << PAGE_SHIFT, memory};
    return OK;
}

void pci_unmap_bar(struct pci_mapping *mapping)
{
    if (mapping->memory == HANDLE_NONE)
        return;
    memory_unmap(HANDLE_NONE, (uint64_t)mapping->address, mapping->bytes >> PAGE_SHIFT);
    cap_close(mapping->memory);
    *mapping = (struct pci_mapping){0};
}

/* ---- interrupts ---- */

status_t pci_take_irq(const struct nic_resources *resources, uint32_t entry, uint32_t bit, handle_t *irq,
                      uint32_t *mode)
{
    struct devmgr_irq request = {resources->device_id, entry};
    struct devmgr_irq_reply reply = {0};
    status_t status = ipc_call_caps(resources->devmgr, DEVMGR_IRQ, &request, sizeof request, NULL, 0, 0, &reply,
                                    sizeof reply, irq, 1, soon());
    if (status == OK)
        status = irq_bind(*irq, resources->signal, bit);
    *mode = reply.mode;
    return status;
}

/* ---- memory ---- */

status_t pci_memory_new(const struct nic_resources *resources, size_t pages, struct pci_memory *memory,
                        uint64_t *address)
{
    uint64_t addresses[PAGES_MAX];
    if (pages > PAGES_MAX)
        return ERR_TOO_LONG;
    memory->base = memory_map_new(pages, MEMORY_CONTIGUOUS, &memory->memory);
    if (!memory->base)
        return ERR_NO_MEMORY;
    memory->pages = pages;
    status_t status = dma_pin(resources->dma, memory->memory, 0, pages, addresses);
    *address = addresses[0];
    for (size_t i = 1; status == OK && i < pages; i++)
        if (addresses[i] != addresses[0] + i * PAGE_SIZE)
            status = ERR_NOT_SUPPORTED;
    return status;
}

void pci_memory_free(const struct nic_resources *resources, struct pci_memory *memory)
{
    if (memory->memory == HANDLE_NONE)
        return;
    status_t status = dma_unpin(resources->dma, memory->memory);
    if (status == OK)
        status = memory_unmap(HANDLE_NONE, (uint64_t)memory->base, memory->pages);
    if (status != OK)
        log_warning("memory of the device's queues: %s", status_name(status));
    cap_close(memory->memory);
    *memory = (struct pci_memory){0};
}
