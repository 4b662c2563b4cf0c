/* Page tables: four levels (Intel SDM vol. 3 §4.5). The user half's rules are in paging.h; paging_kernel.c builds the
 * kernel half. */
#include <string.h>
#include "kernel/x86/asm.h"
#include "kernel/x86/cpu.h"
#include "kernel/x86/paging.h"
#include "kernel/x86/paging_private.h"

uint64_t paging_kernel_root;

static uint64_t entry_flags(uint32_t protection)
{
    uint64_t flags = PTE_PRESENT | PTE_USER;
    if (protection & PROT_WRITE)
        flags |= PTE_WRITE;
    if (!(protection & PROT_EXEC))
        flags |= paging_nx;
    if (protection & PAGING_DEVICE)
        flags |= PTE_UNCACHED;
    return flags;
}

uint64_t *paging_table_next(uint64_t *entry, struct page_source *source, uint64_t flags)
{
    if (*entry & PTE_PRESENT)
        return *entry & PTE_LARGE ? NULL : phys_to_virt(*entry & PTE_ADDRESS);
    uint64_t page = source ? source->take(source) : 0;
    if (!page)
        return NULL;
    *entry = page | flags;
    return phys_to_virt(page);
}

uint64_t *paging_walk(uint64_t root, uint64_t address, struct page_source *source, uint64_t flags)
{
    uint64_t *table = phys_to_virt(root);
    for (unsigned shift = 39; table && shift > PAGE_SHIFT; shift -= 9)
        table = paging_table_next(&table[TABLE_INDEX(address, shift)], source, flags);
    return table ? &table[TABLE_INDEX(address, PAGE_SHIFT)] : NULL;
}

uint64_t paging_root_create(struct page_source *source)
{
    uint64_t root = source->take(source);
    if (!root)
        return 0;
    memcpy((uint64_t *)phys_to_virt(root) + TABLE_ENTRIES / 2,
           (uint64_t *)phys_to_virt(paging_kernel_root) + TABLE_ENTRIES / 2, PAGE_SIZE / 2);
    return root;
}

/* Gives back the tables under `count` entries of a table at `level` (3: the root), the mapped frames apart. An entry is
 * cleared when its table is gone, so that the next call goes on behind it. The recursion is as deep as the tables. */
static bool tables_give(uint64_t *table, unsigned count, int level, struct page_source *source, uint64_t *budget)
{
    for (unsigned i = 0; i < count; i++) {
        if (!(table[i] & PTE_PRESENT))
            continue;
        if (!*budget)
            return false;
        uint64_t next = table[i] & PTE_ADDRESS;
        if (level > 1 && !tables_give(phys_to_virt(next), TABLE_ENTRIES, level - 1, source, budget))
            return false;
        table[i] = 0;
        source->give(source->owner, next);
        (*budget)--;
    }
    return true;
}

bool paging_root_destroy(uint64_t root, struct page_source *source, uint64_t *budget)
{
    if (!tables_give(phys_to_virt(root), TABLE_ENTRIES / 2, 3, source, budget))
        return false;
    source->give(source->owner, root);
    return true;
}

status_t paging_map(uint64_t root, uint64_t address, uint64_t physical, uint32_t protection, struct page_source *source)
{
    uint64_t *entry = paging_walk(root, address, source, PTE_PRESENT | PTE_WRITE | PTE_USER);
    if (!entry)
        return source->status;
    if (*entry & PTE_PRESENT)
        return ERR_EXISTS;
    *entry = physical | entry_flags(protection);
    return OK;
}

status_t paging_prepare(uint64_t root, uint64_t address, uint64_t pages, struct page_source *source)
{
    uint64_t end = address + pages * PAGE_SIZE;
    while (address < end) {
        if (!paging_walk(root, address, source, PTE_PRESENT | PTE_WRITE | PTE_USER))
            return source->status;
        address = (address | (PAGE_2M - 1)) + 1;
    }
    return OK;
}

uint64_t paging_unmap(uint64_t root, uint64_t address)
{
    uint64_t *entry = paging_walk(root, address, NULL, 0);
    if (!entry || !(*entry & PTE_PRESENT))
        return 0;
    uint64_t physical = *entry & PTE_ADDRESS;
    *entry = 0;
    return physical;
}

void paging_protect(uint64_t root, uint64_t address, uint32_t protection)
{
    uint64_t *entry = paging_walk(root, address, NULL, 0);
    if (entry && *entry & PTE_PRESENT)
        *entry = (*entry & (PTE_ADDRESS | PTE_UNCACHED)) | entry_flags(protection);
}

bool paging_lookup(uint64_t root, uint64_t address, uint64_t *physical, uint32_t *protection)
{
    uint64_t *entry = address < USER_TOP ? paging_walk(root, address, NULL, 0) : NULL;
    if (!entry || !(*entry & PTE_PRESENT))
        return false;
    *physical = *entry & PTE_ADDRESS;
    *protection = PROT_READ | (*entry & PTE_WRITE ? PROT_WRITE : 0) | (*entry & PTE_NX ? 0 : PROT_EXEC);
    return true;
}

void paging_flush_page(uint64_t address)
{
    __asm__ volatile("invlpg (%0)" : : "r"(address) : "memory");
}

void paging_flush_all(void)
{
    cr3_write(cr3_read());
}

void paging_load(uint64_t root)
{
    cr3_write(root);
}
