/* What tools/trustos-trace records from streams that come in pieces, with babeltrace2 as judge. */
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
#include "tests/unit/trace_fixture.h"
#include "tools/trustos-trace/recording.h"

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
    struct fixture_bytes whole = {0};
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
static void event_line(const struct trace *trace, const struct ctf_event *event, char *out, size_t size)
{
    size_t n = (size_t)snprintf(out, size, "%s: { cpu_id = %u }, { ", event->layout->name, event->cpu);
    for (uint32_t i = 0; i < event->layout->payload.count; i++) {
        const struct ctf_field *field = &event->layout->payload.fields[i];
        const char *label = ctf_field_label(trace->layout, field, event->values[i]);
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
        event_line(cpus[number], item.event, wanted, sizeof wanted);
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
