/* rconsole's line reader and its login: line ends, telnet, UTF-8, limits; tokens and penalties. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include "rconsole/console_line.h"
#include "rconsole/login.h"

/* Feeds bytes in pieces of `step`, and writes what came out as "event:text|…" */
static void run(const char *bytes, size_t count, size_t step, char *out)
{
    static const char *const names[] = {"more", "line", "long", "utf8", "control", "interrupt", "eof"};
    struct console_line line;
    size_t used;
    console_line_init(&line);
    out[0] = 0;
    for (size_t at = 0; at < count; at += used) {
        size_t n = count - at < step ? count - at : step;
        enum console_event event = console_line_feed(&line, (const uint8_t *)bytes + at, n, &used);
        assert_true(used > 0 && used <= n);
        if (event == CONSOLE_LINE)
            sprintf(out + strlen(out), "%.*s|", line.length, line.text);
        else if (event != CONSOLE_MORE)
            sprintf(out + strlen(out), "<%s>|", names[event]);
    }
    enum console_event event = console_line_finish(&line);
    if (event != CONSOLE_MORE)
        sprintf(out + strlen(out), "end:%s:%.*s", names[event], line.length, line.text);
}

#define SAME(bytes, expected) same(bytes, sizeof(bytes) - 1, expected)
static void same(const char *bytes, size_t count, const char *expected)
{
    char got[4096];
    for (size_t step = 1; step <= count + 1; step++) {
        run(bytes, count, step, got);
        assert_string_equal(got, expected);
    }
}

static void every_line_end_ends_one_line(void **state)
{
    (void)state;
    SAME("a\nb\r\nc\rd\r\0e\n", "a|b|c|d|e|");
    SAME("\n\n", "||");
    SAME("\r\n\r\n", "||");
    SAME("\r\r\n", "||");
    SAME("half", "end:line:half");
    SAME("", "");
}

static void telnet_commands_vanish(void **state)
{
    (void)state;
    SAME("\xff\xfb\x18\xff\xfd\x01\xff\xfa\x18\x00xterm\xff\xf0\xff\xf1sta\xff\xfd\x03tus\r\n", "status|");
    SAME("ab\xff\xf4"
         "cd\n",
         "<interrupt>|cd|");
    SAME("ab\xff\xff\n", "<utf8>|");
    SAME("\xff", "");
}

static void an_endless_subnegotiation_is_given_up(void **state)
{
    (void)state;
    char bytes[400], got[4096];
    memset(bytes, 'x', sizeof bytes);
    memcpy(bytes, "\xff\xfa", 2);
    bytes[sizeof bytes - 1] = '\n';
    run(bytes, sizeof bytes, 7, got);
    assert_true(strlen(got) > 100); /* the rest is a line again */
}

static void utf8_is_kept_and_checked(void **state)
{
    (void)state;
    SAME("œuvre ☃ 日本語 😀\n", "œuvre ☃ 日本語 😀|");
    SAME("\xc3\nok\n", "<utf8>|ok|");
    SAME("\xe2\x82\nok\n", "<utf8>|ok|");
    SAME("\xc0\xaf\nok\n", "<utf8>|ok|");
    SAME("\xed\xa0\x80\nok\n", "<utf8>|ok|");
    SAME("\xf4\x90\x80\x80\nok\n", "<utf8>|ok|");
    SAME("\xfe\nok\n", "<utf8>|ok|");
}

static void control_bytes_are_refused_and_editing_works(void **state)
{
    (void)state;
    SAME("a\x01"
         "b\nok\n",
         "<control>|ok|");
    SAME("a\0b\nok\n", "<control>|ok|");
    SAME("\x1b[A\nok\n", "<control>|ok|");
    SAME("a\tb\n", "a b|");
    SAME("memoé\x7f\x08ory\n", "memory|");
    SAME("\x08\x08x\n", "x|");
    SAME("abc\x03"
         "def\n",
         "<interrupt>|def|");
    SAME("\x04", "<eof>|");
    SAME("abc\x04", "abc|");
}

static void a_line_of_4096_bytes_is_taken_and_a_longer_one_skipped(void **state)
{
    (void)state;
    static char bytes[20000], got[20000];
    memset(bytes, 'a', sizeof bytes);
    bytes[4096] = '\n';
    run(bytes, 4097, 4097, got);
    assert_int_equal(strlen(got), 4097);
    for (size_t step = 1; step < 6000; step = step * 7 + 1) {
        memset(bytes, 'a', sizeof bytes);
        memcpy(bytes + 9000, "\nok\n", 4);
        run(bytes, 9004, step, got);
        assert_string_equal(got, "<long>|ok|");
        memcpy(bytes + 4097, "\r\nok\n", 5);
        run(bytes, 4102, step, got);
        assert_string_equal(got, "<long>|ok|");
    }
}

/* ---- login ---- */

static const uint8_t here[16] = {1}, there[16] = {2};
#define MS 1000000ull

static void right_tokens_are_right_and_others_wrong(void **state)
{
    (void)state;
    struct login login = {0};
    uint64_t at;
    assert_false(login_try(&login, here, "", 0, 0, &at)); /* no token set: nothing matches */
    login_set_token(&login, "secret", 6);
    assert_true(login_try(&login, there, "secret", 6, 0, &at));
    assert_false(login_try(&login, there, "secre", 5, 0, &at));
    assert_false(login_try(&login, there, "secret2", 7, 0, &at));
    assert_false(login_try(&login, there, "", 0, 0, &at));
    assert_false(login_try(&login, there, "secret\0", 7, 0, &at));
}

static void wrong_tokens_cost_growing_time(void **state)
{
    (void)state;
    struct login login = {0};
    uint64_t now = 1, at, before = 0;
    login_set_token(&login, "secret", 6);
    for (unsigned i = 0; i < 12; i++) {
        assert_false(login_try(&login, here, "x", 1, now, &at));
        assert_true(at - now >= 500 * MS && at - now <= 60000 * MS);
        assert_true(at - now >= before);
        before = at - now;
        now = at;
    }
    assert_int_equal(before, 60000 * MS);
}

static void tries_at_once_wait_for_each_other_but_not_for_ever(void **state)
{
    (void)state;
    struct login login = {0};
    uint64_t at = 0, first;
    login_set_token(&login, "secret", 6);
    login_try(&login, here, "x", 1, 1, &first);
    login_try(&login, here, "x", 1, 1, &at);
    assert_true(at > first);
    assert_true(login_try(&login, here, "secret", 6, 1, &at)); /* right, and told no sooner */
    assert_true(at > first);
    for (unsigned i = 0; i < 100; i++)
        login_try(&login, here, "x", 1, 1, &at);
    assert_true(at <= 120001 * MS);
    assert_true(login_try(&login, there, "secret", 6, 1, &at)); /* another address pays nothing */
    assert_int_equal(at, 1);
}

static void a_made_token_is_long_and_of_plain_letters(void **state)
{
    (void)state;
    struct login login = {0};
    uint8_t random[16] = {0xde, 0xad};
    login_make_token(&login, random);
    assert_int_equal(strlen(login.token), 35);
    assert_int_equal(strspn(login.token, "0123456789abcdef-"), 35);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_line_end_ends_one_line),
        cmocka_unit_test(telnet_commands_vanish),
        cmocka_unit_test(an_endless_subnegotiation_is_given_up),
        cmocka_unit_test(utf8_is_kept_and_checked),
        cmocka_unit_test(control_bytes_are_refused_and_editing_works),
        cmocka_unit_test(a_line_of_4096_bytes_is_taken_and_a_longer_one_skipped),
        cmocka_unit_test(right_tokens_are_right_and_others_wrong),
        cmocka_unit_test(wrong_tokens_cost_growing_time),
        cmocka_unit_test(tries_at_once_wait_for_each_other_but_not_for_ever),
        cmocka_unit_test(a_made_token_is_long_and_of_plain_letters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
