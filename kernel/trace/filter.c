/* What is recorded: classes of events for all tasks, or for those that were chosen. */
#include "kernel/sched/task.h"
#include "kernel/trace/trace.h"

#define CLASSES_USUAL (TRACE_CLASS_SCHED | TRACE_CLASS_IPC)
#define CLASSES_SHORT (CLASSES_USUAL | TRACE_CLASS_SYSCALL) /* of the short path's events */

uint32_t trace_mask = TRACE_CLASS_DEFAULT;
uint32_t trace_only_count, trace_only[TRACE_ONLY_MAX];
uint8_t trace_short = TRACE_SHORT_USUAL;

static uint8_t short_path(void)
{
    uint32_t classes = trace_mask & CLASSES_SHORT;
    if (!classes)
        return TRACE_SHORT_NOTHING;
    if (trace_only_count)
        return TRACE_SHORT_GENERAL;
    return classes == CLASSES_USUAL   ? TRACE_SHORT_USUAL
           : classes == CLASSES_SHORT ? TRACE_SHORT_ALL
                                      : TRACE_SHORT_GENERAL;
}

void trace_mask_set(uint32_t mask)
{
    trace_mask = mask & TRACE_CLASS_ALL;
    trace_short = short_path();
}

bool trace_is_chosen(uint32_t id)
{
    for (uint32_t i = 0; i < trace_only_count; i++)
        if (trace_only[i] == id)
            return true;
    return false;
}

bool trace_chosen(uint32_t other)
{
    return trace_is_chosen(task_id(task_this())) || trace_is_chosen(other);
}

static bool task_lives(uint64_t id)
{
    for (uint32_t i = 0; i < TASKS_MAX; i++)
        if (task_slots[i] && task_id(task_slots[i]) == id)
            return true;
    return false;
}

status_t trace_only_add(uint64_t id)
{
    if (!task_lives(id))
        return ERR_NOT_FOUND;
    if (trace_is_chosen((uint32_t)id))
        return OK;
    if (trace_only_count == TRACE_ONLY_MAX)
        return ERR_TOO_LONG;
    trace_only[trace_only_count++] = (uint32_t)id;
    trace_short = short_path();
    return OK;
}

void trace_only_clear(void)
{
    trace_only_count = 0;
    trace_short = short_path();
}
