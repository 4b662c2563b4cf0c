/* Multiboot2 specification 2.0 §3.6: boot information as GRUB leaves it. Pure. */
#include <string.h>
#include "kernel/x86/boot_info.h"

#define INFO_BYTES_MAX (1u << 20)
enum tag_type { TAG_END = 0, TAG_LINE = 1, TAG_MODULE = 3, TAG_MEMORY_MAP = 6, TAG_ACPI_OLD = 14, TAG_ACPI_NEW = 15 };

struct tag {
    uint32_t type, size; /* size counts this header */
};
struct tag_module {
    struct tag tag;
    uint32_t start, end; /* physical */
};
struct tag_memory_map {
    struct tag tag;
    uint32_t entry_size, entry_version;
};
struct memory_map_entry {
    uint64_t address, bytes;
    uint32_t type, reserved;
};

static void take_line(struct boot_info *info, const struct tag *tag)
{
    boot_line_copy(info, (const char *)(tag + 1), tag->size - sizeof(*tag));
}

static void take_module(struct boot_info *info, const struct tag *tag)
{
    const struct tag_module *module = (const struct tag_module *)tag;
    if (tag->size < sizeof(*module) || module->end <= module->start || info->module_bytes)
        return;
    info->module_physical = module->start;
    info->module_bytes = module->end - module->start;
}

static void take_memory_map(struct boot_info *info, const struct tag *tag)
{
    const struct tag_memory_map *map = (const struct tag_memory_map *)tag;
    struct memory_map_entry entry;
    if (tag->size < sizeof(*map) || map->entry_size < sizeof(entry))
        return;
    uint32_t count = (tag->size - sizeof(*map)) / map->entry_size;
    for (int pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0; i < count; i++) {
            memcpy(&entry, (const char *)(map + 1) + (size_t)i * map->entry_size, sizeof(entry));
            region_add_e820(info, entry.address, entry.bytes, entry.type, pass == 0);
        }
    }
}

/* The table comes by value, and this copy of GRUB's goes with the rest: keep one. ACPI 1.0's has 20 bytes. */
static void take_rsdp(struct boot_info *info, const struct tag *tag)
{
    size_t bytes = tag->size - sizeof(*tag);
    if (bytes < 20 || (tag->type == TAG_ACPI_OLD && info->rsdp_copy[0]))
        return;
    memset(info->rsdp_copy, 0, sizeof(info->rsdp_copy));
    memcpy(info->rsdp_copy, tag + 1, bytes < sizeof(info->rsdp_copy) ? bytes : sizeof(info->rsdp_copy));
}

static const struct {
    uint32_t type;
    void (*take)(struct boot_info *info, const struct tag *tag);
} takers[] = {
    {TAG_LINE, take_line},     {TAG_MODULE, take_module}, {TAG_MEMORY_MAP, take_memory_map},
    {TAG_ACPI_OLD, take_rsdp}, {TAG_ACPI_NEW, take_rsdp},
};

static void take_tag(struct boot_info *info, const struct tag *tag)
{
    for (size_t i = 0; i < sizeof(takers) / sizeof(takers[0]); i++)
        if (takers[i].type == tag->type)
            takers[i].take(info, tag);
}

bool boot_multiboot2_parse(struct boot_info *info, uint64_t info_physical)
{
    const uint32_t *head = early_view(info_physical, 8);
    if (!head || head[0] > INFO_BYTES_MAX || !early_view(info_physical, head[0]))
        return false;
    uint32_t total = head[0], offset = 8;
    while (total >= sizeof(struct tag) && offset <= total - sizeof(struct tag)) {
        const struct tag *tag = (const struct tag *)((const char *)head + offset);
        if (tag->type == TAG_END || tag->size < sizeof(*tag) || tag->size > total - offset)
            break;
        take_tag(info, tag);
        offset += (tag->size + 7) & ~7u;
    }
    info->loader = "multiboot2";
    return true;
}
