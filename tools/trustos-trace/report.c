/* Tables: what the machine did. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "commands.h"
#include "model.h"

#define ROWS_MAX 40

struct task_row {
    uint64_t ns, switches, longest_ns;
    uint64_t by_cpu[8]; /* the first CPUs; with more only the sum is shown */
    struct histogram ready;
};
struct edge_row { /* caller, server, op */
    struct histogram ns;
    uint64_t failed;
};
struct irq_row {
    uint64_t count, ns, longest_ns;
};
struct wait_row { /* task, on */
    struct histogram ns;
    struct model_wait longest;
};
struct loss_row {
    uint64_t packets, events, before;
};
struct report {
    struct trace *trace;
    struct names names;
    struct table tasks, edges, irqs, waits, losses;
    uint64_t first_ns, last_ns, events;
};

/* ---- counting ---- */

static void on_run(void *context, const struct model_run *run)
{
    struct report *r = context;
    struct task_row *row = table_get(&r->tasks, run->task, 0, 0);
    uint64_t ns = run->to_ns - run->from_ns;
    row->ns += ns;
    row->switches++;
    row->longest_ns = ns > row->longest_ns ? ns : row->longest_ns;
    if (run->cpu < 8)
        row->by_cpu[run->cpu] += ns;
}

static void on_ready(void *context, const struct model_ready *ready)
{
    struct report *r = context;
    struct task_row *row = table_get(&r->tasks, ready->task, 0, 0);
    histogram_add(&row->ready, ready->to_ns - ready->from_ns);
}

static void on_call(void *context, const struct model_call *call)
{
    struct report *r = context;
    struct edge_row *row = table_get(&r->edges, call->caller, call->server, call->op);
    histogram_add(&row->ns, call->to_ns - call->from_ns);
    row->failed += call->status < 0;
}

static void on_irq(void *context, const struct model_irq *irq)
{
    struct report *r = context;
    struct irq_row *row = table_get(&r->irqs, irq->vector, 0, 0);
    uint64_t ns = irq->to_ns - irq->from_ns;
    row->count++;
    row->ns += ns;
    row->longest_ns = ns > row->longest_ns ? ns : row->longest_ns;
}

static void on_wait(void *context, const struct model_wait *wait)
{
    struct report *r = context;
    struct wait_row *row = table_get(&r->waits, wait->task, wait->on, 0);
    uint64_t ns = wait->to_ns - wait->from_ns;
    if (ns > row->ns.max || !row->ns.count)
        row->longest = *wait;
    histogram_add(&row->ns, ns);
}

static void on_event(void *context, const struct ctf_event *event)
{
    struct report *r = context;
    if (!r->events++)
        r->first_ns = event->time_ns;
    r->last_ns = event->time_ns;
}

static void on_loss(void *context, const struct ctf_loss *loss, uint64_t time_ns)
{
    struct report *r = context;
    struct loss_row *row = table_get(&r->losses, loss->cpu, 0, 0);
    (void)time_ns;
    row->packets += loss->packets;
    *(loss->before ? &row->before : &row->events) += loss->events;
}

/* ---- showing ---- */

/* "12.3 us": three digits at least, always nine columns. */
static const char *duration(uint64_t ns, char out[24])
{
    static const char *const units[] = {"us", "ms", "s "};
    double value = (double)ns / 1e3;
    unsigned unit = 0;
    for (; unit < 2 && value >= 999.95; unit++)
        value /= 1e3;
    if (ns < 1000)
        snprintf(out, 24, "%6" PRIu64 " ns", ns);
    else
        snprintf(out, 24, "%6.*f %s", value < 9.995 ? 2 : 1, value, units[unit]);
    return out;
}
#define DURATION(ns) duration(ns, (char[24]){0})
#define TASK(task) names_task(&r->names, task, (char[32]){0})

static double seconds(const struct report *r)
{
    return r->last_ns > r->first_ns ? (double)(r->last_ns - r->first_ns) / 1e9 : 0;
}

/* Indices of a table's entries by falling `weight`. */
typedef uint64_t (*weight_fn)(const void *entry);
static weight_fn sort_weight;
static const struct table *sort_table;
static int by_weight(const void *a, const void *b)
{
    uint32_t i = *(const uint32_t *)a, k = *(const uint32_t *)b;
    uint64_t x = sort_weight(sort_table->entries[i]), y = sort_weight(sort_table->entries[k]);
    return x != y ? (x < y ? 1 : -1) : (i > k) - (i < k);
}

static uint32_t *sorted(const struct table *table, weight_fn weight)
{
    uint32_t *order = calloc(table->count + 1, sizeof *order);
    for (uint32_t i = 0; order && i < table->count; i++)
        order[i] = i;
    sort_weight = weight;
    sort_table = table;
    if (order)
        qsort(order, table->count, sizeof *order, by_weight);
    return order;
}

static uint64_t task_weight(const void *entry)
{
    return ((const struct task_row *)entry)->ns;
}
static uint64_t edge_weight(const void *entry)
{
    return ((const struct edge_row *)entry)->ns.count;
}
static uint64_t irq_weight(const void *entry)
{
    return ((const struct irq_row *)entry)->count;
}
static uint64_t wait_weight(const void *entry)
{
    return ((const struct wait_row *)entry)->ns.max;
}

static void heading(const char *title, const struct table *table)
{
    printf("\n%s\n", title);
    if (!table->count)
        puts("  none");
}

static void show_more(const struct table *table)
{
    if (table->count > ROWS_MAX)
        printf("  and %u more\n", table->count - ROWS_MAX);
}

static void show_head(const struct report *r, const struct model *model)
{
    const struct trace *t = r->trace;
    printf("machine  %s%s%s\n", t->layout->hostname[0] ? t->layout->hostname : "unnamed",
           t->layout->release[0] ? ", " : "", t->layout->release);
    printf("time     %.6f s, from %.6f s to %.6f s after boot\n", seconds(r), (double)r->first_ns / 1e9,
           (double)r->last_ns / 1e9);
    printf("events   %" PRIu64 " on %u CPU%s", r->events, t->cpu_count, t->cpu_count == 1 ? "" : "s");
    if (seconds(r) > 0)
        printf(", %.0f/s", (double)r->events / seconds(r));
    putchar('\n');
    if (!r->losses.count)
        puts("lost     nothing");
    for (uint32_t i = 0; i < r->losses.count; i++) {
        const struct loss_row *row = r->losses.entries[i];
        printf("lost     cpu%u: %" PRIu64 " packets, %" PRIu64 " events", r->losses.keys[i].a, row->packets,
               row->events);
        printf(row->before ? "; %" PRIu64 " events before the first packet\n" : "\n", row->before);
    }
    if (model->dropped_calls || model->dropped_waits)
        printf("         not counted, for their end may be among the lost: %" PRIu64 " calls, %" PRIu64 " waits\n",
               model->dropped_calls, model->dropped_waits);
}

static void show_tasks(const struct report *r)
{
    uint32_t cpus = r->trace->cpu_count <= 8 ? r->trace->cpu_count : 0, *order = sorted(&r->tasks, task_weight);
    uint64_t all = 0;
    heading("CPU time", &r->tasks);
    for (uint32_t i = 0; i < r->tasks.count; i++)
        all += ((struct task_row *)r->tasks.entries[i])->ns;
    printf("  %-16s %10s %7s", "task", "time", "share");
    for (uint32_t i = 0; i < cpus; i++)
        printf("      cpu%u", r->trace->cpus[i]);
    printf(" %9s %10s   %s\n", "runs", "longest", "ready until it runs: p50, p99, longest");
    for (uint32_t i = 0; order && i < r->tasks.count && i < ROWS_MAX; i++) {
        const struct task_row *row = r->tasks.entries[order[i]];
        printf("  %-16s %10s %5.1f %%", TASK(r->tasks.keys[order[i]].a), DURATION(row->ns),
               all ? 100.0 * (double)row->ns / (double)all : 0);
        for (uint32_t k = 0; k < cpus; k++)
            printf(" %9s", r->trace->cpus[k] < 8 ? DURATION(row->by_cpu[r->trace->cpus[k]]) : "");
        printf(" %9" PRIu64 " %10s", row->switches, DURATION(row->longest_ns));
        if (row->ready.count)
            printf("   %s %s %s", DURATION(histogram_at(&row->ready, 0.5)), DURATION(histogram_at(&row->ready, 0.99)),
                   DURATION(row->ready.max));
        putchar('\n');
    }
    show_more(&r->tasks);
    free(order);
}

static void show_calls(const struct report *r, const struct model *model)
{
    uint32_t *order = sorted(&r->edges, edge_weight);
    heading("Calls: who calls whom, and how long until the answer", &r->edges);
    if (r->edges.count)
        printf("  %-16s %-16s %10s %9s %9s %9s %9s %9s %9s\n", "caller", "server", "op", "calls", "/s", "p50", "p99",
               "longest", "failed");
    for (uint32_t i = 0; order && i < r->edges.count && i < ROWS_MAX; i++) {
        const struct edge_row *row = r->edges.entries[order[i]];
        const struct table_key *key = &r->edges.keys[order[i]];
        printf("  %-16s %-16s %#10x %9" PRIu64 " %9.1f %s %s %s %9" PRIu64 "\n", TASK(key->a), TASK(key->b), key->c,
               row->ns.count, seconds(r) > 0 ? (double)row->ns.count / seconds(r) : 0,
               DURATION(histogram_at(&row->ns, 0.5)), DURATION(histogram_at(&row->ns, 0.99)), DURATION(row->ns.max),
               row->failed);
    }
    show_more(&r->edges);
    if (model->unanswered)
        printf("  %" PRIu64 " calls were not answered within the trace\n", model->unanswered);
    free(order);
}

static void show_irqs(const struct report *r)
{
    uint32_t *order = sorted(&r->irqs, irq_weight);
    heading("Interrupts", &r->irqs);
    if (r->irqs.count)
        printf("  %-16s %9s %9s %10s %10s %10s\n", "vector", "count", "/s", "time", "mean", "longest");
    for (uint32_t i = 0; order && i < r->irqs.count && i < ROWS_MAX; i++) {
        const struct irq_row *row = r->irqs.entries[order[i]];
        uint32_t vector = r->irqs.keys[order[i]].a;
        printf("  %-3u (%#4x)       %9" PRIu64 " %9.1f %10s %10s %10s\n", vector, vector, row->count,
               seconds(r) > 0 ? (double)row->count / seconds(r) : 0, DURATION(row->ns), DURATION(row->ns / row->count),
               DURATION(row->longest_ns));
    }
    show_more(&r->irqs);
    free(order);
}

static void show_waits(const struct report *r)
{
    uint32_t *order = sorted(&r->waits, wait_weight);
    heading("Waits: longest first", &r->waits);
    if (r->waits.count)
        printf("  %-16s %9s %9s %9s %9s   %-16s %-16s %s\n", "task", "waits", "p50", "p99", "longest", "at", "woken by",
               "waiting for");
    for (uint32_t i = 0; order && i < r->waits.count && i < ROWS_MAX; i++) {
        const struct wait_row *row = r->waits.entries[order[i]];
        char on[32];
        snprintf(on, sizeof on, "state %u", row->longest.on);
        printf("  %-16s %9" PRIu64 " %s %s %s   %-16.9f %-16s %s\n", TASK(row->longest.task), row->ns.count,
               DURATION(histogram_at(&row->ns, 0.5)), DURATION(histogram_at(&row->ns, 0.99)), DURATION(row->ns.max),
               (double)row->longest.from_ns / 1e9, TASK(row->longest.by),
               names_wait(row->longest.on) ? names_wait(row->longest.on) : on);
    }
    show_more(&r->waits);
    free(order);
}

/* ---- all of it ---- */

static void report_free(struct report *r)
{
    for (uint32_t i = 0; i < r->tasks.count; i++)
        histogram_free(&((struct task_row *)r->tasks.entries[i])->ready);
    for (uint32_t i = 0; i < r->edges.count; i++)
        histogram_free(&((struct edge_row *)r->edges.entries[i])->ns);
    for (uint32_t i = 0; i < r->waits.count; i++)
        histogram_free(&((struct wait_row *)r->waits.entries[i])->ns);
    table_free(&r->tasks);
    table_free(&r->edges);
    table_free(&r->irqs);
    table_free(&r->waits);
    table_free(&r->losses);
    names_free(&r->names);
}

int command_report(const struct options *options)
{
    static struct model model;
    char why[256];
    struct report r = {.tasks.entry_size = sizeof(struct task_row),
                       .edges.entry_size = sizeof(struct edge_row),
                       .irqs.entry_size = sizeof(struct irq_row),
                       .waits.entry_size = sizeof(struct wait_row),
                       .losses.entry_size = sizeof(struct loss_row)};
    const struct model_sink sink = {&r, on_run, on_call, on_wait, on_ready, on_irq, on_event, on_loss};
    r.trace = trace_open(options->target, why);
    if (!r.trace) {
        fprintf(stderr, "trustos-trace: %s\n", why);
        return 1;
    }
    names_learn_all(&r.names, r.trace);
    model_run_all(r.trace, options->from_s, options->to_s, &model, &sink);
    show_head(&r, &model);
    show_tasks(&r);
    show_calls(&r, &model);
    show_irqs(&r);
    show_waits(&r);
    fflush(stdout);
    int status = trace_complain(r.trace);
    report_free(&r);
    trace_close(r.trace);
    return status;
}
