/* Tables: what the machine did. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "commands.h"
#include "report.h"

struct loss_row {
    uint64_t packets, events, before;
};

static void on_event(void *context, const struct ctf_event *event)
{
    struct report *r = context;
    if (!r->events++)
        r->first_ns = event->time_ns;
    r->last_ns = event->time_ns;
    report_count_told(r, event);
    processors_on_event(&r->processors, event);
}

static void on_loss(void *context, const struct ctf_loss *loss, uint64_t time_ns)
{
    struct report *r = context;
    struct loss_row *row = table_get(&r->losses, loss->cpu, 0, 0);
    (void)time_ns;
    row->packets += loss->packets;
    *(loss->before ? &row->before : &row->events) += loss->events;
}

static void show_head(const struct report *r, const struct model *model)
{
    const struct trace *t = r->trace;
    printf("machine  %s%s%s\n", t->layout->hostname[0] ? t->layout->hostname : "unnamed",
           t->layout->release[0] ? ", " : "", t->layout->release);
    printf("time     %.6f s, from %.6f s to %.6f s after boot\n", report_seconds(r), (double)r->first_ns / 1e9,
           (double)r->last_ns / 1e9);
    printf("events   %" PRIu64 " on %u CPU%s", r->events, t->cpu_count, t->cpu_count == 1 ? "" : "s");
    if (report_seconds(r) > 0)
        printf(", %.0f/s", report_rate(r, r->events));
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

static void show_all(const struct report *r, const struct model *model)
{
    show_head(r, model);
    report_show_tasks(r);
    report_show_processors(r);
    report_show_reasons(r);
    report_show_calls(r, model->unanswered);
    report_show_irqs(r);
    report_show_waits(r);
    report_show_syscalls(r);
    report_show_told(r);
}

static void show(const struct report *r, const struct model *model, const struct options *options)
{
    if (options->figures)
        report_show_figures(r);
    else
        show_all(r, model);
    fflush(stdout);
}

/* TASK=MASK: the task's number or its name, which several may have; the mask as in the manifest. */
static bool pin(struct report *r, const char *text)
{
    const char *equals = strchr(text, '=');
    size_t length = equals ? (size_t)(equals - text) : 0;
    char *end, *end_of_task;
    errno = 0;
    uint64_t mask = equals ? strtoull(equals + 1, &end, 0) : 0;
    uint32_t task = (uint32_t)strtoul(text, &end_of_task, 10), found = 0;
    if (!length || !mask || *end || errno || equals[1] == '-')
        return false;
    if (end_of_task == equals) {
        processors_pin(&r->processors, task, mask);
        return true;
    }
    for (uint32_t i = 0; i < r->names.tasks.count; i++) {
        const char *name = r->names.tasks.entries[i];
        if (strlen(name) != length || strncmp(name, text, length))
            continue;
        processors_pin(&r->processors, r->names.tasks.keys[i].a, mask);
        found++;
    }
    return found;
}

static bool pin_all(struct report *r, const struct options *options)
{
    for (unsigned i = 0; i < options->pinned_count; i++) {
        if (pin(r, options->pinned[i]))
            continue;
        fprintf(stderr, "trustos-trace: --pinned %s is no TASK=MASK of a task in the trace and a mask of CPUs\n",
                options->pinned[i]);
        return false;
    }
    return true;
}

int command_report(const struct options *options)
{
    static struct model model;
    char why[256];
    struct report r = {.losses.entry_size = sizeof(struct loss_row)};
    const struct model_sink sink = {.context = &r,
                                    .on_run = report_on_run,
                                    .on_call = report_on_call,
                                    .on_wait = report_on_wait,
                                    .on_ready = report_on_ready,
                                    .on_irq = report_on_irq,
                                    .on_syscall = report_on_syscall,
                                    .on_event = on_event,
                                    .on_loss = on_loss};
    r.trace = trace_open(options->target, why);
    if (!r.trace) {
        fprintf(stderr, "trustos-trace: %s\n", why);
        return 1;
    }
    report_start_tasks(&r);
    report_start_calls(&r);
    report_start_told(&r);
    names_learn_all(&r.names, r.trace);
    processors_start(&r.processors, &r.names);
    bool pinned = pin_all(&r, options);
    if (pinned) {
        model_run_all(r.trace, options->from_s, options->to_s, &model, &sink);
        processors_finish(&r.processors, r.trace);
        show(&r, &model, options);
    }
    int status = pinned ? trace_complain(r.trace) : 2;
    report_free_tasks(&r);
    report_free_calls(&r);
    report_free_told(&r);
    processors_free(&r.processors);
    table_free(&r.losses);
    names_free(&r.names);
    trace_close(r.trace);
    return status;
}
