/* Memory that the device can reach: mapped in one window of netsrv's address space, so that the way from a pointer to a
 * device address is two table lookups.
 *
 * Rules
 *  - An area is given back only when the device has no descriptor that points into it (see client.c).
 *  - dma_address works for any pointer: 0 says that the memory is not pinned (a constant, the stack), copy it then.
 */
#pragma once
#include <lib/runtime.h>

#define DMA_WINDOW 0x200000000000ull
#define DMA_BLOCK_SHIFT 21 /* an area takes whole blocks of address space */
#define DMA_BLOCKS 512u    /* 1 GiB */
#define DMA_BLOCK_PAGES (1u << (DMA_BLOCK_SHIFT - PAGE_SHIFT))

struct dma_area {
    uint8_t *address; /* NULL: none */
    size_t pages;
    handle_t memory;
};

void dma_init(handle_t dma);
MUST_CHECK status_t dma_area_new(struct dma_area *area, size_t pages);
/* Maps and pins memory of a client. The area owns the capability from here on, also when it fails. */
MUST_CHECK status_t dma_area_map(struct dma_area *area, handle_t memory, size_t pages);
void dma_area_free(struct dma_area *area);

extern uint64_t *dma_blocks[DMA_BLOCKS]; /* device address of each page; NULL: nothing there */

static inline uint64_t dma_address(const void *pointer)
{
    uint64_t offset = (uint64_t)pointer - DMA_WINDOW;
    if (offset >> DMA_BLOCK_SHIFT >= DMA_BLOCKS)
        return 0;
    const uint64_t *block = dma_blocks[offset >> DMA_BLOCK_SHIFT];
    uint64_t page = block ? block[offset >> PAGE_SHIFT & (DMA_BLOCK_PAGES - 1)] : 0;
    return page ? page + (offset & (PAGE_SIZE - 1)) : 0;
}
