/* What numbers in a trace are called: tasks (from its task_name events), vectors, system calls, reasons to wait. */
#pragma once
#include "table.h"
#include "trace.h"

struct names {
    struct table tasks; /* by task: its name, a string */
};

void names_learn(struct names *names, const struct ctf_event *event); /* from a task_name event; others are ignored */
void names_learn_all(struct names *names, struct trace *trace);       /* from all of it; rewinds */
/* "netsrv", or "task 12" without a name; in out[] or constant. */
const char *names_task(const struct names *names, uint32_t task, char out[32]);
const char *names_wait(uint32_t on);        /* Block's `on`; NULL when not known */
const char *names_syscall(uint32_t number); /* NULL when not known */
void names_free(struct names *names);
