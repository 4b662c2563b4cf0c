/* lib/trace_metadata: the TSDL is of the very list that makes the C enum, and its packets give the text back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <abi/trace_events.h>
#include "lib/trace_metadata.h"
#include "tools/trustos-trace/known.h"

static const struct trace_metadata_facts facts = {
    .uuid = {0x6f, 0x73, 0x2d, 0x74, 0x72, 0x61, 0x43, 0x65, 0x80, 1, 0, 0, 0, 0, 0, 1},
    .wall_offset_s = 1700000000,
    .wall_offset_ns = 123456789,
    .hostname = "trustos",
    .release = "0.3",
};
static char text[TRACE_METADATA_TEXT_MAX];

static struct ctf_layout *layout_of(const struct trace_metadata_facts *of)
{
    struct ctf_error error = {0};
    size_t length = trace_metadata_text(text, sizeof text, of);
    assert_true(length < sizeof text);
    struct ctf_layout *layout = ctf_layout_parse(text, length, &error);
    if (!layout)
        fail_msg("line %u: %s", error.line, error.text);
    return layout;
}

struct field {
    const char *type, *name;
};

static uint32_t size_of(const char *type)
{
#define N(name, bytes, values) \
    if (!strcmp(type, #name))  \
        return bytes;
    TRACE_ENUMS(N)
#undef N
    return strchr(type, '6') ? 8 : 4;
}

static void compare(const struct ctf_event_layout *event, unsigned number, const char *name, const struct field *fields)
{
    uint32_t count = 0, offset = 0;
    assert_int_equal(event->id, number);
    assert_int_equal(event->known, number);
    assert_string_equal(event->name, name);
    for (; fields[count].type; count++) {
        const struct ctf_field *field = &event->payload.fields[count];
        const char *type = fields[count].type;
        assert_string_equal(field->name, fields[count].name);
        assert_int_equal(field->size, size_of(type));
        assert_int_equal(field->offset, offset);
        assert_int_equal(offset % field->size,
                         0); /* no padding anywhere, in the kernel's words or in a reader's layout */
        assert_int_equal(field->is_signed, !strcmp(type, "s32") || !strcmp(type, "s64"));
        assert_int_equal(field->is_hex, type[0] == 'x');
        offset += field->size;
    }
    assert_int_equal(event->payload.count, count);
    assert_int_equal(event->payload.size, offset);
    assert_int_equal(offset % 8, 0);
}

static const struct ctf_field *field_of(const struct ctf_layout *layout, const char *event, const char *name)
{
    for (uint32_t i = 0; i < layout->event_count; i++) {
        if (!strcmp(layout->events[i].name, event))
            return &layout->events[i].payload.fields[ctf_field_index(&layout->events[i].payload, name)];
    }
    fail_msg("no event %s", event);
    return NULL;
}

struct value {
    int64_t value;
    const char *text;
};

/* The field has the names of its type's values, and none for any other value. */
static void compare_values(const struct ctf_layout *layout, const struct ctf_field *field, const struct value *values)
{
    for (int64_t value = -1; value < 100; value++) {
        const char *text = NULL;
        for (const struct value *v = values; v->text; v++)
            text = v->value == value ? v->text : text;
        const char *label = ctf_field_label(layout, field, (uint64_t)value);
        assert_int_equal(label != NULL, text != NULL);
        if (text)
            assert_string_equal(label, text);
    }
}

static const struct value *values_of(const char *type)
{
    static const struct value none[] = {{0, NULL}};
#define V(NAME, value, text) {value, text},
#define N(name, bytes, values)                                            \
    {                                                                     \
        static const struct value name##_values[] = {values(V){0, NULL}}; \
        if (!strcmp(type, #name))                                         \
            return name##_values;                                         \
    }
    TRACE_ENUMS(N)
#undef N
#undef V
    return none;
}

static void each_value_of_each_enumeration_has_its_name_and_no_other_number_has_one(void **state)
{
    struct ctf_layout *layout = layout_of(&facts);
    unsigned named = 0;
    (void)state;
#define F(type, name) {#type, #name},
#define E(number, Name, ctf, class, fields)                                                        \
    {                                                                                              \
        static const struct field list[] = {fields};                                               \
        for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {                                \
            compare_values(layout, field_of(layout, #ctf, list[i].name), values_of(list[i].type)); \
            named += values_of(list[i].type)->text != NULL;                                        \
        }                                                                                          \
    }
    TRACE_EVENTS(E, F)
#undef E
#undef F
    assert_true(named >= 3);
    ctf_layout_free(layout);
}

static void numbers_between_and_behind_those_of_the_list_are_no_events(void **state)
{
    struct ctf_layout *layout = layout_of(&facts);
    bool listed[TRACE_EVENT_COUNT] = {false}; /* ASan watches that no number is beyond */
    unsigned gaps = 0;
    (void)state;
#define E(number, Name, name, class, fields)   \
    assert_true((number) < TRACE_EVENT_COUNT); \
    assert_false(listed[number]);              \
    listed[number] = true;
    TRACE_EVENTS(E, F)
#undef E
    assert_true(listed[TRACE_EVENT_COUNT - 1]);
    for (uint32_t number = 0; number < 1 << 16; number++) {
        assert_int_equal(layout->by_id[number] != 0, number < TRACE_EVENT_COUNT && listed[number]);
        gaps += number < TRACE_EVENT_COUNT && !listed[number];
    }
    assert_true(gaps > 10);
    ctf_layout_free(layout);
}

static void the_text_has_each_event_of_the_list_with_its_number_name_and_fields(void **state)
{
    struct ctf_layout *layout = layout_of(&facts);
    uint32_t seen = 0;
    (void)state;
#define F(type, name) {#type, #name},
#define E(number, Name, text, class, fields)                                                                      \
    assert_int_not_equal(layout->by_id[TRACE_##Name], 0);                                                         \
    compare(&layout->events[layout->by_id[TRACE_##Name] - 1], number, #text, (struct field[]){fields{NULL, ""}}); \
    seen++;
    TRACE_EVENTS(E, F)
#undef E
#undef F
    assert_int_equal(layout->event_count, seen);
    ctf_layout_free(layout);
}

static void the_facts_are_in_the_text(void **state)
{
    struct ctf_layout *layout = layout_of(&facts);
    (void)state;
    assert_memory_equal(layout->uuid, facts.uuid, 16);
    assert_int_equal(layout->wall_offset_s, 1700000000);
    assert_int_equal(layout->wall_offset_ns, 123456789);
    assert_string_equal(layout->hostname, "trustos");
    assert_string_equal(layout->release, "0.3");
    assert_int_equal(layout->context.bytes, TRACE_PACKET_HEADER);
    ctf_layout_free(layout);
    assert_non_null(strstr(text, "uuid = \"6f732d74-7261-4365-8001-000000000001\";"));
}

static void a_hostile_hostname_stays_within_its_string(void **state)
{
    char long_name[200];
    struct trace_metadata_facts odd = {.hostname = "a\"; }; \\ \n\x1b[2J\xff"};
    struct ctf_layout *layout = layout_of(&odd);
    (void)state;
    assert_string_equal(layout->hostname, "a?; }; ? ??[2J?");
    ctf_layout_free(layout);
    memset(long_name, 'n', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = 0;
    odd.hostname = long_name;
    layout = layout_of(&odd);
    assert_int_equal(strlen(layout->hostname), 64);
    ctf_layout_free(layout);
}

static void a_buffer_of_any_size_is_never_overrun_and_the_length_is_the_same(void **state)
{
    (void)state;
    size_t length = trace_metadata_text(text, sizeof text, &facts);
    assert_int_equal(trace_metadata_text(NULL, 0, &facts), length);
    for (size_t size = 1; size <= length + 1; size += size < 300 ? 1 : 97) {
        char *small = malloc(size); /* ASan watches its end */
        assert_int_equal(trace_metadata_text(small, size, &facts), length);
        assert_memory_equal(small, text, size - 1);
        assert_int_equal(small[size - 1], 0);
        free(small);
    }
}

static void the_packets_give_the_text_back(void **state)
{
    struct ctf_error error;
    size_t length = trace_metadata_text(text, sizeof text, &facts), back_length;
    size_t size = trace_metadata_packetize(NULL, 0, text, length, facts.uuid);
    uint8_t *packets = malloc(size);
    (void)state;
    assert_int_equal(size % TRACE_METADATA_PACKET, 0);
    assert_int_equal(trace_metadata_packetize(packets, size, text, length, facts.uuid), size);
    char *back = ctf_metadata_text(packets, size, &back_length, &error);
    assert_non_null(back);
    assert_int_equal(back_length, length);
    assert_memory_equal(back, text, length);
    free(back);
    free(packets);
}

static void only_whole_packets_are_written(void **state)
{
    uint8_t packets[2 * TRACE_METADATA_PACKET];
    size_t length = trace_metadata_text(text, sizeof text, &facts);
    (void)state;
    memset(packets, 0xee, sizeof packets);
    trace_metadata_packetize(packets, 2 * TRACE_METADATA_PACKET - 1, text, length, facts.uuid);
    assert_int_equal(packets[TRACE_METADATA_PACKET], 0xee);
    assert_int_equal(packets[TRACE_METADATA_PACKET - 1], text[TRACE_METADATA_PACKET - TRACE_METADATA_HEADER - 1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_value_of_each_enumeration_has_its_name_and_no_other_number_has_one),
        cmocka_unit_test(numbers_between_and_behind_those_of_the_list_are_no_events),
        cmocka_unit_test(the_text_has_each_event_of_the_list_with_its_number_name_and_fields),
        cmocka_unit_test(the_facts_are_in_the_text),
        cmocka_unit_test(a_hostile_hostname_stays_within_its_string),
        cmocka_unit_test(a_buffer_of_any_size_is_never_overrun_and_the_length_is_the_same),
        cmocka_unit_test(the_packets_give_the_text_back),
        cmocka_unit_test(only_whole_packets_are_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
