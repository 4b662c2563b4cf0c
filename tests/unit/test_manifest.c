/* The manifest: the real table keeps every rule, and each rule catches the table that breaks it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <abi/task.h>
#include <proto/devmgr.h>
#include <proto/net.h>
#include "init/manifest_rules.h"

static struct manifest_entry table[MANIFEST_MAX];

static struct manifest_entry *row(const char *name)
{
    size_t index = manifest_find(table, manifest_count, name);
    assert_true(index < manifest_count);
    return &table[index];
}

static int fresh(void **state)
{
    (void)state;
    memcpy(table, manifest, manifest_count * sizeof manifest[0]);
    return 0;
}

/* The changed table breaks a rule, and the finding names the service (NULL: the whole table). */
static void breaks(const char *service, const char *word)
{
    struct manifest_fault fault = manifest_check(table, manifest_count);
    assert_non_null(fault.rule);
    assert_non_null(strstr(fault.rule, word));
    if (service)
        assert_string_equal(fault.service, service);
}

static void the_shipped_manifest_keeps_every_rule(void **state)
{
    (void)state;
    struct manifest_fault fault = manifest_check(manifest, manifest_count);
    if (fault.rule)
        fail_msg("%s: %s", fault.service ? fault.service : "table", fault.rule);
}

static void nobody_who_faces_people_holds_a_device_capability(void **state)
{
    static const char *const held[] = {"root", "irq", "devmem", "ioport", "dma"};
    static const char *const who[] = {"jarvis", "rconsole"};
    for (unsigned w = 0; w < 2; w++) {
        for (unsigned i = 0; i < sizeof held / sizeof held[0]; i++) {
            fresh(state);
            row(who[w])->caps[1] = (struct manifest_cap){held[i], RIGHT_ROOT_DEVICE};
            breaks(who[w], "capability");
        }
    }
}

static void nobody_who_faces_people_may_ask_for_a_device(void **state)
{
    (void)state;
    row("rconsole")->links[2].rights |= SERVICE_ATTACH | DEVMGR_CLASS_NETWORK;
    breaks("rconsole", "devices");
}

static void only_devmgr_holds_root_and_never_to_create_tasks(void **state)
{
    row("netsrv")->caps[1] = (struct manifest_cap){"root", RIGHT_ROOT_DEVICE};
    breaks("netsrv", "capability");
    fresh(state);
    row("devmgr")->caps[1].rights |= RIGHT_ROOT_TASK;
    breaks("devmgr", "capability");
    fresh(state);
    row("devmgr")->caps[1].rights |= RIGHT_TRANSFER;
    breaks("devmgr", "capability");
}

static void only_a_service_of_the_test_image_holds_root_to_create_tasks(void **state)
{
    static const char *const shipped[] = {"devmgr", "netsrv", "jarvis", "rconsole", "netbench"};
    for (unsigned i = 0; i < sizeof shipped / sizeof shipped[0]; i++) {
        fresh(state);
        row(shipped[i])->caps[1] = (struct manifest_cap){"root", RIGHT_ROOT_TASK};
        breaks(shipped[i], "capability");
    }
    fresh(state);
    row("hostile")->test_only = false;
    breaks("hostile", "capability");
}

static void a_service_of_the_test_image_runs_only_when_asked_for(void **state)
{
    (void)state;
    row("hostile")->boot_option = NULL;
    breaks("hostile", "asked for");
}

/* TEST_PROGRAMS: what the build puts into the test archive alone (Makefile, TEST_SERVICES). */
static void test_only_are_exactly_the_programs_of_the_test_archive(void **state)
{
    (void)state;
    for (size_t i = 0; i < manifest_count; i++) {
        char word[TASK_NAME_MAX + 2];
        snprintf(word, sizeof word, " %s ", manifest[i].name);
        if (manifest[i].test_only != (strstr(" " TEST_PROGRAMS " ", word) != NULL))
            fail_msg("%s: test_only is %d", manifest[i].name, manifest[i].test_only);
    }
}

static void a_caller_is_less_urgent_than_the_service_that_it_calls(void **state)
{
    row("netsrv")->priority = row("devmgr")->priority;
    breaks("netsrv", "urgent");
    fresh(state);
    row("jarvis")->priority = row("rconsole")->priority - 1;
    breaks("rconsole", "urgent");
}

static void a_driver_has_one_class_of_devices(void **state)
{
    row("netsrv")->links[0].rights |= DEVMGR_CLASS_STORAGE;
    breaks("netsrv", "class");
    fresh(state);
    row("netsrv")->links[0].rights &= ~DEVMGR_CLASSES;
    breaks("netsrv", "class");
    fresh(state);
    row("rconsole")->links[2].rights |= DEVMGR_CLASS_STORAGE;
    breaks("rconsole", "class");
}

static void a_name_is_known_and_taken_once(void **state)
{
    row("rconsole")->links[0].service = "nobody";
    breaks("rconsole", "unknown");
    fresh(state);
    row("jarvis")->name = "netsrv";
    breaks("netsrv", "name");
    static const char *const bad[] = {"init", "", "a name", "longer-than-a-task-name", "UPPER"};
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        fresh(state);
        row("netbench")->name = bad[i];
        breaks(bad[i], "name");
    }
}

static void who_carries_the_console_may_always_run_on_cpu_0(void **state)
{
    (void)state;
    row("netsrv")->affinity = 0x6;
    breaks("netsrv", "CPU 0");
    row("netsrv")->affinity = 0x7;
    row("tracer")->affinity = 0x6;
    assert_null(manifest_check(table, manifest_count).rule);
}

static void a_quota_is_a_share_of_the_machine_and_never_less_than_the_least(void **state)
{
    const struct manifest_entry entry = {.quota_pages = 640, .quota_percent = 15};
    (void)state;
    assert_int_equal(manifest_quota(&entry, 65536), 9830);
    assert_int_equal(manifest_quota(&entry, 1000), 640);
    assert_int_equal(manifest_quota(&entry, 0), 640);
}

static void a_quota_is_not_zero_and_the_sum_fits(void **state)
{
    row("jarvis")->quota_pages = 0;
    breaks("jarvis", "quota");
    fresh(state);
    row("netsrv")->quota_pages = MANIFEST_QUOTA_PAGES_MAX;
    breaks(NULL, "quotas");
    fresh(state);
    row("netsrv")->quota_percent = 80;
    breaks(NULL, "quotas");
    fresh(state);
    row("devmgr")->stack_pages = 0;
    breaks("devmgr", "stack");
}

static void nobody_is_as_urgent_as_init(void **state)
{
    (void)state;
    row("ipcserver")->priority = INIT_PRIORITY;
    breaks("ipcserver", "priority");
}

static void jarvis_owns_nothing_and_only_rconsole_makes_sessions(void **state)
{
    row("jarvis")->links[0] = (struct manifest_link){.service = "netsrv", .rights = SERVICE_READ};
    breaks("jarvis", "own nothing");
    fresh(state);
    row("jarvis")->init_rights = SERVICE_READ;
    breaks("jarvis", "own nothing");
    fresh(state);
    row("netsrv")->init_rights = SERVICE_ATTACH;
    breaks("netsrv", "init");
    fresh(state);
    row("rconsole")->init_rights |= SERVICE_ADMIN;
    breaks("rconsole", "init");
}

static void a_link_gives_service_rights_and_nothing_of_the_kernels(void **state)
{
    row("netbench")->links[0].rights |= RIGHT_CHANNEL_RECV;
    breaks("netbench", "rights");
    fresh(state);
    row("netbench")->links[0].rights = 0;
    breaks("netbench", "rights");
}

static void what_is_listened_on_or_connected_to_is_said_by_scopes(void **state)
{
    static const struct manifest_scope bad[] = {
        {1, SERVICE_LISTEN}, /* a client's number */
        {NET_SCOPE_LISTEN(7), SERVICE_ATTACH},
        {NET_SCOPE_LISTEN(7), SERVICE_LISTEN | SERVICE_CONNECT},
        {NET_SCOPE_LISTEN(7), SERVICE_LISTEN | RIGHT_CHANNEL_RECV},
        {NET_SCOPE_LISTEN(7), 0},
    };
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        fresh(state);
        row("netbench")->links[0].scopes[1] = bad[i];
        breaks("netbench", "scopes");
    }
    fresh(state);
    row("netbench")->links[0].rights |= SERVICE_LISTEN;
    breaks("netbench", "scopes");
    fresh(state);
    row("rconsole")->links[0].rights |= SERVICE_CONNECT;
    breaks("rconsole", "scopes");
}

static void a_scope_is_found_by_its_badge_and_no_other(void **state)
{
    (void)state;
    const struct manifest_link *link = manifest_link(row("netbench"), "netsrv");
    assert_int_equal(manifest_scope(link, NET_SCOPE_LISTEN(9)), SERVICE_LISTEN);
    assert_int_equal(manifest_scope(link, NET_SCOPE_LISTEN(8)), 0);
    assert_int_equal(manifest_scope(link, NET_SCOPE_ANY), 0);
    assert_int_equal(manifest_scope(link, 0), 0);
}

static void what_the_boot_line_asks_for_is_wanted(void **state)
{
    (void)state;
    assert_true(manifest_wanted(row("devmgr"), ""));
    assert_false(manifest_wanted(row("netbench"), "log=debug benchmark"));
    assert_true(manifest_wanted(row("netbench"), "log=debug netbench"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_shipped_manifest_keeps_every_rule, fresh),
        cmocka_unit_test_setup(nobody_who_faces_people_holds_a_device_capability, fresh),
        cmocka_unit_test_setup(nobody_who_faces_people_may_ask_for_a_device, fresh),
        cmocka_unit_test_setup(only_devmgr_holds_root_and_never_to_create_tasks, fresh),
        cmocka_unit_test_setup(only_a_service_of_the_test_image_holds_root_to_create_tasks, fresh),
        cmocka_unit_test_setup(a_service_of_the_test_image_runs_only_when_asked_for, fresh),
        cmocka_unit_test_setup(test_only_are_exactly_the_programs_of_the_test_archive, fresh),
        cmocka_unit_test_setup(a_caller_is_less_urgent_than_the_service_that_it_calls, fresh),
        cmocka_unit_test_setup(a_driver_has_one_class_of_devices, fresh),
        cmocka_unit_test_setup(who_carries_the_console_may_always_run_on_cpu_0, fresh),
        cmocka_unit_test_setup(a_name_is_known_and_taken_once, fresh),
        cmocka_unit_test_setup(a_quota_is_a_share_of_the_machine_and_never_less_than_the_least, fresh),
        cmocka_unit_test_setup(a_quota_is_not_zero_and_the_sum_fits, fresh),
        cmocka_unit_test_setup(nobody_is_as_urgent_as_init, fresh),
        cmocka_unit_test_setup(jarvis_owns_nothing_and_only_rconsole_makes_sessions, fresh),
        cmocka_unit_test_setup(a_link_gives_service_rights_and_nothing_of_the_kernels, fresh),
        cmocka_unit_test_setup(what_is_listened_on_or_connected_to_is_said_by_scopes, fresh),
        cmocka_unit_test_setup(a_scope_is_found_by_its_badge_and_no_other, fresh),
        cmocka_unit_test_setup(what_the_boot_line_asks_for_is_wanted, fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
