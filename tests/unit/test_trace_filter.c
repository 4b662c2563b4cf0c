/* kernel/trace/filter.c and what the kernel's paths record: classes, chosen tasks, batches, frames with who pays. */
#include <abi/info.h>
#include "kernel/trace/trace.h"
#include "tests/unit/host_machine.h"

static struct task *server, *a, *b;
static handle_t channel, a_sender, b_sender; /* the server's; badges 1 and 2 */
static struct trace_record events[400];
static size_t count;
static uint64_t mark;

static int setup(void **state)
{
    machine_setup(state);
    server = machine_task("server", 20, 256, HANDLE_NONE);
    a = machine_task("a", 10, 256, HANDLE_NONE);
    b = machine_task("b", 10, 256, HANDLE_NONE);
    handle_t made = machine_channel(machine_root, 8, 8);
    a_sender = machine_grant(a, made, RIGHTS_ALL & ~RIGHT_CHANNEL_RECV, 1);
    b_sender = machine_grant(b, made, RIGHTS_ALL & ~RIGHT_CHANNEL_RECV, 2);
    channel = machine_grant(server, made, RIGHTS_ALL, 0);
    trace_mask_set(TRACE_CLASS_ALL);
    trace_only_clear();
    return 0;
}

static int64_t control(uint64_t value, enum trace_control_op op)
{
    return SYS(machine_root, trace_control, machine_trace_handle, value, op);
}
static void choose(const struct task *task)
{
    assert_int_equal(control(task_id(task), TRACE_CONTROL_ONLY), OK);
}

/* What was recorded since: events[0..count). */
static void from_here(void)
{
    mark = trace_rings[0].events;
}
static void look(void)
{
    assert_true(trace_rings[0].events - mark <= sizeof events / sizeof events[0]);
    count = trace_rings[0].events == mark ? 0 : trace_last(events, trace_rings[0].events - mark);
    assert_int_equal(count, trace_rings[0].events - mark);
}
static size_t seen(enum trace_event_id event)
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
        n += events[i].event == event;
    return n;
}
static const struct trace_record *the(enum trace_event_id event)
{
    const struct trace_record *found = NULL;
    for (size_t i = 0; i < count; i++)
        if (events[i].event == event)
            found = &events[i];
    assert_non_null(found);
    assert_int_equal(seen(event), 1);
    return found;
}

static int64_t mint(struct task *task, handle_t source)
{
    return SYS(task, cap_mint, source, RIGHTS_ALL, 0);
}
static struct msg four_words(uint16_t op)
{
    return (struct msg){.head = {.op = op, .length = 32}};
}
static void server_waits(struct msg *in, struct msg *replies, uint32_t reply_count)
{
    assert_int_equal(
        SYS(server, channel_reply_recv, channel, P(replies), reply_count | 4ul << 32, P(in), DEADLINE_NEVER), BLOCKED);
}

/* In channels of their own, until the end: on the short path nobody else is ready. */
static void the_others_wait(const struct task *caller)
{
    static struct msg unused;
    struct task *others[] = {caller == a ? b : a, machine_root};
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(SYS(others[i], channel_recv, machine_channel(others[i], 1, 1), P(&unused), 1, DEADLINE_NEVER),
                         BLOCKED);
}
static size_t switches(enum trace_switch_reason reason)
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
        n += events[i].event == TRACE_ContextSwitch && events[i].payload[1] == reason;
    return n;
}

/* A call that the waiting server gets at once, and its answer. */
static void round_trip(struct task *caller, handle_t sender, struct msg *in)
{
    static struct msg call;
    call = four_words(0x77);
    assert_int_equal(SYS(caller, channel_call, sender, P(&call), DEADLINE_NEVER), BLOCKED);
    assert_int_equal(machine_answer(server), 1);
    struct msg reply = {.head = {.op = 0x77, .length = 32, .status = -7, .token = in[0].head.token}};
    server_waits(in, &reply, 1);
    assert_int_equal(machine_answer(caller), OK);
}

/* ---- who is chosen ---- */

static void only_events_of_chosen_tasks_are_recorded(void **state)
{
    (void)state;
    trace_mask_set(TRACE_CLASS_CAP | TRACE_CLASS_USER);
    choose(a);
    from_here();
    assert_true(mint(b, b_sender) > 0);
    assert_int_equal(SYS(machine_root, trace_emit, machine_trace_handle, TRACE_UserEvent, 1, 1), OK);
    look();
    assert_int_equal(count, 0);
    assert_true(mint(a, a_sender) > 0);
    look();
    assert_int_equal(count, 1);
    assert_int_equal((uint32_t)the(TRACE_CapMint)->payload[0], task_id(a));
    choose(b);
    from_here();
    assert_true(mint(b, b_sender) > 0 && mint(a, a_sender) > 0);
    look();
    assert_int_equal(seen(TRACE_CapMint), 2);
    assert_int_equal(control(0, TRACE_CONTROL_ONLY), OK);
    from_here();
    assert_true(mint(machine_root, machine_trace_handle) > 0);
    look();
    assert_int_equal(seen(TRACE_CapMint), 1);
}

static void a_class_that_is_off_stays_off_for_the_chosen(void **state)
{
    (void)state;
    choose(a);
    trace_mask_set(TRACE_CLASS_ALL & ~TRACE_CLASS_CAP);
    from_here();
    assert_true(mint(a, a_sender) > 0);
    look();
    assert_int_equal(seen(TRACE_CapMint), 0);
}

static void choosing_takes_control_a_task_that_lives_and_room(void **state)
{
    struct trace_state told;
    (void)state;
    int64_t observer = SYS(machine_root, cap_mint, machine_trace_handle, RIGHT_TRACE_OBSERVE | RIGHT_TRACE_EMIT, 0);
    assert_int_equal(SYS(machine_root, trace_control, (uint64_t)observer, task_id(a), TRACE_CONTROL_ONLY),
                     ERR_NO_RIGHT);
    assert_int_equal(SYS(machine_root, trace_control, (uint64_t)observer, 0, TRACE_CONTROL_ONLY), ERR_NO_RIGHT);
    assert_int_equal(control(1ul << 32 | task_id(a), TRACE_CONTROL_ONLY), ERR_NOT_FOUND);
    assert_int_equal(control(machine_trace_handle + 100000, TRACE_CONTROL_ONLY), ERR_NOT_FOUND);
    assert_int_equal(control(0, 3), ERR_INVALID);
    assert_int_equal(SYS(machine_root, trace_control, (uint64_t)observer, 0, 3), ERR_NO_RIGHT);
    struct task *tasks[TRACE_ONLY_MAX];
    for (unsigned i = 0; i < TRACE_ONLY_MAX; i++) {
        tasks[i] = machine_task("one", 5, 64, HANDLE_NONE);
        choose(tasks[i]);
        choose(tasks[i]); /* twice is once */
    }
    assert_int_equal(control(task_id(a), TRACE_CONTROL_ONLY), ERR_TOO_LONG);
    assert_int_equal(SYS(machine_root, system_info, (uint64_t)observer, INFO_TRACE_STATE, 0, P(&told), sizeof told), 1);
    assert_int_equal(told.only_count, TRACE_ONLY_MAX);
    for (unsigned i = 0; i < TRACE_ONLY_MAX; i++)
        assert_int_equal(told.only[i], task_id(tasks[i]));
    assert_int_equal(control(0, TRACE_CONTROL_ONLY), OK);
    assert_int_equal(SYS(machine_root, system_info, (uint64_t)observer, INFO_TRACE_STATE, 0, P(&told), sizeof told), 1);
    assert_int_equal(told.only_count, 0);
    assert_int_equal(told.mask, TRACE_CLASS_ALL);
}

static void a_chosen_task_that_ended_stays_chosen(void **state)
{
    (void)state;
    trace_mask_set(TRACE_CLASS_CAP | TRACE_CLASS_TASK);
    choose(a);
    uint32_t id = task_id(a);
    from_here();
    assert_int_equal(SYS(machine_root, task_kill, machine_handle(a)), OK);
    machine_idle();
    look();
    assert_true(the(TRACE_TaskExit)->payload[0] == TRACE_WORD(id, -1));
    from_here();
    assert_true(mint(b, b_sender) > 0);
    look();
    assert_int_equal(count, 0); /* not everybody's of a sudden */
}

/* ---- events of two tasks ---- */

static void a_message_counts_when_either_side_is_chosen(void **state)
{
    static struct msg in[4];
    struct msg m = four_words(5);
    (void)state;
    trace_mask_set(TRACE_CLASS_IPC | TRACE_CLASS_SCHED);
    choose(server);
    from_here();
    assert_int_equal(SYS(a, channel_send, a_sender, P(&m), 1), 1); /* queued; the switch to a is nobody's */
    look();
    assert_int_equal(count, 1);
    assert_int_equal((uint32_t)the(TRACE_IpcSend)->payload[0], task_id(a));
    assert_int_equal(SYS(server, channel_recv, channel, P(in), 4, DEADLINE_NOW), 1);
    server_waits(in, NULL, 0);
    for (unsigned i = 0; i < 4; i++) { /* the server is chosen, then the caller; the general path, then the short one */
        if (i == 2)
            the_others_wait(a);
        trace_only_clear();
        assert_int_equal(trace_only_add(task_id(i & 1 ? a : server)), OK);
        from_here();
        round_trip(a, a_sender, in);
        look();
        assert_true(the(TRACE_IpcCall)->payload[1] == TRACE_WORD(0x77, 1));
        assert_true(the(TRACE_IpcReply)->payload[0] == TRACE_WORD(task_id(server), task_id(a)));
        assert_true(the(TRACE_IpcReply)->payload[1] == TRACE_WORD(0x77, -7));
        assert_int_equal(switches(TRACE_SWITCH_CALL), i / 2);
        assert_int_equal(switches(TRACE_SWITCH_REPLY), i / 2);
        trace_only_clear();
        assert_int_equal(trace_only_add(task_id(machine_root)), OK);
        from_here();
        round_trip(a, a_sender, in);
        look();
        assert_int_equal(seen(TRACE_IpcCall) + seen(TRACE_IpcReply) + switches(TRACE_SWITCH_CALL), 0);
    }
}

static void every_event_of_two_tasks_counts_for_the_other_one(void **state)
{
    static struct msg in[4];
    handle_t handle;
    (void)state;
    struct task *late = machine_task_new("late", 8, 64, HANDLE_NONE, &handle);
    choose(late);
    from_here();
    int64_t granted = SYS(machine_root, task_grant, handle, machine_trace_handle, RIGHTS_ALL, 0);
    assert_true(granted > 0);
    assert_int_equal(SYS(machine_root, task_revoke, handle, (uint64_t)granted), OK);
    int64_t memory = SYS(machine_root, memory_create, 3, 0);
    int64_t address = SYS(machine_root, memory_map, handle, (uint64_t)memory, 0, 0, 3, PROT_READ);
    assert_true(address > 0);
    assert_int_equal(SYS(machine_root, memory_unmap, handle, (uint64_t)address, 3), OK);
    assert_int_equal(SYS(machine_root, task_start, handle, 0x1000, 0x2000, 0), OK);
    look();
    assert_true(the(TRACE_CapGrant)->payload[0] == TRACE_WORD(task_id(machine_root), task_id(late)));
    assert_true(the(TRACE_CapRevoke)->payload[0] == TRACE_WORD(task_id(machine_root), granted));
    assert_true(the(TRACE_MemoryMap)->payload[1] == TRACE_WORD(task_id(late), 3));
    assert_true(the(TRACE_MemoryUnmap)->payload[1] == TRACE_WORD(task_id(late), 3));
    assert_true(the(TRACE_TaskStart)->payload[0] == TRACE_WORD(task_id(late), task_id(machine_root)));
    assert_true(seen(TRACE_FrameAlloc) > 0); /* its page tables; not the memory, which root pays */
    for (size_t i = 0; i < count; i++)
        if (events[i].event == TRACE_FrameAlloc)
            assert_int_equal((uint32_t)events[i].payload[1], task_id(late));
    assert_int_equal(control(0, TRACE_CONTROL_ONLY), OK);
    server_waits(in, NULL, 0);
    choose(server);
    from_here();
    struct msg m = four_words(1);
    assert_int_equal(SYS(a, channel_send, a_sender, P(&m), 1), 1);
    look();
    assert_true(the(TRACE_Wakeup)->payload[0] == TRACE_WORD(task_id(server), task_id(a)));
}

static void names_are_told_whoever_is_chosen(void **state)
{
    (void)state;
    choose(a);
    from_here();
    machine_task("other", 5, 64, HANDLE_NONE);
    look();
    assert_int_equal(seen(TRACE_TaskName), 1);
    from_here();
    assert_int_equal(control(0, TRACE_CONTROL_ANNOUNCE), OK);
    look();
    assert_int_equal(seen(TRACE_TaskName), task_count);
}

/* ---- the short path's classes ---- */

static void the_short_path_records_just_the_classes_that_are_on(void **state)
{
    static struct msg in[4];
    (void)state;
    server_waits(in, NULL, 0);
    the_others_wait(a);
    for (uint32_t mask = 0; mask < 8; mask++) { /* SCHED, SYSCALL, IPC */
        trace_mask_set(mask);
        from_here();
        round_trip(a, a_sender, in);
        look();
        assert_int_equal(seen(TRACE_IpcCall), mask & TRACE_CLASS_IPC ? 1 : 0);
        assert_int_equal(seen(TRACE_IpcReply), mask & TRACE_CLASS_IPC ? 1 : 0);
        assert_int_equal(seen(TRACE_SyscallExit), mask & TRACE_CLASS_SYSCALL ? 2 : 0);
        assert_int_equal(switches(TRACE_SWITCH_CALL), mask & TRACE_CLASS_SCHED ? 1 : 0);
        assert_int_equal(switches(TRACE_SWITCH_REPLY), mask & TRACE_CLASS_SCHED ? 1 : 0);
        for (size_t i = 0; i < count; i++)
            assert_true(trace_event_class(events[i].event) & mask);
    }
}

/* The exit of the one who goes on, with what its call answers. */
static void a_call_that_waited_ends_in_the_trace_when_it_does(void **state)
{
    static struct msg in[4], call;
    (void)state;
    trace_mask_set(TRACE_CLASS_SYSCALL);
    server_waits(in, NULL, 0);
    the_others_wait(a);
    from_here();
    call = four_words(1);
    assert_int_equal(SYS(a, channel_call, a_sender, P(&call), DEADLINE_NEVER), BLOCKED);
    look();
    assert_true(the(TRACE_SyscallExit)->payload[0] == TRACE_WORD(task_id(server), 1));
    from_here();
    assert_int_equal(SYS(server, task_exit, 0), BLOCKED);
    machine_idle(); /* a's wait is over, in the scheduler's own loop */
    look();
    assert_true(the(TRACE_SyscallExit)->payload[0] == TRACE_WORD(task_id(a), ERR_PEER_DIED));
}

static void an_answer_that_cannot_be_written_is_an_exit_with_that_error(void **state)
{
    static struct msg call;
    (void)state;
    the_others_wait(b);
    for (unsigned chosen = 0; chosen < 2; chosen++) {
        assert_int_equal(SYS(server, channel_recv, channel, 0x10000, 1, DEADLINE_NEVER), BLOCKED);
        if (chosen)
            assert_int_equal(trace_only_add(task_id(server)), OK);
        from_here();
        call = four_words(1);
        assert_int_equal(SYS(b, channel_call, b_sender, P(&call), machine_now_ns + 1), BLOCKED);
        look();
        assert_true(the(TRACE_SyscallExit)->payload[0] == TRACE_WORD(task_id(server), ERR_FAULT));
        machine_pass(2);
        assert_int_equal(machine_answer(b), ERR_TIMED_OUT);
    }
}

/* ---- batches ---- */

static void a_batch_is_one_event_with_its_size_and_first_operation(void **state)
{
    static struct msg in[8];
    struct msg batch[5];
    (void)state;
    trace_mask_set(TRACE_CLASS_IPC);
    int64_t memory = SYS(a, memory_create, 1, 0);
    for (uint16_t i = 0; i < 5; i++)
        batch[i] = (struct msg){.head = {.op = 0x40 + i, .length = (uint8_t)(i * 7)}};
    batch[2].head.cap_count = 1; /* in the middle, so that the general path takes over and gives back */
    batch[2].head.caps[0] = (handle_t)memory;
    from_here();
    assert_int_equal(SYS(a, channel_send, a_sender, P(batch), 5), 5);
    batch[0].head.op = 0x50;
    assert_int_equal(SYS(server, channel_recv, channel, P(in), 8, DEADLINE_NOW), 5);
    look();
    uint32_t object = (uint32_t)machine_cap(server, channel)->object->id;
    assert_true(the(TRACE_IpcSend)->payload[0] == TRACE_WORD(task_id(a), object));
    assert_true(the(TRACE_IpcSend)->payload[1] == TRACE_WORD(0x40, 5));
    assert_true(the(TRACE_IpcReceive)->payload[0] == TRACE_WORD(task_id(server), object));
    assert_true(the(TRACE_IpcReceive)->payload[1] == TRACE_WORD(0x40, 5));
    batch[1].head.length = 255; /* a bad one ends the batch before it */
    from_here();
    assert_int_equal(SYS(a, channel_send, a_sender, P(batch), 2), 1);
    look();
    assert_true(the(TRACE_IpcSend)->payload[1] == TRACE_WORD(0x50, 1));
    from_here();
    assert_int_equal(SYS(a, channel_send, a_sender, 0x10000, 2), ERR_FAULT);
    look();
    assert_int_equal(seen(TRACE_IpcSend), 0);
}

/* ---- frames ---- */

/* Frames in FrameAlloc events of this task since from_here(). */
static uint64_t frames_of(uint32_t id)
{
    uint64_t frames = 0;
    for (size_t i = 0; i < count; i++)
        if (events[i].event == TRACE_FrameAlloc && (uint32_t)events[i].payload[1] == id)
            frames += 1ul << (events[i].payload[1] >> 32);
    return frames;
}

static void every_frame_is_recorded_with_who_pays(void **state)
{
    handle_t handle;
    (void)state;
    trace_mask_set(TRACE_CLASS_MEM);
    from_here();
    int64_t out = machine_frames_out;
    int64_t memory;
    do
        memory = SYS(a, memory_create, 100, 0);
    while (memory == ERR_RESTARTED);
    assert_true(memory > 0);
    look();
    assert_int_equal(frames_of(task_id(a)), machine_frames_out - out);
    assert_true(frames_of(task_id(a)) > 100);
    from_here();
    out = machine_frames_out;
    assert_true(SYS(b, memory_create, 5, MEMORY_CONTIGUOUS) > 0);
    machine_channel(b, 100, 1);
    look();
    assert_int_equal(seen(TRACE_FrameAlloc), 2); /* one run of eight each */
    assert_int_equal(frames_of(task_id(b)), machine_frames_out - out);
    from_here();
    out = machine_frames_out;
    struct task *made = machine_task_new("made", 5, 64, HANDLE_NONE, &handle);
    look();
    assert_true(frames_of(task_id(made)) >= 2); /* its table of capabilities, its page tables' root */
    assert_int_equal(frames_of(task_id(made)) + frames_of(task_id(machine_root)), machine_frames_out - out);
}

/* Calls that go on over several kernel entries are one event. */
static void a_long_mapping_is_one_event(void **state)
{
    enum { PAGES = 3000 };
    int64_t result, memory;
    (void)state;
    do
        memory = SYS(machine_root, memory_create, PAGES, 0);
    while (memory == ERR_RESTARTED);
    trace_mask_set(TRACE_CLASS_MEM);
    from_here();
    uint64_t address = 0x40000000, entries = 0;
    do {
        result = SYS(machine_root, memory_map, HANDLE_NONE, (uint64_t)memory, address, 0, PAGES, PROT_READ);
        entries++;
    } while (result == ERR_RESTARTED);
    assert_int_equal(result, address);
    do {
        result = SYS(machine_root, memory_unmap, HANDLE_NONE, address, PAGES);
        entries++;
    } while (result == ERR_RESTARTED);
    assert_int_equal(result, OK);
    assert_true(entries > 2);
    look();
    assert_true(the(TRACE_MemoryMap)->payload[0] == address);
    assert_true(the(TRACE_MemoryMap)->payload[1] == TRACE_WORD(task_id(machine_root), PAGES));
    assert_true(the(TRACE_MemoryUnmap)->payload[0] == address);
    assert_true(the(TRACE_MemoryUnmap)->payload[1] == TRACE_WORD(task_id(machine_root), PAGES));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, machine_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(only_events_of_chosen_tasks_are_recorded),
        TEST(a_class_that_is_off_stays_off_for_the_chosen),
        TEST(choosing_takes_control_a_task_that_lives_and_room),
        TEST(a_chosen_task_that_ended_stays_chosen),
        TEST(a_message_counts_when_either_side_is_chosen),
        TEST(every_event_of_two_tasks_counts_for_the_other_one),
        TEST(names_are_told_whoever_is_chosen),
        TEST(the_short_path_records_just_the_classes_that_are_on),
        TEST(a_call_that_waited_ends_in_the_trace_when_it_does),
        TEST(an_answer_that_cannot_be_written_is_an_exit_with_that_error),
        TEST(a_batch_is_one_event_with_its_size_and_first_operation),
        TEST(every_frame_is_recorded_with_who_pays),
        TEST(a_long_mapping_is_one_event),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
