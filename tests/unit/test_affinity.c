/* The boot option affinity=: what it says is what services get, and what is wrong with it is named and changes nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "init/affinity.h"

static uint64_t masks[MANIFEST_MAX];

static int fresh(void **state)
{
    (void)state;
    memset(masks, 0, sizeof masks);
    return 0;
}

static uint64_t *mask_of(const char *name)
{
    size_t i = manifest_find(manifest, manifest_count, name);
    assert_true(i < manifest_count);
    return &masks[i];
}

static struct affinity_fault read_all(const char *value)
{
    return affinity_read(value, strlen(value), manifest, manifest_count, masks);
}

static void reads(const char *value)
{
    struct affinity_fault fault = read_all(value);
    if (fault.why)
        fail_msg("\"%s\": \"%.*s\" %s", value, (int)fault.length, fault.text, fault.why);
}

static void refuses(const char *value, const char *text, const char *why)
{
    uint64_t before[MANIFEST_MAX];
    memcpy(before, masks, sizeof masks);
    struct affinity_fault fault = read_all(value);
    if (!fault.why)
        fail_msg("\"%s\" is taken", value);
    if (!strstr(fault.why, why) || fault.length != strlen(text) || memcmp(fault.text, text, fault.length) != 0)
        fail_msg("\"%s\": \"%.*s\" %s", value, (int)fault.length, fault.text, fault.why);
    assert_memory_equal(masks, before, sizeof masks);
}

static void numbers_and_ranges_of_several_services_are_their_masks(void **state)
{
    (void)state;
    reads("netsrv:0-1,3,tracer:2");
    assert_int_equal(*mask_of("netsrv"), 0xb);
    assert_int_equal(*mask_of("tracer"), 0x4);
    assert_int_equal(*mask_of("jarvis"), 0);
    reads("jarvis:63");
    assert_true(*mask_of("jarvis") == 1ul << 63);
    reads("devmgr:0-63");
    assert_true(*mask_of("devmgr") == ~0ul);
    reads("rconsole:0-62");
    assert_true(*mask_of("rconsole") == ~0ul >> 1);
    reads("netbench:007-7");
    assert_int_equal(*mask_of("netbench"), 0x80);
}

static void what_is_said_in_several_places_adds_up(void **state)
{
    (void)state;
    reads("netsrv:0,tracer:1,netsrv:2");
    reads("netsrv:5");
    assert_int_equal(*mask_of("netsrv"), 0x25);
    assert_int_equal(*mask_of("tracer"), 0x2);
}

static void what_is_wrong_is_named_and_changes_nothing(void **state)
{
    (void)state;
    reads("netsrv:1");
    refuses("nosuch:1", "nosuch", "is no service");
    refuses("init:1", "init", "is no service");
    refuses(":1", "", "is no service");
    refuses("netsr:1", "netsr", "is no service");
    refuses("netsrvx:1", "netsrvx", "is no service");
    refuses("0-1", "0-1", "without a service");
    refuses("", "", "without a service");
    refuses("netsrv", "netsrv", "without a service");
    refuses("netsrv:", "", "should be");
    refuses("netsrv:1,", "", "should be");
    refuses("netsrv:1,,2", "", "should be");
    refuses("netsrv:64", "64", "0 to 63");
    refuses("netsrv:1-64", "64", "0 to 63");
    refuses("netsrv:18446744073709551617", "18446744073709551617", "0 to 63");
    refuses("netsrv:4294967297", "4294967297", "0 to 63");
    refuses("netsrv:two", "two", "0 to 63");
    refuses("netsrv:1x", "1x", "0 to 63");
    refuses("netsrv:1-", "1-", "0 to 63");
    refuses("netsrv:-1", "-1", "0 to 63");
    refuses("netsrv:-", "-", "0 to 63");
    refuses("netsrv:0-1-2", "1-2", "0 to 63");
    refuses("netsrv:3-1", "3-1", "downwards");
    refuses("netsrv:0:1", "0:1", "0 to 63");
    refuses("tracer:2,netsrv:0,nosuch:3", "nosuch",
            "is no service"); /* the right ones before it count for nothing either */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(numbers_and_ranges_of_several_services_are_their_masks, fresh),
        cmocka_unit_test_setup(what_is_said_in_several_places_adds_up, fresh),
        cmocka_unit_test_setup(what_is_wrong_is_named_and_changes_nothing, fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
