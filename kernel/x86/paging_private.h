/* Shared by paging.c and paging_kernel.c: entries of four-level page tables (Intel SDM vol. 3, table 4-19 and before). */
#pragma once
#include "kernel/x86/paging.h"

#define PTE_PRESENT (1ul << 0)
#define PTE_WRITE (1ul << 1)
#define PTE_USER (1ul << 2)
#define PTE_UNCACHED (3ul << 3) /* PWT and PCD */
#define PTE_LARGE (1ul << 7)    /* in a directory: 2 MiB or 1 GiB */
#define PTE_GLOBAL (1ul << 8)
#define PTE_NX (1ul << 63)
#define PTE_ADDRESS 0x000ffffffffff000ul

#define TABLE_ENTRIES 512
#define TABLE_INDEX(address, shift) ((address) >> (shift) & (TABLE_ENTRIES - 1))
#define PAGE_2M (1ul << 21)
#define PAGE_1G (1ul << 30)

extern uint64_t paging_nx; /* PTE_NX, or 0 on a CPU without it */

/* The table behind an entry, made with `flags` when there is none and a source is given; NULL: none, refused or large. */
uint64_t *paging_table_next(uint64_t *entry, struct page_source *source, uint64_t flags);
/* The last-level entry for an address, by the same rule. */
uint64_t *paging_walk(uint64_t root, uint64_t address, struct page_source *source, uint64_t flags);
