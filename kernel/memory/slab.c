/* Slabs (Bonwick 1994), without constructors: one page holds a header and objects of one size. A page is in the cache's list
 * while it has room. Objects never used so far need no free list: `fresh` counts them. */
#include <string.h>
#include "kernel/memory/slab.h"
#include "kernel/x86/log.h"

struct free_object {
    struct free_object *next;
};
struct slab_page {
    struct slab_page *next, *previous; /* in cache->partial */
    struct slab_cache *cache;
    struct free_object *free;
    uint32_t used, fresh; /* objects in use; objects from this index on were never used */
};
#define OBJECTS_OFFSET 64 /* a cache line */
_Static_assert(sizeof(struct slab_page) <= OBJECTS_OFFSET, "the header fits before the objects");

static uint32_t object_stride(const struct slab_cache *cache)
{
    return (cache->object_bytes + 15) & ~15u;
}

static void *object_at(struct slab_page *page, uint32_t index)
{
    return (char *)page + OBJECTS_OFFSET + (size_t)index * object_stride(page->cache);
}

static void partial_push(struct slab_cache *cache, struct slab_page *page)
{
    page->next = cache->partial;
    page->previous = NULL;
    if (page->next)
        page->next->previous = page;
    cache->partial = page;
}

static void partial_take(struct slab_cache *cache, struct slab_page *page)
{
    if (page->previous)
        page->previous->next = page->next;
    else
        cache->partial = page->next;
    if (page->next)
        page->next->previous = page->previous;
}

static struct slab_page *page_add(struct slab_cache *cache)
{
    struct slab_page *page = slab_page_take();
    if (!page)
        return NULL;
    KASSERT(cache->object_bytes > 0 && cache->object_bytes <= 2048);
    cache->per_page = (uint32_t)(PAGE_SIZE - OBJECTS_OFFSET) / object_stride(cache);
    *page = (struct slab_page){.cache = cache};
    partial_push(cache, page);
    cache->pages++;
    cache->empty_pages++;
    return page;
}

static void page_drop(struct slab_cache *cache, struct slab_page *page)
{
    partial_take(cache, page);
    cache->pages--;
    cache->empty_pages--;
    slab_page_give(page);
}

static void *page_take_object(struct slab_page *page)
{
    struct free_object *object = page->free;
    if (!object)
        return object_at(page, page->fresh++);
    page->free = object->next;
    return object;
}

void *slab_alloc(struct slab_cache *cache)
{
    struct slab_page *page = cache->partial ? cache->partial : page_add(cache);
    if (!page)
        return NULL;
    if (page->used++ == 0)
        cache->empty_pages--;
    if (page->used == cache->per_page)
        partial_take(cache, page);
    cache->objects++;
    return memset(page_take_object(page), 0, cache->object_bytes);
}

static bool is_object(struct slab_page *page, const void *object)
{
    uint64_t offset = (uint64_t)object - (uint64_t)page - OBJECTS_OFFSET;
    return offset % object_stride(page->cache) == 0 && offset / object_stride(page->cache) < page->fresh;
}

/* The last empty page but one goes back: one is kept, so that a task that comes and goes costs no page each time. */
void slab_free(struct slab_cache *cache, void *object)
{
    if (!object)
        return;
    struct slab_page *page = (struct slab_page *)((uint64_t)object & ~(PAGE_SIZE - 1));
    KASSERT(page->cache == cache && page->used > 0 && is_object(page, object));
    ((struct free_object *)object)->next = page->free;
    page->free = object;
    cache->objects--;
    if (page->used-- == cache->per_page)
        partial_push(cache, page);
    if (page->used == 0 && ++cache->empty_pages > 1)
        page_drop(cache, page);
}
