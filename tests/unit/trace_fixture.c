#include "tests/unit/trace_fixture.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "lib/trace_metadata.h"

struct fixture_bytes stream;
struct synth_result made;

void keep(void *context, const void *bytes, size_t size)
{
    struct fixture_bytes *b = context;
    if (b->room - b->size < size) {
        b->room = 2 * (b->room + size);
        b->at = realloc(b->at, b->room);
    }
    memcpy(b->at + b->size, bytes, size);
    b->size += size;
}

void make(struct synth_options options)
{
    stream.size = 0;
    options.seed = options.seed ? options.seed : 7;
    options.cpus = options.cpus ? options.cpus : 1;
    synth_stream(&options, keep, &stream, &made);
}

size_t metadata_size(void)
{
    size_t at = 0;
    while (memcmp(stream.at + at, "\x57\x1d\xd1\x75", 4) == 0)
        at += TRACE_METADATA_PACKET;
    return at;
}

struct trace *open_stream(size_t size)
{
    char why[256] = "";
    struct trace *trace = trace_open_bytes(stream.at, size, why);
    if (!trace)
        fail_msg("%s", why);
    return trace;
}

struct synth_result read_all(struct trace *trace)
{
    struct synth_result seen = {0};
    struct trace_item item;
    uint64_t before = 0;
    while (trace_next(trace, &item) != TRACE_ITEM_END) {
        assert_true(item.time_ns >= before);
        before = item.time_ns;
        if (item.kind == TRACE_ITEM_LOSS) {
            seen.lost_events += item.loss->before ? 0 : item.loss->events;
            seen.lost_packets += item.loss->packets;
        } else {
            seen.events++;
            seen.by_id[item.event->layout->id]++;
        }
    }
    assert_int_equal(seen.events, trace->events);
    return seen;
}
