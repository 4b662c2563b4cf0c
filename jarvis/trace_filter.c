#include "jarvis/trace_filter.h"
#include "jarvis/watch.h"
#include <stdio.h>
#include <string.h>

static const char *const class_names[] = {
#define C(bit, NAME, text) [bit] = text,
    TRACE_CLASSES(C)
#undef C
};
#define CLASSES (sizeof class_names / sizeof class_names[0])

status_t trace_filter_read(handle_t trace, struct trace_filter *filter)
{
    struct trace_state state;
    result_t n = world_info(trace, INFO_TRACE_STATE, 0, &state, sizeof state);
    if (n != 1)
        return n < 0 ? (status_t)n : ERR_IO;
    *filter = (struct trace_filter){.mask = state.mask,
                                    .count = state.only_count < TRACE_ONLY_MAX ? state.only_count : TRACE_ONLY_MAX};
    memcpy(filter->tasks, state.only, sizeof filter->tasks);
    return OK;
}

static bool same_tasks(const struct trace_filter *a, const struct trace_filter *b)
{
    return a->count == b->count && memcmp(a->tasks, b->tasks, a->count * sizeof a->tasks[0]) == 0;
}

static status_t set_tasks(handle_t trace, const struct trace_filter *filter)
{
    result_t result = world_trace_control(trace, 0, TRACE_CONTROL_ONLY);
    for (uint32_t i = 0; i < filter->count && result >= 0; i++)
        result = world_trace_control(trace, filter->tasks[i], TRACE_CONTROL_ONLY);
    return result < 0 ? (status_t)result : OK;
}

status_t trace_filter_set(handle_t trace, const struct trace_filter *filter)
{
    struct trace_filter before = {0};
    status_t status = trace_filter_read(trace, &before);
    if (status != OK)
        return status; /* nothing to put back */
    if (!same_tasks(&before, filter))
        status = set_tasks(trace, filter);
    if (status != OK) {
        trace_filter_restore(trace, &before);
        return status;
    }
    result_t result = world_trace_control(trace, filter->mask, TRACE_CONTROL_MASK);
    return result < 0 ? (status_t)result : OK;
}

void trace_filter_restore(handle_t trace, const struct trace_filter *before)
{
    struct trace_filter now = {0};
    bool other = trace_filter_read(trace, &now) != OK || !same_tasks(&now, before);
    if (other)
        (void)world_trace_control(trace, 0, TRACE_CONTROL_ONLY);
    for (uint32_t i = 0; other && i < before->count; i++)
        (void)world_trace_control(trace, before->tasks[i], TRACE_CONTROL_ONLY);
    (void)world_trace_control(trace, before->mask, TRACE_CONTROL_MASK);
}

const char *trace_classes_text(char *out, uint32_t mask)
{
    size_t used = 0;
    out[0] = 0;
    for (unsigned bit = 0; bit < CLASSES; bit++)
        if (mask >> bit & 1)
            used += (size_t)snprintf(out + used, CLASSES_TEXT - used, "%s%s", used ? ", " : "", class_names[bit]);
    return out;
}

const char *trace_tasks_text(char *out, handle_t trace, const struct trace_filter *filter)
{
    const struct task_info *tasks;
    result_t n = filter->count ? tasks_read(trace, &tasks) : 0;
    size_t used = 0;
    out[0] = 0;
    for (uint32_t i = 0; i < filter->count && used < TRACE_TASKS_TEXT; i++) {
        const char *name = "-"; /* it has ended */
        for (result_t k = 0; k < n; k++)
            if (tasks[k].id == filter->tasks[i])
                name = tasks[k].name;
        used +=
            (size_t)snprintf(out + used, TRACE_TASKS_TEXT - used, "%s%s (%u)", i ? ", " : "", name, filter->tasks[i]);
    }
    return out;
}

/* The next of the names that a slot joins by commas; NULL after the last. */
static const char *next_name(const char *at, char *out, size_t size)
{
    size_t n = strcspn(at, ",");
    if (!*at)
        return NULL;
    snprintf(out, size, "%.*s", (int)n, at);
    return at + n + (at[n] == ',');
}

uint32_t trace_classes_asked(const struct call *call, bool *off)
{
    const char *at = call_slot(call, SLOT_event);
    char name[WORD_BYTES];
    uint32_t mask = 0;
    *off = false;
    while (at && (at = next_name(at, name, sizeof name))) {
        *off |= strcmp(name, "off") == 0;
        if (strcmp(name, "all") == 0)
            mask |= TRACE_CLASS_ALL;
        for (unsigned bit = 0; bit < CLASSES; bit++)
            mask |= (uint32_t)(strcmp(name, class_names[bit]) == 0) << bit;
    }
    return mask;
}

static status_t unknown_name(struct call *call, const char *name, const struct task_info *tasks, size_t count)
{
    char classes[CLASSES_TEXT], neutral[WORD_BYTES], list[400];
    size_t used = 0;
    list[0] = 0;
    for (size_t i = 0; i < count && used < sizeof list; i++)
        used +=
            (size_t)snprintf(list + used, sizeof list - used, "%s%s (%u)", i ? ", " : "", tasks[i].name, tasks[i].id);
    text_neutral(neutral, sizeof neutral, name, strlen(name));
    answer_error(call->out, "unknown_name",
                 T(call->out, "\"%s\" is neither a task nor a class of events.\nTasks: %s.\nClasses: %s, all.",
                   "« %s » n'est ni une tâche ni une classe d'événements.\nTâches : %s.\nClasses : %s, all."),
                 neutral, list, trace_classes_text(classes, TRACE_CLASS_ALL));
    return ERR_NOT_FOUND;
}

static status_t too_many(struct call *call)
{
    answer_error(call->out, "too_many",
                 T(call->out, "At most %u tasks can be chosen.", "On peut choisir %u tâches au plus."), TRACE_ONLY_MAX);
    return ERR_TOO_LONG;
}

status_t trace_tasks_asked(struct call *call, struct trace_filter *filter)
{
    const char *at = call_slot(call, SLOT_service);
    const struct task_info *tasks;
    char name[WORD_BYTES];
    result_t n = tasks_read(call->authority->caps[CAP_TRACE], &tasks);
    if (n < 0)
        return call_failed(call, CAP_TRACE, (status_t)n);
    filter->count = 0;
    while (at && (at = next_name(at, name, sizeof name))) {
        const struct task_info *task = task_find(tasks, (size_t)n, name);
        if (!task)
            return unknown_name(call, name, tasks, (size_t)n);
        if (filter->count == TRACE_ONLY_MAX)
            return too_many(call);
        filter->tasks[filter->count++] = task->id;
    }
    return OK;
}

status_t trace_filter_free(struct call *call)
{
    if (!watch_session())
        return OK;
    answer_error(
        call->out, "busy",
        T(call->out,
          "Session %u is watching with a filter of its own, for %u s more; then it is put back. Try again then.",
          "La session %u observe avec son propre filtre, encore %u s ; puis il est remis. Réessayez alors."),
        watch_session(), watch_seconds_left());
    return ERR_BUSY;
}

const char *count_text(char *out, uint64_t value, enum language language)
{
    char digits[24];
    int n = snprintf(digits, sizeof digits, "%lu", (unsigned long)value);
    size_t used = 0;
    for (int i = 0; i < n; i++) {
        if (i && (n - i) % 3 == 0 && n > 4)
            out[used++] = language == LANGUAGE_FR ? ' ' : ',';
        out[used++] = digits[i];
    }
    out[used] = 0;
    return out;
}
