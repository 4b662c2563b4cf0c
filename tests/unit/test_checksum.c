/* The Internet checksum and the packet copy against the simplest that can be written: all small lengths, alignments. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include "netsrv/checksum.h"

static uint16_t reference(const uint8_t *at, int length) /* RFC 1071 §4.1, words as they lie in memory */
{
    uint32_t sum = 0;
    for (int i = 0; i + 1 < length; i += 2)
        sum += (uint32_t)at[i] | (uint32_t)at[i + 1] << 8;
    if (length & 1)
        sum += at[length - 1];
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

static uint8_t bytes[70000];

static void same_as_reference(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)rand();
    for (unsigned offset = 0; offset < 16; offset++)
        for (int length = 0; length < 1600; length++)
            assert_int_equal(packet_sum(bytes + offset, length), reference(bytes + offset, length));
    assert_int_equal(packet_sum(bytes + 1, 65535), reference(bytes + 1, 65535));
}

static void all_ones_and_zeroes(void **state)
{
    (void)state;
    for (unsigned value = 0; value < 256; value += 255) {
        memset(bytes, (int)value, sizeof bytes);
        for (int length = 0; length < 300; length++)
            assert_int_equal(packet_sum(bytes + 3, length), reference(bytes + 3, length));
        assert_int_equal(packet_sum(bytes, 65535), reference(bytes, 65535));
    }
}

static void reads_no_byte_outside(void **state) /* under ASan */
{
    (void)state;
    for (int length = 1; length < 200; length++) {
        uint8_t *exact = malloc((size_t)length);
        memset(exact, 0xff, (size_t)length);
        (void)packet_sum(exact, length);
        free(exact);
    }
    assert_int_equal(packet_sum(bytes, 0), 0);
}

static void copies(void **state)
{
    (void)state;
    static uint8_t to[3000], expected[3000];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)rand();
    for (size_t length = 0; length < 1600; length += length < 200 ? 1 : 13)
        for (unsigned from = 0; from < 9; from++)
            for (unsigned at = 0; at < 9; at++) {
                memset(to, 0xee, sizeof to);
                memset(expected, 0xee, sizeof expected);
                memcpy(expected + at, bytes + from, length);
                assert_ptr_equal(packet_copy(to + at, bytes + from, length), to + at);
                assert_memory_equal(to, expected, 1700);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_as_reference),
        cmocka_unit_test(all_ones_and_zeroes),
        cmocka_unit_test(reads_no_byte_outside),
        cmocka_unit_test(copies),
    };
    srand(3);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
