/* The tables of `report`: each file of them counts what the model tells and shows it. */
#pragma once
#include "model.h"
#include "processors.h"

struct report {
    struct trace *trace;
    struct names names;
    uint64_t first_ns, last_ns, events;
    struct table tasks, reasons, waits, syscalls; /* report_tasks.c */
    struct table edges, irqs;                     /* report_calls.c */
    struct table traffic, told, restarts;         /* report_told.c */
    struct table losses;                          /* report.c */
    struct processors processors;
};

void report_start_tasks(struct report *report);
void report_on_run(void *report, const struct model_run *run);
void report_on_ready(void *report, const struct model_ready *ready);
void report_on_wait(void *report, const struct model_wait *wait);
void report_on_syscall(void *report, const struct model_syscall *syscall);
void report_show_tasks(const struct report *report);
void report_show_reasons(const struct report *report);
void report_show_waits(const struct report *report);
void report_show_syscalls(const struct report *report);
void report_free_tasks(struct report *report);

void report_start_calls(struct report *report);
void report_on_call(void *report, const struct model_call *call);
void report_on_irq(void *report, const struct model_irq *irq);
void report_show_calls(const struct report *report, uint64_t unanswered);
void report_show_irqs(const struct report *report);
void report_free_calls(struct report *report);

/* What tasks tell by events of their own: packets, connections, plans, restarts. */
void report_start_told(struct report *report);
void report_count_told(struct report *report, const struct ctf_event *event);
void report_show_told(const struct report *report);
void report_free_told(struct report *report);

void report_show_processors(const struct report *report);
void report_show_figures(const struct report *report); /* "name value unit" a line, in place of the tables */

/* ---- how tables look ---- */

#define ROWS_MAX 40
const char *report_duration(uint64_t ns, char out[24]); /* "  12.3 us": nine columns */
#define DURATION(ns) report_duration(ns, (char[24]){0})
#define TASK(task) names_task(&report->names, task, (char[32]){0})
double report_seconds(const struct report *report);
double report_rate(const struct report *report, uint64_t count); /* in a second */
void report_heading(const char *title, const struct table *table);
void report_more(const struct table *table); /* "and 3 more" */
/* Indices of a table's entries by falling `weight`, to be freed. */
typedef uint64_t (*weight_fn)(const void *entry);
uint32_t *report_sorted(const struct table *table, weight_fn weight);
/* Frees the histograms that begin each entry of the table, then the table. */
void report_free_histograms(struct table *table);
