#include "names.h"
#include <abi/syscall.h>
#include <abi/task.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- tasks ---- */

static struct task_name *slot_of(const struct names *names, uint32_t task)
{
    uint32_t i = task * 2654435761u & (names->capacity - 1);
    while (names->tasks[i].task && names->tasks[i].task != task)
        i = (i + 1) & (names->capacity - 1);
    return &names->tasks[i];
}

static bool names_grow(struct names *names)
{
    struct names more = {.capacity = names->capacity ? names->capacity * 2 : 64, .count = names->count};
    more.tasks = calloc(more.capacity, sizeof *more.tasks);
    if (!more.tasks)
        return false;
    for (uint32_t i = 0; i < names->capacity; i++) {
        if (names->tasks[i].task)
            *slot_of(&more, names->tasks[i].task) = names->tasks[i];
    }
    free(names->tasks);
    *names = more;
    return true;
}

static void names_add(struct names *names, uint32_t task, const char *name)
{
    if (!task || !*name || (names->count * 2 >= names->capacity && !names_grow(names)))
        return;
    struct task_name *slot = slot_of(names, task);
    names->count += !slot->task;
    slot->task = task;
    snprintf(slot->name, sizeof slot->name, "%s", name);
}

void names_learn(struct names *names, const struct ctf_event *event)
{
    char name[17] = "";
    const struct ctf_record *payload = &event->layout->payload;
    if (strcmp(event->layout->name, "task_name"))
        return;
    int task = ctf_field_index(payload, "task"), lo = ctf_field_index(payload, "name_lo"),
        hi = ctf_field_index(payload, "name_hi");
    if (task < 0 || lo < 0 || hi < 0)
        return;
    memcpy(name, &event->values[lo], 8);
    memcpy(name + 8, &event->values[hi], 8);
    for (char *c = name; *c; c++)
        *c = *c <= ' ' || *c > '~' || *c == '"' || *c == '\\' || *c == '<' ? '?' : *c;
    names_add(names, (uint32_t)event->values[task], name);
}

void names_learn_all(struct names *names, struct trace *trace)
{
    struct trace_item item;
    bool wanted = false;
    for (uint32_t i = 0; i < trace->layout->event_count; i++)
        wanted |= !strcmp(trace->layout->events[i].name, "task_name");
    while (wanted && trace_next(trace, &item) != TRACE_ITEM_END) {
        if (item.kind == TRACE_ITEM_EVENT)
            names_learn(names, item.event);
    }
    trace_rewind(trace);
}

const char *names_task(const struct names *names, uint32_t task, char out[32])
{
    if (!task)
        return "idle";
    if (names->capacity && slot_of(names, task)->task)
        return slot_of(names, task)->name;
    snprintf(out, 32, "task %u", task);
    return out;
}

void names_free(struct names *names)
{
    free(names->tasks);
    *names = (struct names){0};
}

/* ---- the kernel's own ---- */

const char *names_wait(uint32_t on)
{
    static const char *const states[] = {[TASK_RECEIVING] = "a message or signal",
                                         [TASK_CALLING] = "a server to take its call",
                                         [TASK_REPLYING] = "an answer",
                                         [TASK_FAULTED] = "its supervisor, after a fault"};
    return on < sizeof states / sizeof states[0] ? states[on] : NULL;
}

const char *names_syscall(uint32_t number)
{
#define X(value, name, arguments) [value] = #name,
    static const char *const calls[] = {SYSCALL_LIST(X)};
#undef X
    return number < SYS_COUNT ? calls[number] : NULL;
}
