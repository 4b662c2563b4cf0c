/* Physical memory in frames of 4 KiB: a buddy allocator, one set of free lists per NUMA node.
 * Called with the kernel lock held. Pure logic over struct frame; compiles on the host for its tests.
 *
 * Rules
 *  - The array may hold garbage at first: frame_init() does not touch it. Only the first frame of a free block is ever
 *    written or read while the block is free, so that adding a region costs a few stores and not one per frame.
 *  - An allocated run has every frame's struct valid (state FRAME_USED, pins 0).
 *  - A run may be given back in parts (aligned to their order), not in one piece with its neighbours.
 *  - Frames with pins must not be freed: a device may still write there. */
#pragma once
#include <abi/errors.h>
#include <abi/types.h>

#define FRAME_ORDER_MAX 10 /* up to 4 MiB in one run */
#define FRAME_NODES_MAX 8

enum frame_state { FRAME_HOLE = 0, FRAME_FREE, FRAME_USED };

/* One per frame of RAM (and holes between): 16 bytes. */
struct frame {
    uint32_t next, previous; /* free list links (indices into the array) while free */
    uint8_t order, node, state;
    uint8_t remote; /* 1: in use by who asked another node */
    uint32_t pins;  /* dma pins that keep it from reuse */
};
_Static_assert(sizeof(struct frame) == 16, "struct frame is 16 bytes");

/* Takes the array's place (room for `count` frames from frame number `first` on) and marks everything as not RAM. */
void frame_init(struct frame *array, uint64_t first, uint64_t count);
/* Usable RAM, page-aligned, never added before; what lies outside the array is left out. */
void frame_add_region(uint64_t start_physical, uint64_t bytes, uint32_t node);

/* Where to look when a node has none: order[n] names node_count nodes, n first (numa.h). At first: n + 1, n + 2, … */
void frame_set_order(const uint8_t order[FRAME_NODES_MAX][FRAME_NODES_MAX], uint32_t node_count);

/* Physical address of 2^order frames from the node (or the next), contents undefined; 0 when there are none. The node is
 * one of numa.h's: an account's, a CPU's. */
uint64_t frame_alloc(unsigned order, uint32_t node);
void frame_free(uint64_t physical, unsigned order);
/* The struct of an allocated frame; NULL when the address is not in the array. */
struct frame *frame_of(uint64_t physical);
uint64_t frame_free_count(void); /* frames */
uint64_t frame_total_count(void);
struct frame_node {
    uint64_t total, free;
    uint64_t remote; /* in use by those who asked another node; total - free - remote are in use near by */
    uint64_t given_near, given_far; /* since boot, to those who asked this node: its own, and another's */
};
struct frame_node frame_node(uint32_t node);
/* Zeroed page; 0 when there is none. Kernel only (physmap). */
uint64_t frame_alloc_zeroed(unsigned order, uint32_t node);
