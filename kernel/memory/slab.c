/* Slabs (Bonwick 1994), without constructors: one page holds a header and objects of one size and one account. A page is
 * in the account's list while it has room. Objects never used so far need no free list: `fresh` counts them. */
#include "kernel/memory/slab.h"
#include "kernel/x86/log.h"

struct free_object {
    struct free_object *next;
};
struct slab_page {
    struct slab_page *next, *previous; /* in account->partial[class] */
    struct account *account;
    struct free_object *free;
    uint32_t used, fresh; /* objects in use; objects from this index on were never used */
    uint32_t class;
};
#define OBJECTS_OFFSET 64 /* a cache line */
_Static_assert(sizeof(struct slab_page) <= OBJECTS_OFFSET, "the header fits before the objects");

static const struct {
    uint16_t bytes, per_page;
} classes[SLAB_CLASS_COUNT] = {
#define CLASS(bytes)                                  \
    {                                                 \
        bytes, (PAGE_SIZE - OBJECTS_OFFSET) / (bytes) \
    }
    CLASS(64), CLASS(96), CLASS(128), CLASS(256), CLASS(512), CLASS(1024),
#undef CLASS
};

static struct slab_page *page_of(const void *object)
{
    return (struct slab_page *)((uint64_t)object & ~(PAGE_SIZE - 1));
}

struct account *slab_account(const void *object)
{
    return page_of(object)->account;
}

static void partial_push(struct slab_page *page)
{
    struct slab_page **first = &page->account->partial[page->class];
    page->next = *first;
    page->previous = NULL;
    if (page->next)
        page->next->previous = page;
    *first = page;
}

static void partial_take(struct slab_page *page)
{
    if (page->previous)
        page->previous->next = page->next;
    else
        page->account->partial[page->class] = page->next;
    if (page->next)
        page->next->previous = page->previous;
}

static struct slab_page *page_add(struct account *account, uint32_t class, status_t *status)
{
    KASSERT(class < SLAB_CLASS_COUNT);
    if (account_charge(account, PAGE_SIZE)) {
        *status = ERR_QUOTA;
        return NULL;
    }
    struct slab_page *page = slab_page_take();
    if (!page) {
        account_release(account, PAGE_SIZE);
        *status = ERR_NO_MEMORY;
        return NULL;
    }
    *page = (struct slab_page){.account = account, .class = class};
    partial_push(page);
    return page;
}

static void *page_take_object(struct slab_page *page)
{
    struct free_object *object = page->free;
    if (!object)
        return (char *)page + OBJECTS_OFFSET + (uint64_t)page->fresh++ * classes[page->class].bytes;
    page->free = object->next;
    return object;
}

void *slab_alloc(struct account *account, uint32_t class, status_t *status)
{
    struct slab_page *page = account->partial[class];
    if (!page && !(page = page_add(account, class, status)))
        return NULL;
    if (++page->used == classes[class].per_page)
        partial_take(page);
    return page_take_object(page);
}

static bool is_object(const struct slab_page *page, const void *object)
{
    uint64_t offset = (uint64_t)object - (uint64_t)page - OBJECTS_OFFSET;
    return offset % classes[page->class].bytes == 0 && offset / classes[page->class].bytes < page->fresh;
}

uint64_t slab_take_back(void *object)
{
    struct slab_page *page = page_of(object);
    KASSERT(page->class < SLAB_CLASS_COUNT && page->used > 0 && is_object(page, object));
    ((struct free_object *)object)->next = page->free;
    page->free = object;
    if (page->used-- == classes[page->class].per_page)
        partial_push(page);
    if (page->used)
        return 0;
    partial_take(page);
    slab_page_give(page);
    return PAGE_SIZE;
}

void slab_free(void *object)
{
    struct account *account = slab_account(object);
    uint64_t bytes = slab_take_back(object);
    if (bytes)
        account_release(account, bytes);
}
