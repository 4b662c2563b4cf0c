/* Memory objects (RAM or device registers) and where they are mapped.
 *
 * Rules
 *  - Kernel lock held.
 *  - Making, mapping and unmapping go in steps of some pages: ERR_RESTARTED means call again, with the same arguments.
 *  - A mapping is a use of the capability that it was made through (kernel/cap/use.h) and ends when that is revoked. Its
 *    protection never grows past what that capability allowed. It refers to the object, so frames are never reused while
 *    a task can reach them.
 *  - A pin refers to the object too; see device.h in kernel/irq. */
#pragma once
#include "kernel/cap/cap.h"
#include "kernel/list.h"
#include "kernel/sched/chore.h"
#include "kernel/x86/paging.h"

#define MEMORY_INLINE_PAGES 4
#define MEMORY_PAGES_MAX (512ul * 512ul) /* 1 GiB an object */
#define MAPPINGS_MAX 4096                /* a task */

struct memory {
    struct object object;
    uint64_t pages;
    uint32_t flags;                       /* MEMORY_CONTIGUOUS, MEMORY_DEVICE, MEMORY_NEAR() */
    uint32_t order;                       /* contiguous: of the run */
    uint64_t base;                        /* contiguous or device: first physical address */
    uint64_t frames[MEMORY_INLINE_PAGES]; /* small objects */
    uint64_t *directory;                  /* larger ones: a frame of pointers to frames of physical addresses */
    uint64_t filled;                      /* pages that are there; less than `pages` while it is made or ends */
    struct chore freeing;
};

struct mapping {
    struct use use;
    struct link in_task; /* sorted by address */
    struct task *task;
    struct memory *memory; /* referenced */
    uint64_t address;
    uint32_t pages, first_page;
    uint32_t entered;         /* pages from the first on that are in the page tables: all, but for a while */
    uint32_t protected;       /* pages that have `protection` already: all, but for a while */
    uint8_t protection, most; /* PROT_ bits: as it is, and what memory_protect may make of it */
    bool ending;
};

/* Everything but its pages; then memory_fill() until it is not ERR_RESTARTED. The caller drops it on any other error. */
status_t MUST_CHECK memory_new(struct account *account, uint64_t pages, uint32_t flags, struct memory **memory);
status_t MUST_CHECK memory_fill(struct memory *memory);
status_t MUST_CHECK memory_new_device(struct account *account, uint64_t physical, uint64_t pages,
                                      struct memory **memory);
uint64_t memory_page(const struct memory *memory, uint64_t page); /* physical address; page < pages */
bool memory_destroy(struct object *object);

struct task;
struct mapping_request {
    uint64_t address; /* 0: the kernel chooses, and writes it here */
    uint32_t first_page, pages, protection;
};
/* Makes it, or goes on with the one that these arguments had begun. */
status_t MUST_CHECK mapping_create(struct task *task, struct cap *cap, struct mapping_request *request);
struct mapping *mapping_find(struct task *task, uint64_t address);
status_t MUST_CHECK mapping_destroy(struct mapping *mapping);
status_t MUST_CHECK mapping_protect(struct mapping *mapping, uint32_t protection);
bool mappings_clear(struct task *task, uint32_t *budget);
bool mapping_use_ends(struct use *use, uint32_t *budget);
/* The PROT_ bits that rights allow. The CPU can't write or execute what it can't read. */
uint32_t protection_allowed(uint32_t rights);

struct page_source account_page_source(struct account *account);
