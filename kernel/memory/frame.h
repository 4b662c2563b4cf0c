/* Physical memory in frames of 4 KiB: a buddy allocator, one set of free lists per NUMA node.
 * Called with the kernel lock held. Pure logic over struct frame; compiles on the host for its tests. */
#pragma once
#include <abi/errors.h>
#include <abi/types.h>

#define FRAME_ORDER_MAX 10 /* up to 4 MiB in one run */
#define FRAME_NODES_MAX 8

/* One per frame of RAM (and holes between): 16 bytes. */
struct frame {
    uint32_t next, previous; /* free list links (frame numbers) while free */
    uint8_t order, node, state, flags;
    uint32_t pins; /* dma pins that keep it from reuse */
};

/* Takes the array's place (room for `count` frames from frame number `first` on) and marks everything as not RAM. */
void frame_init(struct frame *array, uint64_t first, uint64_t count);
void frame_add_region(uint64_t start_physical, uint64_t bytes, uint32_t node); /* usable RAM, page-aligned */

/* Physical address of 2^order frames from the node (or the next), contents undefined; 0 when there are none. */
uint64_t frame_alloc(unsigned order, uint32_t node);
void frame_free(uint64_t physical, unsigned order);
uint64_t frame_free_count(void); /* frames */
uint64_t frame_total_count(void);
/* Zeroed page; 0 when there is none. Kernel only (physmap). */
uint64_t frame_alloc_zeroed(unsigned order, uint32_t node);
