/* rconsole/tracer/place.c: whoever reads, however late, gets every event once or is told exactly how many it lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <abi/errors.h>
#include "tests/unit/trace_model.h"

static _Alignas(8) uint8_t buffer[TRACE_PACKET_SIZE];

static void record_some(uint32_t cpu, uint32_t most)
{
    for (uint32_t n = model_random(most + 1); n; n--)
        model_record(cpu, 1 + model_random(3));
}

static uint32_t take(struct place *place, struct model_reader *reader, bool partial)
{
    uint32_t bytes = place_next(place, partial, 0, model_read, buffer);
    if (bytes)
        model_take(reader, buffer, bytes);
    return bytes;
}

/* To the end: then what came and what was lost are all there is. */
static void drain(struct place *place, struct model_reader *reader)
{
    model_meanwhile = NULL;
    while (take(place, reader, true))
        ;
    assert_int_equal(reader->base + reader->taken + reader->lost, model_rings[0].events);
}

static void one_that_keeps_up_gets_every_event(void **state)
{
    struct place place;
    struct model_reader reader = {0};
    (void)state;
    model_reset();
    place_start(&place, PLACE_OLDEST, 0, model_read, buffer);
    for (unsigned i = 0; i < 20000; i++) {
        record_some(0, 60);
        while (take(&place, &reader, model_random(4) == 0))
            ;
    }
    drain(&place, &reader);
    assert_int_equal(reader.lost, 0);
    assert_int_equal(reader.taken, model_rings[0].events);
    assert_true(model_rings[0].open > 1000);
}

static void one_that_comes_late_loses_exactly_what_it_is_told(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 200; round++) {
        struct place place;
        struct model_reader reader = {0};
        model_seed = round;
        uint32_t burst = 1u << model_random(12);
        model_reset();
        record_some(0, burst);
        place_start(&place, PLACE_OLDEST, 0, model_read, buffer);
        for (unsigned i = 0; i < 200; i++) {
            record_some(0, burst);
            for (unsigned n = model_random(4); n; n--)
                take(&place, &reader, model_random(2));
        }
        drain(&place, &reader);
    }
}

static void packets_are_numbered_by_how_many_of_the_kernels_were_missed(void **state)
{
    struct place place;
    struct model_reader reader = {0};
    (void)state;
    model_reset();
    place_start(&place, PLACE_OLDEST, 0, model_read, buffer);
    for (unsigned i = 0; i < 300; i++) {
        while (model_rings[0].open == 0)
            model_record(0, 3); /* it begins with the first */
        while (take(&place, &reader, false))
            assert_int_equal(reader.number, place.sequence);
        record_some(0, 2000);
    }
    assert_true(reader.lost > 0);
}

static uint32_t storm;
static void write_meanwhile(uint32_t cpu)
{
    record_some(cpu, storm);
}

static void what_is_written_while_it_reads_is_counted_too(void **state)
{
    (void)state;
    for (storm = 1; storm < 3000; storm += 1 + storm / 3) {
        struct place place;
        struct model_reader reader = {0};
        model_reset();
        model_meanwhile = write_meanwhile;
        place_start(&place, PLACE_OLDEST, 0, model_read, buffer);
        for (unsigned i = 0; i < 300; i++)
            take(&place, &reader, model_random(2));
        drain(&place, &reader);
        assert_true(reader.taken > 0);
    }
}

static void one_that_begins_now_gets_nothing_older_than_the_open_packet(void **state)
{
    struct place place;
    struct model_reader reader = {0};
    (void)state;
    model_reset();
    while (model_rings[0].open < 9)
        record_some(0, 50);
    uint64_t before = model_rings[0].events;
    model_record(0, 1);
    place_start(&place, PLACE_NOW, 0, model_read, buffer);
    drain(&place, &reader);
    assert_int_equal(place.sequence, model_rings[0].open);
    assert_true(reader.base <= before && reader.taken <= TRACE_PACKET_SIZE / 16);
    assert_int_equal(reader.lost, 0); /* what it did not come for is not lost */
}

static void an_open_packet_goes_out_in_parts_only_when_asked(void **state)
{
    struct place place;
    struct model_reader reader = {0};
    (void)state;
    model_reset();
    place_start(&place, PLACE_OLDEST, 0, model_read, buffer);
    assert_int_equal(take(&place, &reader, true), 0); /* no event, no packet */
    model_record(0, 2);
    assert_int_equal(take(&place, &reader, false), 0);
    assert_int_equal(take(&place, &reader, true), TRACE_PACKET_HEADER + 24);
    assert_int_equal(take(&place, &reader, true), 0);
    model_record(0, 1);
    model_record(0, 3);
    assert_int_equal(take(&place, &reader, true), TRACE_PACKET_HEADER + 16 + 32);
    while (model_rings[0].open == 0)
        model_record(0, 1);
    assert_true(take(&place, &reader, false) > 0);
    assert_int_equal(place.sequence, 1);
    drain(&place, &reader);
    assert_int_equal(reader.lost, 0);
}

/* The packet of which a part went out is overwritten: what else was in it is lost, and what went out is not. */
static void the_part_of_an_overwritten_packet_that_went_out_is_not_lost(void **state)
{
    struct place place;
    struct model_reader reader = {0};
    (void)state;
    model_reset();
    place_start(&place, PLACE_OLDEST, 0, model_read, buffer);
    for (unsigned i = 0; i < 5; i++)
        model_record(0, 1);
    assert_true(take(&place, &reader, true) > 0);
    while (model_rings[0].open < MODEL_PACKETS)
        model_record(0, 1);
    uint64_t first_kept = ((struct packet_header *)model_rings[0].packets[1])->discarded;
    assert_true(take(&place, &reader, false) > 0);
    assert_int_equal(reader.lost, first_kept - 5);
    drain(&place, &reader);
}

/* A viewer is promised that nothing older follows: the time of the last look, also of one that found nothing. */
static void a_look_that_finds_nothing_moves_the_time_up_to_which_all_is_known(void **state)
{
    struct place place;
    struct model_reader reader = {0};
    (void)state;
    model_reset();
    place_start(&place, PLACE_OLDEST, 0, model_read, buffer);
    model_record(0, 1);
    assert_true(take(&place, &reader, true) > 0);
    model_clock += 5000;
    assert_int_equal(take(&place, &reader, true), 0);
    assert_int_equal(place.end_ns, model_clock);
    reader.end_ns = place.end_ns;
    model_record(0, 1);
    assert_true(take(&place, &reader, true) > 0);
}

static result_t refuses(uint32_t cpu, uint64_t sequence, void *to, uint64_t *second)
{
    (void)cpu, (void)sequence, (void)to;
    *second = 0;
    return ERR_INVALID;
}

static void a_kernel_that_refuses_gives_nothing(void **state)
{
    struct place place;
    (void)state;
    place_start(&place, PLACE_NOW, 0, refuses, buffer);
    assert_int_equal(place_next(&place, true, 0, refuses, buffer), 0);
    assert_int_equal(place.sequence, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_that_keeps_up_gets_every_event),
        cmocka_unit_test(one_that_comes_late_loses_exactly_what_it_is_told),
        cmocka_unit_test(packets_are_numbered_by_how_many_of_the_kernels_were_missed),
        cmocka_unit_test(what_is_written_while_it_reads_is_counted_too),
        cmocka_unit_test(one_that_begins_now_gets_nothing_older_than_the_open_packet),
        cmocka_unit_test(an_open_packet_goes_out_in_parts_only_when_asked),
        cmocka_unit_test(the_part_of_an_overwritten_packet_that_went_out_is_not_lost),
        cmocka_unit_test(a_look_that_finds_nothing_moves_the_time_up_to_which_all_is_known),
        cmocka_unit_test(a_kernel_that_refuses_gives_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
