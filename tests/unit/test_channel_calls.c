/* kernel/ipc: calls, answers, and who may give them. */
#include "tests/unit/channel_fixture.h"

static void call_and_reply(uint8_t length, bool server_waits)
{
    struct msg m = message(9, length), in = {0}, out;
    if (server_waits)
        assert_int_equal(SYS(server, channel_recv, channel, P(&in), 1, DEADLINE_NEVER), BLOCKED);
    out = m;
    assert_int_equal(SYS(a, channel_call, a_sender, P(&out), DEADLINE_NEVER), BLOCKED);
    if (server_waits)
        assert_int_equal(machine_answer(server), 1);
    else
        assert_int_equal(receive(&in, 1), 1);
    assert_int_equal(a->state, TASK_REPLYING);
    assert_ptr_equal(a->server, server);
    assert_int_equal(in.head.kind, MSG_CALL);
    assert_int_equal(in.head.badge, 1);
    assert_int_equal(in.head.length, length);
    assert_memory_equal(in.payload, m.payload, length);
    in.head.status = -3;
    in.head.op = 10;
    struct msg next;
    assert_int_equal(SYS(server, channel_reply_recv, channel, P(&in), 1 | 1ul << 32, P(&next), DEADLINE_NEVER),
                     BLOCKED);
    assert_int_equal(machine_answer(a), OK);
    assert_int_equal(out.head.kind, MSG_REPLY);
    assert_int_equal(out.head.status, -3);
    assert_int_equal(out.head.op, 10);
    assert_memory_equal(out.payload, m.payload, length);
    assert_true(list_empty(&server->callers));
    assert_int_equal(send_one(b, b_sender, 1), 1);
    assert_int_equal(machine_answer(server), 1);
}

static void calls_of_all_lengths_on_both_ways(void **state)
{
    (void)state;
    for (unsigned length = 0; length <= MSG_PAYLOAD_MAX; length += 4) {
        call_and_reply((uint8_t)length, false);
        call_and_reply((uint8_t)length, true);
    }
}

static void a_token_answers_once_and_only_from_who_was_called(void **state)
{
    struct msg m = message(1, 32), in, forged, none;
    uint64_t signals = 0;
    (void)signals;
    (void)state;
    handle_t other = machine_channel(b, 1, 1);
    assert_int_equal(SYS(a, channel_call, a_sender, P(&m), DEADLINE_NEVER), BLOCKED);
    assert_int_equal(receive(&in, 1), 1);
    forged = in;
    assert_int_equal(SYS(b, channel_reply_recv, other, P(&forged), 1), OK); /* not b's caller: skipped */
    assert_int_equal(a->state, TASK_REPLYING);
    for (unsigned bit = 0; bit < 32; bit++) {
        forged.head.token = in.head.token ^ 1u << bit;
        assert_int_equal(SYS(server, channel_reply_recv, channel, P(&forged), 1), OK);
        assert_int_equal(a->state, TASK_REPLYING);
    }
    struct msg twice[2] = {in, in};
    assert_int_equal(SYS(server, channel_reply_recv, channel, P(twice), 2), OK);
    assert_int_equal(machine_answer(a), OK);
    assert_int_equal(SYS(a, channel_call, a_sender, P(&m), DEADLINE_NEVER), BLOCKED);
    assert_int_equal(receive(&none, 1), 1);
    assert_int_equal(SYS(server, channel_reply_recv, channel, P(&in), 1), OK); /* the old token */
    assert_int_equal(a->state, TASK_REPLYING);
    assert_int_equal(SYS(server, channel_reply_recv, channel, P(&none), 1), OK);
    assert_int_equal(machine_answer(a), OK);
}

static void a_reply_after_the_time_out_finds_nobody(void **state)
{
    struct msg m = message(1, 32), in;
    (void)state;
    assert_int_equal(SYS(a, channel_call, a_sender, P(&m), machine_now_ns + 100), BLOCKED);
    assert_int_equal(receive(&in, 1), 1);
    machine_pass(100);
    assert_int_equal(machine_answer(a), ERR_TIMED_OUT);
    assert_true(list_empty(&server->callers));
    assert_int_equal(SYS(server, channel_reply_recv, channel, P(&in), 1), OK);
    assert_int_equal(SYS(a, channel_call, a_sender, P(&m), DEADLINE_NOW), ERR_TIMED_OUT);
}

static void callers_leave_from_anywhere_in_the_queue(void **state)
{
    struct msg m[4], in[8];
    struct task *callers[4];
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        char name[] = {'c', (char)('0' + i), 0};
        callers[i] = machine_task(name, 10, 64, HANDLE_NONE);
        handle_t sender = machine_grant(callers[i], root_sender, SENDER, 10 + i);
        m[i] = message((uint16_t)i, 32);
        assert_int_equal(send_one(b, b_sender, (uint16_t)(100 + i)), 1);
        assert_int_equal(SYS(callers[i], channel_call, sender, P(&m[i]), machine_now_ns + 100 * (i + 1)), BLOCKED);
    }
    machine_pass(200); /* callers 0 and 1 go */
    SYS(machine_root, task_kill, machine_handle(callers[3]));
    assert_int_equal(receive(in, 8), 5);
    static const uint16_t expected[] = {100, 101, 102, 2, 103};
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(in[i].head.op, expected[i]);
    assert_int_equal(machine_answer(callers[0]), ERR_TIMED_OUT);
}

static void nobody_calls_itself(void **state)
{
    (void)state;
    handle_t own = machine_channel(a, 4, 4);
    int64_t sender = SYS(a, cap_mint, own, RIGHTS_ALL, 1);
    struct msg m = message(1, 8);
    assert_int_equal(SYS(a, channel_call, (uint64_t)sender, P(&m), DEADLINE_NEVER), ERR_BAD_STATE);
    assert_int_equal(SYS(a, channel_send, (uint64_t)sender, P(&m), 1), 1); /* a note to itself is none */
}

/* ---- bad buffers ---- */

/* The receiver's buffer is bad when a call comes on the short path: the call waits in the queue instead. */
static void a_bad_buffer_of_the_receiver_keeps_the_call(void **state)
{
    struct msg m = message(3, 32), in;
    (void)state;
    assert_int_equal(SYS(server, channel_recv, channel, 0x10000, 1, DEADLINE_NEVER), BLOCKED);
    assert_int_equal(SYS(a, channel_call, a_sender, P(&m), DEADLINE_NEVER), BLOCKED);
    assert_int_equal(machine_answer(server), ERR_FAULT);
    assert_int_equal(a->state, TASK_CALLING);
    assert_int_equal(receive(&in, 1), 1);
    assert_int_equal(in.head.kind, MSG_CALL);
    for (unsigned i = 0; i < MSG_CAPS_MAX; i++)
        assert_int_equal(in.head.caps[i], HANDLE_NONE);
    assert_int_equal(SYS(server, channel_reply_recv, channel, P(&in), 1), OK);
    assert_int_equal(machine_answer(a), OK);
}

static void a_bad_buffer_of_the_caller_is_its_own_fault(void **state)
{
    struct msg in, *m;
    (void)state;
    m = aligned_alloc(PAGE_SIZE, PAGE_SIZE);
    *m = message(3, 32);
    assert_int_equal(SYS(a, channel_call, a_sender, P(m), DEADLINE_NEVER), BLOCKED);
    a->wait.msgs = (struct msg *)0x10000; /* it unmapped it, say */
    assert_int_equal(receive(&in, 1), 1);
    assert_int_equal(SYS(server, channel_reply_recv, channel, P(&in), 1 | 1ul << 32, P(&in), DEADLINE_NEVER), BLOCKED);
    assert_int_equal(machine_answer(a), ERR_FAULT);
    free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(calls_of_all_lengths_on_both_ways),
        TEST(a_token_answers_once_and_only_from_who_was_called),
        TEST(a_reply_after_the_time_out_finds_nobody),
        TEST(callers_leave_from_anywhere_in_the_queue),
        TEST(nobody_calls_itself),
        TEST(a_bad_buffer_of_the_receiver_keeps_the_call),
        TEST(a_bad_buffer_of_the_caller_is_its_own_fault),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
