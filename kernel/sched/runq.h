/* The run queue of one processor: a list for each priority and a mask of those that are not empty.
 * Pure: compiles on the host. Work is constant. */
#pragma once
#include "kernel/list.h"
#include <abi/task.h>

struct runq {
    uint32_t ready; /* bit p: queues[p] is not empty */
    uint32_t count; /* entries */
    struct link queues[TASK_PRIORITIES];
};

static inline void runq_init(struct runq *runq)
{
    runq->ready = runq->count = 0;
    for (int i = 0; i < TASK_PRIORITIES; i++)
        list_init(&runq->queues[i]);
}
static inline void runq_push_back(struct runq *runq, struct link *entry, uint32_t priority)
{
    list_push_back(&runq->queues[priority], entry);
    runq->count++;
    runq->ready |= 1u << priority;
}
/* For one that was interrupted before its slice was over. */
static inline void runq_push_front(struct runq *runq, struct link *entry, uint32_t priority)
{
    list_push_front(&runq->queues[priority], entry);
    runq->count++;
    runq->ready |= 1u << priority;
}
static inline void runq_remove(struct runq *runq, struct link *entry, uint32_t priority)
{
    list_remove(entry);
    runq->count--;
    if (list_empty(&runq->queues[priority]))
        runq->ready &= ~(1u << priority);
}
/* Most urgent priority with a ready entry; -1: none. */
static inline int runq_top(const struct runq *runq)
{
    return runq->ready ? 31 - __builtin_clz(runq->ready) : -1;
}
static inline struct link *runq_pop(struct runq *runq)
{
    int top = runq_top(runq);
    if (top < 0)
        return NULL;
    struct link *entry = runq->queues[top].next;
    runq_remove(runq, entry, (uint32_t)top);
    return entry;
}
