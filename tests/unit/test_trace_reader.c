/* tools/trustos-trace's reader and recorder, against synthetic streams, broken ones among them, with babeltrace2 as judge. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "lib/trace_metadata.h"
#include "tests/unit/trace_synth.h"
#include "tools/trustos-trace/known.h"
#include "tools/trustos-trace/names.h"
#include "tools/trustos-trace/recording.h"
#include "tools/trustos-trace/trace.h"

static struct bytes {
    uint8_t *at;
    size_t size, room;
} stream;
static struct synth_result made;

static void keep(void *context, const void *bytes, size_t size)
{
    struct bytes *b = context;
    if (b->room - b->size < size) {
        b->room = 2 * (b->room + size);
        b->at = realloc(b->at, b->room);
    }
    memcpy(b->at + b->size, bytes, size);
    b->size += size;
}

static void make(struct synth_options options)
{
    stream.size = 0;
    options.seed = options.seed ? options.seed : 7;
    options.cpus = options.cpus ? options.cpus : 1;
    synth_stream(&options, keep, &stream, &made);
}

/* Bytes of metadata before the first packet of events. */
static size_t metadata_size(void)
{
    size_t at = 0;
    while (memcmp(stream.at + at, "\x57\x1d\xd1\x75", 4) == 0)
        at += TRACE_METADATA_PACKET;
    return at;
}

static struct trace *open_stream(size_t size)
{
    char why[256] = "";
    struct trace *trace = trace_open_bytes(stream.at, size, why);
    if (!trace)
        fail_msg("%s", why);
    return trace;
}

/* Reads all; gives what was counted by the way. */
static struct synth_result read_all(struct trace *trace)
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

/* ---- what is right ---- */

static void every_event_of_every_cpu_comes_once_and_in_order(void **state)
{
    (void)state;
    for (uint32_t cpus = 1; cpus <= 5; cpus += 2) {
        make((struct synth_options){.events = 20000, .cpus = cpus, .flush_ns = cpus * 3000000, .seed = cpus});
        struct trace *trace = open_stream(stream.size);
        struct synth_result seen = read_all(trace);
        assert_null(trace->complaints);
        assert_int_equal(trace->cpu_count, cpus);
        assert_int_equal(seen.events, made.events);
        assert_memory_equal(seen.by_id, made.by_id, sizeof made.by_id);
        assert_int_equal(seen.lost_events, 0);
        trace_rewind(trace);
        assert_int_equal(read_all(trace).events, made.events);
        trace_close(trace);
    }
}

static void losses_are_counted_exactly(void **state)
{
    (void)state;
    for (uint32_t every = 2; every < 9; every++) {
        make((struct synth_options){.events = 9000, .cpus = 3, .drop_every = every, .flush_ns = 9000000});
        struct trace *trace = open_stream(stream.size);
        struct synth_result seen = read_all(trace);
        assert_true(made.lost_packets > 3);
        assert_int_equal(seen.lost_packets, made.lost_packets);
        assert_int_equal(seen.lost_events, made.lost_events);
        assert_int_equal(trace->lost_packets, made.lost_packets);
        assert_int_equal(trace->lost_events, made.lost_events);
        assert_int_equal(seen.events, made.events);
        trace_close(trace);
    }
}

static void what_was_lost_before_the_first_packet_is_told_apart(void **state)
{
    (void)state;
    make((struct synth_options){.events = 5000, .drop_every = 1000, .first_sequence = 5});
    uint64_t discarded = 77;
    for (size_t at = metadata_size(); at < stream.size; at += TRACE_PACKET_SIZE)
        memcpy(stream.at + at + 64, &discarded, 8);
    struct trace *trace = open_stream(stream.size);
    assert_int_equal(trace->lost_before, 77);
    assert_int_equal(trace->lost_events, 0);
    assert_int_equal(trace->lost_packets, 0);
    trace_close(trace);
}

static void times_have_all_their_64_bits(void **state)
{
    const uint64_t start = (3ull << 48) - 2000000; /* 48 bits of nanoseconds end in the middle of this trace */
    struct trace_item item;
    (void)state;
    make((struct synth_options){.events = 5000, .start_ns = start});
    struct trace *trace = open_stream(stream.size);
    trace_next(trace, &item);
    assert_true(item.time_ns >= start && item.time_ns < start + 2000000);
    trace_rewind(trace);
    read_all(trace);
    assert_null(trace->complaints);
    assert_int_equal(trace->end_ns, made.end_ns);
    assert_true(made.end_ns > 3ull << 48);
    trace_close(trace);
}

static void an_event_that_this_tool_was_not_built_with_is_read_all_the_same(void **state)
{
    struct names names = {0};
    char text[32];
    (void)state;
    make((struct synth_options){.events = 500, .cpus = 2, .task_names = true});
    struct trace *trace = open_stream(stream.size);
    names_learn_all(&names, trace);
    assert_string_equal(names_task(&names, 14, text), "netsrv");
    assert_string_equal(names_task(&names, 32 + 18, text), "rconsole1");
    assert_string_equal(names_task(&names, 99, text), "task 99");
    assert_string_equal(names_task(&names, 0, text), "idle");
    assert_int_equal(read_all(trace).by_id[SYNTH_TASK_NAME], 8);
    names_free(&names);
    trace_close(trace);
}

/* ---- layouts of other kernels ---- */

static const char preamble[] =
    "typealias integer { size = 8; align = 8; signed = false; byte_order = le; } := u8;\n"
    "typealias integer { size = 16; align = 16; signed = true; } := s16;\n"
    "typealias integer { size = 32; align = 32; base = hex; } := x32;\n"
    "typealias integer { size = 64; align = 64; } := u64; // a comment\n"
    "trace { major = 1; minor = 8; uuid = \"00000000-0000-0000-0000-000000000001\"; byte_order = le;\n"
    "packet.header := struct { x32 magic; u8 uuid[16]; x32 stream_id; }; };\n"
    "stream { id = 0; packet.context := struct { u64 cpu_id; u64 timestamp_end; u64 timestamp_begin; u64 extra;\n"
    "u64 packet_size; u64 content_size; u64 packet_seq_num; u64 events_discarded; };\n"
    "event.header := struct { integer { size = 16; align = 64; } id; integer { size = 48; align = 1; map = "
    "clock.mono.value; } timestamp; } align(64); };\n";

static struct ctf_layout *parse(const char *more, struct ctf_error *error)
{
    char *text;
    assert_true(asprintf(&text, "%s%s", preamble, more) > 0);
    struct ctf_layout *layout = ctf_layout_parse(text, strlen(text), error);
    free(text);
    return layout;
}

static void fields_of_a_newer_kernel_are_found_by_their_names(void **state)
{
    struct ctf_error error;
    struct ctf_layout *layout = parse("event { id = 900; name = \"block\"; stream_id = 0; loglevel = 3;\n"
                                      "fields := struct { u8 _flags; s16 _why; u64 since; x32 _on; x32 _task; }; };\n",
                                      &error);
    union known_event known;
    (void)state;
    assert_non_null(layout);
    assert_int_equal(layout->context.bytes, 88);
    assert_int_equal(layout->context.cpu, 24);
    assert_int_equal(layout->context.begin, 40);
    const struct ctf_event_layout *event = &layout->events[layout->by_id[900] - 1];
    assert_int_equal(event->known, TRACE_Block);
    assert_int_equal(event->payload.size, 24);
    const uint8_t payload[24] = {9, 0, 0xfe, 0xff, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0x12, 0, 0, 0};
    struct ctf_event e = {.layout = event};
    for (uint32_t i = 0; i < event->payload.count; i++)
        e.values[i] = ctf_field_read(&event->payload.fields[i], payload);
    assert_int_equal((int64_t)e.values[1], -2);
    assert_true(known_decode(&e, &known));
    assert_int_equal(known.Block.task, 0x12);
    assert_int_equal(known.Block.on, 3);
    ctf_layout_free(layout);
}

static void what_the_reader_does_not_know_in_metadata_is_refused_with_its_line(void **state)
{
    static const struct {
        const char *text, *why;
        uint32_t line; /* after the preamble */
    } cases[] = {
        {"event { id = 1; name = \"a\"; fields := struct { string s; }; };", "`string` is not known", 1},
        {"\nevent { id = 1; name = \"a\"; fields := struct { u64 s[2]; }; };", "an array in an event", 2},
        {"event { id = 1;\n name = \"a\"; fields := struct { u64 s[n]; }; };", "an array's length is expected", 2},
        {"event { id = 1; name = \"a\"; }; event { id = 1; name = \"b\"; };", "a second event with id 1", 1},
        {"event { id = 1; };", "without a name", 1},
        {"event { id = 70000; name = \"a\"; };", "16 bits", 1},
        {"event { id = 1; context := struct { u64 x; }; };", "`context` that this reader does not know", 1},
        {"typealias floating_point { size = 32; } := f;", "a type of floating_point", 1},
        {"typealias integer { size = 12; } := odd;", "`size`", 1},
        {"typealias integer { size = 32; byte_order = be; } := odd;", "`byte_order`", 1},
        {"typealias integer { align = 8; } := odd;", "without a size", 1},
        {"variant { };", "what that begins", 1},
        {"event { id = 1; name = \"a;\n", "without its end", 1},
        {"env { a = \"\\n\"; };", "more than plain characters", 1},
        {"env { a = 99999999999999999999; };", "more than 64 bits", 1},
        {"\n\n/* no end", NULL, 0},
        {"trace { byte_order = be; };", "byte order `be`", 1},
        {"trace { uuid = \"12\"; };", "is no uuid", 1},
        {"event { id = 1; name = \"a\"; fields := struct { u64 a; } align(7); };", "alignment of 7", 1},
        {"env { a := struct { integer { b := struct { integer { c := struct { integer { d := struct { integer { e := "
         "struct { u64 f; }; } g; }; } h; }; } i; }; } j; }; };",
         "blocks in blocks", 1},
        {"@", "no place in metadata", 1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ctf_error error = {0};
        struct ctf_layout *layout = parse(cases[i].text, &error);
        assert_int_equal(layout == NULL, cases[i].why != NULL);
        ctf_layout_free(layout);
        if (cases[i].why && !strstr(error.text, cases[i].why))
            fail_msg("case %zu: \"%s\" and not \"%s\"", i, error.text, cases[i].why);
        if (cases[i].why) {
            assert_true(error.in_metadata);
            assert_int_equal(error.line, 9 + cases[i].line);
        }
    }
}

/* ---- what is wrong ---- */

/* Where the last packet ends that ends within `size`, and how many do. */
static size_t whole_until(size_t at, size_t size, uint64_t *packets)
{
    for (*packets = 0; size - at > 56; ++*packets) {
        uint64_t bits;
        memcpy(&bits, stream.at + at + 48, 8);
        if (bits / 8 > size - at)
            break;
        at += bits / 8;
    }
    return at;
}

static void wherever_a_stream_is_cut_what_is_whole_is_read(void **state)
{
    (void)state;
    make((struct synth_options){.events = 900, .cpus = 2});
    size_t head = metadata_size();
    for (size_t size = head + 1; size < stream.size; size += 37) {
        uint8_t *copy = malloc(size); /* ASan watches its end */
        char why[256] = "";
        memcpy(copy, stream.at, size);
        struct trace *trace = trace_open_bytes(copy, size, why);
        assert_non_null(trace);
        assert_false(trace->is_broken);
        uint64_t packets;
        size_t rest = size - whole_until(head, size, &packets);
        assert_int_equal(trace->packets, packets);
        assert_int_equal(rest != 0, trace->complaints != NULL);
        if (rest) {
            char wanted[80];
            snprintf(wanted, sizeof wanted, "offset %zu: the last packet is cut; its %zu bytes", size - rest, rest);
            assert_non_null(strstr(trace->complaints, wanted));
        }
        trace_close(trace);
        free(copy);
    }
}

static void a_broken_packet_gives_its_offset_and_what_came_before_it(void **state)
{
    static const struct {
        size_t offset, error_offset;
        uint64_t value;
        unsigned bytes;
        const char *why;
    } cases[] = {
        {0, 0, 0xdeadbeef, 4, "begins neither metadata"},
        {4, 4, 0, 8, "of another trace"},
        {20, 20, 3, 4, "stream 3"},
        {32, 32, 5, 8, "ends before it begins"},
        {40, 40, 4096 * 8 + 64, 8, "with a content of"},
        {40, 40, 79 * 8, 8, "with a content of"},
        {40, 40, 1001, 8, "with a content of"},
        {48, 48, 0, 8, "a packet of 0 bits"},
        {48, 48, UINT64_MAX, 8, "a packet of"},
        {48, 48, 1ull << 40, 8, "a packet of"},
        {56, 0, 0, 8, "another boot's"},
        {64, 0, 1, 8, NULL},
        {72, 72, 1024, 8, "CPU 1024"},
        {72, 72, UINT64_MAX, 8, "CPU 1844"},
        {80, 80, 0xffff, 2, "event 65535, which"},
        {82, 80, 1, 6, "time"},
        {24, 0, 1, 8, "begins before"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char wanted[40];
        make((struct synth_options){.events = 2000, .start_ns = 1000000});
        size_t at = metadata_size() + 2 * TRACE_PACKET_SIZE;
        memcpy(stream.at + at + cases[i].offset, &cases[i].value, cases[i].bytes);
        struct trace *trace = open_stream(stream.size);
        struct synth_result seen = read_all(trace);
        assert_true(seen.events > 100);
        snprintf(wanted, sizeof wanted, "offset %zu: ", at + cases[i].error_offset);
        if (cases[i].why &&
            (!trace->is_broken || !strstr(trace->complaints, cases[i].why) || !strstr(trace->complaints, wanted)))
            fail_msg("case %zu: \"%s\" and not \"%s%s\"", i, trace->complaints, wanted, cases[i].why);
        trace_close(trace);
    }
}

static void a_stream_that_is_none_says_what_came(void **state)
{
    char why[256] = "";
    const char *refusal = "login first\r\n";
    (void)state;
    assert_null(trace_open_bytes((const uint8_t *)refusal, strlen(refusal), why));
    assert_non_null(strstr(why, "offset 0: no trace but text: \"login first\""));
    make((struct synth_options){.events = 200, .no_metadata = true});
    assert_null(trace_open_bytes(stream.at, stream.size, why));
    assert_non_null(strstr(why, "before any metadata"));
    assert_null(trace_open_bytes((const uint8_t *)"", 0, why));
    assert_non_null(strstr(why, "no metadata"));
}

static void a_count_that_goes_back_is_an_error(void **state)
{
    uint64_t discarded = 100;
    (void)state;
    make((struct synth_options){.events = 2000});
    memcpy(stream.at + metadata_size() + TRACE_PACKET_SIZE + 64, &discarded, 8);
    struct trace *trace = open_stream(stream.size);
    assert_true(trace->is_broken);
    assert_non_null(strstr(trace->complaints, "count of discarded events goes back"));
    trace_close(trace);
}

/* ---- recording, and babeltrace2's opinion ---- */

static char folder[] = "/tmp/test_trace_reader.XXXXXX";
static struct recording recording;

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder + sizeof folder - 7, "XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    char command[128];
    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

/* Records the stream as it would come over a bad line, in pieces. */
static enum ctf_result record(const char *name, size_t piece, struct ctf_error *error)
{
    static char base[128];
    struct receiver receiver = {.recording = &recording};
    enum ctf_result result = CTF_SHORT;
    snprintf(base, sizeof base, "%s/%s", folder, name);
    recording_start(&recording, base);
    for (size_t at = 0; at < stream.size && result == CTF_SHORT; at += piece) {
        size_t room, size = stream.size - at < piece ? stream.size - at : piece;
        uint8_t *to = receiver_room(&receiver, &room);
        assert_true(room >= size);
        memcpy(to, stream.at + at, size);
        result = receiver_took(&receiver, size, error);
    }
    receiver_reset(&receiver);
    recording_next_boot(&recording);
    return result;
}

static struct trace *open_folder(const char *name)
{
    char path[160], why[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    struct trace *trace = trace_open(path, why);
    if (!trace)
        fail_msg("%s", why);
    return trace;
}

static void a_recording_is_the_stream_whatever_the_pieces_it_comes_in(void **state)
{
    static const size_t pieces[] = {1, 7, 4095, 4096, 65536};
    struct ctf_error error;
    (void)state;
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        char name[16];
        snprintf(name, sizeof name, "r%zu", i);
        make((struct synth_options){.events = 3000, .cpus = 3, .drop_every = 4, .flush_ns = 5000000});
        assert_int_equal(record(name, pieces[i], &error), CTF_SHORT);
        assert_int_equal(recording.total.events, made.events);
        assert_int_equal(recording.total.packets, made.packets);
        assert_int_equal(recording.total.lost_events, made.lost_events);
        assert_int_equal(recording.total.lost_packets, made.lost_packets);
        struct trace *trace = open_folder(name);
        struct synth_result seen = read_all(trace);
        assert_null(trace->complaints);
        assert_int_equal(seen.events, made.events);
        assert_int_equal(seen.lost_events, made.lost_events);
        trace_close(trace);
    }
}

static void a_sequence_that_goes_back_begins_another_directory(void **state)
{
    struct ctf_error error;
    struct bytes whole = {0};
    (void)state;
    make((struct synth_options){.events = 1000, .first_sequence = 40, .start_ns = 5000000000});
    keep(&whole, stream.at, stream.size);
    uint64_t first = made.events;
    make((struct synth_options){.events = 500, .no_metadata = true});
    keep(&whole, stream.at, stream.size);
    free(stream.at);
    stream = whole;
    assert_int_equal(record("boot", 1000, &error), CTF_SHORT);
    assert_int_equal(recording.opened, 2);
    struct trace *one = open_folder("boot"), *two = open_folder("boot.2");
    assert_int_equal(read_all(one).events, first);
    assert_int_equal(read_all(two).events, made.events);
    trace_close(one);
    trace_close(two);
}

static void a_recording_never_writes_over_another(void **state)
{
    struct ctf_error error;
    (void)state;
    make((struct synth_options){.events = 500});
    assert_int_equal(record("once", 5000, &error), CTF_SHORT);
    assert_int_equal(record("once", 5000, &error), CTF_BROKEN);
    assert_non_null(strstr(recording.why, "not empty"));
}

static void a_broken_stream_ends_a_recording_that_keeps_what_was_whole(void **state)
{
    struct ctf_error error;
    (void)state;
    make((struct synth_options){.events = 2000});
    size_t at = metadata_size() + 2 * TRACE_PACKET_SIZE;
    stream.at[at + 80] = 0xff;
    stream.at[at + 81] = 0xff;
    assert_int_equal(record("broken", 777, &error), CTF_BROKEN);
    assert_int_equal(error.offset, at + 80);
    struct trace *trace = open_folder("broken");
    assert_int_equal(trace->packets, 2);
    assert_false(trace->is_broken);
    trace_close(trace);
}

/* An event as babeltrace2 prints it, from " name:" on. */
static void event_line(const struct ctf_event *event, char *out, size_t size)
{
    size_t n = (size_t)snprintf(out, size, "%s: { cpu_id = %u }, { ", event->layout->name, event->cpu);
    for (uint32_t i = 0; i < event->layout->payload.count; i++) {
        const struct ctf_field *field = &event->layout->payload.fields[i];
        const char *label = ctf_field_label(field, event->values[i]);
        const char *format = field->is_hex      ? "%s%s = 0x%" PRIX64
                             : field->is_signed ? "%s%s = %" PRId64
                                                : "%s%s = %" PRIu64;
        uint64_t value = field->is_hex && field->size == 4 ? (uint32_t)event->values[i] : event->values[i];
        if (label)
            n += (size_t)snprintf(out + n, size - n, "%s%s = ( \"%s\" : container = %" PRIu64 " )", i ? ", " : "",
                                  field->name, label, value);
        else
            n += (size_t)snprintf(out + n, size - n, format, i ? ", " : "", field->name, value);
    }
    snprintf(out + n, size - n, " }\n");
}

/* The next event of one CPU. */
static void next_of_cpu(struct trace *trace, uint32_t cpu, struct trace_item *item)
{
    do
        assert_int_not_equal(trace_next(trace, item), TRACE_ITEM_END);
    while (item->kind != TRACE_ITEM_EVENT || item->event->cpu != cpu);
}

static void babeltrace2_and_this_reader_see_the_same_events(void **state)
{
    struct ctf_error error;
    char command[256], line[1024], wanted[1024];
    struct trace *cpus[3];
    uint64_t lines = 0;
    (void)state;
    if (system("command -v babeltrace2 >/dev/null 2>&1")) {
        print_message("babeltrace2 is not installed: not checked\n");
        skip();
    }
    make((struct synth_options){.events = 20000, .cpus = 3, .flush_ns = 6000000, .task_names = true});
    assert_int_equal(record("judged", 4000, &error), CTF_SHORT);
    for (unsigned i = 0; i < 3; i++)
        cpus[i] = open_folder("judged");
    snprintf(command, sizeof command, "babeltrace2 --no-delta --clock-seconds %s/judged 2>&1", folder);
    FILE *judge = popen(command, "r");
    while (fgets(line, sizeof line, judge)) {
        struct trace_item item;
        const char *cpu = strstr(line, "{ cpu_id = "), *host = strstr(line, "] synth ");
        if (!cpu || !host)
            fail_msg("babeltrace2 says: %s", line); /* any error and any warning */
        uint32_t number = (uint32_t)atoi(cpu + 11);
        assert_in_range(number, 0, 2);
        next_of_cpu(cpus[number], number, &item);
        event_line(item.event, wanted, sizeof wanted);
        assert_string_equal(host + 8, wanted);
        snprintf(wanted, sizeof wanted, "[%" PRIu64 ".%09" PRIu64 "]", 1700000000 + item.time_ns / 1000000000,
                 item.time_ns % 1000000000);
        assert_memory_equal(line, wanted, strlen(wanted));
        lines++;
    }
    assert_int_equal(pclose(judge), 0);
    assert_int_equal(lines, made.events);
    for (unsigned i = 0; i < 3; i++)
        trace_close(cpus[i]);
}

static void babeltrace2_warns_of_the_losses_that_were_made_and_of_nothing_else(void **state)
{
    struct ctf_error error;
    char command[256], line[1024];
    uint64_t events = 0, packets = 0, lines = 0;
    (void)state;
    if (system("command -v babeltrace2 >/dev/null 2>&1"))
        skip();
    make((struct synth_options){.events = 8000, .cpus = 2, .drop_every = 3, .flush_ns = 6000000});
    assert_int_equal(record("lossy", 4000, &error), CTF_SHORT);
    snprintf(command, sizeof command, "babeltrace2 %s/lossy 2>&1 >%s/lines", folder, folder);
    FILE *judge = popen(command, "r");
    while (fgets(line, sizeof line, judge)) {
        uint64_t count;
        char what[8];
        if (sscanf(line, "WARNING: Tracer discarded %" SCNu64 " %7[a-z]", &count, what) == 2)
            *(what[0] == 'e' ? &events : &packets) += count;
        else if (line[0] != '\n')
            fail_msg("babeltrace2 says: %s", line);
    }
    assert_int_equal(pclose(judge), 0);
    snprintf(command, sizeof command, "%s/lines", folder);
    FILE *text = fopen(command, "r");
    while (fgets(line, sizeof line, text))
        lines++;
    fclose(text);
    assert_int_equal(lines, made.events);
    assert_int_equal(events, made.lost_events);
    assert_int_equal(packets, made.lost_packets);
}

#define IN_FOLDER(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_event_of_every_cpu_comes_once_and_in_order),
        cmocka_unit_test(losses_are_counted_exactly),
        cmocka_unit_test(what_was_lost_before_the_first_packet_is_told_apart),
        cmocka_unit_test(times_have_all_their_64_bits),
        cmocka_unit_test(an_event_that_this_tool_was_not_built_with_is_read_all_the_same),
        cmocka_unit_test(fields_of_a_newer_kernel_are_found_by_their_names),
        cmocka_unit_test(what_the_reader_does_not_know_in_metadata_is_refused_with_its_line),
        cmocka_unit_test(wherever_a_stream_is_cut_what_is_whole_is_read),
        cmocka_unit_test(a_broken_packet_gives_its_offset_and_what_came_before_it),
        cmocka_unit_test(a_stream_that_is_none_says_what_came),
        cmocka_unit_test(a_count_that_goes_back_is_an_error),
        IN_FOLDER(a_recording_is_the_stream_whatever_the_pieces_it_comes_in),
        IN_FOLDER(a_sequence_that_goes_back_begins_another_directory),
        IN_FOLDER(a_recording_never_writes_over_another),
        IN_FOLDER(a_broken_stream_ends_a_recording_that_keeps_what_was_whole),
        IN_FOLDER(babeltrace2_and_this_reader_see_the_same_events),
        IN_FOLDER(babeltrace2_warns_of_the_losses_that_were_made_and_of_nothing_else),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    free(stream.at);
    return failed;
}
