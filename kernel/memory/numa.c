#include "kernel/memory/numa.h"

struct numa numa = {.node_count = 1, .distance[0][0] = NUMA_DISTANCE_SELF};

void numa_one_node(struct numa *numa)
{
    *numa = (struct numa){.node_count = 1, .distance[0][0] = NUMA_DISTANCE_SELF};
}

/* How far `other` is, and how many numbers on: smaller comes first. */
static uint32_t order_key(const uint8_t distance[NUMA_NODES_MAX], uint32_t node_count, uint32_t node, uint32_t other)
{
    uint32_t steps = (other + node_count - node) % node_count;
    return steps ? (uint32_t)distance[other] << 8 | steps : 0;
}

void numa_order(const uint8_t distance[NUMA_NODES_MAX][NUMA_NODES_MAX], uint32_t node_count, uint32_t node,
                uint8_t out[NUMA_NODES_MAX])
{
    for (uint32_t other = 0; other < node_count; other++) {
        uint32_t key = order_key(distance[node], node_count, node, other), place = other;
        for (; place && order_key(distance[node], node_count, node, out[place - 1]) > key; place--)
            out[place] = out[place - 1];
        out[place] = (uint8_t)other;
    }
}

void numa_orders(struct numa *numa)
{
    for (uint32_t node = 0; node < numa->node_count; node++)
        numa_order(numa->distance, numa->node_count, node, numa->order[node]);
}

uint32_t numa_node_of(const struct numa *numa, uint64_t start, uint64_t *end)
{
    uint32_t node = numa->range_count ? numa->ranges[0].node : 0;
    for (uint32_t i = 0; i < numa->range_count; i++) {
        const struct numa_range *range = &numa->ranges[i];
        if (range->start <= start) {
            node = range->node;
        } else if (range->node != node) {
            *end = range->start < *end ? range->start : *end;
            break;
        }
    }
    return node;
}
