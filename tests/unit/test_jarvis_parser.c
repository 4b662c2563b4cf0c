/* Jarvis's parser: the set of utterances with its score, and what must hold for any text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "jarvis/parser.h"

static void describe(const struct request *request, char *out, size_t size)
{
    size_t n = 0;
    out[0] = 0;
    for (unsigned i = 0; i < request->count && n < size; i++) {
        const struct clause *clause = &request->clauses[i];
        n += (size_t)snprintf(out + n, size - n, "%s%s", i ? " + " : "", intent_name(clause->intent));
        for (unsigned s = 0; s < clause->slot_count && n < size; s++)
            n += (size_t)snprintf(out + n, size - n, " %s=%s", slot_name(clause->slots[s].id),
                                  request->arena + clause->slots[s].value);
    }
}

struct score {
    unsigned all, intent, full;
};

static void judge(const char *language, const char *text, const char *expected, struct score *score)
{
    struct request request;
    char got[512], intent[64];
    parse_request(&request, text, strlen(text), language[0] == 'f' ? LANGUAGE_FR : LANGUAGE_EN);
    describe(&request, got, sizeof got);
    sscanf(expected, "%63s", intent);
    score->all++;
    score->intent += request.count && strcmp(intent_name(request.clauses[0].intent), intent) == 0;
    score->full += strcmp(got, expected) == 0;
    if (strcmp(got, expected) != 0)
        printf("  [%s] %-55s wanted: %-30s got: %s\n", language, text, expected, got);
}

static void the_set_scores_at_least_95_percent_in_each_language(void **state)
{
    (void)state;
    const char *path = getenv("JARVIS_SET") ? getenv("JARVIS_SET") : "tests/unit/jarvis_set.tsv";
    FILE *file = fopen(path, "r");
    struct score scores[2] = {{0}};
    char line[512];
    assert_non_null(file);
    while (fgets(line, sizeof line, file)) {
        char *save, *language = strtok_r(line, "\t\n", &save), *text = strtok_r(NULL, "\t\n", &save),
                    *expected = strtok_r(NULL, "\t\n", &save);
        if (language && text && expected && language[0] != '#')
            judge(language, text, expected, &scores[language[0] == 'f']);
    }
    fclose(file);
    for (unsigned i = 0; i < 2; i++) {
        struct score *s = &scores[i];
        printf("jarvis set %s: %u utterances, intent %u.%u %%, intent and slots %u.%u %%\n", i ? "fr" : "en", s->all,
               s->intent * 100 / s->all, s->intent * 1000 / s->all % 10, s->full * 100 / s->all,
               s->full * 1000 / s->all % 10);
        assert_true(s->intent * 100 >= s->all * 95);
        assert_true(s->full * 100 >= s->all * 95);
    }
}

static void check(const char *text, const char *expected)
{
    struct request request;
    char got[512];
    parse_request(&request, text, strlen(text), LANGUAGE_EN);
    describe(&request, got, sizeof got);
    assert_string_equal(got, expected);
}

static void case_politeness_and_order_change_nothing(void **state)
{
    (void)state;
    check("MEMORY", "memory");
    check("Please, Jarvis, could you show me the memory?", "memory");
    check("jarvis, status", "status");
    check("the memory, please show it", "memory");
    check("NETSRV: restart please", "service_restart service=netsrv");
    check("hello jarvis", "help");
}

static void slips_are_corrected_but_not_invented(void **state)
{
    (void)state;
    check("memmory", "memory");
    check("conections", "connections");
    check("proceses", "tasks");
    check("xyzzy", "unknown");
    check("restrt netsrv", "service_restart service=netsrv");
    check("sto netsrv now", "unknown"); /* no act is guessed from far */
}

static void one_verb_with_two_objects_is_two_clauses(void **state)
{
    (void)state;
    check("restart netsrv and jarvis", "service_restart service=netsrv + service_restart service=jarvis");
    check("status, memory, tasks --json", "status format=json + memory format=json + tasks format=json");
    check("free and used memory", "memory");
}

static void conditions_belong_to_the_clause_they_introduce(void **state)
{
    (void)state;
    struct request request;
    const char *text = "restart netsrv and if that fails show the log";
    parse_request(&request, text, strlen(text), LANGUAGE_EN);
    assert_int_equal(request.count, 2);
    assert_int_equal(request.clauses[1].intent, INTENT_log);
    assert_int_equal(request.clauses[1].condition, IF_FAIL);
    assert_int_equal(request.clauses[1].link, LINK_THEN);
}

static void the_language_is_that_of_the_words(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum language hint, language;
    } cases[] = {{"combien de memoire", LANGUAGE_EN, LANGUAGE_FR},
                 {"how much memory", LANGUAGE_FR, LANGUAGE_EN},
                 {"top", LANGUAGE_FR, LANGUAGE_FR},
                 {"top", LANGUAGE_EN, LANGUAGE_EN},
                 {"stop", LANGUAGE_EN, LANGUAGE_EN},
                 {"stop foo", LANGUAGE_EN, LANGUAGE_EN},
                 {"réseau", LANGUAGE_EN, LANGUAGE_FR},
                 {"état", LANGUAGE_EN, LANGUAGE_FR}};
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct request request;
        parse_request(&request, cases[i].text, strlen(cases[i].text), cases[i].hint);
        assert_int_equal(request.language, cases[i].language);
    }
}

static void any_bytes_give_a_request(void **state)
{
    (void)state;
    struct request request;
    char noise[4096];
    unsigned seed = 1;
    for (unsigned round = 0; round < 300; round++) {
        for (unsigned i = 0; i < sizeof noise; i++)
            noise[i] = (char)((seed = seed * 1103515245 + 12345) >> 16);
        parse_request(&request, noise, round * 13 % sizeof noise, LANGUAGE_EN);
        assert_true(request.count >= 1);
    }
}

static void the_same_text_gives_the_same_request(void **state)
{
    (void)state;
    struct request a, b;
    const char *text = "show the last 20 events and then the memory as json";
    memset(&a, 0, sizeof a);
    memset(&b, 0, sizeof b);
    parse_request(&a, text, strlen(text), LANGUAGE_EN);
    parse_request(&b, text, strlen(text), LANGUAGE_EN);
    assert_memory_equal(&a, &b, sizeof a);
}

static void distances_count_slips(void **state)
{
    (void)state;
    assert_int_equal(word_distance("netsrv", "netsrv", 2), 0);
    assert_int_equal(word_distance("netsvr", "netsrv", 2), 1);
    assert_int_equal(word_distance("memroy", "memory", 2), 1);
    assert_int_equal(word_distance("mmory", "memory", 2), 1);
    assert_int_equal(word_distance("abc", "xyz", 2), 3);
    assert_int_equal(word_distance("", "xyz", 2), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_set_scores_at_least_95_percent_in_each_language),
        cmocka_unit_test(case_politeness_and_order_change_nothing),
        cmocka_unit_test(slips_are_corrected_but_not_invented),
        cmocka_unit_test(one_verb_with_two_objects_is_two_clauses),
        cmocka_unit_test(conditions_belong_to_the_clause_they_introduce),
        cmocka_unit_test(the_language_is_that_of_the_words),
        cmocka_unit_test(any_bytes_give_a_request),
        cmocka_unit_test(the_same_text_gives_the_same_request),
        cmocka_unit_test(distances_count_slips),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
