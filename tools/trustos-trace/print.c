/* One line an event: [seconds since boot] (since the line before) cpu name: fields. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "commands.h"
#include "known.h"
#include "names.h"
#include "net_names.h"

struct printer {
    const struct options *options;
    const struct ctf_layout *layout;
    struct names names;
    uint64_t before_ns;
    bool begun;
};

static bool names_a_task(const char *field)
{
    size_t n = strlen(field);
    return (n >= 4 && !strcmp(field + n - 4, "task")) || !strcmp(field, "caller");
}

static bool names_a_channel(const struct ctf_event *event, const char *field)
{
    return !strcmp(field, "channel") || (event->layout->known == TRACE_Block && !strcmp(field, "object"));
}

/* What the number stands for; NULL: nothing that is known. */
static const char *meaning_of(const struct printer *p, const struct ctf_event *event, const char *field, uint32_t value,
                              char text[32])
{
    if (names_a_task(field)) {
        const char *name = names_task(&p->names, value, text);
        return name == text ? NULL : name;
    }
    if (names_a_channel(event, field)) {
        uint32_t receiver = names_receiver(&p->names, value);
        return receiver ? names_task(&p->names, receiver, text) : NULL;
    }
    if (!strcmp(field, "ports") && value) {
        snprintf(text, 32, "%u %u", value >> 16, value & 0xffff);
        return text;
    }
    if (!strcmp(field, "protocol") && value)
        return net_protocol_name(net_protocol(value), text);
    if (!strcmp(field, "op"))
        return names_op(value);
    return event->layout->known == TRACE_SyscallEntry && !strcmp(field, "number") ? names_syscall(value) : NULL;
}

/* " key=value", with what the number stands for behind it. */
static void print_field(struct printer *p, const struct ctf_event *event, uint32_t i)
{
    const struct ctf_field *field = &event->layout->payload.fields[i];
    uint64_t value = event->values[i];
    char text[32];
    const char *label = ctf_field_label(p->layout, field, value);
    if (label)
        printf(" %s=%s", field->name, label);
    else
        printf(field->is_hex      ? " %s=0x%" PRIx64
               : field->is_signed ? " %s=%" PRId64
                                  : " %s=%" PRIu64,
               field->name, value);
    const char *meaning = value <= UINT32_MAX ? meaning_of(p, event, field->name, (uint32_t)value, text) : NULL;
    if (meaning)
        printf("(%s)", meaning);
}

static void print_time(struct printer *p, uint64_t time_ns)
{
    uint64_t since = time_ns - p->before_ns;
    uint64_t ns = p->layout->wall_offset_ns + time_ns;
    time_t wall = (time_t)(p->layout->wall_offset_s + ns / 1000000000);
    struct tm tm;
    char text[40];
    if (p->options->utc && gmtime_r(&wall, &tm) && strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &tm))
        printf("[%s.%09" PRIu64 "]", text, ns % 1000000000);
    else
        printf("[%5" PRIu64 ".%09" PRIu64 "]", time_ns / 1000000000, time_ns % 1000000000);
    if (p->begun)
        printf(" (+%" PRIu64 ".%09" PRIu64 ")", since / 1000000000, since % 1000000000);
    else
        fputs(" (first)       ", stdout);
    p->before_ns = time_ns;
    p->begun = true;
}

/* A task's name stands behind its number already. */
static bool is_shown(const struct ctf_event *event, const char *field)
{
    return strcmp(field, "reserved") && (strcmp(event->layout->name, "task_name") || strncmp(field, "name_", 5));
}

static void print_event(struct printer *p, const struct ctf_event *event)
{
    print_time(p, event->time_ns);
    printf(" cpu%u %s:", event->cpu, event->layout->name);
    for (uint32_t i = 0; i < event->layout->payload.count; i++) {
        if (is_shown(event, event->layout->payload.fields[i].name))
            print_field(p, event, i);
    }
    putchar('\n');
}

static void print_loss(struct printer *p, const struct ctf_loss *loss, uint64_t time_ns)
{
    print_time(p, time_ns);
    printf(" cpu%u LOST", loss->cpu);
    if (loss->before)
        printf(" %" PRIu64 " events before the first packet\n", loss->events);
    else
        printf(" %" PRIu64 " packets, %" PRIu64 " events by the kernel's count\n", loss->packets, loss->events);
}

static bool in_range(const struct options *options, uint64_t time_ns)
{
    double s = (double)time_ns / 1e9;
    return s >= options->from_s && s <= options->to_s;
}

int command_print(const struct options *options)
{
    char why[256];
    struct trace_item item;
    struct trace *trace = trace_open(options->target, why);
    if (!trace) {
        fprintf(stderr, "trustos-trace: %s\n", why);
        return 1;
    }
    struct printer p = {.options = options, .layout = trace->layout};
    if (options->utc && !p.layout->wall_offset_s)
        trace_note(trace, false, "the machine did not know the wall time: UTC is counted from 1970");
    while (trace_next(trace, &item) != TRACE_ITEM_END && !ferror(stdout)) {
        if (item.kind == TRACE_ITEM_EVENT)
            names_learn(&p.names, item.event);
        if (in_range(options, item.time_ns) && item.kind == TRACE_ITEM_EVENT)
            print_event(&p, item.event);
        else if (in_range(options, item.time_ns))
            print_loss(&p, item.loss, item.time_ns);
    }
    names_free(&p.names);
    fflush(stdout);
    int status = trace_complain(trace);
    trace_close(trace);
    return status;
}
