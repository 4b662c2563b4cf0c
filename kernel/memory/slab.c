/* Slabs (Bonwick 1994), without constructors: one page holds a header and objects of one size and one account. A page is
 * in the account's list while it has room. */
#include "kernel/memory/slab.h"
#include "kernel/x86/log.h"

static const uint16_t class_bytes[SLAB_CLASS_COUNT] = {64, 96, 128, 256, 512, 1024};

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

/* All its objects become free, the first one first. */
static void page_fill(struct slab_page *page)
{
    char *first = (char *)page + SLAB_OBJECTS;
    for (char *object = first + (page->per_page - 1) * page->bytes; object >= first; object -= page->bytes) {
        ((struct slab_object *)object)->next = page->free;
        page->free = (struct slab_object *)object;
    }
}

static struct slab_page *page_add(struct account *account, uint32_t class, status_t *status)
{
    KASSERT(class < SLAB_CLASS_COUNT);
    if (account_charge(account, PAGE_SIZE)) {
        *status = ERR_QUOTA;
        return NULL;
    }
    struct slab_page *page = slab_page_take(account);
    if (!page) {
        account_release(account, PAGE_SIZE);
        *status = ERR_NO_MEMORY;
        return NULL;
    }
    *page = (struct slab_page){.account = account, .class = class, .bytes = class_bytes[class]};
    page->per_page = (uint16_t)((PAGE_SIZE - SLAB_OBJECTS) / page->bytes);
    page_fill(page);
    partial_push(page);
    return page;
}

void *slab_alloc_slow(struct account *account, uint32_t class, status_t *status)
{
    struct slab_page *page = account->partial[class];
    if (!page && !(page = page_add(account, class, status)))
        return NULL;
    struct slab_object *object = page->free;
    page->free = object->next;
    if (++page->used == page->per_page)
        partial_take(page);
    return object;
}

static bool is_object(const struct slab_page *page, const void *object)
{
    uint64_t offset = (uint64_t)object - (uint64_t)page - SLAB_OBJECTS;
    return offset < (uint64_t)page->per_page * page->bytes && offset % page->bytes == 0;
}

uint64_t slab_take_back(void *object)
{
    struct slab_page *page = slab_page_of(object);
    KASSERT(page->used > 0 && is_object(page, object));
    ((struct slab_object *)object)->next = page->free;
    page->free = object;
    if (page->used-- == page->per_page)
        partial_push(page);
    if (page->used)
        return 0;
    partial_take(page);
    slab_page_give(page);
    return PAGE_SIZE;
}

void slab_free_slow(void *object)
{
    struct account *account = slab_account(object);
    uint64_t bytes = slab_take_back(object);
    if (bytes)
        account_release(account, bytes);
}
