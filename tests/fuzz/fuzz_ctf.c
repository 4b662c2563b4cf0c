/* The trace tool's reader on any bytes. The first byte says what the rest is: a stream, the packets after good metadata,
 * the metadata before good packets, or a good stream with some bytes changed; and which of two good ones that is. Every packet's events are read, twice: what the
 * second time brings must be what the first brought, within the packet. */
#include <stdlib.h>
#include <string.h>
#include "lib/trace_metadata.h"
#include "tests/unit/trace_synth.h"
#include "tools/trustos-trace/mark.h"
#include "tools/trustos-trace/processors.h"
#include "tools/trustos-trace/trace.h"

static struct good {
    uint8_t bytes[1 << 16];
    size_t size, metadata; /* the first `metadata` bytes are that */
} goods[2], *making;
static struct trace *reading;
static struct processors processors;
static struct names names;

static void keep(void *context, const void *bytes, size_t size)
{
    (void)context;
    if (size > sizeof making->bytes - making->size)
        abort();
    memcpy(making->bytes + making->size, bytes, size);
    making->metadata = making->metadata ? making->metadata : size; /* it comes in one piece */
    making->size += size;
}

static const struct good *make_good(bool smp)
{
    const struct synth_options options = {.seed = 3,
                                          .events = 400,
                                          .cpus = 2,
                                          .nodes = smp ? 2 : 0,
                                          .flush_ns = 2000000,
                                          .task_names = true,
                                          .syscalls = true};
    struct synth_result result;
    making = &goods[smp];
    if (!making->size)
        synth_stream(&options, keep, NULL, &result);
    return making;
}

static void on_event(void *context, const struct ctf_event *event)
{
    const struct ctf_layout *layout = reading->layout;
    ++*(uint64_t *)context;
    processors_on_event(&processors, event);
    if (event->layout < layout->events || event->layout >= layout->events + layout->event_count)
        abort();
    for (uint32_t i = 0; i < event->layout->payload.count; i++) {
        const char *label = ctf_field_label(layout, &event->layout->payload.fields[i], event->values[i]);
        if (label && (!label[0] || strlen(label) >= CTF_NAME_MAX))
            abort();
    }
    struct mark mark;
    if (mark_of(&names, layout, event, &mark) && (!mark.text[0] || !memchr(mark.text, 0, sizeof mark.text)))
        abort();
}

static void on_syscall(void *context, const struct model_syscall *syscall)
{
    (void)context;
    if (syscall->to_ns < syscall->from_ns)
        abort();
}

static void on_run(void *context, const struct model_run *run)
{
    (void)context;
    if (run->to_ns < run->from_ns)
        abort();
    processors_on_run(&processors, run);
}

static void on_ready(void *context, const struct model_ready *ready)
{
    (void)context;
    if (ready->to_ns < ready->from_ns || !ready->stay_count || ready->stays[0].from_ns != ready->from_ns)
        abort();
    processors_on_ready(&processors, ready);
}

static void on_migrate(void *context, const struct model_migrate *migrate)
{
    (void)context;
    if (migrate->to_ns < migrate->from_ns)
        abort();
}

static void check_idle(const struct idle_list *list)
{
    for (uint32_t i = 0; i < list->count; i++) {
        const struct idle_while_ready *row = &list->worst[i];
        if (row->to_ns <= row->from_ns || row->cpu >= CTF_CPU_MAX ||
            (row->queue == row->cpu) != (list == &processors.own))
            abort();
    }
}

static void on_call(void *context, const struct model_call *call)
{
    (void)context;
    if (call->to_ns < call->taken_ns || call->taken_ns < call->from_ns)
        abort();
}

static void on_wait(void *context, const struct model_wait *wait)
{
    (void)context;
    if (wait->to_ns < wait->from_ns)
        abort();
}

static void read_stream(const uint8_t *bytes, size_t size)
{
    static struct model model;
    char why[256] = "";
    uint64_t counts[2] = {0};
    reading = trace_open_bytes(bytes, size, why);
    if (!reading && !why[0])
        abort(); /* refused without a reason */
    if (!reading)
        return;
    for (unsigned i = 0; i < 2; i++) {
        const struct model_sink sink = {.context = &counts[i],
                                        .on_event = on_event,
                                        .on_run = on_run,
                                        .on_call = on_call,
                                        .on_wait = on_wait,
                                        .on_ready = on_ready,
                                        .on_migrate = on_migrate,
                                        .on_syscall = on_syscall};
        names_learn_all(&names, reading);
        processors_start(&processors, &names);
        model_run_all(reading, 0, 1e30, &model, &sink);
        processors_finish(&processors, reading);
        check_idle(&processors.elsewhere);
        check_idle(&processors.own);
        processors_free(&processors);
        if (counts[i] != reading->events)
            abort();
        trace_rewind(reading);
    }
    if (counts[0] != counts[1] || reading->is_broken > (reading->complaints != NULL))
        abort();
    names_free(&names);
    trace_close(reading);
}

/* Three bytes a change: where (of 65536), what is xored. */
static void change(uint8_t *bytes, size_t size, const uint8_t *data, size_t count)
{
    for (; count >= 3; data += 3, count -= 3)
        bytes[(data[0] << 8 | data[1]) % size] ^= data[2];
}

/* `data` in a stream's metadata's place, as packets. */
static size_t wrap_metadata(const struct good *good, uint8_t *out, size_t room, const uint8_t *data, size_t size)
{
    return trace_metadata_packetize(out, room, (const char *)data, size, good->bytes + good->metadata + 4);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > 1 << 14)
        return 0;
    const struct good *good = make_good(data[0] >> 2 & 1);
    size_t packets = good->size - good->metadata, room = good->size + 8 * (size + TRACE_METADATA_PACKET);
    uint8_t *bytes = malloc(room), kind = data[0] % 4;
    size_t used = size - 1;
    memcpy(bytes, data + 1, used);
    if (kind == 1) {
        memcpy(bytes, good->bytes, good->metadata);
        memcpy(bytes + good->metadata, data + 1, size - 1);
        used = good->metadata + size - 1;
    } else if (kind == 2) {
        used = wrap_metadata(good, bytes, room, data + 1, size - 1);
        memcpy(bytes + used, good->bytes + good->metadata, packets);
        used += packets;
    } else if (kind == 3) {
        memcpy(bytes, good->bytes, good->size);
        change(bytes, good->size, data + 1, size - 1);
        used = good->size;
    }
    uint8_t *exact = malloc(used ? used : 1); /* ASan watches its end */
    memcpy(exact, bytes, used);
    read_stream(exact, used);
    free(exact);
    free(bytes);
    return 0;
}
