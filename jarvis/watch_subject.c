/* Who is watched, and how much CPU everybody used meanwhile: from the kernel's own account, which loses nothing. */
#include "jarvis/watch_summary.h"
#include <stdio.h>
#include <string.h>

status_t watch_subject_read(struct call *call, uint32_t id, struct watch_subject *subject)
{
    struct system_info info;
    handle_t trace = call->authority->caps[CAP_TRACE];
    result_t n = world_info(trace, INFO_SYSTEM, 0, &info, sizeof info);
    if (n != 1)
        return call_failed(call, CAP_TRACE, n < 0 ? (status_t)n : ERR_IO);
    *subject = (struct watch_subject){.id = id, .cpu_count = info.cpu_count ? info.cpu_count : 1};
    return OK;
}

static uint64_t *cpu_of(struct watch_subject *subject, uint32_t id)
{
    for (size_t i = 0; i < subject->count; i++)
        if (subject->ids[i] == id)
            return &subject->cpu_ns[i];
    return NULL;
}

static void add_task(struct watch_subject *subject, const struct task_info *task, uint64_t cpu_ns)
{
    if (subject->count == TASKS_SEEN_MAX)
        return;
    subject->ids[subject->count] = task->id;
    subject->cpu_ns[subject->count] = cpu_ns;
    memcpy(subject->names[subject->count++], task->name, TASK_NAME_MAX);
    if (task->id == subject->id)
        memcpy(subject->name, task->name, TASK_NAME_MAX);
}

status_t watch_subject_begin(struct watch_subject *subject, handle_t trace, uint64_t now_ns)
{
    const struct task_info *tasks;
    result_t n = tasks_read(trace, &tasks);
    subject->begin_ns = now_ns;
    subject->count = 0;
    for (result_t i = 0; i < n; i++)
        add_task(subject, &tasks[i], tasks[i].cpu_time_ns);
    if (n < 0)
        return (status_t)n;
    return subject->id && !cpu_of(subject, subject->id) ? ERR_NOT_FOUND : OK;
}

/* Who ended meanwhile has used what nobody knows any more: nothing is told of it. */
status_t watch_subject_end(struct watch_subject *subject, handle_t trace, uint64_t now_ns)
{
    const struct task_info *tasks;
    bool known[TASKS_SEEN_MAX] = {false};
    result_t n = tasks_read(trace, &tasks);
    subject->end_ns = now_ns;
    for (result_t i = 0; i < n; i++) {
        uint64_t *cpu = cpu_of(subject, tasks[i].id);
        if (!cpu)
            add_task(subject, &tasks[i], 0);
        cpu = cpu_of(subject, tasks[i].id);
        if (!cpu)
            continue;
        *cpu = tasks[i].cpu_time_ns - *cpu;
        known[cpu - subject->cpu_ns] = true;
    }
    for (size_t i = 0; i < subject->count; i++)
        if (!known[i])
            subject->cpu_ns[i] = 0;
    return n < 0 ? (status_t)n : OK;
}

const char *watch_subject_name(const struct answer *out, struct watch_subject *subject)
{
    if (!subject->id)
        return T(out, "the whole system", "tout le système");
    snprintf(subject->label, sizeof subject->label, "%.*s (%u)", TASK_NAME_MAX, subject->name, subject->id);
    return subject->label;
}
