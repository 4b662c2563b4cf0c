/* tools/trustos-trace's reader of metadata: layouts of other kernels, enumerations, and what it refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tools/trustos-trace/known.h"

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

/* ---- enumerations ---- */

static const char byte_type[] = "typealias integer { size = 8; signed = true; } := s8;\n";

static void values_of_enumerations_have_their_names_and_fields_of_one_type_share_them(void **state)
{
    static const char text[] =
        "typealias enum : x32 { \"idle\" = 0, \"call\" = 0x10, } := why;\n"
        "typealias enum : s8 { \"late\" = -7, \"a name of thirty-nine characters in all\" = 3 } := delay;\n"
        "event { id = 1; name = \"a\"; fields := struct { why _one; why _two; delay _d; s8 _plain; }; };\n";
    struct ctf_error error;
    char *whole;
    (void)state;
    assert_true(asprintf(&whole, "%s%s", byte_type, text) > 0);
    struct ctf_layout *layout = parse(whole, &error);
    if (!layout)
        fail_msg("line %u: %s", error.line, error.text);
    const struct ctf_field *fields = layout->events[0].payload.fields;
    for (unsigned i = 0; i < 2; i++) {
        assert_string_equal(ctf_field_label(layout, &fields[i], 0), "idle");
        assert_string_equal(ctf_field_label(layout, &fields[i], 16), "call");
        assert_null(ctf_field_label(layout, &fields[i], 3));
        assert_int_equal(fields[i].size, 4);
        assert_true(fields[i].is_hex);
    }
    const uint8_t payload[12] = {0, 0, 0, 0, 16, 0, 0, 0, 0xf9};
    assert_string_equal(ctf_field_label(layout, &fields[2], ctf_field_read(&fields[2], payload)), "late");
    assert_string_equal(ctf_field_label(layout, &fields[2], 3), "a name of thirty-nine characters in all");
    assert_null(ctf_field_label(layout, &fields[3], 3));
    assert_int_equal(layout->labels.count, 4);
    ctf_layout_free(layout);
    free(whole);
}

/* `at`: what stands where the error is. */
static void broken_enumeration(const char *text, const char *at, const char *why)
{
    struct ctf_error error = {0};
    char *whole;
    assert_true(asprintf(&whole, "%s%s", byte_type, text) > 0);
    assert_null(parse(whole, &error));
    assert_true(error.in_metadata);
    if (!strstr(error.text, why))
        fail_msg("`%s`: \"%s\" and not \"%s\"", text, error.text, why);
    assert_in_range(error.offset, strlen(preamble), strlen(preamble) + strlen(whole));
    const char *there = whole + error.offset - strlen(preamble);
    if (strncmp(there, at, strlen(at)))
        fail_msg("`%s`: the error is at `%s` and not at `%s`", text, there, at);
    free(whole);
}

static void a_broken_enumeration_is_refused_at_its_place(void **state)
{
    (void)state;
    broken_enumeration("typealias enum { \"a\" = 1 } := e;", "{ \"a\"", ": is expected");
    broken_enumeration("typealias enum : u99 { \"a\" = 1 } := e;", "u99", "`u99` is not known");
    broken_enumeration("typealias enum : x32 { a = 1 } := e;", "a = 1", "a value's name is expected");
    broken_enumeration("typealias enum : x32 { \"a\" } := e;", "} :=", "= is expected");
    broken_enumeration("typealias enum : x32 { \"a\" = \"b\" } := e;", "\"b\"", "a value is expected");
    broken_enumeration("typealias enum : x32 { \"a\" = 1 ... 3 } := e;", "... 3", ", is expected");
    broken_enumeration("typealias enum : x32 { \"a\" = 1 \"b\" = 2 } := e;", "\"b\"", ", is expected");
    broken_enumeration("typealias enum : x32 { \"\" = 1 } := e;", "\"\"", "1 to 39 characters");
    broken_enumeration("typealias enum : x32 { \"a name of forty characters, one too many\" = 1 } := e;", "\"a name",
                       "1 to 39 characters");
    broken_enumeration("typealias enum : x32 { \"a\" = 0x100000000 } := e;", "0x1", "does not fit its 32 bits");
    broken_enumeration("typealias enum : s8 { \"a\" = 128 } := e;", "128", "does not fit its 8 bits");
    broken_enumeration("typealias enum : x32 { \"a\" = -1 } := e;", "1 }", "does not fit its 32 bits");
    broken_enumeration("typealias enum : x32 { } := e;", ":", "without values");
    broken_enumeration("typealias enum : x32 { \"a\" = 1 } := e; typealias enum : e { \"b\" = 1 } := f;", ": e",
                       "an enumeration of an enumeration");
    broken_enumeration("typealias enum : x32 { \"a\" = 1", "", "the end");
    broken_enumeration("event { id = 1; name = \"a\"; fields := struct { enum : x32 { \"a\" = 1 } f; }; };", "enum",
                       "`enum` is not known");
}

static void more_names_of_values_than_there_is_room_for_are_refused(void **state)
{
    char *text = calloc(CTF_LABELS_MAX + 2, 24), *at = text + sprintf(text, "typealias enum : x32 { ");
    struct ctf_error error = {0};
    (void)state;
    for (unsigned i = 0; i < CTF_LABELS_MAX; i++)
        at += sprintf(at, "\"v%u\" = %u, ", i, i);
    strcpy(at, "} := e;");
    struct ctf_layout *layout = parse(text, &error);
    assert_non_null(layout);
    ctf_layout_free(layout);
    strcpy(at, "\"one\" = 1 } := e;");
    assert_null(parse(text, &error));
    assert_int_equal(error.offset, strlen(preamble) + (size_t)(at - text));
    assert_non_null(strstr(error.text, "more than 4096 values"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_of_a_newer_kernel_are_found_by_their_names),
        cmocka_unit_test(values_of_enumerations_have_their_names_and_fields_of_one_type_share_them),
        cmocka_unit_test(a_broken_enumeration_is_refused_at_its_place),
        cmocka_unit_test(more_names_of_values_than_there_is_room_for_are_refused),
        cmocka_unit_test(what_the_reader_does_not_know_in_metadata_is_refused_with_its_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
