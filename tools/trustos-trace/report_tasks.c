/* Tasks: their time on CPUs, why they stopped, what they waited for, what they called the kernel for. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include "report.h"

struct task_row {
    struct histogram ready;
    uint64_t ns, switches, longest_ns, ready_ns; /* ready_ns: when it became ready for the longest time */
    uint64_t by_cpu[8];                          /* the first CPUs; with more only the sum is shown */
};
struct wait_row { /* task, on, channel */
    struct histogram ns;
    struct model_wait longest;
};
#define STATUS_LAST (-255) /* below are numbers that calls give back, cut to 32 bits */
struct syscall_row {       /* task, number */
    struct histogram ns;
    uint64_t failed;
};

void report_start_tasks(struct report *report)
{
    report->tasks.entry_size = sizeof(struct task_row);
    report->reasons.entry_size = sizeof(uint64_t);
    report->waits.entry_size = sizeof(struct wait_row);
    report->syscalls.entry_size = sizeof(struct syscall_row);
}

void report_free_tasks(struct report *report)
{
    report_free_histograms(&report->tasks);
    report_free_histograms(&report->waits);
    report_free_histograms(&report->syscalls);
    table_free(&report->reasons);
}

/* ---- counting ---- */

void report_on_run(void *context, const struct model_run *run)
{
    struct report *report = context;
    struct task_row *row = table_get(&report->tasks, run->task, 0, 0);
    processors_on_run(&report->processors, run);
    uint64_t ns = run->to_ns - run->from_ns;
    row->ns += ns;
    row->switches++;
    row->longest_ns = ns > row->longest_ns ? ns : row->longest_ns;
    if (run->cpu < 8)
        row->by_cpu[run->cpu] += ns;
    if (run->reason != MODEL_UNKNOWN && run->task)
        ++*(uint64_t *)table_get(&report->reasons, run->task, run->reason, 0);
}

void report_on_ready(void *context, const struct model_ready *ready)
{
    struct report *report = context;
    processors_on_ready(&report->processors, ready);
    if (!ready->ran)
        return;
    struct task_row *row = table_get(&report->tasks, ready->task, 0, 0);
    if (!row->ready.count || ready->to_ns - ready->from_ns > row->ready.max)
        row->ready_ns = ready->from_ns;
    histogram_add(&row->ready, ready->to_ns - ready->from_ns);
}

void report_on_wait(void *context, const struct model_wait *wait)
{
    struct report *report = context;
    if (wait->is_open)
        return;
    struct wait_row *row = table_get(&report->waits, wait->task, wait->on, (uint32_t)wait->object);
    uint64_t ns = wait->to_ns - wait->from_ns;
    if (ns > row->ns.max || !row->ns.count)
        row->longest = *wait;
    histogram_add(&row->ns, ns);
}

void report_on_syscall(void *context, const struct model_syscall *syscall)
{
    struct report *report = context;
    struct syscall_row *row = table_get(&report->syscalls, syscall->task, syscall->number, 0);
    histogram_add(&row->ns, syscall->to_ns - syscall->from_ns);
    row->failed += syscall->has_result && syscall->result < 0 && syscall->result >= STATUS_LAST;
}

/* ---- time on CPUs ---- */

static uint64_t task_weight(const void *entry)
{
    return ((const struct task_row *)entry)->ns;
}

void report_show_tasks(const struct report *report)
{
    uint32_t cpus = report->trace->cpu_count <= 8 ? report->trace->cpu_count : 0,
             *order = report_sorted(&report->tasks, task_weight);
    uint64_t all = 0;
    report_heading("CPU time", &report->tasks);
    for (uint32_t i = 0; i < report->tasks.count; i++)
        all += ((struct task_row *)report->tasks.entries[i])->ns;
    printf("  %-16s %10s %7s", "task", "time", "share");
    for (uint32_t i = 0; i < cpus; i++)
        printf("      cpu%u", report->trace->cpus[i]);
    printf(" %9s %10s   %s\n", "runs", "longest", "ready until it runs: p50, p99, longest, at");
    for (uint32_t i = 0; order && i < report->tasks.count && i < ROWS_MAX; i++) {
        const struct task_row *row = report->tasks.entries[order[i]];
        printf("  %-16s %10s %5.1f %%", TASK(report->tasks.keys[order[i]].a), DURATION(row->ns),
               all ? 100.0 * (double)row->ns / (double)all : 0);
        for (uint32_t k = 0; k < cpus; k++)
            printf(" %9s", report->trace->cpus[k] < 8 ? DURATION(row->by_cpu[report->trace->cpus[k]]) : "");
        printf(" %9" PRIu64 " %10s", row->switches, DURATION(row->longest_ns));
        if (row->ready.count)
            printf("   %s %s %s   %.9f", DURATION(histogram_at(&row->ready, 0.5)),
                   DURATION(histogram_at(&row->ready, 0.99)), DURATION(row->ready.max), (double)row->ready_ns / 1e9);
        putchar('\n');
    }
    report_more(&report->tasks);
    free(order);
}

/* ---- why they stopped ---- */

#define REASONS_MAX 8
struct reasons { /* columns: what occurs, by rising number */
    uint32_t numbers[REASONS_MAX], count;
};

static void reason_add(struct reasons *reasons, uint32_t number)
{
    uint32_t i = 0;
    while (i < reasons->count && reasons->numbers[i] < number)
        i++;
    if (i == REASONS_MAX || (i < reasons->count && reasons->numbers[i] == number))
        return;
    if (reasons->count < REASONS_MAX)
        reasons->count++;
    for (uint32_t k = reasons->count - 1; k > i; k--)
        reasons->numbers[k] = reasons->numbers[k - 1];
    reasons->numbers[i] = number;
}

static void show_reasons_of(const struct report *report, const struct reasons *reasons, uint32_t task)
{
    printf("  %-16s", TASK(task));
    for (uint32_t i = 0; i < reasons->count; i++) {
        const uint64_t *count = table_find(&report->reasons, task, reasons->numbers[i], 0);
        printf(" %9" PRIu64, count ? *count : 0);
    }
    putchar('\n');
}

void report_show_reasons(const struct report *report)
{
    struct reasons reasons = {0};
    uint32_t *order = report_sorted(&report->tasks, task_weight), shown = 0;
    if (!report->reasons.count) /* an older kernel's trace */
        return;
    for (uint32_t i = 0; i < report->reasons.count; i++)
        reason_add(&reasons, report->reasons.keys[i].b);
    report_heading("Why they stopped running", &report->reasons);
    printf("  %-16s", "task");
    for (uint32_t i = 0; i < reasons.count; i++)
        printf(" %9.9s",
               names_value(report->trace->layout, TRACE_ContextSwitch, "reason", reasons.numbers[i], (char[24]){0}));
    putchar('\n');
    for (uint32_t i = 0; order && i < report->tasks.count && shown < ROWS_MAX; i++) {
        uint32_t task = report->tasks.keys[order[i]].a;
        if (!task) /* it never stops for anything else than work */
            continue;
        show_reasons_of(report, &reasons, task);
        shown++;
    }
    free(order);
}

/* ---- what they waited for ---- */

static uint64_t wait_weight(const void *entry)
{
    return ((const struct wait_row *)entry)->ns.max;
}

/* "reply, channel 11 (devmgr)" */
static void show_awaited(const struct report *report, const struct model_wait *wait)
{
    uint32_t receiver = names_receiver(&report->names, wait->object);
    fputs(names_value(report->trace->layout, TRACE_Block, "on", wait->on, (char[24]){0}), stdout);
    if (wait->object)
        printf(", channel %" PRIu64, wait->object);
    if (receiver && receiver != wait->task)
        printf(" (%s)", TASK(receiver));
    putchar('\n');
}

/* For messages and signals, or for the other side of a call. */
static void show_waits_of(const struct report *report, const char *title, bool for_work)
{
    uint32_t *order = report_sorted(&report->waits, wait_weight), shown = 0;
    printf("\n%s\n", title);
    for (uint32_t i = 0; order && i < report->waits.count && shown < ROWS_MAX; i++) {
        const struct wait_row *row = report->waits.entries[order[i]];
        if ((row->longest.on == TRACE_WAIT_MESSAGE) != for_work)
            continue;
        if (!shown++)
            printf("  %-16s %9s %9s %9s %9s   %-16s %-16s %s\n", "task", "waits", "p50", "p99", "longest", "at",
                   "woken by", "waiting for");
        printf("  %-16s %9" PRIu64 " %s %s %s   %-16.9f %-16s ", TASK(row->longest.task), row->ns.count,
               DURATION(histogram_at(&row->ns, 0.5)), DURATION(histogram_at(&row->ns, 0.99)), DURATION(row->ns.max),
               (double)row->longest.from_ns / 1e9, TASK(row->longest.by));
        show_awaited(report, &row->longest);
    }
    if (!shown)
        puts("  none");
    free(order);
}

void report_show_waits(const struct report *report)
{
    show_waits_of(report, "Waits for an answer: longest first", false);
    show_waits_of(report, "Waits for messages and signals: longest first", true);
}

/* ---- system calls ---- */

static uint64_t syscall_weight(const void *entry)
{
    return ((const struct syscall_row *)entry)->ns.sum;
}

static const char *syscall_text(uint32_t number, char out[24])
{
    snprintf(out, 24, "%u", number);
    return names_syscall(number) ? names_syscall(number) : out;
}

void report_show_syscalls(const struct report *report)
{
    uint32_t *order = report_sorted(&report->syscalls, syscall_weight);
    if (report->syscalls.count) { /* their class is off unless somebody turns it on */
        report_heading("System calls: most time first, waiting inside included", &report->syscalls);
        printf("  %-16s %-20s %9s %9s %9s %9s %9s %9s %9s\n", "task", "call", "calls", "/s", "time", "p50", "p99",
               "longest", "failed");
    }
    for (uint32_t i = 0; order && i < report->syscalls.count && i < ROWS_MAX; i++) {
        const struct syscall_row *row = report->syscalls.entries[order[i]];
        const struct table_key *key = &report->syscalls.keys[order[i]];
        printf("  %-16s %-20s %9" PRIu64 " %9.1f %s %s %s %s %9" PRIu64 "\n", TASK(key->a),
               syscall_text(key->b, (char[24]){0}), row->ns.count, report_rate(report, row->ns.count),
               DURATION(row->ns.sum), DURATION(histogram_at(&row->ns, 0.5)), DURATION(histogram_at(&row->ns, 0.99)),
               DURATION(row->ns.max), row->failed);
    }
    report_more(&report->syscalls);
    free(order);
}
