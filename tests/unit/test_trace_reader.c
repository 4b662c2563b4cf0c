/* tools/trustos-trace's reader, against synthetic streams, broken ones among them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tests/unit/trace_fixture.h"
#include "tools/trustos-trace/names.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_event_of_every_cpu_comes_once_and_in_order),
        cmocka_unit_test(losses_are_counted_exactly),
        cmocka_unit_test(what_was_lost_before_the_first_packet_is_told_apart),
        cmocka_unit_test(times_have_all_their_64_bits),
        cmocka_unit_test(an_event_that_this_tool_was_not_built_with_is_read_all_the_same),
        cmocka_unit_test(wherever_a_stream_is_cut_what_is_whole_is_read),
        cmocka_unit_test(a_broken_packet_gives_its_offset_and_what_came_before_it),
        cmocka_unit_test(a_stream_that_is_none_says_what_came),
        cmocka_unit_test(a_count_that_goes_back_is_an_error),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    free(stream.at);
    return failed;
}
