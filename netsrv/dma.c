/* The window of pinned memory: see dma.h. */
#include "netsrv/dma.h"

#include <stdlib.h>

uint64_t *dma_blocks[DMA_BLOCKS];
static handle_t dma_handle;

void dma_init(handle_t dma)
{
    dma_handle = dma;
}

static size_t blocks_of(size_t pages)
{
    return (pages + DMA_BLOCK_PAGES - 1) / DMA_BLOCK_PAGES;
}

/* First of `count` free blocks in a row; DMA_BLOCKS: none. */
static size_t find_blocks(size_t count)
{
    size_t run = 0;
    for (size_t i = 0; i < DMA_BLOCKS; i++) {
        run = dma_blocks[i] ? 0 : run + 1;
        if (run == count)
            return i + 1 - count;
    }
    return DMA_BLOCKS;
}

static void drop_blocks(size_t first, size_t count)
{
    for (size_t i = first; i < first + count; i++) {
        free(dma_blocks[i]);
        dma_blocks[i] = NULL;
    }
}

static bool take_blocks(size_t first, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        dma_blocks[first + i] = calloc(DMA_BLOCK_PAGES, sizeof(uint64_t));
        if (!dma_blocks[first + i]) {
            drop_blocks(first, i);
            return false;
        }
    }
    return true;
}

static status_t pin(handle_t memory, size_t first_block, size_t pages)
{
    for (size_t at = 0; at < pages; at += DMA_BLOCK_PAGES) {
        size_t n = pages - at < DMA_BLOCK_PAGES ? pages - at : DMA_BLOCK_PAGES;
        status_t status = dma_pin(dma_handle, memory, at, n, dma_blocks[first_block + at / DMA_BLOCK_PAGES]);
        if (status != OK)
            return status;
    }
    return OK;
}

static status_t map_and_pin(struct dma_area *area, handle_t memory, size_t first, size_t pages)
{
    uint64_t address = DMA_WINDOW + ((uint64_t)first << DMA_BLOCK_SHIFT);
    result_t mapped = memory_map(HANDLE_NONE, memory, address, 0, pages, PROT_READ | PROT_WRITE);
    if (mapped < 0)
        return (status_t)mapped;
    *area = (struct dma_area){(uint8_t *)mapped, pages, memory};
    return pin(memory, first, pages);
}

status_t dma_area_map(struct dma_area *area, handle_t memory, size_t pages)
{
    *area = (struct dma_area){.memory = memory};
    size_t count = blocks_of(pages), first = find_blocks(count);
    status_t status = pages && first < DMA_BLOCKS && take_blocks(first, count) ? OK : ERR_NO_MEMORY;
    if (status == OK && (status = map_and_pin(area, memory, first, pages)) != OK && !area->address)
        drop_blocks(first, count);
    if (status != OK)
        dma_area_free(area);
    return status;
}

status_t dma_area_new(struct dma_area *area, size_t pages)
{
    *area = (struct dma_area){0};
    result_t memory = memory_create(pages, 0);
    if (memory < 0)
        return (status_t)memory;
    return dma_area_map(area, (handle_t)memory, pages);
}

void dma_area_free(struct dma_area *area)
{
    if (area->address) {
        size_t first = ((uint64_t)area->address - DMA_WINDOW) >> DMA_BLOCK_SHIFT;
        status_t status = dma_unpin(dma_handle, area->memory);
        if (status != OK && status != ERR_NOT_FOUND)
            log_warning("dma_unpin: %s", status_name(status));
        status = memory_unmap(HANDLE_NONE, (uint64_t)area->address, area->pages);
        if (status != OK)
            log_warning("memory_unmap: %s", status_name(status));
        drop_blocks(first, blocks_of(area->pages));
    }
    if (area->memory)
        cap_close(area->memory);
    *area = (struct dma_area){0};
}
