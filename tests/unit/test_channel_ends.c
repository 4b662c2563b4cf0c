/* kernel/ipc: the end of a badge, of a channel, of who waits. */
#include "tests/unit/channel_fixture.h"

/* ---- of a badge ---- */

static void closed_comes_behind_what_the_badge_had_queued(void **state)
{
    struct msg out[4];
    (void)state;
    assert_int_equal(send_one(a, a_sender, 1), 1);
    assert_int_equal(send_one(b, b_sender, 2), 1);
    int64_t copy = SYS(a, cap_mint, a_sender, RIGHTS_ALL, 0);
    assert_int_equal(SYS(a, cap_close, a_sender), OK);
    assert_int_equal(receive(out, 1), 1);
    assert_int_equal(out[0].head.op, 1);
    assert_int_equal(send_one(a, (handle_t)copy, 3), 1);
    assert_int_equal(SYS(a, cap_close, (uint64_t)copy), OK);
    assert_int_equal(receive(out, 4), 3);
    assert_int_equal(out[0].head.op, 2);
    assert_int_equal(out[1].head.op, 3);
    assert_int_equal(out[2].head.kind, MSG_CLOSED);
    assert_int_equal(out[2].head.badge, 1);
    assert_int_equal(receive(out, 4), ERR_WOULD_BLOCK);
}

/* A call of the past makes nothing anew of what the receiver kept for the badge. */
static void closed_comes_behind_a_call_that_the_badge_had_queued(void **state)
{
    struct msg m = message(7, 16), out[4];
    (void)state;
    for (unsigned length = 16; length <= 32; length += 16) {
        m = message(7, (uint8_t)length);
        handle_t sender = machine_grant(a, root_sender, SENDER, 6);
        assert_int_equal(SYS(a, channel_call, sender, P(&m), DEADLINE_NEVER), BLOCKED);
        assert_int_equal(SYS(machine_root, task_revoke, machine_handle(a), sender), OK);
        assert_int_equal(receive(out, 4), 2);
        assert_int_equal(out[0].head.kind, MSG_CALL);
        assert_int_equal(out[0].head.badge, 6);
        assert_int_equal(out[1].head.kind, MSG_CLOSED);
        assert_int_equal(out[1].head.badge, 6);
        assert_int_equal(SYS(server, channel_reply_recv, channel, P(out), 1), OK);
        assert_int_equal(machine_answer(a), OK);
    }
}

static void closed_waits_for_a_queued_call_only_as_long_as_that_waits(void **state)
{
    struct msg m = message(7, 40), out[4];
    (void)state;
    handle_t sender = machine_grant(a, root_sender, SENDER, 6);
    assert_int_equal(SYS(a, channel_call, sender, P(&m), machine_now_ns + 1000), BLOCKED);
    assert_int_equal(SYS(machine_root, task_revoke, machine_handle(a), sender), OK);
    machine_pass(1000);
    assert_int_equal(machine_answer(a), ERR_TIMED_OUT);
    assert_int_equal(receive(out, 4), 1);
    assert_int_equal(out[0].head.kind, MSG_CLOSED);
    sender = machine_grant(a, root_sender, SENDER, 6);
    assert_int_equal(SYS(a, channel_call, sender, P(&m), DEADLINE_NEVER), BLOCKED);
    SYS(machine_root, task_kill, machine_handle(a));
    machine_idle();
    assert_int_equal(receive(out, 4), 2); /* badge 1 and badge 6 */
    assert_int_equal(out[0].head.kind, MSG_CLOSED);
    assert_int_equal(out[1].head.kind, MSG_CLOSED);
}

/* Delivered at once into a buffer that is none, a call goes to the queue, and counts there. */
static void closed_comes_behind_a_call_whose_receiver_had_a_bad_buffer(void **state)
{
    struct msg m, out[4];
    (void)state;
    for (unsigned length = 16; length <= 32; length += 16) {
        m = message(7, (uint8_t)length);
        handle_t sender = machine_grant(a, root_sender, SENDER, 6);
        assert_int_equal(SYS(server, channel_recv, channel, 0x10000, 1, DEADLINE_NEVER), BLOCKED);
        assert_int_equal(SYS(a, channel_call, sender, P(&m), DEADLINE_NEVER), BLOCKED);
        assert_int_equal(machine_answer(server), ERR_FAULT);
        assert_int_equal(SYS(machine_root, task_revoke, machine_handle(a), sender), OK);
        assert_int_equal(receive(out, 4), 2);
        assert_int_equal(out[0].head.kind, MSG_CALL);
        assert_int_equal(out[1].head.kind, MSG_CLOSED);
        assert_int_equal(SYS(server, channel_reply_recv, channel, P(out), 1), OK);
        assert_int_equal(machine_answer(a), OK);
    }
}

/* Badge 0 has no note: its sender goes with the last of what it queued. */
static void a_sender_without_a_badge_outlives_its_capability_by_its_queued_call(void **state)
{
    struct msg m = message(7, 40), out[4];
    (void)state;
    handle_t own = machine_channel(machine_root, 2, 2);
    handle_t sender = machine_grant(a, own, SENDER, 0);
    assert_int_equal(SYS(a, channel_call, sender, P(&m), DEADLINE_NEVER), BLOCKED);
    assert_int_equal(SYS(machine_root, task_revoke, machine_handle(a), sender), OK);
    assert_int_equal(SYS(machine_root, channel_recv, own, P(out), 4, DEADLINE_NOW), 1);
    assert_int_equal(SYS(machine_root, channel_reply_recv, own, P(out), 1), OK);
    assert_int_equal(machine_answer(a), OK);
    assert_int_equal(SYS(machine_root, cap_close, own), OK);
}

static void the_death_of_a_client_is_told_too(void **state)
{
    struct msg out[4];
    (void)state;
    assert_int_equal(send_one(a, a_sender, 1), 1);
    assert_int_equal(SYS(server, channel_recv, channel, P(out), 1, DEADLINE_NEVER), 1);
    assert_int_equal(SYS(server, channel_recv, channel, P(out), 4, DEADLINE_NEVER), BLOCKED);
    SYS(machine_root, task_kill, machine_handle(a));
    machine_idle();
    assert_int_equal(machine_answer(server), 1);
    assert_int_equal(out[0].head.kind, MSG_CLOSED);
}

/* ---- of a channel ---- */

static void closing_ends_everything_that_waits_or_lies_there(void **state)
{
    struct msg m = message(1, 8), call_a = message(2, 32), call_b = message(3, 8), in;
    (void)state;
    handle_t memory = a_memory();
    m.head.cap_count = 1;
    m.head.caps[0] = memory;
    assert_int_equal(SYS(a, channel_send, a_sender, P(&m), 1), 1);
    call_b.head.cap_count = 1;
    call_b.head.kind = MSG_CAP_COPY(0);
    call_b.head.caps[0] = b_sender;
    assert_int_equal(SYS(b, channel_call, b_sender, P(&call_b), DEADLINE_NEVER), BLOCKED);
    assert_int_equal(SYS(a, channel_call, a_sender, P(&call_a), machine_now_ns + 1000), BLOCKED);
    int64_t bell = SYS(server, signal_create);
    assert_int_equal(SYS(server, signal_bind, (uint64_t)bell, channel), OK);
    assert_int_equal(SYS(server, cap_close, channel), OK);
    machine_idle(); /* what was queued is dropped step by step */
    assert_int_equal(machine_answer(a), ERR_PEER_DIED);
    assert_int_equal(machine_answer(b), ERR_PEER_DIED);
    assert_true(list_empty(&cpus[0].timers));
    assert_int_equal(object_counts[OBJECT_MEMORY], 0);
    assert_int_equal(send_one(a, a_sender, 1), ERR_PEER_DIED);
    assert_int_equal(SYS(a, channel_call, a_sender, P(&in), DEADLINE_NEVER), ERR_PEER_DIED);
    assert_int_equal(SYS(server, signal_raise, (uint64_t)bell, 1), OK);
    assert_int_equal(object_counts[OBJECT_CHANNEL], 1); /* senders are left */
    assert_int_equal(SYS(a, cap_close, a_sender), OK);
    assert_int_equal(SYS(b, cap_close, b_sender), OK);
    assert_int_equal(SYS(machine_root, cap_close, root_sender), OK);
    assert_int_equal(object_counts[OBJECT_CHANNEL], 0);
}

/* The only capability of a badge lies in a message that was sent with that badge, when the channel closes. */
static void a_channel_closes_with_a_badges_last_capability_queued(void **state)
{
    struct msg m = message(1, 8);
    (void)state;
    m.head.cap_count = 1;
    m.head.caps[0] = a_sender;
    assert_int_equal(SYS(a, channel_send, a_sender, P(&m), 1), 1);
    assert_int_equal(SYS(server, cap_close, channel), OK);
    assert_int_equal(SYS(b, cap_close, b_sender), OK);
    assert_int_equal(SYS(machine_root, cap_close, root_sender), OK);
    machine_idle();
    assert_int_equal(object_counts[OBJECT_CHANNEL], 0);
}

static void a_server_that_dies_lets_its_callers_go(void **state)
{
    struct msg m = message(2, 32), n = message(3, 32), in;
    (void)state;
    assert_int_equal(SYS(a, channel_call, a_sender, P(&m), DEADLINE_NEVER), BLOCKED);
    assert_int_equal(receive(&in, 1), 1);
    assert_int_equal(SYS(b, channel_call, b_sender, P(&n), machine_now_ns + 500), BLOCKED);
    SYS(machine_root, task_kill, machine_handle(server));
    assert_int_equal(machine_answer(a), ERR_PEER_DIED);
    machine_idle();
    assert_int_equal(machine_answer(b), ERR_PEER_DIED);
    assert_false(machine_alive(server));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(closed_comes_behind_what_the_badge_had_queued),
        TEST(closed_comes_behind_a_call_that_the_badge_had_queued),
        TEST(closed_waits_for_a_queued_call_only_as_long_as_that_waits),
        TEST(closed_comes_behind_a_call_whose_receiver_had_a_bad_buffer),
        TEST(a_sender_without_a_badge_outlives_its_capability_by_its_queued_call),
        TEST(the_death_of_a_client_is_told_too),
        TEST(closing_ends_everything_that_waits_or_lies_there),
        TEST(a_channel_closes_with_a_badges_last_capability_queued),
        TEST(a_server_that_dies_lets_its_callers_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
