/* The machine's frames: host memory, "physical" as the physmap has it. Each belongs to a node, and who asked another node
 * for it is remembered, as in kernel/memory/buddy.c. */
#include <search.h>
#include "kernel/memory/frame.h"
#include "kernel/memory/slab.h"
#include "kernel/x86/cpu.h"
#include "tests/unit/host_machine.h"

int64_t machine_frames_out, machine_frames_left = -1;
static struct frame_node nodes[NUMA_NODES_MAX];

struct run {
    uint64_t physical, bytes;
    uint32_t node, asked;
};
static void *runs; /* tsearch's tree, by address */

static int run_compare(const void *a, const void *b)
{
    const struct run *x = a, *y = b; /* the same if they overlap */
    return x->physical + x->bytes <= y->physical ? -1 : x->physical >= y->physical + y->bytes;
}

void machine_nodes_fill(const uint64_t *pages, uint32_t count)
{
    assert_null(runs); /* each test begins without any */
    memset(nodes, 0, sizeof nodes);
    for (uint32_t node = 0; node < count; node++)
        nodes[node].total = nodes[node].free = pages[node];
}

/* The nearest node that has so many; NUMA_NODES_MAX: none. */
static uint32_t node_choose(uint64_t frames, uint32_t asked)
{
    assert_in_range(asked, 0, numa.node_count - 1);
    for (uint32_t i = 0; i < numa.node_count; i++)
        if (nodes[numa.order[asked][i]].free >= frames)
            return numa.order[asked][i];
    return NUMA_NODES_MAX;
}

static void *run_take(unsigned order, uint32_t asked)
{
    uint64_t frames = 1ul << order;
    uint32_t node = node_choose(frames, asked);
    if (node == NUMA_NODES_MAX)
        return NULL;
    void *memory = aligned_alloc(PAGE_SIZE, PAGE_SIZE << order);
    struct run *run = malloc(sizeof *run);
    assert_true(memory && run);
    *run = (struct run){virt_to_phys(memory), frames * PAGE_SIZE, node, asked};
    assert_ptr_equal(*(struct run **)tsearch(run, &runs, run_compare), run);
    nodes[node].free -= frames;
    nodes[node].remote += node != asked ? frames : 0;
    *(node == asked ? &nodes[asked].given_near : &nodes[asked].given_far) += frames;
    return memory;
}

static void run_give(void *memory, unsigned order)
{
    struct run key = {virt_to_phys(memory), PAGE_SIZE << order, 0, 0}, **found = tfind(&key, &runs, run_compare);
    assert_non_null(found);
    struct run *run = *found;
    assert_true(run->physical == key.physical && run->bytes == key.bytes);
    nodes[run->node].free += 1ul << order;
    nodes[run->node].remote -= run->node != run->asked ? 1ul << order : 0;
    tdelete(run, &runs, run_compare);
    free(run);
    free(memory);
}

uint32_t machine_node_of(uint64_t physical)
{
    struct run key = {physical, 1, 0, 0}, **found = tfind(&key, &runs, run_compare);
    assert_non_null(found);
    return (*found)->node;
}

/* ---- kernel/memory/frame.h ---- */

uint64_t frame_alloc(unsigned order, uint32_t node)
{
    void *frames = machine_frames_left ? run_take(order, node) : NULL;
    if (!frames)
        return 0;
    machine_frames_left -= machine_frames_left > 0;
    machine_frames_out += 1 << order;
    return virt_to_phys(memset(frames, 0xa5, PAGE_SIZE << order));
}
uint64_t frame_alloc_zeroed(unsigned order, uint32_t node)
{
    uint64_t physical = frame_alloc(order, node);
    if (physical)
        memset(phys_to_virt(physical), 0, PAGE_SIZE << order);
    return physical;
}
void frame_free(uint64_t physical, unsigned order)
{
    machine_frames_out -= 1 << order;
    run_give(phys_to_virt(physical), order);
}
struct frame_node frame_node(uint32_t node)
{
    return nodes[node];
}
uint64_t frame_free_count(void)
{
    uint64_t count = 0;
    for (uint32_t node = 0; node < NUMA_NODES_MAX; node++)
        count += nodes[node].free;
    return count;
}
uint64_t frame_total_count(void)
{
    uint64_t count = 0;
    for (uint32_t node = 0; node < NUMA_NODES_MAX; node++)
        count += nodes[node].total;
    return count;
}

/* ---- kernel/memory/slab.h; not among machine_frames_out and _left ---- */

void *slab_page_take(const struct account *payer)
{
    void *page = run_take(0, payer->node);
    return page ? memset(page, 0xa5, PAGE_SIZE) : NULL;
}
void slab_page_give(void *page)
{
    run_give(page, 0);
}
