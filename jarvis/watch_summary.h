/* Who was watched, and the sentences about it. */
#pragma once
#include "jarvis/figures.h"
#include "jarvis/tool.h"

struct watch_subject {
    uint32_t id; /* 0: all tasks */
    uint32_t cpu_count;
    char name[TASK_NAME_MAX];
    char label[TASK_NAME_MAX + 16];
    uint64_t begin_ns, end_ns;
    size_t count; /* of tasks when it began */
    uint32_t ids[TASKS_SEEN_MAX];
    uint64_t cpu_ns[TASKS_SEEN_MAX]; /* how much CPU each had used; after the end: used in between */
    char names[TASKS_SEEN_MAX][TASK_NAME_MAX];
};

status_t watch_subject_read(struct call *call, uint32_t id, struct watch_subject *subject);
status_t watch_subject_begin(struct watch_subject *subject, handle_t trace, uint64_t now_ns);
status_t watch_subject_end(struct watch_subject *subject, handle_t trace, uint64_t now_ns);
const char *watch_subject_name(const struct answer *out, struct watch_subject *subject); /* "netsrv (14)" */

void watch_summary(struct answer *out, struct watch_subject *subject, const struct figures *figures, uint64_t lost);
