/* What the boot loader left, in one form whether Multiboot2 (GRUB) or PVH (qemu -kernel) brought it. */
#pragma once
#include <abi/types.h>

#define BOOT_REGIONS_MAX 64
enum boot_region_type { REGION_RAM = 1, REGION_RESERVED, REGION_ACPI, REGION_KERNEL, REGION_MODULE };
struct boot_region {
    uint64_t start, bytes;
    uint32_t type, node;
};
struct boot_info {
    char boot_line[512];
    const char *loader; /* "multiboot2" or "pvh" */
    uint64_t module_physical, module_bytes; /* services.tar; 0 bytes: none */
    uint64_t rsdp_physical;                 /* 0: search */
    uint32_t region_count;
    struct boot_region regions[BOOT_REGIONS_MAX]; /* sorted, page-aligned, disjoint; RAM regions are usable as they
                                                     stand (kernel image, module, boot data and page 0 cut out) */
    uint64_t entry_tsc;                     /* TSC at the first instruction */
};
extern struct boot_info boot_info;
