/* What the boot loader left, in one form whether Multiboot2 (GRUB) or PVH (qemu -kernel) brought it.
 *
 * Rules
 *  - Everything is copied: after boot_info_init() nothing of the loader's own structures is looked at again, and their
 *    memory is ordinary RAM.
 *  - The loader is not trusted to make sense: sizes are clamped, overlaps resolved (whatever is not RAM wins), and what
 *    does not fit the table is RAM lost, never RAM that is not there.
 *  - region_*, boot_multiboot2_parse, boot_pvh_parse and boot_line_check_with are pure: tests/unit/test_boot_info.c. */
#pragma once
#include <abi/types.h>

#define BOOT_REGIONS_MAX 64
enum boot_region_type { REGION_RAM = 1, REGION_RESERVED, REGION_ACPI, REGION_KERNEL, REGION_MODULE };
struct boot_region {
    uint64_t start, bytes;
    uint32_t type;
};
struct boot_info {
    char boot_line[512];
    const char *loader;                     /* "multiboot2" or "pvh" */
    uint64_t module_physical, module_bytes; /* services.tar; 0 bytes: none */
    uint64_t rsdp_physical;                 /* 0: search */
    uint32_t region_count;
    struct boot_region regions[BOOT_REGIONS_MAX]; /* sorted, page-aligned, disjoint; RAM regions are usable as they
                                                     stand (kernel image, module and page 0 cut out) */
    uint64_t entry_tsc;                           /* TSC at the first instruction */
    uint8_t rsdp_copy[36]; /* Multiboot2 hands the RSDP over by value: rsdp_physical points here then */
};
extern struct boot_info boot_info;

#define MULTIBOOT2_MAGIC 0x36d76289u
#define PVH_MAGIC 0x336ec578u
#define PHYSICAL_MAX (1ul << 44) /* what frame numbers of 32 bits can name */

void boot_info_init(uint32_t magic, uint64_t info_physical);
/* Reports each word that is not in BOOT_OPTIONS (include/abi/boot_options.h), with the known ones, as a warning. */
void boot_line_check(const char *line);
void boot_line_check_with(const char *line, void (*report)(const char *text));

/* Physical memory as the loader's early map shows it: the first 4 GiB; NULL beyond. Tests bring their own. */
const void *early_view(uint64_t physical, uint64_t bytes);

/* Cuts page 0, the kernel's image and the module out of the RAM; false: the module was not in RAM and is forgotten. */
bool boot_info_finish(struct boot_info *info, uint64_t image_start, uint64_t image_bytes);

/* ---- For the two parsers ---- */
bool boot_multiboot2_parse(struct boot_info *info, uint64_t info_physical);
bool boot_pvh_parse(struct boot_info *info, uint64_t info_physical);
void boot_line_copy(struct boot_info *info, const char *text, size_t length);
/* A memory map entry with its e820 type (1 RAM, 3 and 4 ACPI, all else reserved); add all RAM first, then the rest. */
void region_add_e820(struct boot_info *info, uint64_t start, uint64_t bytes, uint32_t e820_type, bool ram_pass);
/* Puts a region in. RAM only fills what nothing else has; any other type takes its place out of the RAM. */
void region_add(struct boot_info *info, uint64_t start, uint64_t bytes, enum boot_region_type type);
