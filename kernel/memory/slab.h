/* Kernel objects of a few sizes, each account's in pages of its own. Called with the kernel lock held. A page is charged
 * when it is taken and given back when its last object goes, so what an account owes is what the kernel holds for it.
 * Pure: where pages come from is up to whoever links it (memory.c; on the host tests/unit/slab_host.c, with malloc). */
#pragma once
#include "kernel/cap/account.h"

#define SLAB_BYTES_MAX 1024
/* The class for an object: 64, 96, 128, 256, 512 or 1024 bytes. */
#define SLAB_CLASS_OF(bytes) \
    ((bytes) <= 64 ? 0u : (bytes) <= 96 ? 1u : (bytes) <= 128 ? 2u : (bytes) <= 256 ? 3u : (bytes) <= 512 ? 4u : 5u)
#define SLAB_CLASS(type) SLAB_CLASS_OF(sizeof(type))

struct slab_object {
    struct slab_object *next;
};
/* The head of a page of objects; they begin a cache line behind it. */
struct slab_page {
    struct slab_page *next, *previous; /* in account->partial[class], while it has room */
    struct account *account;
    struct slab_object *free;
    uint32_t class;
    uint16_t bytes, per_page, used;
};
#define SLAB_OBJECTS 64 /* offset in the page */
_Static_assert(sizeof(struct slab_page) <= SLAB_OBJECTS, "the head fits before the objects");

static inline struct slab_page *slab_page_of(const void *object)
{
    return (struct slab_page *)((uint64_t)object & ~(PAGE_SIZE - 1));
}
/* Who pays for it. */
static inline struct account *slab_account(const void *object)
{
    return slab_page_of(object)->account;
}
void *slab_alloc_slow(struct account *account, uint32_t class, status_t *status);
void slab_free_slow(void *object);

/* Contents undefined, aligned to 16. NULL with *status ERR_QUOTA or ERR_NO_MEMORY; else *status stays. */
static inline void *slab_alloc(struct account *account, uint32_t class, status_t *status)
{
    struct slab_page *page = account->partial[class];
    if (!page || page->used + 1 == page->per_page)
        return slab_alloc_slow(account, class, status);
    struct slab_object *object = page->free;
    page->free = object->next;
    page->used++;
    return object;
}
static inline void slab_free(void *object)
{
    struct slab_page *page = slab_page_of(object);
    if (page->used < 2 || page->used == page->per_page || (uint64_t)object % 32) {
        slab_free_slow(object);
        return;
    }
    ((struct slab_object *)object)->next = page->free;
    page->free = object;
    page->used--;
}
/* Gives it back without a word to the account: how many bytes the caller is to release there. */
uint64_t slab_take_back(void *object);

/* PAGE_SIZE bytes, aligned to it, contents undefined; NULL: none. */
void *slab_page_take(const struct account *payer);
void slab_page_give(void *page);
