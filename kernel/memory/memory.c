/* From boot_info's regions to the buddy allocator. */
#include <string.h>
#include "kernel/memory/frame.h"
#include "kernel/memory/memory.h"
#include "kernel/memory/numa.h"
#include "kernel/memory/slab.h"
#include "kernel/trace/trace.h"
#include "kernel/x86/boot_info.h"
#include "kernel/x86/cpu.h"
#include "kernel/x86/log.h"

#define EARLY_LIMIT (1ul << 32) /* what the early page tables map */

extern char kernel_start[], kernel_end[], boot_tables_end[]; /* kernel.ld */
static bool frames_ready;
static uint64_t kernel_bytes;
static uint64_t cut_off[BOOT_REGIONS_MAX]; /* bytes behind each region of boot_info that were cut off it */

/* ---- Before there are frames: pieces off the end of the largest RAM region ------------------------------------------ */

static struct boot_region *largest_ram(uint64_t limit)
{
    struct boot_region *best = NULL;
    for (uint32_t i = 0; i < boot_info.region_count; i++) {
        struct boot_region *r = &boot_info.regions[i];
        if (r->type == REGION_RAM && r->start + r->bytes <= limit && (!best || r->bytes > best->bytes))
            best = r;
    }
    return best;
}

/* Physical address of `bytes` (whole pages), cut off for good; 0 when no region has more than that. */
static uint64_t region_cut_off(uint64_t bytes, uint64_t limit)
{
    struct boot_region *region = largest_ram(limit);
    if (!region || region->bytes <= bytes)
        return 0;
    region->bytes -= bytes;
    cut_off[region - boot_info.regions] += bytes;
    kernel_bytes += bytes;
    return region->start + region->bytes;
}

uint64_t memory_kernel_page_near(uint32_t node)
{
    if (frames_ready) {
        uint64_t frame = frame_alloc_zeroed(0, node);
        kernel_bytes += PAGE_SIZE;
        if (frame)
            trace_frames(0, frame, 0);
        return frame;
    }
    uint64_t page = region_cut_off(PAGE_SIZE, EARLY_LIMIT);
    if (page)
        memset(phys_to_virt(page), 0, PAGE_SIZE);
    return page;
}

uint64_t memory_kernel_page(void)
{
    return memory_kernel_page_near(0);
}

uint64_t memory_low_page(void)
{
    return region_cut_off(PAGE_SIZE, 1ul << 20);
}

uint64_t memory_cut_off(uint32_t i)
{
    return cut_off[i];
}

bool memory_is_ram(uint64_t physical, uint64_t bytes)
{
    for (uint32_t i = 0; i < boot_info.region_count; i++) {
        const struct boot_region *region = &boot_info.regions[i];
        bool ram = region->type == REGION_RAM || region->type == REGION_KERNEL || region->type == REGION_MODULE;
        uint64_t end = region->start + region->bytes + cut_off[i];
        if (ram && physical < end && region->start < physical + bytes)
            return true;
    }
    return false;
}

uint64_t memory_kernel_bytes(void)
{
    return kernel_bytes + (uint64_t)(kernel_end - kernel_start);
}

/* ---- The frames ----------------------------------------------------------------------------------------------------- */

/* First and past-the-last frame number of RAM. */
static void ram_bounds(uint64_t *first, uint64_t *end)
{
    *first = UINT64_MAX;
    *end = 0;
    for (uint32_t i = 0; i < boot_info.region_count; i++) {
        const struct boot_region *r = &boot_info.regions[i];
        if (r->type != REGION_RAM)
            continue;
        *first = r->start >> PAGE_SHIFT < *first ? r->start >> PAGE_SHIFT : *first;
        *end = (r->start + r->bytes) >> PAGE_SHIFT;
    }
}

/* Room for `*count` structs; fewer when the largest region has not twice that (holes of terabytes): RAM above is lost. */
static struct frame *frame_array_place(uint64_t *count)
{
    struct boot_region *largest = largest_ram(PHYSICAL_MAX);
    uint64_t most = largest ? largest->bytes / 2 / sizeof(struct frame) : 0;
    if (*count > most) {
        klog(KLOG_WARNING, "memory: only the first %lu MiB can be used", most >> (20 - PAGE_SHIFT));
        *count = most;
    }
    uint64_t bytes = (*count * sizeof(struct frame) + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
    uint64_t place = region_cut_off(bytes, PHYSICAL_MAX);
    if (!place)
        panic(NULL, "no memory for %lu frames", *count);
    return phys_to_virt(place);
}

/* In pieces of one node each; a page that two share goes with the first. */
static void region_to_frames(uint64_t start, uint64_t end)
{
    while (start < end) {
        uint64_t piece = end;
        uint32_t node = numa_node_of(&numa, start, &piece);
        piece = (piece + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
        frame_add_region(start, piece - start, node);
        start = piece;
    }
}

_Static_assert(NUMA_NODES_MAX == FRAME_NODES_MAX, "numa.h, frame.h");

static void regions_to_frames(void)
{
    uint64_t tables = (uint64_t)kernel_end - KERNEL_BASE;
    for (uint32_t i = 0; i < boot_info.region_count; i++) {
        const struct boot_region *r = &boot_info.regions[i];
        if (r->type == REGION_RAM)
            region_to_frames(r->start, r->start + r->bytes);
    }
    region_to_frames(tables, tables + (uint64_t)(boot_tables_end - kernel_end)); /* boot.asm's, no longer in use */
}

void memory_init(void)
{
    uint64_t first, end;
    ram_bounds(&first, &end);
    if (first >= end)
        panic(NULL, "the boot loader told of no usable memory");
    uint64_t count = end - first;
    struct frame *array = frame_array_place(&count);
    frame_init(array, first, count);
    frame_set_order(numa.order, numa.node_count);
    regions_to_frames();
    frames_ready = true;
}

uint64_t frame_alloc_zeroed(unsigned order, uint32_t node)
{
    uint64_t physical = frame_alloc(order, node);
    if (physical)
        memset(phys_to_virt(physical), 0, PAGE_SIZE << order);
    return physical;
}

/* ---- slab.c's pages ------------------------------------------------------------------------------------------------- */

void *slab_page_take(const struct account *payer)
{
    uint64_t physical = frame_alloc(0, payer->node);
    if (!physical)
        return NULL;
    trace_frames(payer->task_id, physical, 0);
    return phys_to_virt(physical);
}

void slab_page_give(void *page)
{
    frame_free(virt_to_phys(page), 0);
}
