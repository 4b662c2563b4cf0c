/* kernel/sched: birth, faults, reports and ends of tasks, in every state that they can be in. */
#include "tests/unit/host_machine.h"

#define SENDER (RIGHT_CHANNEL_SEND | RIGHT_MINT | RIGHT_TRANSFER)

static handle_t channel, sender; /* the root task's: where reports go; badge 9 */
static struct msg msgs[8];

static int setup(void **state)
{
    machine_setup(state);
    channel = machine_channel(machine_root, 8, 4);
    sender = (handle_t)SYS(machine_root, cap_mint, channel, SENDER, 9);
    return 0;
}

static int64_t reports(void)
{
    return SYS(machine_root, channel_recv, channel, P(msgs), 8, DEADLINE_NOW);
}

static void fault(struct task *task)
{
    struct msg_fault f = {.task_id = task_id(task), .vector = 14, .address = 0x1234, .ip = 0x4000};
    machine_run(task);
    task_stop_for_fault(task, &f);
}

static void creation_checks_everything(void **state)
{
    struct task_create_args good = {.name = "good", .priority = 10, .quota_pages = 32, .root = machine_root_handle},
                            bad;
    struct task *t = machine_task("t", 10, 256, HANDLE_NONE);
    (void)state;
    uint64_t used = machine_root->account->used_bytes;
#define REFUSED(change, status) \
    bad = good;                 \
    bad.change;                 \
    assert_int_equal(SYS(machine_root, task_create, P(&bad)), status)
    REFUSED(name[0] = 0, ERR_INVALID);
    REFUSED(name[1] = '/', ERR_INVALID);
    REFUSED(priority = 25, ERR_NO_RIGHT);
    REFUSED(priority = 32, ERR_INVALID);
    REFUSED(quota_pages = 0, ERR_INVALID);
    REFUSED(quota_pages = UINT32_MAX, ERR_QUOTA);
    REFUSED(quota_pages = 1, ERR_QUOTA);
    REFUSED(root = HANDLE_NONE, ERR_BAD_HANDLE);
    REFUSED(root = machine_trace_handle, ERR_WRONG_TYPE);
    REFUSED(supervisor = 77, ERR_BAD_HANDLE);
    bad = good;
    memset(bad.name, 'x', sizeof bad.name);
    assert_int_equal(SYS(machine_root, task_create, P(&bad)), ERR_INVALID);
    bad = good;
    bad.root = machine_grant(t, machine_root_handle, RIGHT_ROOT_DEVICE, 0); /* devmgr's */
    assert_int_equal(SYS(t, task_create, P(&bad)), ERR_NO_RIGHT);
    assert_int_equal(SYS(machine_root, task_create, 0x10000), ERR_FAULT);
    assert_int_equal(machine_root->account->used_bytes, used);
    assert_int_equal(task_count, 2);
}

/* Quota for the task and its supervisor's capability, not for the one that names it; and frames run out everywhere. */
static void a_task_that_cannot_be_made_leaves_nothing(void **state)
{
    struct task_create_args args = {.name = "x", .priority = 5, .quota_pages = 32, .root = 0};
    (void)state;
    struct task *t = machine_task("t", 10, 200, HANDLE_NONE);
    args.root = machine_grant(t, machine_root_handle, RIGHT_ROOT_TASK, 0);
    args.supervisor = machine_grant(t, sender, SENDER, 0);
    uint64_t start = t->account->used_bytes, limit = t->account->limit_bytes;
    uint32_t tasks = task_count;
    for (uint64_t room = 0; room < 32 * PAGE_SIZE + 1024; room += room < 32 * PAGE_SIZE ? 32 * PAGE_SIZE : 8) {
        t->account->limit_bytes = start + room;
        int64_t made = SYS(t, task_create, P(&args));
        t->account->limit_bytes = limit;
        if (made > 0)
            break;
        assert_int_equal(made, ERR_QUOTA);
        machine_idle();
        assert_int_equal(task_count, tasks);
        assert_int_equal(t->account->used_bytes, start);
    }
    assert_int_equal(task_count, tasks + 1);
    for (int64_t left = 0; left < 8; left++) {
        uint64_t used = t->account->used_bytes;
        machine_frames_left = left;
        int64_t made = SYS(t, task_create, P(&args));
        machine_frames_left = -1;
        if (made > 0)
            break;
        assert_int_equal(t->account->used_bytes, used);
    }
}

static void a_new_task_that_nobody_names_goes(void **state)
{
    handle_t handle;
    (void)state;
    struct task *t = machine_task_new("t", 10, 64, HANDLE_NONE, &handle);
    assert_int_equal(SYS(machine_root, task_start, handle, 0xffff800000000000, 0x2000, 0), ERR_INVALID);
    assert_int_equal(SYS(machine_root, task_start, handle, USER_TOP, 0x2000, 0), ERR_INVALID);
    assert_int_equal(SYS(machine_root, task_start, handle, 0x1000, 0x0000800000000000, 0), ERR_INVALID);
    assert_int_equal(SYS(machine_root, cap_close, handle), OK);
    machine_idle();
    assert_false(machine_alive(t));
    t = machine_task("runs", 10, 64, HANDLE_NONE);
    assert_int_equal(SYS(machine_root, task_start, machine_handle(t), 0x1000, 0x2000, 0), ERR_BAD_STATE);
    assert_int_equal(SYS(machine_root, cap_close, machine_handle(t)), OK);
    machine_idle();
    assert_true(machine_alive(t)); /* it runs on */
}

static void a_fault_and_an_end_are_reported_with_the_badge(void **state)
{
    (void)state;
    struct task *t = machine_task("t", 10, 64, sender);
    uint32_t id = task_id(t);
    fault(t);
    assert_int_equal(t->state, TASK_FAULTED);
    assert_int_equal(reports(), 1);
    const struct msg_fault *f = (const struct msg_fault *)msgs[0].payload;
    assert_int_equal(msgs[0].head.kind, MSG_FAULT);
    assert_int_equal(msgs[0].head.badge, 9);
    assert_int_equal(f->address, 0x1234);
    assert_int_equal(reports(), ERR_WOULD_BLOCK);
    assert_int_equal(SYS(machine_root, task_kill, machine_handle(t)), OK);
    machine_idle();
    assert_int_equal(reports(), 1);
    const struct msg_exit *e = (const struct msg_exit *)msgs[0].payload;
    assert_int_equal(msgs[0].head.kind, MSG_EXIT);
    assert_int_equal(e->task_id, id);
    assert_int_equal(e->killed, 1);
    assert_false(machine_alive(t));
    struct task_info info;
    for (uint32_t i = 0, left = machine_root->table.page_count * CAP_ENTRIES_PER_PAGE; i < left; i++)
        if (cap_at(&machine_root->table, i) && cap_at(&machine_root->table, i)->object->type == OBJECT_TASK)
            assert_int_equal(SYS(machine_root, task_info, cap_at(&machine_root->table, i)->handle, P(&info)),
                             ERR_PEER_DIED);
}

static void an_end_overtakes_a_fault_that_nobody_read(void **state)
{
    (void)state;
    struct task *t = machine_task("t", 10, 64, sender);
    fault(t);
    assert_int_equal(SYS(machine_root, task_kill, machine_handle(t)), OK);
    machine_idle();
    assert_int_equal(reports(), 1);
    assert_int_equal(msgs[0].head.kind, MSG_EXIT);
    assert_int_equal(reports(), ERR_WOULD_BLOCK);
}

static void exit_code_and_a_current_task_that_ends(void **state)
{
    (void)state;
    struct task *t = machine_task("t", 10, 64, sender);
    assert_int_equal(SYS(t, task_exit, (uint64_t)-7), BLOCKED);
    machine_idle();
    assert_int_equal(reports(), 1);
    assert_int_equal(((const struct msg_exit *)msgs[0].payload)->code, -7);
    assert_int_equal(((const struct msg_exit *)msgs[0].payload)->killed, 0);
    struct task *u = machine_task("u", 10, 64, HANDLE_NONE);
    uint64_t deadline = machine_now_ns + 1000;
    assert_int_equal(SYS(machine_root, channel_recv, channel, P(msgs), 1, deadline), BLOCKED);
    assert_int_equal(SYS(u, task_exit, 0), BLOCKED); /* nobody is told or more urgent: its struct goes at once */
    assert_false(machine_alive(u));
    machine_pass(1000);
    assert_int_equal(machine_answer(machine_root), ERR_TIMED_OUT);
}

/* A driver wakes up each 4 ms, less than a slice, while two tasks compute. */
static void an_equal_has_its_turn_beside_one_that_is_often_interrupted(void **state)
{
    const uint64_t ms = 1000000;
    struct msg msgs[1];
    struct task *driver = machine_task("driver", 20, 64, HANDLE_NONE);
    struct task *both[] = {machine_task("one", 10, 64, HANDLE_NONE), machine_task("other", 10, 64, HANDLE_NONE)};
    handle_t own = machine_channel(driver, 1, 1);
    unsigned turns[2] = {0}, rounds = 100;
    (void)state;
    assert_int_equal(SYS(machine_root, channel_recv, channel, P(msgs), 1, DEADLINE_NEVER), BLOCKED);
    for (unsigned i = 0; i < rounds; i++) {
        assert_ptr_equal(cpus[0].current, driver);
        assert_int_equal(SYS(driver, channel_recv, own, P(msgs), 1, machine_now_ns + 4 * ms), BLOCKED);
        turns[cpus[0].current == both[1]]++;
        assert_true(cpus[0].current == both[0] || cpus[0].current == both[1]);
        machine_pass(4 * ms);
        machine_return();
    }
    assert_in_range(turns[0], rounds / 3, rounds * 2 / 3);
}

/* The supervisor's capability is revoked, or its channel closes, at each stage. */
static void supervisors_go_at_each_stage(void **state)
{
    (void)state;
    for (unsigned stage = 0; stage < 4; stage++) {
        for (unsigned how = 0; how < 2; how++) {
            handle_t own = machine_channel(machine_root, 2, 2);
            int64_t child = SYS(machine_root, cap_mint, own, SENDER, 5);
            struct task *t = machine_task("t", 10, 64, (handle_t)child);
            handle_t handle = machine_handle(t);
            if (stage == 1)
                fault(t);
            if (stage >= 2)
                SYS(machine_root, task_kill, handle);
            if (stage == 3)
                machine_idle(); /* taken apart; the report is queued */
            assert_int_equal(
                machine_syscall(machine_root, how ? SYS_cap_close : SYS_cap_revoke, (const uint64_t[6]){own}), OK);
            machine_idle();
            if (stage == 0 && machine_alive(t))
                fault(t); /* with nobody to tell */
            if (!how) {   /* a report that was queued had lost its badge: only the badge's end is told */
                assert_int_equal(SYS(machine_root, channel_recv, own, P(msgs), 8, DEADLINE_NOW), 1);
                assert_int_equal(msgs[0].head.kind, MSG_CLOSED);
                assert_int_equal(SYS(machine_root, channel_recv, own, P(msgs), 8, DEADLINE_NOW), ERR_WOULD_BLOCK);
            }
            machine_idle();
            assert_int_equal(task_count, 1);
            SYS(machine_root, cap_close, handle);
            SYS(machine_root, cap_close, own);
            SYS(machine_root, cap_close, (uint64_t)child);
        }
    }
}

/* One between others whose supervisor's capability was revoked: it comes, and each of them not. */
static void reports_that_lost_their_supervisor_hide_no_other(void **state)
{
    (void)state;
    handle_t own = machine_channel(machine_root, 2, 2);
    handle_t lost = (handle_t)SYS(machine_root, cap_mint, own, SENDER, 5);
    handle_t kept = (handle_t)SYS(machine_root, cap_mint, own, SENDER, 6);
    struct task *tasks[5];
    for (unsigned i = 0; i < 5; i++) {
        tasks[i] = machine_task("t", 10, 64, i & 1 ? kept : lost);
        fault(tasks[i]);
    }
    assert_int_equal(SYS(machine_root, cap_revoke, lost), OK);
    assert_int_equal(SYS(machine_root, channel_recv, own, P(msgs), 1, DEADLINE_NEVER), 1);
    assert_int_equal(msgs[0].head.badge, 6);
    assert_int_equal(SYS(machine_root, channel_recv, own, P(msgs), 8, DEADLINE_NEVER), 1);
    assert_int_equal(msgs[0].head.kind, MSG_FAULT);
    assert_int_equal(msgs[0].head.badge, 6);
    uint64_t deadline = machine_now_ns + 1000;
    assert_int_equal(SYS(machine_root, channel_recv, own, P(msgs), 1, deadline), BLOCKED); /* no wake-up for nothing */
    machine_pass(1000);
    assert_int_equal(machine_answer(machine_root), ERR_TIMED_OUT);
    assert_int_equal(task_count, 3); /* the two that stand faulted */
}

/* Killed while: ready, receiving, calling, waiting for an answer, answered but not run yet, with capabilities on the way. */
static void tasks_die_in_every_state(void **state)
{
    (void)state;
    for (unsigned s = 0; s < 7; s++) {
        handle_t own = machine_channel(machine_root, 4, 4);
        int64_t first = SYS(machine_root, cap_mint, own, SENDER, 0);
        struct task *server = machine_task("server", 20, 64, HANDLE_NONE), *t = machine_task("t", 10, 64, HANDLE_NONE);
        handle_t through = machine_grant(t, (handle_t)first, SENDER, 3);
        handle_t receive = machine_grant(server, own, RIGHTS_ALL, 0), mine = machine_channel(t, 1, 1);
        int64_t memory = SYS(t, memory_create, 2, 0);
        struct msg m = {.head = {.op = 1, .length = 8}}, in;
        if (s >= 2) {
            m.head.cap_count = 1;
            m.head.caps[0] = (handle_t)memory;
        }
        switch (s) {
        case 0: break;
        case 1: assert_int_equal(SYS(t, channel_recv, mine, P(&m), 1, machine_now_ns + 50), BLOCKED); break;
        case 2: assert_int_equal(SYS(t, channel_send, through, P(&m), 1), 1); break;
        default:
            assert_int_equal(SYS(t, channel_call, through, P(&m), machine_now_ns + 50), BLOCKED);
            if (s >= 4)
                assert_int_equal(SYS(server, channel_recv, receive, P(&in), 1, DEADLINE_NOW), 1);
            in.head.kind = 0;
            if (s >= 5)
                assert_int_equal(SYS(server, channel_reply_recv, receive, P(&in), 1), OK);
        }
        struct task *victims[2] = {s == 6 ? server : t, s == 6 ? t : server};
        for (unsigned v = 0; v < 2; v++) {
            if (machine_alive(victims[v]))
                SYS(machine_root, task_kill, machine_handle(victims[v]));
            if (v == 0 && s != 6 && machine_alive(server) && s >= 4) /* a late answer finds nobody */
                SYS(server, channel_reply_recv, receive, P(&in), 1);
            machine_idle();
            machine_pass(100);
        }
        assert_int_equal(task_count, 1);
        assert_int_equal(object_counts[OBJECT_MEMORY], 0);
        SYS(machine_root, cap_close, (uint64_t)first);
        assert_int_equal(object_counts[OBJECT_CHANNEL], 1); /* setup's */
        struct cap *cap;
        for (uint32_t i = 0; i < machine_root->table.page_count * CAP_ENTRIES_PER_PAGE; i++)
            if ((cap = cap_at(&machine_root->table, i)) && cap->object->type == OBJECT_TASK)
                SYS(machine_root, cap_close, cap->handle);
    }
}

static void grants_stay_within_the_right(void **state)
{
    handle_t handle;
    (void)state;
    struct task *t = machine_task_new("t", 10, 64, HANDLE_NONE, &handle);
    int64_t weak = SYS(machine_root, cap_mint, handle, RIGHT_TASK_INFO, 0);
    int64_t still = SYS(machine_root, cap_mint, channel, RIGHT_CHANNEL_SEND | RIGHT_MINT, 0);
    int64_t fixed = SYS(machine_root, cap_mint, channel, RIGHT_CHANNEL_SEND | RIGHT_TRANSFER, 0);
    assert_int_equal(SYS(machine_root, task_grant, (uint64_t)weak, sender, SENDER, 0), ERR_NO_RIGHT);
    assert_int_equal(SYS(machine_root, task_grant, handle, (uint64_t)still, RIGHTS_ALL, 0), ERR_NO_RIGHT);
    assert_int_equal(SYS(machine_root, task_grant, handle, (uint64_t)fixed, RIGHTS_ALL, 0), ERR_NO_RIGHT);
    assert_int_equal(SYS(machine_root, task_kill, (uint64_t)weak), ERR_NO_RIGHT);
    uint64_t used = machine_root->account->used_bytes;
    handle_t given = machine_grant(t, sender, RIGHTS_ALL, 0);
    assert_int_equal(machine_cap(t, given)->rights, SENDER);
    assert_int_equal(machine_root->account->used_bytes, used);
    assert_int_equal(SYS(machine_root, task_kill, handle), OK);
    assert_int_equal(SYS(machine_root, task_grant, handle, sender, SENDER, 0), ERR_PEER_DIED);
    machine_idle();
    assert_int_equal(SYS(machine_root, task_kill, handle), ERR_PEER_DIED);
}

static void a_table_of_many_is_taken_back_in_steps(void **state)
{
    (void)state;
    struct task *t = machine_task("t", 10, 4096, HANDLE_NONE);
    handle_t own = machine_channel(t, 1, 1);
    uint64_t before = cap_total;
    for (unsigned i = 0; i < 5000; i++)
        assert_true(SYS(t, cap_mint, own, RIGHTS_ALL, 0) > 0);
    SYS(machine_root, task_kill, machine_handle(t));
    machine_idle();
    assert_false(machine_alive(t));
    assert_int_equal(cap_total, before - 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, machine_teardown)

/* Their capabilities lie in their own tables: only the creator's death can end them. */
static void new_tasks_that_hold_each_other_end_with_their_creator(void **state)
{
    (void)state;
    handle_t maker_handle;
    struct task *maker = machine_task_new("maker", 10, 400, HANDLE_NONE, &maker_handle);
    handle_t root = machine_grant(maker, machine_root_handle, RIGHTS_ALL, 0);
    SYS(machine_root, task_start, maker_handle, 0x1000, 0x2000, 0);
    struct task_create_args args = {.name = "held", .priority = 5, .quota_pages = 50, .root = root};
    int64_t one = SYS(maker, task_create, P(&args)), two = SYS(maker, task_create, P(&args));
    assert_true(one > 0 && two > 0);
    assert_true(SYS(maker, task_grant, one, two, RIGHTS_ALL, 0) > 0);
    assert_true(SYS(maker, task_grant, two, one, RIGHTS_ALL, 0) > 0);
    assert_true(SYS(maker, task_grant, one, one, RIGHTS_ALL, 0) > 0);
    uint32_t count = task_count;
    SYS(machine_root, task_kill, maker_handle);
    machine_idle();
    assert_int_equal(task_count, count - 3);
}

static void a_fault_whose_creator_is_gone_ends_the_task(void **state)
{
    (void)state;
    handle_t maker_handle, channel = machine_channel(machine_root, 4, 4);
    struct task *maker = machine_task_new("maker", 10, 400, HANDLE_NONE, &maker_handle);
    handle_t root = machine_grant(maker, machine_root_handle, RIGHTS_ALL, 0);
    handle_t supervisor = machine_grant(maker, channel, RIGHTS_ALL & ~RIGHT_CHANNEL_RECV, 7);
    SYS(machine_root, task_start, maker_handle, 0x1000, 0x2000, 0);
    struct task_create_args args = {
        .name = "orphan", .priority = 5, .quota_pages = 50, .root = root, .supervisor = supervisor};
    int64_t made = SYS(maker, task_create, P(&args));
    struct task *orphan = task_of_cap(machine_cap(maker, (handle_t)made));
    SYS(maker, task_start, (uint64_t)made, 0x1000, 0x2000, 0);
    SYS(machine_root, task_kill, maker_handle);
    machine_idle();
    machine_run(orphan);
    struct msg_fault fault = {.vector = 14};
    task_stop_for_fault(orphan, &fault);
    machine_idle();
    assert_false(machine_alive(orphan) && orphan->state == TASK_FAULTED);
}

static void a_channel_that_the_quota_refuses_is_gone_once(void **state)
{
    (void)state;
    struct task *poor = machine_task("poor", 10, 12, HANDLE_NONE);
    for (int i = 0; i < 100; i++)
        assert_int_equal(SYS(poor, channel_create, 1024, 1), ERR_QUOTA);
    int64_t one = SYS(poor, channel_create, 1, 1), two = SYS(poor, channel_create, 1, 1);
    assert_true(one > 0 && two > 0);
    assert_ptr_not_equal(machine_cap(poor, (handle_t)one)->object, machine_cap(poor, (handle_t)two)->object);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(creation_checks_everything),
        TEST(a_task_that_cannot_be_made_leaves_nothing),
        TEST(a_new_task_that_nobody_names_goes),
        TEST(a_fault_and_an_end_are_reported_with_the_badge),
        TEST(an_end_overtakes_a_fault_that_nobody_read),
        TEST(exit_code_and_a_current_task_that_ends),
        TEST(an_equal_has_its_turn_beside_one_that_is_often_interrupted),
        TEST(supervisors_go_at_each_stage),
        TEST(reports_that_lost_their_supervisor_hide_no_other),
        TEST(tasks_die_in_every_state),
        TEST(grants_stay_within_the_right),
        TEST(a_table_of_many_is_taken_back_in_steps),
        TEST(new_tasks_that_hold_each_other_end_with_their_creator),
        TEST(a_fault_whose_creator_is_gone_ends_the_task),
        TEST(a_channel_that_the_quota_refuses_is_gone_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
