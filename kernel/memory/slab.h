/* Kernel objects of fixed sizes. Called with the kernel lock held. A cache takes whole frames and gives empty ones
 * back. Objects come zeroed. Pure: where pages come from is up to whoever links it (memory.c; on the host
 * tests/unit/slab_host.c, with malloc). */
#pragma once
#include <abi/types.h>

struct slab_page;
struct slab_cache {
    const char *name;
    uint32_t object_bytes, per_page;
    struct slab_page *partial; /* pages with room */
    uint64_t objects, pages;
    uint32_t empty_pages; /* at most one is kept */
};
#define SLAB_CACHE(cache_name, type)                       \
    {                                                      \
        .name = (cache_name), .object_bytes = sizeof(type) \
    }

void *slab_alloc(struct slab_cache *cache); /* NULL when memory is used up; at most 2048 bytes an object */
void slab_free(struct slab_cache *cache, void *object);

/* PAGE_SIZE bytes, aligned to it, contents undefined; NULL: none. */
void *slab_page_take(void);
void slab_page_give(void *page);
