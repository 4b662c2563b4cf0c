/* kernel/x86/format.c and log.c: the printf against the host's, and the ring. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "kernel/x86/log.h"
#include "kernel/x86/platform.h"

static char serial[1 << 20];
static size_t serial_length;
static uint64_t now_ns;

void serial_write(const char *text, size_t length)
{
    memcpy(serial + serial_length, text, length);
    serial_length += length;
}

uint64_t clock_ns(void)
{
    return now_ns;
}

/* Both printfs, the same answer. */
#define SAME(...)                                                           \
    do {                                                                    \
        char ours[200], theirs[200];                                        \
        int n = ksnprintf(ours, sizeof(ours), __VA_ARGS__);                 \
        assert_int_equal(n, snprintf(theirs, sizeof(theirs), __VA_ARGS__)); \
        assert_string_equal(ours, theirs);                                  \
    } while (0)

static void printf_is_the_hosts(void **state)
{
    (void)state;
    SAME("plain 100%%");
    SAME("%d %d %d", 0, -1, INT32_MIN);
    SAME("%u %x %08x %8x|%-8x|", 4000000000u, 0xbeefu, 0xbeefu, 0xbeefu, 0xbeefu);
    SAME("%lu %lx %016lx %ld", UINT64_MAX, UINT64_MAX, 0x1234ul, INT64_MIN);
    SAME("[%10lu][CPU%u] %s", 100ul, 0u, "TimerTick");
    SAME("%05d %5d|%-5d|%05d", -42, -42, -42, 7);
    SAME("%s|%10s|%-10s|%.2s|%.*s", "text", "text", "text", "text", 3, "text");
    SAME("%c%c|%3c|", 'a', 'b', 'c');
    SAME("%zu %p", (size_t)77, (void *)0x1234);
    SAME("%6lu.%06lu", 12ul, 345ul);
}

static void a_short_buffer_is_ended_and_the_length_told(void **state)
{
    char buffer[8];
    const char *volatile nothing = NULL, *volatile cut = "a%";
    (void)state;
    memset(buffer, 'z', sizeof(buffer));
    assert_int_equal(ksnprintf(buffer, sizeof(buffer), "%s", "0123456789"), 10);
    assert_string_equal(buffer, "0123456");
    assert_int_equal(ksnprintf(NULL, 0, "%d", 12345), 5);
    assert_int_equal(ksnprintf(buffer, 1, "%d", 12345), 5);
    assert_int_equal(buffer[0], 0);
    assert_int_equal(ksnprintf(buffer, sizeof(buffer), "%s", nothing), 6);
    int (*print)(char *, size_t, const char *, ...) = ksnprintf; /* its format is not the compiler's to check */
    print(buffer, sizeof(buffer), cut);                          /* it ends too early */
    assert_string_equal(buffer, "a");
}

static void a_line_has_time_and_name(void **state)
{
    char text[64];
    uint64_t position = klog_end();
    (void)state;
    now_ns = 12345678;
    klog(KLOG_INFO, "answer %d", 42);
    size_t n = klog_read(&position, text, sizeof(text));
    text[n] = 0;
    assert_string_equal(text, "[    0.012345] kernel: answer 42\n");
    assert_int_equal(position, klog_end());
    klog_text(KLOG_INFO, "a-name-longer-than-16", "with\x1b[31m\n\0bytes", 16);
    n = klog_read(&position, text, sizeof(text));
    text[n] = 0;
    assert_string_equal(text, "[    0.012345] a-name-longer-th: with?[31m??bytes\n");
}

static void a_long_text_is_cut_at_240(void **state)
{
    char text[1000];
    uint64_t position = klog_end();
    (void)state;
    memset(text, 'q', sizeof(text));
    klog_text(KLOG_INFO, "x", text, sizeof(text));
    assert_int_equal(klog_read(&position, text, sizeof(text)), strlen("[    0.012345] x: \n") + 240);
    text[999] = 0;
    position = klog_end();
    klog(KLOG_INFO, "%s", text);
    assert_int_equal(klog_read(&position, text, sizeof(text)), strlen("[    0.012345] kernel: \n") + 240);
}

static void the_level_holds_back_serial_only(void **state)
{
    (void)state;
    uint64_t before = klog_end();
    serial_length = 0;
    klog_set_level(KLOG_WARNING);
    klog(KLOG_INFO, "not on the wire");
    assert_int_equal(serial_length, 0);
    assert_true(klog_end() > before);
    klog(KLOG_WARNING, "on the wire");
    assert_true(serial_length > 0);
    klog_set_level(KLOG_DEBUG);
}

static enum klog_level seen_level;
static uint64_t seen_position;

static void observe(enum klog_level level, uint64_t position)
{
    seen_level = level;
    seen_position = position;
}

static void the_observer_is_told_where_a_line_begins(void **state)
{
    uint64_t end = klog_end();
    (void)state;
    klog_observer = observe;
    klog(KLOG_ERROR, "x");
    klog_observer = NULL;
    assert_int_equal(seen_level, KLOG_ERROR);
    assert_int_equal(seen_position, end);
}

static void the_ring_keeps_the_newest(void **state)
{
    static char all[2 * KLOG_SIZE], copy[KLOG_SIZE + 1];
    uint64_t start = klog_end(), position = start;
    (void)state;
    serial_length = 0;
    while (klog_end() - start < 3 * KLOG_SIZE / 2)
        klog(KLOG_INFO, "line %lu of a long story", klog_end());
    memcpy(all, serial, serial_length);
    size_t n = klog_read(&position, copy, sizeof(copy));
    assert_int_equal(n, KLOG_SIZE);
    assert_int_equal(position, klog_end());
    assert_memory_equal(copy, all + serial_length - KLOG_SIZE, KLOG_SIZE);
    assert_int_equal(klog_read(&position, copy, sizeof(copy)), 0);
    position = UINT64_MAX; /* beyond the end: nothing */
    assert_int_equal(klog_read(&position, copy, sizeof(copy)), 0);
}

static void small_reads_add_up(void **state)
{
    char copy[64];
    uint64_t position = klog_end();
    size_t n = 0;
    (void)state;
    serial_length = 0;
    klog(KLOG_INFO, "piece by piece");
    for (size_t got; (got = klog_read(&position, copy + n, 5)); n += got)
        assert_true(got <= 5);
    assert_int_equal(n, serial_length);
    assert_memory_equal(copy, serial, n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(printf_is_the_hosts),
        cmocka_unit_test(a_short_buffer_is_ended_and_the_length_told),
        cmocka_unit_test(a_line_has_time_and_name),
        cmocka_unit_test(a_long_text_is_cut_at_240),
        cmocka_unit_test(the_level_holds_back_serial_only),
        cmocka_unit_test(the_observer_is_told_where_a_line_begins),
        cmocka_unit_test(the_ring_keeps_the_newest),
        cmocka_unit_test(small_reads_add_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
