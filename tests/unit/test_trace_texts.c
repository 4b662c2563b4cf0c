/* What is told of the events: docs/trace-events.md is as the lists make it, and each text says something. That no event and
 * no field is without one shows when lib/trace_texts.c is compiled. Runs from the top of the tree. */
#include <setjmp.h>
#include <stdbool.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <abi/trace_events.h>
#include "lib/trace_texts.h"
#include "tools/trace-events/page.h"

#define PAGE "docs/trace-events.md"

static char *page_made(size_t *length)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, length);
    trace_events_page(out);
    fclose(out);
    return text;
}

static char *page_committed(size_t *length)
{
    char *text = NULL;
    size_t room = 0;
    FILE *in = fopen(PAGE, "r");
    assert_non_null(in);
    ssize_t bytes = getdelim(&text, &room, 0, in);
    fclose(in);
    assert_true(bytes > 0);
    *length = (size_t)bytes;
    return text;
}

static void the_page_in_docs_is_the_one_that_the_lists_make(void **state)
{
    size_t made_length, committed_length, same = 0, line = 1;
    char *made = page_made(&made_length), *committed = page_committed(&committed_length);
    (void)state;
    for (; same < made_length && same < committed_length && made[same] == committed[same]; same++)
        line += made[same] == '\n';
    bool equal = same == made_length && same == committed_length;
    free(made);
    free(committed);
    if (!equal)
        fail_msg(PAGE " differs from line %zu on: make " PAGE, line);
}

static void an_event_is_found_by_its_number_with_its_fields_in_order(void **state)
{
    size_t count = 0;
    (void)state;
#define F(type, name) #type " " #name ";"
#define E(id, Name, text, class, list)                                                                             \
    {                                                                                                              \
        const struct trace_event_text *event = trace_event_text(id);                                               \
        char fields[200] = "";                                                                                     \
        assert_non_null(event);                                                                                    \
        assert_string_equal(event->name, #Name);                                                                   \
        assert_string_equal(event->ctf_name, #text);                                                               \
        for (size_t i = 0; i < event->field_count; i++) {                                                          \
            size_t used = strlen(fields);                                                                          \
            snprintf(fields + used, sizeof fields - used, "%s %s;", event->fields[i].type, event->fields[i].name); \
        }                                                                                                          \
        assert_string_equal(fields, list);                                                                         \
        count++;                                                                                                   \
    }
    TRACE_EVENTS(E, F)
#undef E
#undef F
    assert_int_equal(count, trace_event_text_count);
    assert_null(trace_event_text(0));
    assert_null(trace_event_text(TRACE_EVENT_COUNT));
}

static void a_text_fits_into_a_row_and_is_no_sentence(const char *text)
{
    size_t length = strlen(text);
    assert_true(length > 0);
    assert_null(strchr(text, '\n'));
    assert_int_not_equal(text[length - 1], '.');
}

static void every_event_and_every_field_is_told_in_a_few_words(void **state)
{
    (void)state;
    for (size_t i = 0; i < trace_event_text_count; i++) {
        const struct trace_event_text *event = &trace_event_texts[i];
        a_text_fits_into_a_row_and_is_no_sentence(event->what);
        a_text_fits_into_a_row_and_is_no_sentence(event->when);
        assert_true(strlen(event->what) > 10 && strlen(event->what) < 80);
        for (size_t k = 0; k < event->field_count; k++)
            a_text_fits_into_a_row_and_is_no_sentence(event->meanings[k]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_page_in_docs_is_the_one_that_the_lists_make),
        cmocka_unit_test(an_event_is_found_by_its_number_with_its_fields_in_order),
        cmocka_unit_test(every_event_and_every_field_is_told_in_a_few_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
