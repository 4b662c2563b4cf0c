/* kernel/cap/account: what a quota that was lent to a task is worth once the task is gone. */
#include "tests/unit/host_machine.h"

/* A service is killed and started again while a client keeps a capability that the service had made: no more of the
 * quota stays away than what that one thing holds. Else a client that keeps one of each generation starves the starter. */
static void a_dead_tasks_quota_returns_but_for_what_is_still_held(void **state)
{
    (void)state;
    struct task *client = machine_task("client", 10, 256, HANDLE_NONE);
    uint64_t used = machine_root->account->used_bytes;
    for (unsigned generation = 0; generation < 5; generation++) {
        struct task *service = machine_task("service", 10, 4096, HANDLE_NONE);
        handle_t inbox = machine_channel(service, 4, 4), remains = machine_handle(service);
        int64_t made = SYS(service, cap_mint, inbox, RIGHTS_ALL & ~RIGHTS_SERVICE, 7);
        struct cap *cap = machine_cap(service, (handle_t)made);
        assert_int_equal(cap_install(&client->table, &cap), OK);
        SYS(machine_root, task_kill, remains);
        machine_idle();
        assert_int_equal(SYS(machine_root, cap_close, remains), OK);
        assert_in_range(machine_root->account->used_bytes - used, 0, (generation + 1) * 16 * PAGE_SIZE);
    }
    SYS(machine_root, task_kill, machine_handle(client));
    machine_idle();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, machine_setup, machine_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_dead_tasks_quota_returns_but_for_what_is_still_held),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
