/* What the kernel records: classes of events, and of which tasks (TRACE_CONTROL_ in abi/trace_events.h).
 *
 * Rules: reading takes RIGHT_TRACE_OBSERVE, setting RIGHT_TRACE_CONTROL, both of the session's own capability. A task is
 * meant by its number: who is restarted is another task. */
#pragma once
#include "jarvis/tool.h"
#include <abi/trace_events.h>

struct trace_filter {
    uint32_t mask;                         /* TRACE_CLASS_ that are recorded */
    uint32_t count, tasks[TRACE_ONLY_MAX]; /* of these tasks; count 0: of all */
};

status_t trace_filter_read(handle_t trace, struct trace_filter *filter);
/* All of it, or an ERR_ value and it is as it was. */
MUST_CHECK status_t trace_filter_set(handle_t trace, const struct trace_filter *filter);
/* As it was, without the tasks that have ended since. */
void trace_filter_restore(handle_t trace, const struct trace_filter *before);

#define CLASSES_TEXT 80
/* "sched, ipc, irq"; out has CLASSES_TEXT bytes */
const char *trace_classes_text(char *out, uint32_t mask);
#define TRACE_TASKS_TEXT 300
/* "netsrv (14), jarvis (16)"; out has TRACE_TASKS_TEXT bytes */
const char *trace_tasks_text(char *out, handle_t trace, const struct trace_filter *filter);
/* The classes that the call's slot names; 0: it names none. */
uint32_t trace_classes_asked(const struct call *call, bool *off);
/* The tasks that the call's slot names, into filter; ERR_NOT_FOUND or ERR_TOO_LONG after having said it. */
status_t trace_tasks_asked(struct call *call, struct trace_filter *filter);
/* Somebody else's watch uses the filter: says so and returns ERR_BUSY; else OK. */
status_t trace_filter_free(struct call *call);
/* "12,345"; out has UNIT_TEXT bytes; returns it. */
const char *count_text(char *out, uint64_t value, enum language language);
