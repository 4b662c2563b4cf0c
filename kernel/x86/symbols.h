/* The kernel's functions by address: tools/ksyms.sh makes the table between the two links (docs/build.md). */
#pragma once
#include <abi/types.h>

struct ksym {
    uint32_t offset_from_kernel_base, name_offset;
};
extern const struct ksym ksym_table[]; /* ascending */
extern const uint32_t ksym_count;
extern const char ksym_names[];

/* The function that an address lies in, and how far; NULL when it is none of the kernel's. */
const char *symbol_of(uint64_t address, uint64_t *offset);
