/* Units in words, aligned tables, JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "jarvis/render.h"

static char bytes[4096];

static void begin(struct answer *answer, enum language language, bool json)
{
    memset(bytes, 0, sizeof bytes);
    answer_init(answer, bytes, sizeof bytes - 1, language);
    answer->json = json;
}

static void sizes_and_times_are_words(void **state)
{
    (void)state;
    char t[UNIT_TEXT];
    assert_string_equal(size_text(t, 512, LANGUAGE_EN), "512 B");
    assert_string_equal(size_text(t, 512, LANGUAGE_FR), "512 o");
    assert_string_equal(size_text(t, 12600, LANGUAGE_EN), "12.3 KiB");
    assert_string_equal(size_text(t, 12600, LANGUAGE_FR), "12,3 Kio");
    assert_string_equal(size_text(t, 256ull << 20, LANGUAGE_EN), "256 MiB");
    assert_string_equal(size_text(t, UINT64_MAX, LANGUAGE_EN), "16777216 TiB");
    assert_string_equal(time_text(t, 20000, LANGUAGE_EN), "20 us");
    assert_string_equal(time_text(t, 1500000, LANGUAGE_EN), "1.5 ms");
    assert_string_equal(time_text(t, 192000000000ull, LANGUAGE_EN), "3 min 12 s");
    assert_string_equal(time_text(t, 100000000000000ull, LANGUAGE_EN), "1 d 3 h");
    assert_string_equal(time_text(t, 86400000000000ull, LANGUAGE_FR), "1 j");
    assert_string_equal(share_text(t, 1, 8, LANGUAGE_EN), "12.5 %");
    assert_string_equal(share_text(t, 1, 0, LANGUAGE_EN), "0 %");
    assert_string_equal(bar_text(t, 8, 1, 4), "[##......]");
    assert_string_equal(stroke_text(t, 8, 9, 4), "########");
}

static void bits_are_ranges(void **state)
{
    (void)state;
    char t[BITS_TEXT];
    assert_string_equal(bits_text(t, 0), "");
    assert_string_equal(bits_text(t, 1), "0");
    assert_string_equal(bits_text(t, 0x8f), "0-3,7");
    assert_string_equal(bits_text(t, ~0ul), "0-63");
    assert_string_equal(bits_text(t, 1ul << 63 | 1), "0,63");
    size_t longest = 0;
    for (unsigned i = 0; i < 3; i++) {
        static const uint64_t dense[] = {0x5555555555555555, 0xdb6db6db6db6db6d, 0xb6db6db6db6db6db};
        size_t n = strlen(bits_text(t, dense[i]));
        longest = n > longest ? n : longest;
    }
    assert_true(longest > 100 && longest + 1 < BITS_TEXT);
}

static void addresses_are_short(void **state)
{
    (void)state;
    char t[48];
    const uint8_t four[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 2, 15};
    const uint8_t six[16] = {0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0x50, 0x54, 0, 0xff, 0xfe, 0x12, 0x34, 0x56};
    const uint8_t one[16] = {[15] = 1}, zero[16] = {0}, tail[16] = {0x20, 0x01, 0x0d, 0xb8};
    assert_string_equal(address_text(t, four), "10.0.2.15");
    assert_string_equal(address_text(t, six), "fe80::5054:ff:fe12:3456");
    assert_string_equal(address_text(t, one), "::1");
    assert_string_equal(address_text(t, zero), "::");
    assert_string_equal(address_text(t, tail), "2001:db8::");
}

static const struct column columns[] = {
    {"id", "Id", "N°", true}, {"name", "Name", "Nom", false}, {"size", "Size", "Taille", true}};

static void table(struct answer *answer)
{
    struct sheet *sheet = sheet_table(answer, "things", columns, 3);
    put_number(sheet, 7);
    put_text(sheet, "é\x1b[2J");
    put_size(sheet, 4096);
    put_number(sheet, 1234);
    put_text(sheet, "b\"c");
    put_size(sheet, 0);
    sheet_end(sheet);
}

static void tables_align_and_hold_no_control_bytes(void **state)
{
    (void)state;
    struct answer answer;
    begin(&answer, LANGUAGE_FR, false);
    table(&answer);
    assert_string_equal(bytes, "  N°  Nom    Taille\n"
                               "   7  é?[2J   4 Kio\n"
                               "1234  b\"c       0 o\n");
}

static void the_same_calls_write_json(void **state)
{
    (void)state;
    struct answer answer;
    begin(&answer, LANGUAGE_EN, true);
    table(&answer);
    assert_string_equal(bytes, "{\"things\":[{\"id\":7,\"name\":\"é\\u001b[2J\",\"size\":4096},"
                               "{\"id\":1234,\"name\":\"b\\\"c\",\"size\":0}]}\n");
}

static void broken_utf8_becomes_a_replacement_in_json(void **state)
{
    (void)state;
    struct answer answer;
    struct json json = {.out = &answer};
    begin(&answer, LANGUAGE_EN, true);
    json_open(&json, NULL, '[');
    json_string(&json, NULL, "a\xff\xed\xa0\x80z");
    json_close(&json);
    assert_string_equal(bytes, "[\"a\\ufffd\\ufffd\\ufffd\\ufffdz\"]");
}

static void facts_are_a_list_and_an_object(void **state)
{
    (void)state;
    struct answer answer;
    for (unsigned json = 0; json < 2; json++) {
        begin(&answer, LANGUAGE_EN, json);
        struct sheet *sheet = sheet_facts(&answer, "one");
        sheet_label(sheet, "free_bytes", "Free");
        put_size(sheet, 1024);
        sheet_label(sheet, "up", "Link up");
        put_yes(sheet, true);
        sheet_end(sheet);
        assert_string_equal(bytes,
                            json ? "{\"one\":{\"free_bytes\":1024,\"up\":true}}\n" : "Free     1 KiB\nLink up  yes\n");
    }
}

static void an_answer_never_overflows(void **state)
{
    (void)state;
    struct answer answer;
    memset(bytes, 0x55, sizeof bytes);
    answer_init(&answer, bytes, 100, LANGUAGE_EN);
    for (unsigned i = 0; i < 50; i++)
        table(&answer);
    assert_true(answer.cut);
    assert_int_equal(answer.length, 100);
    assert_int_equal(bytes[100], 0x55);
}

static void a_sheet_tells_what_it_dropped(void **state)
{
    (void)state;
    struct answer answer;
    begin(&answer, LANGUAGE_EN, false);
    struct sheet *sheet = sheet_table(&answer, "many", columns, 3);
    for (unsigned i = 0; i < SHEET_CELLS + 9; i++)
        put_text(sheet, "");
    assert_int_equal(sheet->dropped, 9);
    sheet_end(sheet);
}

static void control_codes_of_two_bytes_are_neutralised_too(void **state)
{
    (void)state;
    char out[32];
    text_neutral(out, sizeof out,
                 "a\xc2\x9b"
                 "31mé\x7f",
                 10);
    assert_string_equal(out, "a?31mé?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_and_times_are_words),
        cmocka_unit_test(bits_are_ranges),
        cmocka_unit_test(addresses_are_short),
        cmocka_unit_test(tables_align_and_hold_no_control_bytes),
        cmocka_unit_test(the_same_calls_write_json),
        cmocka_unit_test(broken_utf8_becomes_a_replacement_in_json),
        cmocka_unit_test(facts_are_a_list_and_an_object),
        cmocka_unit_test(an_answer_never_overflows),
        cmocka_unit_test(a_sheet_tells_what_it_dropped),
        cmocka_unit_test(control_codes_of_two_bytes_are_neutralised_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
