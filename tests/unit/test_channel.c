/* kernel/ipc: the queue, its credit, waiting, signals; arguments. */
#include "kernel/memory/slab.h"
#include "tests/unit/channel_fixture.h"

/* ---- one-way messages ---- */

static void the_queue_keeps_the_order_and_the_kernel_stamps(void **state)
{
    struct msg out[6];
    (void)state;
    for (uint16_t i = 0; i < 3; i++) {
        assert_int_equal(send_one(a, a_sender, i * 2), 1);
        assert_int_equal(send_one(b, b_sender, i * 2 + 1), 1);
    }
    assert_int_equal(receive(out, 6), 6);
    for (uint16_t i = 0; i < 6; i++) {
        struct msg sent = message(i, 32);
        assert_int_equal(out[i].head.op, i);
        assert_int_equal(out[i].head.kind, MSG_SEND);
        assert_int_equal(out[i].head.badge, i & 1 ? 2 : 1);
        assert_int_equal(out[i].head.rights, i & 1 ? 0x22 : 0x11);
        assert_int_equal(out[i].head.token, 0);
        assert_memory_equal(out[i].payload, sent.payload, 32);
    }
    assert_int_equal(receive(out, 6), ERR_WOULD_BLOCK);
}

static void every_length_arrives_and_nothing_behind_it(void **state)
{
    (void)state;
    for (unsigned length = 0; length <= MSG_PAYLOAD_MAX; length++) {
        struct msg m = message((uint16_t)length, (uint8_t)length), out;
        memset(&out, 0xee, sizeof out);
        assert_int_equal(SYS(a, channel_send, a_sender, P(&m), 1), 1);
        assert_int_equal(receive(&out, 1), 1);
        assert_int_equal(out.head.length, length);
        assert_memory_equal(out.payload, m.payload, length);
        for (unsigned i = length; i < MSG_PAYLOAD_MAX; i++)
            assert_int_equal(out.payload[i], i < ((length + 7) & ~7u) ? 0 : 0xee);
    }
    struct msg m = message(1, 225);
    assert_int_equal(SYS(a, channel_send, a_sender, P(&m), 1), ERR_BAD_MESSAGE);
    m = message(1, 8);
    m.head.cap_count = 5;
    assert_int_equal(SYS(a, channel_send, a_sender, P(&m), 1), ERR_BAD_MESSAGE);
}

static void credit_ends_a_batch_and_leaves_room_for_others(void **state)
{
    struct msg batch[6], out[8];
    (void)state;
    for (uint16_t i = 0; i < 6; i++)
        batch[i] = message(i, i * 9);
    assert_int_equal(SYS(a, channel_send, a_sender, P(batch), 6), 4);
    assert_int_equal(SYS(a, channel_send, a_sender, P(batch), 1), ERR_WOULD_BLOCK);
    assert_int_equal(SYS(b, channel_send, b_sender, P(batch), 6), 4);
    assert_int_equal(the_channel()->free_count, 0);
    assert_int_equal(receive(out, 3), 3);
    assert_int_equal(the_channel()->free_count, 3);
    assert_int_equal(SYS(a, channel_send, a_sender, P(batch), 6), 3);
    assert_int_equal(receive(out, 8), 8);
    assert_int_equal(the_channel()->free_count, 8);
    assert_int_equal(machine_cap(a, a_sender)->sender->used, 0);
}

static void a_copy_shares_its_originals_credit(void **state)
{
    struct msg batch[4] = {message(0, 0), message(1, 0), message(2, 0), message(3, 0)};
    (void)state;
    int64_t copy = SYS(a, cap_mint, a_sender, RIGHTS_ALL, 0);
    assert_int_equal(SYS(a, channel_send, (uint64_t)copy, P(batch), 4), 4);
    assert_int_equal(SYS(a, channel_send, a_sender, P(batch), 1), ERR_WOULD_BLOCK);
    assert_int_equal(SYS(a, cap_mint, a_sender, RIGHTS_ALL, 7), ERR_NO_RIGHT); /* the badge is set */
}

static void bad_pointers_are_faults_and_lose_nothing(void **state)
{
    struct msg out[2], *page = aligned_alloc(PAGE_SIZE, PAGE_SIZE);
    (void)state;
    assert_int_equal(SYS(a, channel_send, a_sender, 8, 1), ERR_FAULT);
    assert_int_equal(SYS(a, channel_send, a_sender, 0xffff800000000000, 1), ERR_FAULT);
    assert_int_equal(SYS(a, channel_send, a_sender, 0x0000800000000000 - 64, 1), ERR_FAULT);
    assert_int_equal(SYS(a, channel_send, a_sender, UINT64_MAX - 100, 2), ERR_FAULT);
    assert_int_equal(SYS(a, channel_send, a_sender, 0x10000, 1), ERR_FAULT); /* in range, not mapped */
    assert_int_equal(SYS(a, channel_send, a_sender, P(out), 65), ERR_INVALID);
    assert_int_equal(SYS(a, channel_send, a_sender, P(out), 0), ERR_INVALID);
    assert_int_equal(send_one(a, a_sender, 77), 1);
    assert_int_equal(SYS(server, channel_recv, channel, 0x10000, 1, DEADLINE_NOW), ERR_FAULT);
    assert_int_equal(SYS(server, channel_recv, channel, UINT64_MAX - 300, 64, DEADLINE_NOW), ERR_FAULT);
    assert_int_equal(receive(out, 2), 1);
    assert_int_equal(out[0].head.op, 77);
    free(page);
}

static void arguments_are_checked(void **state)
{
    struct msg m;
    (void)state;
    assert_int_equal(SYS(a, channel_create, 0, 1), ERR_INVALID);
    assert_int_equal(SYS(a, channel_create, 1025, 1), ERR_INVALID);
    assert_int_equal(SYS(a, channel_create, 4, 5), ERR_INVALID);
    assert_int_equal(SYS(a, channel_create, 1ul << 32 | 4, 4), ERR_INVALID);
    assert_int_equal(SYS(a, channel_recv, a_sender, P(&m), 1, DEADLINE_NOW), ERR_NO_RIGHT);
    assert_int_equal(SYS(a, channel_recv, 0, P(&m), 1, DEADLINE_NOW), ERR_BAD_HANDLE);
    assert_int_equal(SYS(server, channel_recv, channel, P(&m), 0, DEADLINE_NOW), ERR_INVALID);
    assert_int_equal(SYS(server, channel_recv, channel, P(&m), 65, DEADLINE_NOW), ERR_INVALID);
    assert_int_equal(SYS(server, channel_recv, channel, P(&m), 1ul << 32 | 1, DEADLINE_NOW), ERR_INVALID);
    assert_int_equal(SYS(server, channel_reply_recv, channel, P(&m), 0, P(&m), 0), ERR_INVALID);
    assert_int_equal(SYS(server, channel_reply_recv, channel, P(&m), 65, P(&m), 0), ERR_INVALID);
    assert_int_equal(SYS(server, channel_reply_recv, channel, P(&m), 65ul << 32, P(&m), 0), ERR_INVALID);
    assert_int_equal(SYS(server, channel_reply_recv, channel, (uint64_t)-24, 1, P(&m), 0), ERR_FAULT);
    handle_t largest = machine_channel(machine_root, 1024, 1024);
    assert_int_equal(SYS(machine_root, cap_close, largest), OK);
}

/* ---- waiting ---- */

static void a_waiting_receiver_is_woken_once_with_all(void **state)
{
    struct msg out[8], batch[3] = {message(5, 8), message(6, 16), message(7, 32)};
    (void)state;
    assert_int_equal(SYS(server, channel_recv, channel, P(out), 8, DEADLINE_NEVER), BLOCKED);
    assert_int_equal(server->state, TASK_RECEIVING);
    assert_int_equal(SYS(a, channel_send, a_sender, P(batch), 3), 3);
    assert_int_equal(machine_answer(server), 3);
    assert_int_equal(out[2].head.op, 7);
}

static void a_deadline_ends_the_wait(void **state)
{
    struct msg out;
    (void)state;
    assert_int_equal(SYS(server, channel_recv, channel, P(&out), 1, machine_now_ns + 1000), BLOCKED);
    assert_int_equal(machine_armed_ns, machine_now_ns + 1000);
    machine_pass(999);
    assert_int_equal(machine_answer(server), BLOCKED);
    machine_pass(1);
    assert_int_equal(machine_answer(server), ERR_TIMED_OUT);
    assert_null(the_channel()->receiver);
    assert_true(list_empty(&cpus[0].timers));
}

static void a_deadline_too_far_to_count_is_never(void **state)
{
    struct msg out;
    (void)state;
    machine_armed_ns = UINT64_MAX;
    assert_int_equal(SYS(server, channel_recv, channel, P(&out), 1, UINT64_MAX - 1), BLOCKED);
    assert_true(machine_armed_ns == UINT64_MAX); /* in TSC ticks it would wrap, and fire for ever */
    assert_int_equal(send_one(a, a_sender, 1), 1);
    assert_int_equal(machine_answer(server), 1);
}

/*      slow                 a
 *      waits in recv
 *                           calls, with a deadline: slow is ready, but a was more urgent
 *                           gives up (time-out)
 *      runs: nothing is there: waits on, until its own deadline */
static void a_caller_that_gave_up_is_no_message(void **state)
{
    struct msg out, m = message(1, 40);
    (void)state;
    struct task *slow = machine_task("slow", 5, 64, HANDLE_NONE);
    handle_t own = machine_channel(machine_root, 2, 2);
    handle_t sender = machine_grant(a, own, SENDER, 3);
    own = machine_grant(slow, own, RIGHTS_ALL, 0);
    assert_int_equal(SYS(slow, channel_recv, own, P(&out), 1, machine_now_ns + 5000), BLOCKED);
    machine_run(b);
    assert_int_equal(SYS(a, channel_call, sender, P(&m), machine_now_ns + 1000), BLOCKED);
    assert_int_equal(a->state, TASK_CALLING);
    assert_int_equal(slow->state, TASK_READY);
    machine_pass(1000);
    assert_int_equal(machine_answer(a), ERR_TIMED_OUT);
    assert_int_equal(machine_answer(slow), BLOCKED);
    assert_int_equal(slow->state, TASK_RECEIVING);
    machine_pass(4000);
    assert_int_equal(machine_answer(slow), ERR_TIMED_OUT);
}

/* ---- signals ---- */

static void signals_come_with_recv_and_are_cleared(void **state)
{
    struct msg out;
    (void)state;
    int64_t bell = SYS(server, signal_create);
    int64_t masked = SYS(server, cap_mint, (uint64_t)bell, RIGHTS_ALL, 0xf0);
    assert_int_equal(SYS(server, cap_mint, (uint64_t)masked, RIGHTS_ALL, 0x1f0), ERR_NO_RIGHT);
    assert_int_equal(SYS(server, signal_raise, (uint64_t)bell, 1), OK); /* before it is bound */
    assert_int_equal(SYS(server, signal_bind, (uint64_t)bell, channel), OK);
    assert_int_equal(SYS(server, signal_bind, (uint64_t)bell, channel), ERR_BUSY);
    assert_int_equal(SYS(server, channel_recv, channel, P(&out), 1, DEADLINE_NEVER), 0);
    assert_int_equal(server->context.rdx, 1);
    assert_int_equal(receive(&out, 1), ERR_WOULD_BLOCK);
    assert_int_equal(SYS(server, signal_raise, (uint64_t)masked, 0xfff), OK);
    assert_int_equal(send_one(a, a_sender, 4), 1);
    assert_int_equal(receive(&out, 1), 1);
    assert_int_equal(server->context.rdx, 0xf0);
    assert_int_equal(SYS(server, channel_recv, channel, P(&out), 1, DEADLINE_NEVER), BLOCKED);
    signal_raise_bits((struct signal *)machine_cap(server, (handle_t)bell)->object, 8); /* an interrupt */
    assert_int_equal(machine_answer(server), 0);
    assert_int_equal(server->context.rdx, 8);
}

/* What was bound through a capability ends when that is revoked, and stays when it is closed. */
static void a_bound_signal_ends_with_a_revoke_and_not_with_a_close(void **state)
{
    (void)state;
    int64_t bell = SYS(server, signal_create);
    int64_t child = SYS(server, cap_mint, (uint64_t)bell, RIGHTS_ALL, 0);
    assert_int_equal(SYS(server, signal_bind, (uint64_t)child, channel), OK);
    assert_int_equal(SYS(server, cap_close, (uint64_t)child), OK);
    assert_int_equal(SYS(server, signal_raise, (uint64_t)bell, 4), OK);
    struct msg m;
    assert_int_equal(SYS(server, channel_recv, channel, P(&m), 1, DEADLINE_NOW), 0);
    assert_int_equal(server->context.rdx, 4);
    assert_int_equal(SYS(server, cap_revoke, (uint64_t)bell), OK);
    assert_int_equal(SYS(server, signal_raise, (uint64_t)bell, 4), OK);
    assert_int_equal(SYS(server, channel_recv, channel, P(&m), 1, DEADLINE_NOW), ERR_WOULD_BLOCK);
    assert_int_equal(SYS(server, signal_bind, (uint64_t)bell, channel), OK); /* free for another */
}

/* ---- the receive right ---- */

static void the_receive_right_is_granted_with_the_rights_asked_for(void **state)
{
    (void)state;
    handle_t own = machine_channel(machine_root, 4, 4);
    assert_int_equal(SYS(machine_root, task_grant, machine_handle(a), own, RIGHTS_ALL, 5), ERR_INVALID);
    int64_t there = SYS(machine_root, task_grant, machine_handle(a), own, RIGHT_CHANNEL_RECV, 0);
    assert_true(there > 0);
    assert_null(cap_find(&machine_root->table, own));
    assert_int_equal(machine_cap(a, (handle_t)there)->rights, RIGHT_CHANNEL_RECV);
    assert_ptr_equal(slab_account(machine_cap(a, (handle_t)there)), a->account);
    struct msg m = message(1, 8);
    assert_int_equal(SYS(a, channel_send, (uint64_t)there, P(&m), 1), ERR_NO_RIGHT);
    assert_int_equal(SYS(a, channel_recv, (uint64_t)there, P(&m), 1, DEADLINE_NOW), ERR_WOULD_BLOCK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_queue_keeps_the_order_and_the_kernel_stamps),
        TEST(every_length_arrives_and_nothing_behind_it),
        TEST(credit_ends_a_batch_and_leaves_room_for_others),
        TEST(a_copy_shares_its_originals_credit),
        TEST(bad_pointers_are_faults_and_lose_nothing),
        TEST(arguments_are_checked),
        TEST(a_waiting_receiver_is_woken_once_with_all),
        TEST(a_deadline_ends_the_wait),
        TEST(a_deadline_too_far_to_count_is_never),
        TEST(a_caller_that_gave_up_is_no_message),
        TEST(signals_come_with_recv_and_are_cleared),
        TEST(a_bound_signal_ends_with_a_revoke_and_not_with_a_close),
        TEST(the_receive_right_is_granted_with_the_rights_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
