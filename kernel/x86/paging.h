/* Page tables: four levels, 4 KiB pages for tasks. The caller holds the kernel lock.
 * Table pages come from the callback so that they can be charged to a task. */
#pragma once
#include <abi/errors.h>
#include <abi/memory.h>
#include <abi/types.h>

struct page_source {
    uint64_t (*take)(struct page_source *source); /* a zeroed frame's physical address; 0: refused, see status */
    void (*give)(void *owner, uint64_t physical);
    void *owner;
    status_t status; /* why the last one was refused */
    uint32_t node;   /* where they come from if they can */
};

#define PAGING_DEVICE 0x100u /* with PROT_*: uncached */

/* A new root with the kernel half in it. 0 when refused. */
uint64_t paging_root_create(struct page_source *source);
/* Frees all table pages of the user half and the root; the mapped frames are not the tables' business. Gives
 * back *budget pages at most; false: call again. */
bool paging_root_destroy(uint64_t root, struct page_source *source, uint64_t *budget);
/* All or nothing for one page. protection: PROT_* | PAGING_DEVICE. ERR_EXISTS when something is mapped there. */
status_t paging_map(uint64_t root, uint64_t address, uint64_t physical, uint32_t protection,
                    struct page_source *source);
/* Makes every table page that mapping [address, address + pages) will need: after it paging_map cannot fail. */
status_t paging_prepare(uint64_t root, uint64_t address, uint64_t pages, struct page_source *source);
/* Returns what was mapped (0: nothing). Table pages stay until the root goes. The caller flushes the TLB. */
uint64_t paging_unmap(uint64_t root, uint64_t address);
void paging_protect(uint64_t root, uint64_t address, uint32_t protection);
/* Physical address and PROT_ bits of a user page; false when nothing is there. */
bool paging_lookup(uint64_t root, uint64_t address, uint64_t *physical, uint32_t *protection);
void paging_flush_page(uint64_t address); /* this CPU */
void paging_flush_all(void);
void paging_load(uint64_t root); /* CR3 */
extern uint64_t paging_kernel_root;

struct cpu_stacks;
/* The stacks of a CPU of that node in frames of their own, with the guard pages not there. No memory is a panic. */
struct cpu_stacks *paging_stacks_create(uint32_t node);

/* Boot: builds the kernel's final tables (image W^X per section, physmap of all RAM and firmware tables, NX). */
void paging_init(void);
/* Device registers for the kernel itself (APIC, IOAPIC, HPET, ECAM): uncached. */
volatile void *mmio_map(uint64_t physical, uint64_t bytes);
/* The same for a moment: what lies at `physical`, to the end of its page. The next call ends it. */
volatile void *mmio_window(uint64_t physical);
bool mmio_addressable(uint64_t physical); /* the CPU has such an address */
/* Whether 8 bytes at an address of the kernel half can be read, by the tables in CR3. */
bool paging_kernel_readable(uint64_t address);
