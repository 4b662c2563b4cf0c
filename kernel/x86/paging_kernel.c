/* The kernel half of every address space:
 *
 *   PHYSMAP_BASE  all RAM and firmware tables, writable, not executable
 *   MMIO_BASE     device registers of the kernel's own, uncached
 *   KERNEL_BASE   the first megabytes of memory, in which the image lies: text executable, text and constants read-only,
 *                 guard pages below the stacks not there
 *
 * The image's page tables serve the physmap too, there under a not-executable directory entry: so the text cannot be
 * written through the physmap either, and it costs no page. */
#include "kernel/memory/memory.h"
#include "kernel/x86/asm.h"
#include "kernel/x86/boot_info.h"
#include "kernel/x86/cpu.h"
#include "kernel/x86/log.h"
#include "kernel/x86/paging_private.h"
#include "kernel/x86/stacks.h"

extern char kernel_start[], text_end[], rodata_end[], boot_tables_end[]; /* kernel.ld */

uint64_t paging_nx;
#define WINDOW MMIO_BASE
static uint64_t mmio_next = WINDOW + PAGE_SIZE, *window_entry;

static uint64_t take_near(uint32_t node)
{
    uint64_t page = memory_kernel_page_near(node);
    if (!page)
        panic(NULL, "no memory for the kernel's page tables");
    return page;
}
static uint64_t kernel_take(struct page_source *source)
{
    (void)source;
    return take_near(0);
}
static struct page_source kernel_pages = {.take = kernel_take};

#define TABLE_FLAGS (PTE_PRESENT | PTE_WRITE)

/* The directory (level of 2 MiB entries) for an address; NULL when a 1 GiB page is there. */
static uint64_t *directory_for(uint64_t address)
{
    uint64_t *root = phys_to_virt(paging_kernel_root);
    uint64_t *pointers = paging_table_next(&root[TABLE_INDEX(address, 39)], &kernel_pages, TABLE_FLAGS);
    return paging_table_next(&pointers[TABLE_INDEX(address, 30)], &kernel_pages, TABLE_FLAGS);
}

/* ---- The image ------------------------------------------------------------------------------------------------ */

static bool is_guard(const struct cpu_stacks *stacks, const void *address)
{
    return address == stacks->kernel_guard || address == stacks->double_fault_guard || address == stacks->nmi_guard ||
           address == stacks->machine_check_guard;
}

static uint64_t image_flags(const char *address)
{
    if (is_guard(&boot_stacks, address))
        return 0;
    if (address >= kernel_start && address < text_end)
        return PTE_PRESENT | PTE_GLOBAL;
    if (address >= text_end && address < rodata_end)
        return PTE_PRESENT | PTE_GLOBAL | paging_nx;
    return PTE_PRESENT | PTE_GLOBAL | PTE_WRITE | paging_nx;
}

static uint64_t image_table(uint64_t physical)
{
    uint64_t page = kernel_take(NULL);
    uint64_t *table = phys_to_virt(page);
    for (unsigned i = 0; i < TABLE_ENTRIES; i++, physical += PAGE_SIZE)
        table[i] = physical | image_flags((const char *)(KERNEL_BASE + physical));
    return page;
}

static void map_image(void)
{
    uint64_t end = (uint64_t)boot_tables_end - KERNEL_BASE;
    for (uint64_t physical = 0; physical < end; physical += PAGE_2M) {
        uint64_t table = image_table(physical);
        directory_for(KERNEL_BASE + physical)[TABLE_INDEX(physical, 21)] = table | TABLE_FLAGS;
        directory_for(PHYSMAP_BASE + physical)[TABLE_INDEX(physical, 21)] = table | TABLE_FLAGS | paging_nx;
    }
}

/* ---- The physmap ---------------------------------------------------------------------------------------------- */

static bool map_1g(uint64_t physical, uint64_t end)
{
    if (!cpu_has_1g_pages || physical % PAGE_1G || end - physical < PAGE_1G)
        return false;
    uint64_t address = PHYSMAP_BASE + physical, *root = phys_to_virt(paging_kernel_root);
    uint64_t *pointers = paging_table_next(&root[TABLE_INDEX(address, 39)], &kernel_pages, TABLE_FLAGS);
    uint64_t *entry = &pointers[TABLE_INDEX(address, 30)];
    if (*entry & PTE_PRESENT)
        return false;
    *entry = physical | PTE_PRESENT | PTE_WRITE | PTE_LARGE | PTE_GLOBAL | paging_nx;
    return true;
}

/* Up to `end` or the end of the GiB, whichever comes first. Returns where it stopped. */
static uint64_t map_2m_run(uint64_t physical, uint64_t end)
{
    uint64_t *directory = directory_for(PHYSMAP_BASE + physical);
    uint64_t gib_end = (physical | (PAGE_1G - 1)) + 1;
    end = end < gib_end ? end : gib_end;
    for (; directory && physical < end; physical += PAGE_2M) {
        uint64_t *entry = &directory[TABLE_INDEX(physical, 21)];
        if (!(*entry & PTE_PRESENT))
            *entry = physical | PTE_PRESENT | PTE_WRITE | PTE_LARGE | PTE_GLOBAL | paging_nx;
    }
    return end;
}

static void map_physical(uint64_t start, uint64_t bytes)
{
    uint64_t end = (start + bytes + PAGE_2M - 1) & ~(PAGE_2M - 1);
    for (uint64_t physical = start & ~(PAGE_2M - 1); physical < end;) {
        if (map_1g(physical, end))
            physical += PAGE_1G;
        else
            physical = map_2m_run(physical, end);
    }
}

/* Rounding to 2 MiB may cover device registers beside RAM; the MTRRs keep those uncached. A reserved region in the first
 * MiB or beside RAM is covered the same way, others are not mapped: they may be devices. */
static void map_physmap(void)
{
    for (uint32_t i = 0; i < boot_info.region_count; i++) {
        struct boot_region region = boot_info.regions[i];
        if (region.type != REGION_RESERVED) /* with what became of its end: these very tables */
            map_physical(region.start, region.bytes + memory_cut_off(i));
    }
}

void paging_init(void)
{
    paging_nx = cpu_has_nx ? PTE_NX : 0;
    paging_kernel_root = kernel_take(NULL);
    map_image();
    map_physmap();
    directory_for(MMIO_BASE); /* every root has the kernel half's top entries from its start on */
    window_entry = paging_walk(paging_kernel_root, WINDOW, &kernel_pages, TABLE_FLAGS);
    paging_load(paging_kernel_root);
}

/* ---- Device registers ----------------------------------------------------------------------------------------- */

volatile void *mmio_map(uint64_t physical, uint64_t bytes)
{
    uint64_t first = physical & ~(PAGE_SIZE - 1), end = physical + bytes, address = mmio_next;
    for (uint64_t page = first; page < end; page += PAGE_SIZE, mmio_next += PAGE_SIZE) {
        uint64_t *entry = paging_walk(paging_kernel_root, mmio_next, &kernel_pages, TABLE_FLAGS);
        *entry = page | PTE_PRESENT | PTE_WRITE | PTE_UNCACHED | PTE_GLOBAL | paging_nx;
    }
    return (volatile void *)(address + (physical - first));
}

/* Another CPU may remember what was here before, but forgets it when it comes here itself. */
volatile void *mmio_window(uint64_t physical)
{
    *window_entry = (physical & PTE_ADDRESS) | PTE_PRESENT | PTE_WRITE | PTE_UNCACHED | paging_nx;
    paging_flush_page(WINDOW);
    return (volatile void *)(WINDOW + physical % PAGE_SIZE);
}

/* SDM vol. 2, CPUID leaf 80000008h: a page table entry with more bits is a fault. */
bool mmio_addressable(uint64_t physical)
{
    uint32_t bits = cpuid_read(0x80000000, 0).eax >= 0x80000008 ? cpuid_read(0x80000008, 0).eax & 0xff : 36;
    return physical >> bits == 0;
}

struct cpu_stacks *paging_stacks_create(uint32_t node)
{
    struct cpu_stacks *stacks = (struct cpu_stacks *)mmio_next;
    for (const uint8_t *page = (uint8_t *)stacks; page < (uint8_t *)(stacks + 1); page += PAGE_SIZE) {
        if (!is_guard(stacks, page))
            *paging_walk(paging_kernel_root, (uint64_t)page, &kernel_pages, TABLE_FLAGS) =
                take_near(node) | PTE_PRESENT | PTE_WRITE | PTE_GLOBAL | paging_nx;
    }
    mmio_next += sizeof *stacks;
    return stacks;
}

/* Whether the kernel may read 8 bytes at an address: for the panic's backtrace, which trusts no pointer. */
bool paging_kernel_readable(uint64_t address)
{
    if (address < PHYSMAP_BASE || address % 8)
        return false;
    uint64_t *table = phys_to_virt(cr3_read() & PTE_ADDRESS);
    for (unsigned shift = 39;; shift -= 9) {
        uint64_t entry = table[TABLE_INDEX(address, shift)];
        if (!(entry & PTE_PRESENT))
            return false;
        if (shift == PAGE_SHIFT || entry & PTE_LARGE)
            return true;
        table = phys_to_virt(entry & PTE_ADDRESS);
    }
}
