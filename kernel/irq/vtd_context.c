/* Root and context tables: 256 buses, each with 256 devices and functions (§9.1, §9.3). A bus gets its table when one of
 * its devices is given memory or is caught; what no entry is present for, reaches nothing. */
#include "kernel/irq/vtd.h"
#include "kernel/memory/memory.h"
#include "kernel/x86/cpu.h"

#define ROOT_PRESENT 1ul
#define DOMAIN_OF(high) ((uint32_t)((high) >> 8 & 0xffff))

static uint64_t context_table(uint64_t *root_entry, bool make)
{
    if (*root_entry & ROOT_PRESENT || !make)
        return *root_entry & VTD_ADDRESS;
    uint64_t table = memory_kernel_page();
    if (!table)
        return 0;
    vtd_publish(phys_to_virt(table), PAGE_SIZE);
    *root_entry = table | ROOT_PRESENT;
    vtd_publish(root_entry, sizeof *root_entry);
    return table;
}

uint64_t *vtd_context(uint32_t bus_id, bool make)
{
    uint64_t table = context_table(&vtd.root[2 * (bus_id >> 8)], make);
    return table ? (uint64_t *)phys_to_virt(table) + (uint64_t)2 * (bus_id & 0xff) : NULL;
}

bool vtd_device_quiet(uint32_t bus_id)
{
    const uint64_t *context = vtd_context(bus_id, false);
    return context && context[0] & CONTEXT_QUIET;
}

/* §9.3, FPD: counts in an entry that is not present too. */
status_t vtd_device_set_quiet(uint32_t bus_id, bool quiet)
{
    uint64_t *context = vtd_context(bus_id, quiet);
    if (!context)
        return quiet ? ERR_NO_MEMORY : OK;
    if (!(context[0] & CONTEXT_QUIET) == !quiet)
        return OK;
    context[0] ^= CONTEXT_QUIET;
    vtd_publish(context, 16);
    return vtd_flush_context(bus_id, DOMAIN_OF(context[1]));
}
