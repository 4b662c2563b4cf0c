/* Second-level page tables (VT-d specification 3.1 §9.8), of three or four levels. No hardware: who changes entries of a
 * device that is running flushes its caches afterwards (vtd.h).
 *
 * Rules
 *  - An entry's level is 0 for the last one, which names a page, and levels - 1 in the root table.
 *  - Every change has left the CPU's cache when a function here returns, where the hardware does not look there. */
#pragma once
#include <abi/errors.h>
#include <abi/types.h>

#define VTD_READ 1ul
#define VTD_WRITE 2ul
#define VTD_ADDRESS 0x000ffffffffff000ul
#define VTD_ENTRIES 512u

struct vtd_tables {
    uint64_t root; /* physical; 0: no table yet */
    uint32_t levels;
};
/* Zeroed pages for the tables that a mapping needs: as many as vtd_tables_missing() said. */
#define VTD_SPARE_MAX 16
struct vtd_spare {
    uint64_t pages[VTD_SPARE_MAX];
    uint32_t count;
};

/* How many tables there must be more before [address, address + bytes) can be mapped. */
uint32_t vtd_tables_missing(const struct vtd_tables *tables, uint64_t address, uint64_t bytes);
/* The entries of `level` from `address` to the end of its table, how many in *run; NULL when a table is missing and
 * there is no spare one. */
uint64_t *vtd_tables_entries(struct vtd_tables *tables, uint64_t address, uint32_t level, struct vtd_spare *spare,
                             uint64_t *run);
void vtd_tables_clear(struct vtd_tables *tables, uint64_t address, uint64_t pages);
/* Gives every table back that is for an address below `top`. */
void vtd_tables_free(struct vtd_tables *tables, uint64_t top, void (*give)(void *owner, uint64_t physical),
                     void *owner);

/* Makes `bytes` from `start` on visible to the hardware (ECAP.C: whether it looks into the CPU's caches). */
void vtd_publish(const void *start, uint64_t bytes);
extern bool vtd_coherent;
