/* kernel/ipc: queues, credit, calls and answers, capabilities in messages, ends. */
#include "kernel/memory/slab.h"
#include "kernel/trace/trace.h"
#include "tests/unit/host_machine.h"

#define SENDER (RIGHT_CHANNEL_SEND | RIGHT_MINT | RIGHT_TRANSFER)

static struct task *server, *a, *b;
static handle_t channel;            /* server's, 8 slots, credit 4 */
static handle_t root_sender;        /* the root task's own, badge 0 */
static handle_t a_sender, b_sender; /* badges 1 and 2 */

static struct msg message(uint16_t op, uint8_t length)
{
    struct msg m = {.head = {.op = op, .length = length}};
    for (unsigned i = 0; i < MSG_PAYLOAD_MAX; i++)
        m.payload[i] = (uint8_t)(op + i);
    return m;
}

static int setup(void **state)
{
    machine_setup(state);
    server = machine_task("server", 20, 256, HANDLE_NONE);
    a = machine_task("a", 10, 256, HANDLE_NONE);
    b = machine_task("b", 10, 256, HANDLE_NONE);
    handle_t made = machine_channel(machine_root, 8, 4);
    int64_t sender = SYS(machine_root, cap_mint, made, SENDER | 0xffff, 0);
    assert_true(sender > 0);
    root_sender = (handle_t)sender;
    a_sender = machine_grant(a, root_sender, SENDER | 0x11, 1);
    b_sender = machine_grant(b, root_sender, SENDER | 0x22, 2);
    channel = machine_grant(server, made, RIGHTS_ALL, 0);
    return 0;
}

static int64_t send_one(struct task *task, handle_t through, uint16_t op)
{
    struct msg m = message(op, 32);
    return SYS(task, channel_send, through, P(&m), 1);
}

static int64_t receive(struct msg *msgs, uint32_t capacity)
{
    return SYS(server, channel_recv, channel, P(msgs), capacity, DEADLINE_NOW);
}

static struct channel *the_channel(void)
{
    return (struct channel *)machine_cap(server, channel)->object;
}

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

/* ---- calls ---- */

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

/* ---- capabilities in messages ---- */

static handle_t a_memory(void)
{
    int64_t memory = SYS(a, memory_create, 1, 0);
    assert_true(memory > 0);
    return (handle_t)memory;
}

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

/* ---- ends ---- */

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

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, machine_teardown)

/* On any error of a call nothing was moved. */
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

static void nobody_calls_itself(void **state)
{
    (void)state;
    handle_t own = machine_channel(a, 4, 4);
    int64_t sender = SYS(a, cap_mint, own, RIGHTS_ALL, 1);
    struct msg m = message(1, 8);
    assert_int_equal(SYS(a, channel_call, (uint64_t)sender, P(&m), DEADLINE_NEVER), ERR_BAD_STATE);
    assert_int_equal(SYS(a, channel_send, (uint64_t)sender, P(&m), 1), 1); /* a note to itself is none */
}

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_queue_keeps_the_order_and_the_kernel_stamps),
        TEST(every_length_arrives_and_nothing_behind_it),
        TEST(credit_ends_a_batch_and_leaves_room_for_others),
        TEST(a_copy_shares_its_originals_credit),
        TEST(bad_pointers_are_faults_and_lose_nothing),
        TEST(a_waiting_receiver_is_woken_once_with_all),
        TEST(a_deadline_ends_the_wait),
        TEST(a_deadline_too_far_to_count_is_never),
        TEST(a_caller_that_gave_up_is_no_message),
        TEST(signals_come_with_recv_and_are_cleared),
        TEST(calls_of_all_lengths_on_both_ways),
        TEST(a_token_answers_once_and_only_from_who_was_called),
        TEST(a_reply_after_the_time_out_finds_nobody),
        TEST(callers_leave_from_anywhere_in_the_queue),
        TEST(a_bad_buffer_of_the_receiver_keeps_the_call),
        TEST(a_bad_buffer_of_the_caller_is_its_own_fault),
        TEST(moved_and_copied_capabilities_arrive),
        TEST(what_may_not_travel_does_not_and_nothing_moves),
        TEST(a_capability_revoked_on_its_way_arrives_as_none),
        TEST(a_full_table_or_quota_gets_none_and_leaks_nothing),
        TEST(capabilities_come_back_with_the_answer),
        TEST(closed_comes_behind_what_the_badge_had_queued),
        TEST(the_death_of_a_client_is_told_too),
        TEST(closing_ends_everything_that_waits_or_lies_there),
        TEST(a_channel_closes_with_a_badges_last_capability_queued),
        TEST(a_server_that_dies_lets_its_callers_go),
        TEST(quotas_are_as_before_after_much_use),
        TEST(arguments_are_checked),
        TEST(a_call_that_times_out_gives_back_what_it_moved),
        TEST(a_call_whose_channel_closes_gives_back_what_it_moved),
        TEST(one_revoked_on_its_way_does_not_come_back),
        TEST(one_that_is_away_in_a_call_is_revoked_by_its_handle),
        TEST(the_trace_tells_from_whom_to_whom_a_capability_went),
        TEST(nobody_calls_itself),
        TEST(the_receive_right_is_granted_with_the_rights_asked_for),
        TEST(a_bound_signal_ends_with_a_revoke_and_not_with_a_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
