/* Who calls whom, and interrupts. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include "report.h"

struct edge_row { /* caller, server, op */
    struct histogram ns;
    uint64_t failed;
};
struct irq_row {
    uint64_t count, ns, longest_ns;
    uint32_t woken; /* the last task that one of them woke; 0: none */
};

void report_start_calls(struct report *report)
{
    report->edges.entry_size = sizeof(struct edge_row);
    report->irqs.entry_size = sizeof(struct irq_row);
}

void report_free_calls(struct report *report)
{
    report_free_histograms(&report->edges);
    table_free(&report->irqs);
}

void report_on_call(void *context, const struct model_call *call)
{
    struct report *report = context;
    struct edge_row *row = table_get(&report->edges, call->caller, call->server, call->op);
    histogram_add(&row->ns, call->to_ns - call->from_ns);
    row->failed += call->status < 0;
}

void report_on_irq(void *context, const struct model_irq *irq)
{
    struct report *report = context;
    struct irq_row *row = table_get(&report->irqs, irq->vector, 0, 0);
    uint64_t ns = irq->to_ns - irq->from_ns;
    row->count++;
    row->woken = irq->woken ? irq->woken : row->woken;
    row->ns += ns;
    row->longest_ns = ns > row->longest_ns ? ns : row->longest_ns;
}

static uint64_t edge_weight(const void *entry)
{
    return ((const struct edge_row *)entry)->ns.count;
}
static uint64_t irq_weight(const void *entry)
{
    return ((const struct irq_row *)entry)->count;
}

void report_show_calls(const struct report *report, uint64_t unanswered)
{
    uint32_t *order = report_sorted(&report->edges, edge_weight);
    report_heading("Calls: who calls whom, and how long until the answer", &report->edges);
    if (report->edges.count)
        printf("  %-16s %-16s %-20s %9s %9s %9s %9s %9s %9s\n", "caller", "server", "op", "calls", "/s", "p50", "p99",
               "longest", "failed");
    for (uint32_t i = 0; order && i < report->edges.count && i < ROWS_MAX; i++) {
        const struct edge_row *row = report->edges.entries[order[i]];
        const struct table_key *key = &report->edges.keys[order[i]];
        char op[24];
        snprintf(op, sizeof op, "%#x", key->c);
        printf("  %-16s %-16s %-20s %9" PRIu64 " %9.1f %s %s %s %9" PRIu64 "\n", TASK(key->a), TASK(key->b),
               names_op(key->c) ? names_op(key->c) : op, row->ns.count, report_rate(report, row->ns.count),
               DURATION(histogram_at(&row->ns, 0.5)), DURATION(histogram_at(&row->ns, 0.99)), DURATION(row->ns.max),
               row->failed);
    }
    report_more(&report->edges);
    if (unanswered)
        printf("  %" PRIu64 " calls were not answered within the trace\n", unanswered);
    free(order);
}

void report_show_irqs(const struct report *report)
{
    uint32_t *order = report_sorted(&report->irqs, irq_weight);
    report_heading("Interrupts", &report->irqs);
    if (report->irqs.count)
        printf("  %-16s %9s %9s %10s %10s %10s   %s\n", "vector", "count", "/s", "time", "mean", "longest", "wakes");
    for (uint32_t i = 0; order && i < report->irqs.count && i < ROWS_MAX; i++) {
        const struct irq_row *row = report->irqs.entries[order[i]];
        uint32_t vector = report->irqs.keys[order[i]].a;
        printf("  %-3u (%#4x)       %9" PRIu64 " %9.1f %10s %10s %10s   %s\n", vector, vector, row->count,
               report_rate(report, row->count), DURATION(row->ns), DURATION(row->ns / row->count),
               DURATION(row->longest_ns), row->woken ? TASK(row->woken) : "");
    }
    report_more(&report->irqs);
    free(order);
}
