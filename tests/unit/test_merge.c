/* Joining received segments: what may be joined, what not, and that nothing of the bytes is lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include "netsrv/checksum.h"
#include "netsrv/merge.h"

static void put16(uint8_t *at, uint32_t v)
{
    at[0] = (uint8_t)(v >> 8);
    at[1] = (uint8_t)v;
}
static void put32(uint8_t *at, uint32_t v)
{
    put16(at, v >> 16);
    put16(at + 2, v);
}

static void checksums(uint8_t *f)
{
    uint32_t tcp = (uint32_t)(f[16] << 8 | f[17]) - 20;
    uint8_t pseudo[12];
    memset(f + 24, 0, 2);
    uint16_t sum = (uint16_t)~packet_sum(f + 14, 20);
    memcpy(f + 24, &sum, 2);
    memcpy(pseudo, f + 26, 8);
    pseudo[8] = 0;
    pseudo[9] = 6;
    put16(pseudo + 10, tcp);
    memset(f + 50, 0, 2);
    uint32_t total = packet_sum(pseudo, 12) + (uint32_t)packet_sum(f + 34, (int)tcp);
    total = (total & 0xffff) + (total >> 16);
    sum = (uint16_t) ~((total & 0xffff) + (total >> 16));
    memcpy(f + 50, &sum, 2);
}

/* A frame with `payload` bytes; returns its length. */
static uint32_t make(uint8_t *f, uint32_t sequence, uint32_t payload)
{
    static const uint8_t start[] = {0x52, 0x54, 0, 0x12, 0x34, 0x56, 0x52, 0x55, 10,   0,    2, 2, 8,
                                    0,    0x45, 0, 0,    0,    0,    9,    0,    0,    64,   6, 0, 0,
                                    10,   0,    2, 2,    10,   0,    2,    15,   0x8d, 0x66, 0, 7};
    memcpy(f, start, sizeof start);
    put16(f + 16, 40 + payload);
    put32(f + 38, sequence);
    put32(f + 42, 777);
    f[46] = 0x50;
    f[47] = 0x10;
    put16(f + 48, 65535);
    put32(f + 50, 0);
    for (uint32_t i = 0; i < payload; i++)
        f[54 + i] = (uint8_t)((sequence + i) * 31);
    checksums(f);
    return 54 + payload;
}

static uint8_t frame[1600], other[1600];
static struct merge_segment a, b;

static void plain_segments_are_taken(void **state)
{
    (void)state;
    for (uint32_t payload = 1; payload <= 1460; payload++) {
        uint32_t length = make(frame, 1000, payload);
        assert_true(merge_look(frame, length, false, &a));
        assert_int_equal(a.payload, payload);
        assert_int_equal(a.sequence, 1000);
    }
    uint32_t length = make(frame, 5, 2); /* padded to the shortest frame */
    memset(frame + length, 0xaa, 60 - length);
    assert_true(merge_look(frame, 60, false, &a));
    assert_int_equal(a.payload, 2);
}

static void others_are_left_alone(void **state)
{
    (void)state;
    static const struct {
        unsigned at;
        uint8_t value;
    } changes[] = {{12, 0x86}, {14, 0x46}, {14, 0x65}, {20, 0x20}, {21, 1},    {23, 17}, {46, 0x60},
                   {47, 0x11}, {47, 0x12}, {47, 0x14}, {47, 0x30}, {47, 0x00}, {53, 1}};
    for (unsigned i = 0; i < sizeof changes / sizeof *changes; i++) {
        uint32_t length = make(frame, 1, 100);
        frame[changes[i].at] = changes[i].value;
        checksums(frame);
        assert_false(merge_look(frame, length, false, &a));
    }
    uint32_t length = make(frame, 1, 0);
    assert_false(merge_look(frame, length, false, &a)); /* no payload */
    length = make(frame, 1, 100);
    for (uint32_t cut = 0; cut < length; cut++)
        assert_false(merge_look(frame, cut, false, &a));
    put16(frame + 16, 65535);
    assert_false(merge_look(frame, length, true, &a));
}

static void one_wrong_bit_is_seen(void **state)
{
    (void)state;
    for (unsigned bit = 14 * 8; bit < (54 + 64) * 8; bit++) {
        uint32_t length = make(frame, 1, 64);
        frame[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(merge_look(frame, length, false, &a));
    }
}

static void only_what_follows_is_joined(void **state)
{
    (void)state;
    uint32_t first = make(frame, 0xfffffff0, 100);
    assert_true(merge_look(frame, first, false, &a));
    uint32_t second = make(other, 0xfffffff0 + 100, 50); /* the number wraps */
    assert_true(merge_look(other, second, false, &b));
    assert_true(merge_follows(&a, 100, &b));
    assert_false(merge_follows(&a, 101, &b));
    assert_false(merge_follows(&a, 99, &b));
    static const unsigned fields[] = {15, 22, 26, 29, 30, 33, 34, 35, 36, 37};
    for (unsigned i = 0; i < sizeof fields / sizeof *fields; i++) {
        second = make(other, 0xfffffff0 + 100, 50);
        other[fields[i]] ^= 1;
        checksums(other);
        assert_true(merge_look(other, second, false, &b));
        assert_false(merge_follows(&a, 100, &b));
    }
    second = make(other, 0xfffffff0 + MERGE_BYTES_MAX, 50);
    assert_true(merge_look(other, second, false, &b));
    assert_false(merge_follows(&a, MERGE_BYTES_MAX, &b)); /* longer than IPv4 can say */
}

static void headers_of_the_whole(void **state)
{
    (void)state;
    uint32_t first = make(frame, 100, 1460), second = make(other, 1560, 1000);
    put32(other + 42, 888);
    put16(other + 48, 4321);
    other[47] |= 0x08;
    checksums(other);
    assert_true(merge_look(frame, first, false, &a));
    assert_true(merge_look(other, second, false, &b));
    merge_write(&a, 2460, &b);
    assert_int_equal(frame[16] << 8 | frame[17], 2500);
    assert_int_equal(packet_sum(frame + 14, 20), 0xffff);
    assert_int_equal(frame[45], 888 & 0xff);
    assert_int_equal(frame[48] << 8 | frame[49], 4321);
    assert_int_equal(frame[47], 0x18);
    assert_int_equal(frame[38] << 24 | frame[39] << 16 | frame[40] << 8 | frame[41], 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_segments_are_taken), cmocka_unit_test(others_are_left_alone),
        cmocka_unit_test(one_wrong_bit_is_seen),    cmocka_unit_test(only_what_follows_is_joined),
        cmocka_unit_test(headers_of_the_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
