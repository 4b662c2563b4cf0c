/* kernel/ipc: capabilities in messages. */
#include "kernel/memory/slab.h"
#include "kernel/trace/trace.h"
#include "tests/unit/channel_fixture.h"

static void moved_and_copied_capabilities_arrive(void **state)
{
    struct msg m = message(1, 8), in;
    handle_t moved = a_memory(), copied = a_memory();
    (void)state;
    m.head.cap_count = 2;
    m.head.kind = MSG_CAP_COPY(1);
    m.head.caps[0] = moved;
    m.head.caps[1] = copied;
    m.head.caps[2] = m.head.caps[3] = 0x123456; /* scribbling */
    assert_int_equal(SYS(a, channel_send, a_sender, P(&m), 1), 1);
    assert_null(cap_find(&a->table, moved));
    assert_non_null(cap_find(&a->table, copied));
    assert_int_equal(receive(&in, 1), 1);
    assert_int_equal(in.head.cap_count, 2);
    assert_int_equal(in.head.caps[2], HANDLE_NONE);
    struct cap *first = machine_cap(server, in.head.caps[0]), *second = machine_cap(server, in.head.caps[1]);
    assert_null(first->parent);
    assert_ptr_equal(second->parent, machine_cap(a, copied));
    assert_ptr_equal(slab_account(first), server->account);
    assert_int_equal(SYS(a, cap_revoke, copied), OK);
    assert_null(cap_find(&server->table, in.head.caps[1]));
}

static void what_may_not_travel_does_not_and_nothing_moves(void **state)
{
    struct msg m = message(1, 8);
    handle_t good = a_memory();
    int64_t still = SYS(a, cap_mint, good, RIGHTS_ALL & ~(RIGHT_TRANSFER | RIGHT_MINT), 0);
    int64_t no_mint = SYS(a, cap_mint, good, RIGHTS_ALL & ~RIGHT_MINT, 0);
    handle_t own = machine_channel(a, 1, 1);
    const struct {
        handle_t second;
        uint8_t kind;
        status_t status;
    } cases[] = {
        {HANDLE_NONE, 0, ERR_BAD_HANDLE},
        {(handle_t)still, 0, ERR_NO_RIGHT},
        {(handle_t)no_mint, MSG_CAP_COPY(1), ERR_NO_RIGHT},
        {good, 0, ERR_INVALID},
        {good, MSG_CAP_COPY(0) | MSG_CAP_COPY(1), ERR_INVALID},
        {own, 0, ERR_NO_RIGHT}, /* the receive right */
    };
    (void)state;
    uint64_t caps = cap_total, used = a->account->used_bytes;
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        m.head.cap_count = 2;
        m.head.kind = cases[i].kind;
        m.head.caps[0] = good;
        m.head.caps[1] = cases[i].second;
        assert_int_equal(SYS(a, channel_send, a_sender, P(&m), 1), cases[i].status);
        assert_int_equal(SYS(a, channel_call, a_sender, P(&m), DEADLINE_NEVER), cases[i].status);
        assert_non_null(cap_find(&a->table, good));
        assert_int_equal(cap_total, caps);
        assert_int_equal(a->account->used_bytes, used);
    }
    m.head.kind = MSG_CAP_COPY(1); /* a copy of a receiving capability only sends */
    m.head.caps[1] = own;
    assert_int_equal(SYS(a, channel_send, a_sender, P(&m), 1), 1);
}

static void a_capability_revoked_on_its_way_arrives_as_none(void **state)
{
    struct msg m = message(1, 8), in;
    handle_t memory = a_memory();
    int64_t child = SYS(a, cap_mint, memory, RIGHTS_ALL, 0);
    (void)state;
    m.head.cap_count = 1;
    m.head.caps[0] = (handle_t)child;
    assert_int_equal(SYS(a, channel_send, a_sender, P(&m), 1), 1);
    uint64_t total = cap_total;
    assert_int_equal(SYS(a, cap_revoke, memory), OK);
    assert_int_equal(cap_total, total - 1);
    assert_int_equal(receive(&in, 1), 1);
    assert_int_equal(in.head.cap_count, 1);
    assert_int_equal(in.head.caps[0], HANDLE_NONE);
}

static void a_full_table_or_quota_gets_none_and_leaks_nothing(void **state)
{
    struct msg m = message(1, 8), in;
    handle_t memory = a_memory();
    (void)state;
    while (SYS(server, cap_mint, channel, RIGHTS_ALL, 0) > 0) {}
    m.head.cap_count = 1;
    m.head.kind = MSG_CAP_COPY(0);
    m.head.caps[0] = memory;
    uint64_t total = cap_total, used = server->account->used_bytes;
    assert_int_equal(SYS(a, channel_send, a_sender, P(&m), 1), 1);
    assert_int_equal(receive(&in, 1), 1);
    assert_int_equal(in.head.caps[0], HANDLE_NONE);
    assert_int_equal(cap_total, total);
    assert_int_equal(server->account->used_bytes, used);
}

static void capabilities_come_back_with_the_answer(void **state)
{
    struct msg m = message(1, 8), in;
    handle_t memory = a_memory();
    (void)state;
    m.head.cap_count = 1;
    m.head.caps[0] = memory;
    assert_int_equal(SYS(a, channel_call, a_sender, P(&m), DEADLINE_NEVER), BLOCKED);
    assert_int_equal(receive(&in, 1), 1);
    in.head.kind = 0; /* move it back */
    assert_int_equal(SYS(server, channel_reply_recv, channel, P(&in), 1), OK);
    assert_int_equal(machine_answer(a), OK);
    assert_int_equal(machine_cap(a, m.head.caps[0])->object->type, OBJECT_MEMORY);
    in.head.caps[0] = HANDLE_NONE;
}

static void quotas_are_as_before_after_much_use(void **state)
{
    struct msg m = message(1, 8), in[8];
    (void)state;
    uint64_t used[3] = {0};
    struct task *tasks[3] = {server, a, b};
    for (unsigned round = 0; round < 50; round++) {
        int64_t memory = SYS(a, memory_create, 1 + round % 7, 0);
        m.head.cap_count = 1;
        m.head.caps[0] = (handle_t)memory;
        m.head.kind = round & 1 ? MSG_CAP_COPY(0) : 0;
        assert_int_equal(SYS(a, channel_send, a_sender, P(&m), 1), 1);
        SYS(a, cap_close, (uint64_t)memory);
        assert_int_equal(receive(in, 8), 1);
        assert_int_equal(SYS(server, cap_close, in[0].head.caps[0]), OK);
        for (unsigned i = 0; i < 3 && round > 1; i++)
            assert_int_equal(tasks[i]->account->used_bytes, used[i]);
        for (unsigned i = 0; i < 3; i++)
            used[i] = tasks[i]->account->used_bytes;
    }
}

static void the_trace_tells_from_whom_to_whom_a_capability_went(void **state)
{
    (void)state;
    handle_t memory = a_memory();
    uint32_t object = (uint32_t)machine_cap(a, memory)->object->id;
    struct msg m = message(1, 8), in[2];
    m.head.cap_count = 1;
    m.head.caps[0] = memory;
    assert_int_equal(SYS(a, channel_send, a_sender, P(&m), 1), 1);
    assert_int_equal(SYS(server, channel_recv, channel, P(in), 1, DEADLINE_NOW), 1);
    struct trace_record records[16];
    size_t count = trace_last(records, 16), seen = 0;
    for (size_t i = 0; i < count; i++) {
        if (records[i].event != TRACE_CapGrant || (uint32_t)records[i].payload[1] != object)
            continue;
        seen++;
        assert_true(records[i].payload[0] == TRACE_WORD(task_id(a), task_id(server)));
    }
    assert_int_equal(seen, 1);
}

/* ---- on any error of a call nothing was moved ---- */

static void a_call_that_times_out_gives_back_what_it_moved(void **state)
{
    (void)state;
    handle_t memory = a_memory();
    struct msg m = message(1, 8);
    m.head.cap_count = 2;
    m.head.caps[0] = memory;
    m.head.caps[1] = a_sender;
    m.head.kind = MSG_CAP_COPY(1);
    uint64_t caps = cap_total;
    assert_int_equal(SYS(a, channel_call, a_sender, P(&m), machine_now_ns + 1000), BLOCKED);
    assert_null(cap_find(&a->table, memory)); /* on its way */
    machine_pass(2000);
    assert_int_equal(machine_answer(a), ERR_TIMED_OUT);
    assert_non_null(cap_find(&a->table, memory));
    assert_int_equal(cap_total, caps);
    assert_int_equal(SYS(a, cap_close, memory), OK);
    assert_int_equal(SYS(a, cap_close, memory), ERR_BAD_HANDLE);
}

static void a_call_whose_channel_closes_gives_back_what_it_moved(void **state)
{
    (void)state;
    handle_t memory = a_memory();
    struct msg m = message(1, 8);
    m.head.cap_count = 1;
    m.head.caps[0] = memory;
    assert_int_equal(SYS(a, channel_call, a_sender, P(&m), DEADLINE_NEVER), BLOCKED);
    assert_int_equal(SYS(server, cap_close, channel), OK);
    machine_idle();
    assert_int_equal(machine_answer(a), ERR_PEER_DIED);
    assert_non_null(cap_find(&a->table, memory));
}

static void one_revoked_on_its_way_does_not_come_back(void **state)
{
    (void)state;
    handle_t memory = a_memory();
    int64_t child = SYS(a, cap_mint, memory, RIGHTS_ALL, 0);
    struct msg m = message(1, 8);
    m.head.cap_count = 1;
    m.head.caps[0] = (handle_t)child;
    assert_int_equal(SYS(a, channel_call, a_sender, P(&m), machine_now_ns + 1000), BLOCKED);
    uint32_t budget = 100, removed = 0;
    assert_true(cap_revoke(machine_cap(a, memory), &budget, &removed));
    assert_int_equal(removed, 1);
    machine_pass(2000);
    assert_int_equal(machine_answer(a), ERR_TIMED_OUT);
    assert_null(cap_find(&a->table, (handle_t)child));
}

static void one_that_is_away_in_a_call_is_revoked_by_its_handle(void **state)
{
    (void)state;
    handle_t memory = a_memory();
    struct msg m = message(1, 8);
    m.head.cap_count = 1;
    m.head.caps[0] = memory;
    assert_int_equal(SYS(a, channel_call, a_sender, P(&m), machine_now_ns + 1000), BLOCKED);
    assert_int_equal(SYS(machine_root, task_revoke, machine_handle(a), memory), OK);
    assert_int_equal(SYS(machine_root, task_revoke, machine_handle(a), memory), ERR_BAD_HANDLE);
    machine_pass(2000);
    assert_int_equal(machine_answer(a), ERR_TIMED_OUT);
    assert_null(cap_find(&a->table, memory));
    assert_int_equal(object_counts[OBJECT_MEMORY], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(moved_and_copied_capabilities_arrive),
        TEST(what_may_not_travel_does_not_and_nothing_moves),
        TEST(a_capability_revoked_on_its_way_arrives_as_none),
        TEST(a_full_table_or_quota_gets_none_and_leaks_nothing),
        TEST(capabilities_come_back_with_the_answer),
        TEST(quotas_are_as_before_after_much_use),
        TEST(the_trace_tells_from_whom_to_whom_a_capability_went),
        TEST(a_call_that_times_out_gives_back_what_it_moved),
        TEST(a_call_whose_channel_closes_gives_back_what_it_moved),
        TEST(one_revoked_on_its_way_does_not_come_back),
        TEST(one_that_is_away_in_a_call_is_revoked_by_its_handle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
