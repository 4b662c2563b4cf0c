/* One page that shows the trace: the files of page/, with the trace as JSON between them. What the columns of its arrays
 * are stands at each function that writes one; times are nanoseconds since "begin". */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "commands.h"
#include "mark.h"
#include "model.h"
#include "net_names.h"
#include "output.h"

#define PAGE(symbol, file)                                                                                 \
    __asm__(".section .rodata\n.global " #symbol "\n" #symbol ": .incbin \"tools/trustos-trace/page/" file \
            "\"\n.byte 0\n.previous");                                                                     \
    extern const char symbol[]
PAGE(page_css, "timeline.css");
PAGE(page_html, "timeline.html");
PAGE(page_view, "timeline_view.js");
PAGE(page_arrows, "timeline_arrows.js");
PAGE(page_svg, "timeline_svg.js");
PAGE(page_input, "timeline_input.js");

#define MANY_EVENTS 3000000

enum { RUNS, CALLS, WAITS, READIES, MIGRATES, IPIS, LOCKS, IRQS, SYSCALLS, LOSSES, MARKS, EVENTS, SECTIONS };
static const char *const section_names[SECTIONS] = {"runs",  "calls", "waits",    "readies", "migrates", "ipis",
                                                    "locks", "irqs",  "syscalls", "losses",  "marks",    "events"};

struct section { /* an array in the making: they grow side by side */
    FILE *out;
    char *text;
    size_t size;
};
struct timeline {
    struct trace *trace;
    struct names names;
    struct table ops, protocols; /* those of calls, of packets, that have names; the entry is nothing */
    struct section sections[SECTIONS];
    uint64_t begin_ns, end_ns, events;
    bool begun;
};

/* ---- arrays ---- */

static FILE *row(struct timeline *t, unsigned section)
{
    FILE *out = t->sections[section].out;
    if (ftell(out) > 0)
        putc(',', out);
    return out;
}

/* The first thing that is fed is the earliest; what began before it begins there too. */
static void begin(struct timeline *t, uint64_t ns)
{
    if (!t->begun)
        t->begin_ns = ns;
    t->begun = true;
    t->end_ns = ns;
}

static uint64_t since(const struct timeline *t, uint64_t ns)
{
    return ns > t->begin_ns ? ns - t->begin_ns : 0;
}

static void on_run(void *context, const struct model_run *run) /* from, length, cpu, task, why it stopped or -1 */
{
    struct timeline *t = context;
    fprintf(row(t, RUNS), "%" PRIu64 ",%" PRIu64 ",%u,%u,%d", since(t, run->from_ns), run->to_ns - run->from_ns,
            run->cpu, run->task, run->reason == MODEL_UNKNOWN ? -1 : (int)run->reason);
}

static void on_call(void *context,
                    const struct model_call *call) /* from, until taken, until answered, caller, server, op, status */
{
    struct timeline *t = context;
    if (names_op(call->op))
        table_get(&t->ops, call->op, 0, 0);
    fprintf(row(t, CALLS), "%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%u,%u,%u,%d", since(t, call->from_ns),
            call->taken_ns - call->from_ns, call->to_ns - call->from_ns, call->caller, call->server, call->op,
            call->status);
}

static void on_wait(void *context, const struct model_wait *wait) /* from, length, task, on, woken by or -1, channel */
{
    struct timeline *t = context;
    fprintf(row(t, WAITS), "%" PRIu64 ",%" PRIu64 ",%u,%u,%d,%u", since(t, wait->from_ns), wait->to_ns - wait->from_ns,
            wait->task, wait->on, wait->is_open ? -1 : (int)wait->by, (uint32_t)wait->object);
}

static void on_ready(void *context, const struct model_ready *ready) /* from, length, task, cpu */
{
    struct timeline *t = context;
    fprintf(row(t, READIES), "%" PRIu64 ",%" PRIu64 ",%u,%u", since(t, ready->from_ns), ready->to_ns - ready->from_ns,
            ready->task, ready->cpu);
}

static void on_migrate(
    void *context,
    const struct model_migrate *migrate) /* decided, length until it runs, task, from cpu, to cpu, reason */
{
    struct timeline *t = context;
    fprintf(row(t, MIGRATES), "%" PRIu64 ",%" PRIu64 ",%u,%u,%u,%u", since(t, migrate->from_ns),
            migrate->to_ns - migrate->from_ns, migrate->task, migrate->from_cpu, migrate->to_cpu, migrate->reason);
}

static void add_ipi(struct timeline *t, const struct ctf_event *event,
                    const union known_event *known) /* time, cpu, to cpu, reason */
{
    fprintf(row(t, IPIS), "%" PRIu64 ",%u,%u,%u", since(t, event->time_ns), event->cpu, known->CpuIpi.to_cpu,
            known->CpuIpi.reason);
}

static void add_lock_wait(struct timeline *t, const struct ctf_event *event,
                          const union known_event *known) /* from, length, cpu */
{
    uint64_t ns = known->LockWait.waited_ns, most = since(t, event->time_ns);
    ns = ns < most ? ns : most;
    fprintf(row(t, LOCKS), "%" PRIu64 ",%" PRIu64 ",%u", most - ns, ns, event->cpu);
}

static void on_irq(void *context, const struct model_irq *irq) /* from, length, cpu, vector, task */
{
    struct timeline *t = context;
    fprintf(row(t, IRQS), "%" PRIu64 ",%" PRIu64 ",%u,%u,%u", since(t, irq->from_ns), irq->to_ns - irq->from_ns,
            irq->cpu, irq->vector, irq->task);
}

static void on_syscall(void *context,
                       const struct model_syscall *syscall) /* from, length, task, number, result or null */
{
    struct timeline *t = context;
    FILE *out = row(t, SYSCALLS);
    fprintf(out, "%" PRIu64 ",%" PRIu64 ",%u,%u,", since(t, syscall->from_ns), syscall->to_ns - syscall->from_ns,
            syscall->task, syscall->number);
    fprintf(out, syscall->has_result ? "%d" : "null", syscall->result);
}

static void on_loss(void *context, const struct ctf_loss *loss,
                    uint64_t time_ns) /* from, length, cpu, packets, events */
{
    struct timeline *t = context;
    begin(t, time_ns);
    uint64_t from = loss->before || loss->from_ns < t->begin_ns ? t->begin_ns : loss->from_ns;
    if (!loss->before)
        fprintf(row(t, LOSSES), "%" PRIu64 ",%" PRIu64 ",%u,%" PRIu64 ",%" PRIu64, since(t, from),
                time_ns > from ? time_ns - from : 0, loss->cpu, loss->packets, loss->events);
}

static void add_mark(struct timeline *t, const struct ctf_event *event) /* time, task, which event it is, text */
{
    struct mark mark;
    if (!mark_of(&t->names, t->trace->layout, event, &mark))
        return;
    union known_event known;
    uint16_t id = event->layout->known;
    if ((id == TRACE_NetPacketIn || id == TRACE_NetPacketOut) && known_decode(event, &known))
        table_get(&t->protocols, known.NetPacketIn.protocol, 0, 0); /* the two have the same fields */
    FILE *out = row(t, MARKS);
    fprintf(out, "%" PRIu64 ",%u,%" PRIu64 ",", since(t, event->time_ns), mark.task, t->events);
    output_string(out, mark.text);
}

static void on_event(void *context, const struct ctf_event *event) /* time, cpu, kind, its fields' values */
{
    struct timeline *t = context;
    FILE *out = row(t, EVENTS);
    union known_event known;
    begin(t, event->time_ns);
    add_mark(t, event);
    if (event->layout->known == TRACE_CpuIpi && known_decode(event, &known))
        add_ipi(t, event, &known);
    if (event->layout->known == TRACE_LockWait && known_decode(event, &known))
        add_lock_wait(t, event, &known);
    t->events++;
    fprintf(out, "%" PRIu64 ",%u,%u", since(t, event->time_ns), event->cpu,
            (unsigned)(event->layout - t->trace->layout->events));
    for (uint32_t i = 0; i < event->layout->payload.count; i++) {
        uint64_t value = event->values[i];
        bool is_signed = event->layout->payload.fields[i].is_signed;
        if (is_signed && (int64_t)value > -(1ll << 53) && (int64_t)value < 0)
            fprintf(out, ",%" PRId64, (int64_t)value);
        else /* a number that a double does not hold is text */
            fprintf(out, value >> 53 ? is_signed ? ",\"%" PRId64 "\"" : ",\"%" PRIu64 "\"" : ",%" PRIu64, value);
    }
}

/* ---- the page ---- */

static bool sections_open(struct timeline *t)
{
    for (unsigned i = 0; i < SECTIONS; i++) {
        t->sections[i].out = open_memstream(&t->sections[i].text, &t->sections[i].size);
        if (!t->sections[i].out)
            return false;
    }
    return true;
}

/* For each field 0, or {value: name} of its enumeration. */
static void write_labels(const struct timeline *t, const struct ctf_record *payload, FILE *out)
{
    for (uint32_t i = 0; i < payload->count; i++) {
        const struct ctf_field *field = &payload->fields[i];
        fputs(i ? "," : "", out);
        for (uint32_t k = 0; k < field->label_count; k++) {
            const struct ctf_label *label = &t->trace->layout->labels.at[field->label_first + k];
            fprintf(out, field->is_signed ? "%s\"%" PRId64 "\":" : "%s\"%" PRIu64 "\":", k ? "," : "{", label->value);
            output_string(out, label->text);
        }
        fputs(field->label_count ? "}" : "0", out);
    }
}

/* Events: name, names of the fields, which are hexadecimal, names of their values. */
static void write_kinds(const struct timeline *t, FILE *out)
{
    fputs(",\n\"kinds\":[", out);
    for (uint32_t i = 0; i < t->trace->layout->event_count; i++) {
        const struct ctf_event_layout *event = &t->trace->layout->events[i];
        fputs(i ? ",[" : "[", out);
        output_string(out, event->name);
        fputs(",[", out);
        for (uint32_t k = 0; k < event->payload.count; k++) {
            fputs(k ? "," : "", out);
            output_string(out, event->payload.fields[k].name);
        }
        fputs("],\"", out);
        for (uint32_t k = 0; k < event->payload.count; k++)
            putc(event->payload.fields[k].is_hex ? '1' : '0', out);
        fputs("\",[", out);
        write_labels(t, &event->payload, out);
        fputs("]]", out);
    }
    fputs("]", out);
}

typedef const char *(*name_fn)(const struct table *table, uint32_t i, char out[24]);

static const char *task_name(const struct table *tasks, uint32_t i, char out[24])
{
    (void)out;
    return tasks->entries[i];
}

static const char *op_name(const struct table *ops, uint32_t i, char out[24])
{
    (void)out;
    return names_op(ops->keys[i].a);
}

static const char *protocol_name(const struct table *protocols, uint32_t i, char out[24])
{
    return net_protocol_name(net_protocol(protocols->keys[i].a), out);
}

/* [number, name] of all that is in the table. */
static void write_names(FILE *out, const char *what, const struct table *table, name_fn name)
{
    char text[24];
    fprintf(out, ",\n\"%s\":[", what);
    for (uint32_t i = 0; i < table->count; i++) {
        fprintf(out, "%s[%u,", i ? "," : "", table->keys[i].a);
        output_string(out, name(table, i, text));
        fputs("]", out);
    }
    fputs("]", out);
}

/* [number, number] of all that is in the table. */
static void write_numbers(FILE *out, const char *what, const struct table *table)
{
    fprintf(out, ",\n\"%s\":[", what);
    for (uint32_t i = 0; i < table->count; i++)
        fprintf(out, "%s[%u,%u]", i ? "," : "", table->keys[i].a, *(uint32_t *)table->entries[i]);
    fputs("]", out);
}

static void write_head(const struct timeline *t, FILE *out)
{
    const struct ctf_layout *layout = t->trace->layout;
    fputs("{\"machine\":", out);
    output_string(out, layout->hostname[0] ? layout->hostname : "a machine");
    fprintf(out, ",\"begin\":\"%" PRIu64 "\",\"length\":%" PRIu64 ",\"cpus\":[", t->begin_ns, since(t, t->end_ns));
    for (uint32_t i = 0; i < t->trace->cpu_count; i++)
        fprintf(out, "%s%u", i ? "," : "", t->trace->cpus[i]);
    fputs("]", out);
    write_names(out, "tasks", &t->names.tasks, task_name);
    write_names(out, "ops", &t->ops, op_name);
    write_names(out, "protocols", &t->protocols, protocol_name);
    write_numbers(out, "channels", &t->names.channels);
    write_numbers(out, "nodes", &t->names.nodes);
    write_numbers(out, "homes", &t->names.homes);
    fputs(",\n\"syscallNames\":[", out);
    for (uint32_t i = 0; names_syscall(i); i++) {
        fputs(i ? "," : "", out);
        output_string(out, names_syscall(i));
    }
    fputs("]", out);
}

static void write_page(struct timeline *t, FILE *out)
{
    fprintf(
        out,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Timeline</title>\n<style>\n%s</style></head><body>\n%s",
        page_css, page_html);
    fputs("<script type=\"application/json\" id=\"trace\">\n", out);
    write_head(t, out);
    write_kinds(t, out);
    for (unsigned i = 0; i < SECTIONS; i++) {
        fprintf(out, ",\n\"%s\":[", section_names[i]);
        fwrite(t->sections[i].text, 1, t->sections[i].size, out);
        fputs("]", out);
    }
    fprintf(out, "}\n</script>\n<script>\n%s%s%s%s</script></body></html>\n", page_view, page_arrows, page_svg,
            page_input);
}

static int make(struct timeline *t, const struct options *options, FILE *out)
{
    static struct model model;
    const struct model_sink sink = {.context = t,
                                    .on_run = on_run,
                                    .on_call = on_call,
                                    .on_wait = on_wait,
                                    .on_ready = on_ready,
                                    .on_migrate = on_migrate,
                                    .on_irq = on_irq,
                                    .on_syscall = on_syscall,
                                    .on_event = on_event,
                                    .on_loss = on_loss};
    names_learn_all(&t->names, t->trace);
    model_run_all(t->trace, options->from_s, options->to_s, &model, &sink);
    for (unsigned i = 0; i < SECTIONS; i++)
        fflush(t->sections[i].out);
    write_page(t, out);
    if (t->events > MANY_EVENTS)
        trace_note(t->trace, false, "%s: %" PRIu64 " events are many for a browser; --from and --to take a part",
                   options->output, t->events);
    int status = !output_close(options, out);
    return status | trace_complain(t->trace);
}

int command_timeline(const struct options *options)
{
    char why[256];
    struct timeline t = {.ops.entry_size = 1, .protocols.entry_size = 1};
    FILE *out = NULL;
    t.trace = options->output ? trace_open(options->target, why) : NULL;
    if (options->output && !t.trace)
        fprintf(stderr, "trustos-trace: %s\n", why);
    else
        out = output_open(options);
    int status = options->output ? 1 : 2;
    if (out && sections_open(&t))
        status = make(&t, options, out);
    for (unsigned i = 0; i < SECTIONS; i++) {
        if (t.sections[i].out)
            fclose(t.sections[i].out);
        free(t.sections[i].text);
    }
    names_free(&t.names);
    table_free(&t.ops);
    table_free(&t.protocols);
    trace_close(t.trace);
    return status;
}
