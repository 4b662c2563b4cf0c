/* Chrome trace events, which ui.perfetto.dev and chrome://tracing open. Process 1 has a thread for each CPU with what ran
 * there, and arrows from where a task ran to where it goes on and from who interrupts a CPU to what that does next; process 2 one for each task with where it ran, what it told, its calls and system calls (as asynchronous slices)
 * and arrows from caller to server and back. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "commands.h"
#include "mark.h"
#include "model.h"
#include "output.h"

#define CPUS 1
#define TASKS 2

struct perfetto {
    FILE *out;
    struct names names;
    struct table tasks; /* those that are shown; the entry is nothing */
    const struct ctf_layout *layout;
    uint64_t flows, syscalls;
    bool begun;
};

static const char *task_text(struct perfetto *p, uint32_t task, char text[32])
{
    table_get(&p->tasks, task, 0, 0);
    return names_task(&p->names, task, text);
}
#define TASK(task) task_text(p, task, (char[32]){0})

/* {"ph":…,"pid":…,"tid":…,"ts":… and no brace at the end. Times are microseconds. */
static void begin(struct perfetto *p, const char *phase, uint32_t process, uint32_t thread, uint64_t ns)
{
    fprintf(p->out, "%s{\"ph\":\"%s\",\"pid\":%u,\"tid\":%u,\"ts\":%" PRIu64 ".%03u", p->begun ? ",\n" : "\n", phase,
            process, thread, ns / 1000, (unsigned)(ns % 1000));
    p->begun = true;
}

static void name(struct perfetto *p, const char *text)
{
    fputs(",\"name\":", p->out);
    output_string(p->out, text);
}

/* `stopped`: why it ended, or NULL. */
static void slice(struct perfetto *p, uint32_t process, uint32_t thread, uint64_t from, uint64_t to, const char *text,
                  const char *stopped)
{
    begin(p, "X", process, thread, from);
    fprintf(p->out, ",\"dur\":%" PRIu64 ".%03u", (to - from) / 1000, (unsigned)((to - from) % 1000));
    name(p, text);
    if (stopped) {
        fputs(",\"args\":{\"stopped\":", p->out);
        output_string(p->out, stopped);
        fputs("}", p->out);
    }
    fputs("}", p->out);
}

static void on_run(void *context, const struct model_run *run)
{
    struct perfetto *p = context;
    char cpu[24], why[24];
    if (!run->task)
        return;
    const char *stopped =
        run->reason == MODEL_UNKNOWN ? NULL : names_value(p->layout, TRACE_ContextSwitch, "reason", run->reason, why);
    slice(p, CPUS, run->cpu, run->from_ns, run->to_ns, TASK(run->task), stopped);
    snprintf(cpu, sizeof cpu, "cpu%u", run->cpu);
    slice(p, TASKS, run->task, run->from_ns, run->to_ns, cpu, stopped);
}

static void on_irq(void *context, const struct model_irq *irq)
{
    char text[24];
    snprintf(text, sizeof text, "irq %u", irq->vector);
    slice(context, CPUS, irq->cpu, irq->from_ns, irq->to_ns, text, NULL);
}

static void arrow_end(struct perfetto *p, const char *phase, uint32_t process, uint32_t thread, uint64_t ns,
                      const char *text)
{
    begin(p, phase, process, thread, ns);
    fprintf(p->out, ",\"id\":%" PRIu64 ",\"cat\":\"%s\"", p->flows, process == TASKS ? "ipc" : "cpus");
    name(p, text);
}

/* To the slice in which it ends. */
static void arrow(struct perfetto *p, uint32_t process, uint32_t from, uint64_t from_ns, uint32_t to, uint64_t to_ns,
                  const char *text)
{
    p->flows++;
    arrow_end(p, "s", process, from, from_ns, text);
    fputs("}", p->out);
    arrow_end(p, "f", process, to, to_ns, text);
    fputs(",\"bp\":\"e\"}", p->out);
}

/* Within a slice that began at ran_ns and may end at from_ns. */
static uint64_t within(uint64_t ran_ns, uint64_t from_ns)
{
    return from_ns > ran_ns ? from_ns - 1 : from_ns;
}

static void on_migrate(void *context, const struct model_migrate *migrate)
{
    struct perfetto *p = context;
    if (migrate->ran && migrate->left_ns)
        arrow(p, CPUS, migrate->from_cpu, migrate->left_ns - 1, migrate->to_cpu, migrate->to_ns, "migration");
}

/* To the next slice there. */
static void ipi(struct perfetto *p, const struct ctf_event *event)
{
    union known_event known;
    if (event->layout->known != TRACE_CpuIpi || !known_decode(event, &known))
        return;
    p->flows++;
    arrow_end(p, "s", CPUS, event->cpu, event->time_ns, "IPI");
    fputs("}", p->out);
    arrow_end(p, "f", CPUS, known.CpuIpi.to_cpu, event->time_ns, "IPI");
    fputs("}", p->out);
}

static void on_call(void *context, const struct model_call *call)
{
    struct perfetto *p = context;
    char text[80], op[24];
    snprintf(op, sizeof op, "call %#x", call->op);
    snprintf(text, sizeof text, "%.32s to %.40s", names_op(call->op) ? names_op(call->op) : op, TASK(call->server));
    TASK(call->caller);
    arrow(p, TASKS, call->caller, within(call->caller_ran_ns, call->from_ns), call->server, call->taken_ns, "call");
    arrow(p, TASKS, call->server, within(call->server_ran_ns, call->to_ns), call->caller, call->to_ns, "reply");
    begin(p, "b", TASKS, call->caller, call->from_ns);
    fprintf(p->out, ",\"id\":%" PRIu64 ",\"cat\":\"call\",\"args\":{\"status\":%d,\"channel\":%u}", p->flows,
            call->status, call->channel);
    name(p, text);
    fputs("}", p->out);
    begin(p, "e", TASKS, call->caller, call->to_ns);
    fprintf(p->out, ",\"id\":%" PRIu64 ",\"cat\":\"call\"", p->flows);
    name(p, text);
    fputs("}", p->out);
}

static void on_syscall(void *context, const struct model_syscall *syscall)
{
    struct perfetto *p = context;
    char number[24];
    snprintf(number, sizeof number, "system call %u", syscall->number);
    const char *text = names_syscall(syscall->number) ? names_syscall(syscall->number) : number;
    TASK(syscall->task);
    p->syscalls++;
    begin(p, "b", TASKS, syscall->task, syscall->from_ns);
    fprintf(p->out, ",\"id\":%" PRIu64 ",\"cat\":\"syscall\"", p->syscalls);
    if (syscall->has_result)
        fprintf(p->out, ",\"args\":{\"result\":%d}", syscall->result);
    name(p, text);
    fputs("}", p->out);
    begin(p, "e", TASKS, syscall->task, syscall->to_ns);
    fprintf(p->out, ",\"id\":%" PRIu64 ",\"cat\":\"syscall\"", p->syscalls);
    name(p, text);
    fputs("}", p->out);
}

static void field_value(struct perfetto *p, const struct ctf_field *field, uint64_t value)
{
    const char *label = ctf_field_label(p->layout, field, value);
    if (label)
        output_string(p->out, label);
    else
        fprintf(p->out, field->is_hex ? "\"0x%" PRIx64 "\"" : field->is_signed ? "%" PRId64 : "%" PRIu64, value);
}

/* What a task told stands in its own lane. */
static void instant(struct perfetto *p, const struct ctf_event *event)
{
    struct mark mark;
    bool is_mark = mark_of(&p->names, p->layout, event, &mark);
    if (is_mark)
        TASK(mark.task);
    begin(p, "i", is_mark ? TASKS : CPUS, is_mark ? mark.task : event->cpu, event->time_ns);
    name(p, is_mark ? mark.text : event->layout->name);
}

/* What is not shown as a slice or an arrow. */
static void on_event(void *context, const struct ctf_event *event)
{
    struct perfetto *p = context;
    uint16_t known = event->layout->known;
    if (known == TRACE_ContextSwitch || known == TRACE_IpcCall || known == TRACE_IpcReply || known == TRACE_IrqEntry ||
        known == TRACE_IrqExit || known == TRACE_SyscallEntry || known == TRACE_SyscallExit)
        return;
    ipi(p, event);
    instant(p, event);
    fputs(",\"s\":\"t\",\"args\":{\"kind\":", p->out);
    output_string(p->out, event->layout->name);
    for (uint32_t i = 0; i < event->layout->payload.count; i++) {
        const struct ctf_field *field = &event->layout->payload.fields[i];
        fputs(",", p->out);
        output_string(p->out, field->name);
        fputs(":", p->out);
        field_value(p, field, event->values[i]);
    }
    fputs("}}", p->out);
}

static void on_loss(void *context, const struct ctf_loss *loss, uint64_t time_ns)
{
    struct perfetto *p = context;
    begin(p, "i", CPUS, loss->cpu, time_ns);
    name(p, "LOST");
    fprintf(p->out, ",\"s\":\"p\",\"args\":{\"packets\":%" PRIu64 ",\"events\":%" PRIu64 "}}", loss->packets,
            loss->events);
}

static void label(struct perfetto *p, const char *what, uint32_t process, uint32_t thread, const char *text)
{
    fprintf(p->out, ",\n{\"ph\":\"M\",\"pid\":%u,\"tid\":%u,\"name\":\"%s\",\"args\":{\"name\":", process, thread,
            what);
    output_string(p->out, text);
    fputs("}}", p->out);
}

static void write_all(struct perfetto *p, struct trace *trace, const struct options *options)
{
    static struct model model;
    const struct model_sink sink = {.context = p,
                                    .on_run = on_run,
                                    .on_call = on_call,
                                    .on_irq = on_irq,
                                    .on_migrate = on_migrate,
                                    .on_syscall = on_syscall,
                                    .on_event = on_event,
                                    .on_loss = on_loss};
    char text[32];
    fputs("{\"displayTimeUnit\":\"ns\",\"traceEvents\":[", p->out);
    begin(p, "M", CPUS, 0, 0);
    fputs(",\"name\":\"process_name\",\"args\":{\"name\":\"CPUs\"}}", p->out);
    label(p, "process_name", TASKS, 0, "tasks");
    for (uint32_t i = 0; i < trace->cpu_count; i++) {
        uint32_t node = names_node(&p->names, trace->cpus[i]);
        int n = snprintf(text, sizeof text, "cpu%u", trace->cpus[i]);
        if (node != NAMES_NO_NODE)
            snprintf(text + n, sizeof text - (size_t)n, ", node %u", node);
        label(p, "thread_name", CPUS, trace->cpus[i], text);
    }
    model_run_all(trace, options->from_s, options->to_s, &model, &sink);
    for (uint32_t i = 0; i < p->tasks.count; i++)
        label(p, "thread_name", TASKS, p->tasks.keys[i].a, names_task(&p->names, p->tasks.keys[i].a, text));
    fputs("\n]}\n", p->out);
}

int command_perfetto(const struct options *options)
{
    char why[256];
    struct perfetto p = {.tasks.entry_size = 1};
    struct trace *trace = options->output ? trace_open(options->target, why) : NULL;
    if (options->output && !trace)
        fprintf(stderr, "trustos-trace: %s\n", why);
    p.out = trace || !options->output ? output_open(options) : NULL;
    if (!p.out) {
        trace_close(trace);
        return options->output ? 1 : 2;
    }
    p.layout = trace->layout;
    names_learn_all(&p.names, trace);
    write_all(&p, trace, options);
    int status = !output_close(options, p.out);
    status |= trace_complain(trace);
    names_free(&p.names);
    table_free(&p.tasks);
    trace_close(trace);
    return status;
}
