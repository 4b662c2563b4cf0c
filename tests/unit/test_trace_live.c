/* rconsole/tracer/live.c: the requests of a viewer, its answers to the byte, and what is no request. The layouts are those of
 * babeltrace2's lttng-viewer-abi.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "rconsole/tracer/live.h"
#include "tests/unit/trace_model.h"

#define METADATA "/* CTF 1.8 */ and so on"
static const struct live_facts facts = {(const uint8_t *)METADATA, sizeof METADATA, MODEL_CPUS, model_read};
static struct live live;
static uint64_t now_ns;

static int setup(void **state)
{
    (void)state;
    model_reset();
    live = (struct live){0};
    now_ns = 1000000000;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    live_free(&live);
    return 0;
}

/* ---- bytes ---- */

static size_t put(uint8_t *at, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        at[i] = (uint8_t)(value >> 8 * (bytes - 1 - i));
    return bytes;
}

static uint64_t get(size_t offset, unsigned bytes)
{
    uint64_t value = 0;
    assert_true(offset + bytes <= live.length);
    for (unsigned i = 0; i < bytes; i++)
        value = value << 8 | live.answer[offset + i];
    return value;
}

static enum live_result feed(const uint8_t *bytes, size_t count)
{
    enum live_result result = LIVE_MORE;
    for (size_t i = 0; i < count && result == LIVE_MORE; i++)
        result = live_byte(&live, &facts, bytes[i], now_ns);
    return result;
}

/* A request of 64- and 32-bit words, given as widths and values; its answer lies in live.answer. */
static enum live_result ask(uint32_t number, size_t words, const uint64_t (*word)[2])
{
    uint8_t bytes[LIVE_HEADER + LIVE_PAYLOAD_MAX];
    size_t length = LIVE_HEADER;
    free(live.answer);
    live.answer = NULL;
    live.length = 0;
    for (size_t i = 0; i < words; i++)
        length += put(bytes + length, word[i][1], (unsigned)word[i][0]);
    put(bytes, length - LIVE_HEADER, 8);
    put(bytes + 8, number, 4);
    put(bytes + 12, 0, 4);
    return feed(bytes, length);
}
#define ASK(number, ...) \
    ask(number, sizeof((uint64_t[][2]){__VA_ARGS__}) / sizeof(uint64_t[2]), (const uint64_t[][2]){__VA_ARGS__})
#define CONNECT() ASK(1, {8, 0}, {4, 2}, {4, 4}, {4, 1})
#define LIST() ask(2, 0, NULL)
#define ATTACH(session, seek) ASK(3, {8, session}, {8, 0}, {4, seek})
#define INDEX(stream) ASK(4, {8, stream})
#define PACKET(stream, offset, length) ASK(5, {8, stream}, {8, offset}, {4, length})
#define GET_METADATA(stream) ASK(6, {8, stream})

enum { BEGINNING = 1, LAST = 2 };
enum { INDEX_STATUS = 56, NONE_SUCH = 77 };

/* ---- the tests ---- */

static void a_viewer_connects_lists_and_attaches(void **state)
{
    (void)state;
    assert_int_equal(CONNECT(), LIVE_ANSWER);
    assert_int_equal(live.length, 20);
    assert_int_equal(get(8, 4), 2);  /* protocol 2.4, for its own number */
    assert_int_equal(get(16, 4), 1); /* the type of connection it asked for */
    assert_int_equal(LIST(), LIVE_ANSWER);
    assert_int_equal(live.length, 4 + 20 + 64 + 255);
    assert_int_equal(get(0, 4), 1);
    assert_int_equal(get(20, 4), MODEL_CPUS + 1);
    assert_string_equal((char *)live.answer + 24, "trustos");
    assert_string_equal((char *)live.answer + 24 + 64, "kernel");
    assert_int_equal(ATTACH(get(4, 8), BEGINNING), LIVE_ATTACHED);
    assert_int_equal(get(0, 4), 1);
    assert_int_equal(get(4, 4), MODEL_CPUS + 1);
    assert_int_equal(live.length, 8 + (MODEL_CPUS + 1) * (20 + 4096 + 255));
    assert_int_equal(ATTACH(1, BEGINNING), LIVE_ANSWER); /* twice: no */
    assert_int_equal(get(0, 4), 3);
}

static void metadata_comes_once_and_only_for_its_stream(void **state)
{
    (void)state;
    assert_int_equal(GET_METADATA(1), LIVE_ANSWER);
    assert_int_equal(get(0, 8), sizeof METADATA);
    assert_int_equal(get(8, 4), 1);
    assert_int_equal(live.length, 12);
    assert_int_equal(live.tail_length, sizeof METADATA);
    assert_memory_equal(live.tail, METADATA, sizeof METADATA);
    live.tail_length = 0; /* sent */
    assert_int_equal(GET_METADATA(1), LIVE_ANSWER);
    assert_int_equal(get(0, 8), 0);
    assert_int_equal(get(8, 4), 2);
    assert_int_equal(live.tail_length, 0);
    assert_int_equal(GET_METADATA(2), LIVE_ANSWER);
    assert_int_equal(get(8, 4), 3);
}

/* Index by index and packet by packet to the end: each event once, in the order of each stream. */
static void indexes_and_packets_bring_every_event(void **state)
{
    struct model_reader readers[MODEL_CPUS] = {{0}};
    (void)state;
    assert_int_equal(ATTACH(1, BEGINNING), LIVE_ATTACHED);
    for (unsigned round = 0; round < 400; round++, now_ns += LIVE_FLUSH_NS / 3) {
        uint32_t cpu = round % MODEL_CPUS;
        for (unsigned n = model_random(120); n; n--)
            model_record(cpu, 1 + model_random(3));
        for (;;) {
            assert_int_equal(INDEX(2 + cpu), LIVE_ANSWER);
            assert_int_equal(live.length, 64);
            if (get(INDEX_STATUS, 4) != 1)
                break;
            uint64_t offset = get(0, 8), bytes = get(8, 8) / 8, begin = get(24, 8), end = get(32, 8), lost = get(40, 8);
            assert_int_equal(PACKET(2 + cpu, offset, bytes), LIVE_ANSWER);
            assert_int_equal(get(0, 4), 1);
            assert_int_equal(get(4, 4), bytes);
            _Alignas(8) uint8_t packet[TRACE_PACKET_SIZE];
            memcpy(packet, live.answer + 12, bytes);
            const struct packet_header *header = (const struct packet_header *)packet;
            assert_true(header->timestamp_begin == begin && header->timestamp_end == end && header->discarded == lost);
            model_take(&readers[cpu], packet, (uint32_t)bytes);
        }
    }
    for (uint32_t cpu = 0; cpu < MODEL_CPUS; cpu++)
        assert_true(readers[cpu].taken > 1000 && readers[cpu].lost == 0);
}

static void a_quiet_stream_promises_no_more_than_was_looked_at(void **state)
{
    (void)state;
    assert_int_equal(ATTACH(1, BEGINNING), LIVE_ATTACHED);
    model_record(0, 1);
    INDEX(2);
    assert_int_equal(get(INDEX_STATUS, 4), 1);
    INDEX(2);
    assert_int_equal(get(INDEX_STATUS, 4), 2); /* not asked again so soon: retry */
    now_ns += LIVE_FLUSH_NS;
    model_clock += 1000;
    INDEX(2);
    assert_int_equal(get(INDEX_STATUS, 4), 5); /* inactive */
    assert_int_equal(get(32, 8), model_clock);
    model_record(0, 1);
    now_ns += LIVE_FLUSH_NS;
    INDEX(2);
    assert_int_equal(get(INDEX_STATUS, 4), 1);
    assert_true(get(24, 8) >= model_clock - 100);
}

static void what_lies_outside_the_packet_that_is_held_is_not_given(void **state)
{
    (void)state;
    assert_int_equal(PACKET(2, 0, 0), LIVE_ANSWER); /* not attached */
    assert_int_equal(get(0, 4), 3);
    assert_int_equal(ATTACH(1, BEGINNING), LIVE_ATTACHED);
    model_record(0, 1);
    INDEX(2);
    uint64_t bytes = get(8, 8) / 8;
    const uint64_t wrong[][2] = {{0, bytes + 1}, {bytes, 1},           {bytes + 1, 0},  {UINT64_MAX, 1},
                                 {1, bytes},     {UINT64_MAX - 2, 4u}, {0, UINT32_MAX}, {bytes - 1, UINT32_MAX}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        PACKET(2, wrong[i][0], wrong[i][1]);
        assert_int_equal(get(0, 4), 3);
        assert_int_equal(live.length, 12);
    }
    PACKET(2, bytes / 2, bytes - bytes / 2);
    assert_int_equal(get(0, 4), 1);
    for (uint64_t stream = 0; stream < 2; stream++) {
        PACKET(stream, 0, 1);
        assert_int_equal(get(0, 4), 3);
    }
    PACKET(2 + MODEL_CPUS, 0, 1);
    assert_int_equal(get(0, 4), 3);
    INDEX(UINT64_MAX);
    assert_int_equal(get(INDEX_STATUS, 4), 4);
}

static void detaching_ends_the_view_and_it_may_attach_again(void **state)
{
    (void)state;
    assert_int_equal(ASK(9, {8, 1}), LIVE_ANSWER);
    assert_int_equal(get(0, 4), 2);
    assert_int_equal(ATTACH(NONE_SUCH, BEGINNING), LIVE_ANSWER);
    assert_int_equal(get(0, 4), 3);
    assert_int_equal(ATTACH(1, LAST), LIVE_ATTACHED);
    assert_int_equal(GET_METADATA(1), LIVE_ANSWER);
    assert_int_equal(ASK(9, {8, 1}), LIVE_ANSWER);
    assert_int_equal(get(0, 4), 1);
    INDEX(2);
    assert_int_equal(get(INDEX_STATUS, 4), 4);
    assert_int_equal(ATTACH(1, LAST), LIVE_ATTACHED);
    GET_METADATA(1);
    assert_int_equal(get(8, 4), 1); /* anew */
}

static void new_streams_are_never_there_and_sessions_are_made(void **state)
{
    (void)state;
    assert_int_equal(ASK(7, {8, 1}), LIVE_ANSWER);
    assert_int_equal(get(0, 4), 2);
    assert_int_equal(live.length, 8);
    assert_int_equal(ask(8, 0, NULL), LIVE_ANSWER);
    assert_int_equal(get(0, 4), 1);
}

static void what_is_no_request_ends_the_connection_at_its_header(void **state)
{
    (void)state;
    for (uint32_t number = 0; number < 12; number++)
        for (uint64_t size = 0; size < 24; size++) {
            static const uint64_t sizes[10] = {UINT64_MAX, 20, 0, 20, 8, 20, 8, 8, 0, 8};
            uint8_t header[LIVE_HEADER] = {0};
            put(header, size, 8);
            put(header + 8, number, 4);
            bool right = number < 10 && size == sizes[number];
            enum live_result result = feed(header, sizeof header);
            assert_int_equal(result, !right ? LIVE_END : size ? LIVE_MORE : LIVE_ANSWER);
            live_free(&live);
        }
    uint8_t huge[LIVE_HEADER] = {0};
    put(huge, 1ull << 32 | 8, 8);
    put(huge + 8, 4, 4);
    assert_int_equal(feed(huge, sizeof huge), LIVE_END);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_viewer_connects_lists_and_attaches),
        T(metadata_comes_once_and_only_for_its_stream),
        T(indexes_and_packets_bring_every_event),
        T(a_quiet_stream_promises_no_more_than_was_looked_at),
        T(what_lies_outside_the_packet_that_is_held_is_not_given),
        T(detaching_ends_the_view_and_it_may_attach_again),
        T(new_streams_are_never_there_and_sessions_are_made),
        T(what_is_no_request_ends_the_connection_at_its_header),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
