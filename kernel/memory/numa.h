/* Which memory is near which processors: nodes, and how far they are from each other. Filled once at boot (acpi_srat.c),
 * only read from then on. Pure: tests/unit/test_placement.c, test_acpi_srat.c.
 *
 * Node numbers are the kernel's own, 0 .. node_count - 1; node 0 is the boot CPU's. A node may have no memory, or no CPU. */
#pragma once
#include <abi/types.h>

#define NUMA_NODES_MAX 8
#define NUMA_RANGES_MAX 32

/* ACPI 6.4 §5.2.17: 10 is a node's distance to itself, 20 is twice as far; 255: there is no way. */
enum { NUMA_DISTANCE_SELF = 10, NUMA_DISTANCE_UNKNOWN = 20 };

struct numa_range {
    uint64_t start, end; /* physical */
    uint32_t node;
};
struct numa {
    uint32_t node_count, range_count;
    struct numa_range ranges[NUMA_RANGES_MAX]; /* sorted, disjoint; may name memory that is not there */
    uint8_t distance[NUMA_NODES_MAX][NUMA_NODES_MAX];
    uint8_t order[NUMA_NODES_MAX][NUMA_NODES_MAX]; /* order[n]: the nodes, nearest to n first; that is n */
};
extern struct numa numa;

/* Everything belongs to node 0. */
void numa_one_node(struct numa *numa);
/* Writes node_count nodes, nearest to `node` first and `node` before all others. Of equally far ones the next higher
 * number comes first, round the end, so that not all nodes fall back on the same one. */
void numa_order(const uint8_t distance[NUMA_NODES_MAX][NUMA_NODES_MAX], uint32_t node_count, uint32_t node,
                uint8_t out[NUMA_NODES_MAX]);
/* Fills numa->order from its distances. */
void numa_orders(struct numa *numa);
/* The node of the memory at `start`; *end is lowered to where the next node's begins, if that is before it. What no range
 * names goes with the range below it. */
uint32_t numa_node_of(const struct numa *numa, uint64_t start, uint64_t *end);
