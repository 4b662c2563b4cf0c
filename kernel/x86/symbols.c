#include "kernel/x86/symbols.h"
#include "kernel/x86/cpu.h"

extern char kernel_start[], text_end[]; /* kernel.ld */

/* Index of the last symbol at or below; the first one's when there is none. */
static uint32_t search(uint32_t offset)
{
    uint32_t low = 0, high = ksym_count;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (ksym_table[middle].offset_from_kernel_base <= offset)
            low = middle;
        else
            high = middle;
    }
    return low;
}

const char *symbol_of(uint64_t address, uint64_t *offset)
{
    if (!ksym_count || address < (uint64_t)kernel_start || address >= (uint64_t)text_end)
        return NULL;
    uint32_t base_offset = (uint32_t)(address - KERNEL_BASE);
    const struct ksym *symbol = &ksym_table[search(base_offset)];
    if (symbol->offset_from_kernel_base > base_offset)
        return NULL;
    *offset = base_offset - symbol->offset_from_kernel_base;
    return ksym_names + symbol->name_offset;
}
