/* The buddy allocator (Knowlton 1965; Knuth, TAOCP vol. 1 §2.5): a free block of order k is aligned to 2^k frames and joins
 * with its neighbour of the same order, the buddy, when that is free too.
 *
 * Which structs are valid without ever touching the whole array? Freeing a block looks at the buddy's first frame, for each
 * order up to the one where it stays. Such a buddy is either
 *   - the first frame of a block that was free or in use once: written then; or
 *   - not RAM: region_guard() marked it FRAME_HOLE when the region beside it was added. */
#include "kernel/memory/frame.h"
#include "kernel/x86/log.h"

#define NONE UINT32_MAX
#define REGIONS_MAX 112 /* boot_info's, cut where one node ends and another begins */
/* Free blocks go up to 4 GiB, so that a large machine starts with a few and touches next to none of the array. */
#define BLOCK_ORDER_MAX 20

struct region {
    uint64_t start, end; /* indices into the array */
};

static struct frame *frames;
static uint64_t frames_first, frames_count; /* frame number of frames[0], and how many */
static uint32_t free_lists[FRAME_NODES_MAX][BLOCK_ORDER_MAX + 1];
/* In frames, by node. Since boot were put into its lists, and taken: the rest is free. */
static uint64_t total_frames[FRAME_NODES_MAX], put_frames[FRAME_NODES_MAX], taken_frames[FRAME_NODES_MAX];
/* In use by who asked another node; and since boot taken by those, and from others by who asked this one. */
static uint64_t remote_frames[FRAME_NODES_MAX], taken_by_others[FRAME_NODES_MAX], taken_elsewhere[FRAME_NODES_MAX];
static uint8_t fallback[FRAME_NODES_MAX][FRAME_NODES_MAX];
static uint32_t fallback_count;
static struct region regions[REGIONS_MAX];
static uint32_t region_count;

void frame_init(struct frame *array, uint64_t first, uint64_t count)
{
    frames = array;
    frames_first = first;
    frames_count = count < NONE ? count : NONE - 1;
    region_count = 0;
    fallback_count = FRAME_NODES_MAX;
    for (unsigned node = 0; node < FRAME_NODES_MAX; node++) {
        total_frames[node] = put_frames[node] = taken_frames[node] = 0;
        remote_frames[node] = taken_by_others[node] = taken_elsewhere[node] = 0;
        for (unsigned i = 0; i < FRAME_NODES_MAX; i++)
            fallback[node][i] = (uint8_t)((node + i) % FRAME_NODES_MAX);
        for (unsigned order = 0; order <= BLOCK_ORDER_MAX; order++)
            free_lists[node][order] = NONE;
    }
}

void frame_set_order(const uint8_t order[FRAME_NODES_MAX][FRAME_NODES_MAX], uint32_t node_count)
{
    fallback_count = node_count;
    __builtin_memcpy(fallback, order, sizeof(fallback));
}

/* ---- Free lists ----------------------------------------------------------------------------------------------- */

static void list_push(uint32_t index, unsigned order, uint32_t node)
{
    uint32_t head = free_lists[node][order];
    frames[index] = (struct frame){
        .next = head, .previous = NONE, .order = (uint8_t)order, .node = (uint8_t)node, .state = FRAME_FREE};
    if (head != NONE)
        frames[head].previous = index;
    free_lists[node][order] = index;
}

static void list_take(uint32_t index)
{
    struct frame *f = &frames[index];
    if (f->previous == NONE)
        free_lists[f->node][f->order] = f->next;
    else
        frames[f->previous].next = f->next;
    if (f->next != NONE)
        frames[f->next].previous = f->previous;
}

/* ---- Joining ---------------------------------------------------------------------------------------------------- */

/* Blocks are aligned by frame number, so that a run of order k is aligned in physical memory. */
static uint64_t buddy_of(uint64_t index, unsigned order)
{
    return ((index + frames_first) ^ (1ul << order)) - frames_first;
}

static bool buddy_joins(uint64_t buddy, unsigned order, uint32_t node)
{
    return buddy < frames_count && frames[buddy].state == FRAME_FREE && frames[buddy].order == order &&
           frames[buddy].node == node;
}

static void block_insert(uint64_t index, unsigned order, uint32_t node)
{
    while (order < BLOCK_ORDER_MAX) {
        uint64_t buddy = buddy_of(index, order);
        if (!buddy_joins(buddy, order, node))
            break;
        list_take((uint32_t)buddy);
        index = index < buddy ? index : buddy;
        order++;
    }
    list_push((uint32_t)index, order, node);
}

/* ---- Regions ---------------------------------------------------------------------------------------------------- */

static bool region_has(uint64_t index)
{
    for (uint32_t i = 0; i < region_count; i++)
        if (index >= regions[i].start && index < regions[i].end)
            return true;
    return false;
}

/* Marks the buddies, of any order, that freeing this block may look at and that are not RAM (yet). */
static void region_guard(uint64_t index, unsigned order)
{
    for (; order < BLOCK_ORDER_MAX; order++) {
        uint64_t buddy = buddy_of(index, order);
        if (buddy < frames_count && !region_has(buddy))
            frames[buddy].state = FRAME_HOLE;
        index = ((index + frames_first) & ~((2ul << order) - 1)) - frames_first;
    }
}

static unsigned largest_order(uint64_t index, uint64_t end)
{
    unsigned order = BLOCK_ORDER_MAX;
    while (order && (((index + frames_first) & ((1ul << order) - 1)) || (1ul << order) > end - index))
        order--;
    return order;
}

/* The region in regions[] grows with each block: what lies ahead counts as a hole until its turn comes. */
void frame_add_region(uint64_t start_physical, uint64_t bytes, uint32_t node)
{
    uint64_t start = start_physical >> PAGE_SHIFT, end = start + (bytes >> PAGE_SHIFT);
    start = start > frames_first ? start - frames_first : 0;
    end = end > frames_first ? end - frames_first : 0;
    end = end < frames_count ? end : frames_count;
    if (start >= end || region_count == REGIONS_MAX)
        return;
    node = node < FRAME_NODES_MAX ? node : 0;
    struct region *region = &regions[region_count++];
    *region = (struct region){start, start};
    while (region->end < end) {
        unsigned order = largest_order(region->end, end);
        region_guard(region->end, order);
        block_insert(region->end, order, node);
        region->end += 1ul << order;
    }
    put_frames[node] += end - start;
    total_frames[node] += end - start;
}

/* ---- Taking and giving ------------------------------------------------------------------------------------------ */

static void mark_used(uint32_t index, unsigned order, uint32_t node)
{
    for (uint32_t i = 0; i < 1u << order; i++)
        frames[index + i] = (struct frame){.node = (uint8_t)node, .state = FRAME_USED};
}

static inline uint64_t node_alloc(unsigned order, uint32_t node)
{
    unsigned have = order;
    while (have <= BLOCK_ORDER_MAX && free_lists[node][have] == NONE)
        have++;
    if (have > BLOCK_ORDER_MAX)
        return 0;
    uint32_t index = free_lists[node][have];
    list_take(index);
    while (have > order) {
        have--;
        list_push(index + (1u << have), have, node);
    }
    mark_used(index, order, node);
    taken_frames[node] += 1ul << order;
    return (frames_first + index) << PAGE_SHIFT;
}

static __attribute__((noinline)) uint64_t alloc_remote(unsigned order, uint32_t asked)
{
    for (uint32_t i = 1; i < fallback_count; i++) {
        uint32_t node = fallback[asked][i];
        uint64_t physical = node_alloc(order, node), index = (physical >> PAGE_SHIFT) - frames_first;
        if (!physical)
            continue;
        for (uint32_t k = 0; k < 1u << order; k++)
            frames[index + k].remote = 1;
        remote_frames[node] += 1ul << order;
        taken_by_others[node] += 1ul << order;
        taken_elsewhere[asked] += 1ul << order;
        return physical;
    }
    return 0;
}

uint64_t frame_alloc(unsigned order, uint32_t node)
{
    if (order > FRAME_ORDER_MAX)
        return 0;
    uint64_t physical = node_alloc(order, node);
    return physical ? physical : alloc_remote(order, node);
}

void frame_free(uint64_t physical, unsigned order)
{
    uint64_t index = (physical >> PAGE_SHIFT) - frames_first, count = 1ul << order;
    KASSERT(order <= FRAME_ORDER_MAX && (physical & (count * PAGE_SIZE - 1)) == 0);
    KASSERT(index < frames_count && count <= frames_count - index);
    for (uint64_t i = 0; i < count; i++) {
        KASSERT(frames[index + i].state == FRAME_USED && frames[index + i].pins == 0);
        frames[index + i].state = FRAME_HOLE; /* a second free is caught while the block stays whole */
    }
    uint32_t node = frames[index].node;
    put_frames[node] += count;
    if (frames[index].remote)
        remote_frames[node] -= count;
    block_insert(index, order, node);
}

struct frame *frame_of(uint64_t physical)
{
    uint64_t index = (physical >> PAGE_SHIFT) - frames_first;
    return index < frames_count ? &frames[index] : NULL;
}

struct frame_node frame_node(uint32_t node)
{
    node %= FRAME_NODES_MAX;
    return (struct frame_node){.total = total_frames[node],
                               .free = put_frames[node] - taken_frames[node],
                               .remote = remote_frames[node],
                               .given_near = taken_frames[node] - taken_by_others[node],
                               .given_far = taken_elsewhere[node]};
}

uint64_t frame_free_count(void)
{
    uint64_t count = 0;
    for (uint32_t node = 0; node < fallback_count; node++)
        count += put_frames[node] - taken_frames[node];
    return count;
}

uint64_t frame_total_count(void)
{
    uint64_t count = 0;
    for (uint32_t node = 0; node < fallback_count; node++)
        count += total_frames[node];
    return count;
}
