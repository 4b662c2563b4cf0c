/* Deadlines in rising order. Few tasks wait with one at a time, and mostly for the newest deadline, so a sorted list
 * searched from its end serves. Pure. */
#pragma once
#include "kernel/list.h"

struct timer_entry {
    struct link link;
    uint64_t deadline_ns;
};

static inline void timerq_insert(struct link *queue, struct timer_entry *entry)
{
    struct link *place = queue;
    while (place->previous != queue &&
           LIST_OWNER(place->previous, struct timer_entry, link)->deadline_ns > entry->deadline_ns)
        place = place->previous;
    list_add_before(place, &entry->link);
}
/* The earliest, or UINT64_MAX. */
static inline uint64_t timerq_first_ns(const struct link *queue)
{
    return list_empty(queue) ? UINT64_MAX : LIST_OWNER(queue->next, struct timer_entry, link)->deadline_ns;
}
