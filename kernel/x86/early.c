/* What only matters until the kernel has its own page tables. */
#include <string.h>
#include "kernel/x86/acpi.h"
#include "kernel/x86/asm.h"
#include "kernel/x86/boot_info.h"
#include "kernel/x86/cpu.h"
#include "kernel/x86/log.h"

#define EARLY_MAP_BYTES (1ul << 32)            /* boot.asm */
extern char kernel_start[], boot_tables_end[]; /* kernel.ld */
extern uint64_t boot_entry_tsc;                /* boot.asm */

const void *early_view(uint64_t physical, uint64_t bytes)
{
    if (physical >= EARLY_MAP_BYTES || bytes > EARLY_MAP_BYTES - physical)
        return NULL;
    return phys_to_virt(physical);
}

uint32_t pci_config_read8(uint32_t bus_id, uint32_t offset)
{
    out32(0xcf8, 0x80000000u | bus_id << 8 | (offset & 0xfc));
    return in8((uint16_t)(0xcfc + (offset & 3)));
}

/* Intel SDM vol. 2, CPUID leaves 0Bh and 1. */
uint32_t boot_apic_id(void)
{
    struct cpuid topology = cpuid_read(0, 0).eax >= 0xb ? cpuid_read(0xb, 0) : (struct cpuid){0};
    return topology.ebx & 0xffff ? topology.edx : cpuid_read(1, 0).ebx >> 24;
}

static bool loader_parse(uint32_t magic, uint64_t info_physical)
{
    if (magic == MULTIBOOT2_MAGIC)
        return boot_multiboot2_parse(&boot_info, info_physical);
    return magic == PVH_MAGIC && boot_pvh_parse(&boot_info, info_physical);
}

void boot_info_init(uint32_t magic, uint64_t info_physical)
{
    boot_info.entry_tsc = boot_entry_tsc;
    boot_info.loader = "unknown";
    if (!loader_parse(magic, info_physical))
        panic(NULL, "boot: no Multiboot2 or PVH information (magic 0x%x at 0x%lx)", magic, info_physical);
    if (boot_info.rsdp_copy[0])
        boot_info.rsdp_physical = (uint64_t)boot_info.rsdp_copy - KERNEL_BASE;
    if (!boot_info_finish(&boot_info, (uint64_t)kernel_start - KERNEL_BASE, (uint64_t)(boot_tables_end - kernel_start)))
        klog(KLOG_ERROR, "boot: the module does not lie in usable memory, left alone");
}
