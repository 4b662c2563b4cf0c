/* Xen's x86/HVM direct boot ABI (docs/misc/pvh.pandoc, include/public/arch-x86/hvm/start_info.h): what QEMU's -kernel
 * leaves for an ELF with a PVH note. Pure. */
#include <string.h>
#include "kernel/x86/boot_info.h"

struct pvh_start_info {
    uint32_t magic, version, flags, module_count;
    uint64_t modules, line, rsdp;
    uint64_t memory_map; /* from version 1 on */
    uint32_t memory_map_entries, reserved;
};
struct pvh_module {
    uint64_t address, bytes, line, reserved;
};
struct pvh_memory_map_entry {
    uint64_t address, bytes;
    uint32_t type, reserved;
};
#define MEMORY_MAP_ENTRIES_MAX 4096u

static void take_line(struct boot_info *info, uint64_t physical)
{
    char line[sizeof(info->boot_line)];
    size_t n = 0;
    for (; physical && n < sizeof(line) - 1; n++) {
        const char *byte = early_view(physical + n, 1);
        if (!byte || !*byte)
            break;
        line[n] = *byte;
    }
    boot_line_copy(info, line, n);
}

static void take_memory_map(struct boot_info *info, uint64_t physical, uint32_t entries)
{
    if (entries > MEMORY_MAP_ENTRIES_MAX)
        entries = MEMORY_MAP_ENTRIES_MAX;
    const struct pvh_memory_map_entry *map = early_view(physical, (uint64_t)entries * sizeof(*map));
    for (int pass = 0; map && pass < 2; pass++)
        for (uint32_t i = 0; i < entries; i++)
            region_add_e820(info, map[i].address, map[i].bytes, map[i].type, pass == 0);
}

static void take_module(struct boot_info *info, uint64_t physical)
{
    const struct pvh_module *module = early_view(physical, sizeof(*module));
    if (!module)
        return;
    info->module_physical = module->address;
    info->module_bytes = module->bytes;
}

bool boot_pvh_parse(struct boot_info *info, uint64_t info_physical)
{
    const struct pvh_start_info *start = early_view(info_physical, sizeof(*start));
    if (!start || start->magic != PVH_MAGIC)
        return false;
    info->rsdp_physical = start->rsdp;
    take_line(info, start->line);
    if (start->module_count)
        take_module(info, start->modules);
    if (start->version >= 1)
        take_memory_map(info, start->memory_map, start->memory_map_entries);
    info->loader = "pvh";
    return true;
}
