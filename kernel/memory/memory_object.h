/* Memory objects (RAM or device registers) and where they are mapped and pinned.
 *
 * Rules
 *  - Kernel lock held.
 *  - A mapping belongs to the capability that it was made through and ends when that is revoked; when that is closed,
 *    it goes to the parent, like a derived capability, and then ends when the parent's descendants are revoked. Its
 *    protection never grows past what that first capability allowed. It refers to the object, so frames are never reused while a task
 *    can reach them.
 *  - A pin refers to the object too; see device.h in kernel/irq. */
#pragma once
#include "kernel/cap/cap.h"
#include "kernel/list.h"
#include "kernel/x86/paging.h"

#define MEMORY_INLINE_PAGES 4
#define MEMORY_PAGES_MAX (512ul * 512ul) /* 1 GiB an object */

struct memory {
    struct object object;
    uint64_t pages;
    uint32_t flags;                       /* MEMORY_CONTIGUOUS, MEMORY_DEVICE */
    uint32_t order;                       /* contiguous: of the run */
    uint64_t base;                        /* contiguous or device: first physical address */
    uint64_t frames[MEMORY_INLINE_PAGES]; /* small objects */
    uint64_t *directory;                  /* larger ones: a frame of pointers to frames of physical addresses */
    struct link mappings, pins;
};

struct mapping {
    struct link in_task, in_memory;
    struct task *task;
    struct memory *memory;
    struct cap *cap; /* NULL: the one that it was made through was closed, and had no parent */
    uint64_t address, pages, first_page;
    uint32_t protection, most; /* PROT_ bits: as it is, and what memory_protect may make of it */
    bool inherited;            /* made through a descendant of `cap` that was closed */
};

status_t memory_new(struct account *account, uint64_t pages, uint32_t flags, struct memory **memory);
status_t memory_new_device(struct account *account, uint64_t physical, uint64_t pages, struct memory **memory);
uint64_t memory_page(const struct memory *memory, uint64_t page); /* physical address; page < pages */
void memory_destroy(struct object *object);
extern struct slab_cache memory_cache;

struct task;
status_t mapping_create(struct task *task, struct cap *cap, uint64_t *address, uint64_t first_page, uint64_t pages,
                        uint32_t protection);
struct mapping *mapping_find(struct task *task, uint64_t address);
void mapping_destroy(struct mapping *mapping);
status_t mapping_protect(struct mapping *mapping, uint32_t protection);
bool mappings_clear(struct task *task, uint32_t *budget);
void mappings_of_cap_end(struct cap *cap, bool revoked);
void mappings_of_cap_revoked(struct cap *cap); /* ends those that it inherited */
/* The PROT_ bits that rights allow. The CPU can't write or execute what it can't read. */
uint32_t protection_allowed(uint32_t rights);

struct page_source account_page_source(struct account *account);
