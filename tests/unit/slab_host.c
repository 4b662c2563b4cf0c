/* The slabs' pages on the host. */
#include <stdlib.h>
#include <string.h>
#include "kernel/memory/slab.h"
#include "tests/unit/slab_host.h"

int slab_host_pages, slab_host_limit = -1;

void *slab_page_take(const struct account *payer)
{
    (void)payer;
    if (slab_host_limit >= 0 && slab_host_pages >= slab_host_limit)
        return NULL;
    slab_host_pages++;
    return memset(aligned_alloc(PAGE_SIZE, PAGE_SIZE), 0xa5, PAGE_SIZE);
}

void slab_page_give(void *page)
{
    slab_host_pages--;
    free(page);
}
