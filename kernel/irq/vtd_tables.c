#include "kernel/irq/vtd_tables.h"
#include "kernel/x86/cpu.h"

#define CACHE_LINE 64ul

bool vtd_coherent;

void vtd_publish(const void *start, uint64_t bytes)
{
    uint64_t line = (uint64_t)start & ~(CACHE_LINE - 1), end = (uint64_t)start + bytes;
    if (vtd_coherent) {
        __asm__ volatile("" : : : "memory");
        return;
    }
    for (; line < end; line += CACHE_LINE)
        __asm__ volatile("clflush (%0)" : : "r"(line) : "memory");
    __asm__ volatile("mfence" : : : "memory");
}

/* Bytes that one entry of a level stands for. */
static uint64_t entry_bytes(uint32_t level)
{
    return PAGE_SIZE << 9 * level;
}

static uint64_t entry_index(uint64_t address, uint32_t level)
{
    return address / entry_bytes(level) % VTD_ENTRIES;
}

static uint64_t table_take(struct vtd_spare *spare)
{
    if (!spare || !spare->count)
        return 0;
    uint64_t table = spare->pages[--spare->count];
    vtd_publish(phys_to_virt(table), PAGE_SIZE);
    return table;
}

/* The table behind an entry; made when there is a spare page. 0: none. */
static uint64_t table_behind(uint64_t *entry, struct vtd_spare *spare)
{
    if (*entry)
        return *entry & VTD_ADDRESS;
    uint64_t table = table_take(spare);
    if (!table)
        return 0;
    *entry = table | VTD_READ | VTD_WRITE;
    vtd_publish(entry, sizeof *entry);
    return table;
}

uint64_t *vtd_tables_entries(struct vtd_tables *tables, uint64_t address, uint32_t level, struct vtd_spare *spare,
                             uint64_t *run)
{
    if (!tables->root && !(tables->root = table_take(spare)))
        return NULL;
    uint64_t *table = phys_to_virt(tables->root);
    for (uint32_t at = tables->levels - 1; at > level; at--) {
        uint64_t next = table_behind(&table[entry_index(address, at)], spare);
        if (!next)
            return NULL;
        table = phys_to_virt(next);
    }
    *run = VTD_ENTRIES - entry_index(address, level);
    return &table[entry_index(address, level)];
}

/* Whether the table with the entries of `level` for an address is there. */
static bool table_exists(const struct vtd_tables *tables, uint64_t address, uint32_t level)
{
    uint64_t run;
    struct vtd_tables copy = *tables;
    return vtd_tables_entries(&copy, address, level, NULL, &run) != NULL;
}

uint32_t vtd_tables_missing(const struct vtd_tables *tables, uint64_t address, uint64_t bytes)
{
    uint32_t missing = !tables->root;
    for (uint32_t level = 0; level + 1 < tables->levels; level++) {
        uint64_t span = entry_bytes(level + 1);
        for (uint64_t at = address & ~(span - 1); at < address + bytes; at += span)
            missing += !table_exists(tables, at, level);
    }
    return missing;
}

void vtd_tables_clear(struct vtd_tables *tables, uint64_t address, uint64_t pages)
{
    while (pages) {
        uint64_t run, *entries = vtd_tables_entries(tables, address, 0, NULL, &run);
        uint64_t count = run < pages ? run : pages;
        for (uint64_t i = 0; i < count; i++)
            entries[i] = 0;
        vtd_publish(entries, count * sizeof *entries);
        pages -= count;
        address += count * PAGE_SIZE;
    }
}

/* The tables of the last level first: their addresses stand in the ones above. */
void vtd_tables_free(struct vtd_tables *tables, uint64_t top, void (*give)(void *owner, uint64_t physical), void *owner)
{
    for (uint32_t above = 1; tables->root && above < tables->levels; above++) {
        for (uint64_t at = 0; at < top; at += entry_bytes(above)) {
            uint64_t run, *entry = vtd_tables_entries(tables, at, above, NULL, &run);
            if (entry && *entry)
                give(owner, *entry & VTD_ADDRESS);
        }
    }
    if (tables->root)
        give(owner, tables->root);
    tables->root = 0;
}
