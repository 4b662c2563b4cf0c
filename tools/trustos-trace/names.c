#include "names.h"
#include <abi/syscall.h>
#include <abi/task.h>
#include <stdio.h>
#include <string.h>

/* ---- tasks ---- */

#define NAME_SIZE 17 /* two words of name and a NUL */

void names_learn(struct names *names, const struct ctf_event *event)
{
    char name[NAME_SIZE] = "";
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
    if (!name[0])
        return;
    names->tasks.entry_size = NAME_SIZE;
    memcpy(table_get(&names->tasks, (uint32_t)event->values[task], 0, 0), name, NAME_SIZE);
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
    const char *name = task ? table_find(&names->tasks, task, 0, 0) : "idle";
    if (name)
        return name;
    snprintf(out, 32, "task %u", task);
    return out;
}

void names_free(struct names *names)
{
    table_free(&names->tasks);
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
