/* The crash record: what was written is found again; whatever is broken, cut off or of another version is not; and where
 * it lies on a machine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "kernel/x86/crash_record.h"

static _Alignas(8) uint8_t area[CRASH_BYTES_MAX];
static struct crash_head *const head = (struct crash_head *)area;
static const char text[] = "=== KERNEL PANIC: why ===\nmore\n";

static int a_record(void **state)
{
    (void)state;
    uint8_t packet[4096];
    memset(area, 0xa5, sizeof area);
    memset(packet, 0x3c, sizeof packet);
    crash_record_begin(area, "why", 12345);
    crash_record_text(area, text, 10);
    crash_record_text(area, text + 10, sizeof text - 1 - 10);
    crash_record_packet(area, packet, sizeof packet);
    crash_record_seal(head);
    return 0;
}

static void a_whole_record_is_valid_and_has_what_was_written(void **state)
{
    (void)state;
    assert_true(crash_record_valid(area, sizeof area));
    assert_int_equal(head->bytes, sizeof *head + sizeof text - 1 + 4096);
    assert_true(crash_record_valid(area, head->bytes));
    assert_string_equal(head->why, "why");
    assert_int_equal(head->uptime_ns, 12345);
    assert_int_equal(head->text_bytes, sizeof text - 1);
    assert_memory_equal(head + 1, text, sizeof text - 1);
    assert_int_equal(head->packet_bytes, 4096);
    assert_int_equal(area[head->bytes - 1], 0x3c);
}

/* The reflected CRC-32 of "123456789" is known (cbf43926): the record's is that of zlib over the record with 0 in its place. */
static void the_checksum_is_the_crc32_that_others_compute(void **state)
{
    (void)state;
    uint32_t crc = ~0u, kept = head->checksum;
    head->checksum = 0;
    for (size_t i = 0; i < head->bytes; i++) {
        uint32_t c = (crc ^ area[i]) & 0xff;
        for (int k = 0; k < 8; k++)
            c = c & 1 ? 0xedb88320u ^ c >> 1 : c >> 1;
        crc = c ^ crc >> 8;
    }
    assert_int_equal(~crc, kept);
}

static void any_flipped_bit_makes_it_no_record(void **state)
{
    (void)state;
    size_t tried = 0;
    for (size_t bit = 0; bit < head->bytes * 8ul; bit += bit < (sizeof *head + sizeof text) * 8 ? 1 : 509) {
        size_t bytes = sizeof area;
        area[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(crash_record_valid(area, bytes));
        area[bit / 8] ^= (uint8_t)(1u << bit % 8);
        tried++;
    }
    assert_true(tried > 2800);
    assert_true(crash_record_valid(area, sizeof area));
}

static void a_record_that_is_cut_off_is_none(void **state)
{
    (void)state;
    for (size_t room = 0; room < head->bytes; room += room < 512 ? 1 : 61) {
        uint8_t *copy = malloc(room ? room : 1); /* exactly so long: ASan sees a byte too far */
        memcpy(copy, area, room);
        assert_false(crash_record_valid(copy, room));
        free(copy);
    }
    uint32_t bytes = head->bytes; /* or written no further than here before the reset */
    for (size_t from = 64; from < bytes; from += 97) {
        a_record(NULL);
        memset(area + from, 0xa5, bytes - from);
        assert_false(crash_record_valid(area, sizeof area));
    }
}

static void before_it_is_sealed_there_is_none_and_the_older_one_is_gone(void **state)
{
    (void)state;
    crash_record_begin(area, "again", 1);
    assert_false(crash_record_valid(area, sizeof area));
    crash_record_text(area, text, 5);
    assert_false(crash_record_valid(area, sizeof area));
    crash_record_seal(head);
    assert_true(crash_record_valid(area, sizeof area));
    assert_int_equal(head->packet_bytes, 0);
}

/* With a right checksum: only the field itself can tell. */
static void sealed_as(uint32_t *field, uint32_t value)
{
    a_record(NULL);
    *field = value;
    uint32_t bytes = head->bytes <= sizeof area && head->bytes >= sizeof *head ? head->bytes : (uint32_t)sizeof *head;
    uint32_t crc = ~0u;
    head->checksum = 0;
    for (size_t i = 0; i < bytes; i++) {
        crc ^= area[i];
        for (int k = 0; k < 8; k++)
            crc = crc & 1 ? 0xedb88320u ^ crc >> 1 : crc >> 1;
    }
    head->checksum = ~crc;
}

static void another_version_and_sizes_that_do_not_add_up_are_none(void **state)
{
    (void)state;
    sealed_as(&head->flags, CRASH_CUT);
    assert_true(crash_record_valid(area, sizeof area)); /* so the seal of this test is a right one */
    sealed_as(&head->version, CRASH_VERSION + 1);
    assert_false(crash_record_valid(area, sizeof area));
    sealed_as(&head->version, 0);
    assert_false(crash_record_valid(area, sizeof area));
    static const uint32_t wrong[] = {0, 1, sizeof *head - 1, CRASH_BYTES_MAX + 1, UINT32_MAX, UINT32_MAX - 4095};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        sealed_as(&head->bytes, wrong[i]);
        assert_false(crash_record_valid(area, sizeof area));
        sealed_as(&head->text_bytes, wrong[i]);
        assert_false(crash_record_valid(area, sizeof area));
        sealed_as(&head->packet_bytes, wrong[i]);
        assert_false(crash_record_valid(area, sizeof area));
    }
    a_record(NULL);
    memset(head->why, 'x', sizeof head->why);
    crash_record_seal(head);
    assert_false(crash_record_valid(area, sizeof area)); /* a text without its end */
}

static void what_is_too_long_is_cut_and_says_so(void **state)
{
    (void)state;
    static char much[CRASH_BYTES_MAX];
    char why[400];
    memset(much, 'm', sizeof much);
    memset(why, 'w', sizeof why);
    why[sizeof why - 1] = 0;
    crash_record_begin(area, why, 0);
    crash_record_text(area, much, CRASH_BYTES_MAX - sizeof *head);
    assert_int_equal(head->flags, 0);
    crash_record_text(area, much, 1);
    assert_int_equal(head->flags, CRASH_CUT);
    crash_record_packet(area, much, 4096);
    crash_record_seal(head);
    assert_int_equal(head->packet_bytes, 0);
    assert_int_equal(strlen(head->why), CRASH_WHY_MAX - 1);
    assert_true(crash_record_valid(area, sizeof area));
}

static void garbage_and_zeros_are_none(void **state)
{
    (void)state;
    memset(area, 0, sizeof area);
    assert_false(crash_record_valid(area, sizeof area));
    memset(area, 0xff, sizeof area);
    assert_false(crash_record_valid(area, sizeof area));
    srand(4);
    for (int round = 0; round < 2000; round++) {
        for (size_t i = 0; i < sizeof *head; i++)
            area[i] = (uint8_t)rand();
        head->magic = CRASH_MAGIC;
        head->version = CRASH_VERSION;
        assert_false(crash_record_valid(area, sizeof area));
    }
}

/* ---- Where ---- */

#define MIB (1ul << 20)
static uint64_t record_at; /* the place that has a record */

static const void *view(uint64_t physical, uint64_t bytes)
{
    static _Alignas(8) uint8_t nothing[CRASH_BYTES_MAX];
    assert_int_equal(bytes, CRASH_BYTES_MAX);
    return physical == record_at ? area : nothing;
}

static uint64_t place_with(uint64_t mib, uint64_t module, uint64_t module_bytes)
{
    struct boot_info info = {0};
    region_add(&info, 0, 640 << 10, REGION_RAM);
    region_add(&info, MIB, mib * MIB - MIB, REGION_RAM);
    region_add(&info, 5ul << 30, 1ul << 30, REGION_RAM);
    region_add(&info, mib * MIB - (128 << 10), 128 << 10, REGION_RESERVED);
    if (module_bytes)
        region_add(&info, module, module_bytes, REGION_MODULE);
    return crash_place_choose(&info, view);
}

static void the_place_is_in_the_middle_and_the_same_at_each_boot(void **state)
{
    (void)state;
    record_at = 0;
    assert_int_equal(place_with(10, 0, 0), 4 * MIB);
    assert_int_equal(place_with(16, 0, 0), 4 * MIB); /* its RAM ends below 16 MiB */
    assert_int_equal(place_with(257, 0, 0), 128 * MIB);
    assert_int_equal(place_with(256, 0, 0), 64 * MIB);
    assert_int_equal(place_with(3072, 0, 0), 1024 * MIB);
    assert_int_equal(place_with(3, 0, 0), 0); /* none: no record on such a machine */
}

static void a_place_that_is_taken_is_not_used_and_a_record_is_found_wherever_it_lies(void **state)
{
    (void)state;
    record_at = 0;
    assert_int_equal(place_with(256, 64 * MIB + 16383, 1), 32 * MIB);
    assert_int_equal(place_with(256, 64 * MIB + 16384, 1), 64 * MIB);
    assert_int_equal(place_with(256, 3 * MIB, 250 * MIB), 0);
    record_at = 32 * MIB;
    assert_int_equal(place_with(256, 0, 0), 32 * MIB);
    record_at = 64 * MIB;
    assert_int_equal(place_with(256, 0, 0), 64 * MIB);
    assert_int_equal(place_with(256, 64 * MIB, 4096), 32 * MIB); /* the module has overwritten it */
    record_at = 33 * MIB;
    assert_int_equal(place_with(256, 0, 0), 64 * MIB); /* not one of the places */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_whole_record_is_valid_and_has_what_was_written, a_record),
        cmocka_unit_test_setup(the_checksum_is_the_crc32_that_others_compute, a_record),
        cmocka_unit_test_setup(any_flipped_bit_makes_it_no_record, a_record),
        cmocka_unit_test_setup(a_record_that_is_cut_off_is_none, a_record),
        cmocka_unit_test_setup(before_it_is_sealed_there_is_none_and_the_older_one_is_gone, a_record),
        cmocka_unit_test_setup(another_version_and_sizes_that_do_not_add_up_are_none, a_record),
        cmocka_unit_test_setup(what_is_too_long_is_cut_and_says_so, a_record),
        cmocka_unit_test_setup(garbage_and_zeros_are_none, a_record),
        cmocka_unit_test_setup(the_place_is_in_the_middle_and_the_same_at_each_boot, a_record),
        cmocka_unit_test_setup(a_place_that_is_taken_is_not_used_and_a_record_is_found_wherever_it_lies, a_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
