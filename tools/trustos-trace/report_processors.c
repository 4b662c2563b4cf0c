/* Processors: their time, what they asked of each other, how tasks moved, and whether one was idle while work waited. Left
 * out as far as the trace has nothing of it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include "report.h"

#define CPU(cpu) cpu_text(cpu, (char[24]){0})
static const char *cpu_text(uint32_t cpu, char out[24])
{
    snprintf(out, 24, cpu == MODEL_UNKNOWN ? "unknown" : "cpu%u", cpu);
    return out;
}

/* ---- tables ---- */

static void show_processor(const struct report *report, uint32_t cpu)
{
    const struct processor *row = table_find(&report->processors.cpus, cpu, 0, 0);
    uint64_t ipis = 0, all = row->busy_ns + row->idle_ns;
    uint32_t node = names_node(&report->names, cpu);
    char node_text[16] = "-";
    if (node != NAMES_NO_NODE)
        snprintf(node_text, sizeof node_text, "%u", node);
    for (unsigned i = 0; i < PROCESSORS_REASONS; i++)
        ipis += row->ipis[i];
    printf("  %-8s %4s %10s %6.1f %% %10s %9" PRIu64 " %9" PRIu64 " %10" PRIu64 " %10s %10s %9" PRIu64 " %10s\n",
           CPU(cpu), node_text, DURATION(row->busy_ns), processors_percent(row->busy_ns, all), DURATION(row->idle_ns),
           row->switches, ipis, row->lock_waits, DURATION(row->lock_waited_ns), DURATION(row->lock_wait_longest_ns),
           row->holds, DURATION(row->hold_longest_ns));
}

static void show_ipis(const struct report *report)
{
    uint64_t sums[PROCESSORS_REASONS] = {0}, all = 0;
    for (uint32_t i = 0; i < report->processors.cpus.count; i++) {
        const struct processor *row = report->processors.cpus.entries[i];
        for (unsigned k = 0; k < PROCESSORS_REASONS; k++) {
            sums[k] += row->ipis[k];
            all += row->ipis[k];
        }
    }
    if (!all)
        return;
    printf("  IPIs:");
    for (unsigned k = 0; k < PROCESSORS_REASONS; k++) {
        if (sums[k])
            printf(" %s %" PRIu64, names_value(report->trace->layout, TRACE_CpuIpi, "reason", k, (char[24]){0}),
                   sums[k]);
    }
    putchar('\n');
}

static void show_migrations(const struct report *report)
{
    const struct processors *p = &report->processors;
    uint64_t all = 0, near = processors_steals(p, false), far = processors_steals(p, true);
    for (unsigned i = 0; i < PROCESSORS_REASONS; i++)
        all += p->migrations[i].count;
    if (!all)
        return;
    puts("\nTasks that went on elsewhere\n  reason               times   share  to another node");
    for (unsigned i = 0; i < PROCESSORS_REASONS; i++) {
        if (p->migrations[i].count)
            printf("  %-16s %9" PRIu64 " %5.1f %% %16" PRIu64 "\n",
                   names_value(report->trace->layout, TRACE_Migrate, "reason", i, (char[24]){0}),
                   p->migrations[i].count, processors_percent(p->migrations[i].count, all), p->migrations[i].far);
    }
    if (near + far)
        printf("  steals: %" PRIu64 " inside a node, %" PRIu64 " across nodes: %.1f %%\n", near, far,
               processors_percent(far, near + far));
}

static void show_idle(const struct report *report, const char *title, const struct idle_list *list)
{
    printf("\n%s\n", title);
    if (!list->count)
        puts("  none");
    else
        printf("  %-8s %10s   %-16s %-16s %-8s %s\n", "idle", "for", "at", "task", "waits at", "until");
    for (uint32_t i = 0; i < list->count; i++) {
        const struct idle_while_ready *row = &list->worst[i];
        printf("  %-8s %10s   %-16.9f %-16s %-8s %s\n", CPU(row->cpu), DURATION(row->to_ns - row->from_ns),
               (double)row->from_ns / 1e9, TASK(row->task), CPU(row->queue),
               row->ran ? "it runs" : "the CPU has work, or the trace tells no more");
    }
    if (list->longer)
        printf("  %" PRIu64 " longer than %s\n", list->longer, DURATION(PROCESSORS_LIMIT_NS));
}

void report_show_processors(const struct report *report)
{
    const struct processors *p = &report->processors;
    puts("\nProcessors");
    printf("  %-8s %4s %10s %8s %10s %9s %9s %10s %10s %10s %9s %10s\n", "cpu", "node", "busy", "", "idle", "switches",
           "IPIs sent", "lock waits", "waited", "longest", "holds", "longest");
    for (uint32_t i = 0; i < report->trace->cpu_count; i++) {
        if (table_find(&p->cpus, report->trace->cpus[i], 0, 0))
            show_processor(report, report->trace->cpus[i]);
    }
    if (p->silent)
        printf("  of %u CPU%s the trace does not tell who ran there\n", p->silent, p->silent == 1 ? "" : "s");
    show_ipis(report);
    show_migrations(report);
    if (report->trace->cpu_count < 2)
        return;
    if (p->is_unknown) {
        puts(
            "\nA CPU idle while a task was ready: not known, for the trace is broken or of a kernel that tells no migrations");
        return;
    }
    show_idle(report, "A CPU idle while a task was ready and waited elsewhere: longest first", &p->elsewhere);
    show_idle(report, "A CPU idle while a task was ready and waited there: longest first", &p->own);
    if (p->unknown_ready)
        printf("  not counted, for events of some CPU are not in the trace then: %" PRIu64
               " times that a task was ready\n",
               p->unknown_ready);
}

/* ---- figures ---- */

static void figure(const char *name, const char *part, double value, const char *unit)
{
    printf("%s%s %.15g %s\n", name, part, value, unit);
}

static double us(uint64_t ns)
{
    return (double)ns / 1e3;
}

static void figures_of_cpus(const struct processors *p, const struct ctf_layout *layout)
{
    struct processor sum = {0};
    for (uint32_t i = 0; i < p->cpus.count; i++) {
        const struct processor *row = p->cpus.entries[i];
        sum.busy_ns += row->busy_ns;
        sum.idle_ns += row->idle_ns;
        sum.switches += row->switches;
        sum.lock_waits += row->lock_waits;
        sum.lock_waited_ns += row->lock_waited_ns;
        sum.holds += row->holds;
        if (row->lock_wait_longest_ns > sum.lock_wait_longest_ns)
            sum.lock_wait_longest_ns = row->lock_wait_longest_ns;
        if (row->hold_longest_ns > sum.hold_longest_ns)
            sum.hold_longest_ns = row->hold_longest_ns;
        for (unsigned k = 0; k < PROCESSORS_REASONS; k++)
            sum.ipis[k] += row->ipis[k];
    }
    figure("busy", "", processors_percent(sum.busy_ns, sum.busy_ns + sum.idle_ns), "percent");
    figure("switches", "", (double)sum.switches, "count");
    for (unsigned k = 0; k <= TRACE_IPI_STARVING; k++)
        figure("ipis_", names_value(layout, TRACE_CpuIpi, "reason", k, (char[24]){0}), (double)sum.ipis[k], "count");
    figure("lock_waits", "", (double)sum.lock_waits, "count");
    figure("lock_waited", "_us", us(sum.lock_waited_ns), "us");
    figure("lock_wait_longest", "_us", us(sum.lock_wait_longest_ns), "us");
    figure("lock_holds", "", (double)sum.holds, "count");
    figure("lock_hold_longest", "_us", us(sum.hold_longest_ns), "us");
}

static void figures_of_idle(const char *name, const struct idle_list *list)
{
    const struct idle_while_ready *worst = &list->worst[0];
    figure(name, "_longest_us", list->count ? us(worst->to_ns - worst->from_ns) : 0, "us");
    figure(name, "_over_2ms", (double)list->longer, "count");
}

/* What is not known has no line. */
void report_show_figures(const struct report *report)
{
    const struct processors *p = &report->processors;
    uint64_t near = processors_steals(p, false), far = processors_steals(p, true);
    figure("time", "", report_seconds(report), "s");
    figure("cpus", "", report->trace->cpu_count, "count");
    figure("cpus_unknown", "", p->silent, "count");
    figure("lost_events", "", (double)report->trace->lost_events, "count");
    figures_of_cpus(p, report->trace->layout);
    for (unsigned k = 0; k <= TRACE_MIGRATE_CALLED; k++)
        figure("migrations_", names_value(report->trace->layout, TRACE_Migrate, "reason", k, (char[24]){0}),
               (double)p->migrations[k].count, "count");
    figure("steals_near", "", (double)near, "count");
    figure("steals_far", "", (double)far, "count");
    figure("steals_far_share", "", processors_percent(far, near + far), "percent");
    if (p->is_unknown)
        return;
    figures_of_idle("idle_while_ready", &p->elsewhere);
    figures_of_idle("idle_own_ready", &p->own);
    figure("ready_not_counted", "", (double)p->unknown_ready, "count");
}
