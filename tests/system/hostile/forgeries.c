/* What claims to come from somebody else, or from somebody who is no more. */
#include "tests/system/hostile/attacks.h"
#include <abi/trace_events.h>

/* ---- behind the end of a badge: a server has forgotten whose it was, and would make it anew ---- */

#define BADGE_ENDED 9u

static int64_t calls_with_a_badge_that_ends(uint64_t argument)
{
    handle_t server;
    (void)argument;
    TRY(take_offered_channel(&server));
    MUST(badged, cap_mint(server, RIGHT_CHANNEL_SEND, BADGE_ENDED));
    struct msg m = message(OP_PING, 4);
    EXPECT_IS(channel_call((handle_t)badged, &m, clock_now() + FAR_NS), OK); /* it was made while it was right to */
    EXPECT_IS(channel_call((handle_t)badged, &m, DEADLINE_NEVER), ERR_BAD_HANDLE);
    return HELD;
}

/* The helper's call lies in the queue when its capability is revoked. */
ATTACK(call_behind_the_end_of_its_badge)
{
    struct msg *batch = scratch.batch;
    uint64_t signals;
    handle_t channel;
    TRY(offer_channel(&channel));
    EXPECT_IS(stage(2, NULL), OK); /* the call is queued */
    EXPECT_IS(cap_revoke(channel), OK);
    EXPECT_IS(channel_recv(channel, batch, 4, &signals, DEADLINE_NOW), 2);
    EXPECT(batch[0].head.kind == MSG_CALL && batch[0].head.badge == BADGE_ENDED);
    EXPECT(batch[1].head.kind == MSG_CLOSED && batch[1].head.badge == BADGE_ENDED);
    batch[0].head.kind = 0;
    EXPECT_IS(channel_reply_recv(channel, batch, 1, NULL, 0, &signals, 0), OK);
    EXPECT_IS(channel_recv(channel, batch, 4, &signals, clock_now() + NEAR_NS), ERR_TIMED_OUT);
    return HELD;
}
DIRECT(call_behind_the_end_of_its_badge)
{
    struct msg m, to;
    handle_t sender;
    if (!scene_offered(scene, &sender) || !scene_stage(scene, &m))
        return;
    if (!scene_spawn(scene, calls_with_a_badge_that_ends, 0) || !scene_stage(scene, &to))
        return;
    scene_go_with(scene, &to, sender, false);
    scene_until_helpers(scene, TASK_CALLING);
    scene_go(scene, &m);
    scene_wait_helpers(scene);
}

/* Tasks that end and tasks that fault, made with a supervisor that is revoked before their reports are read: without a
 * badge, the kernel's word for them would be anybody's. */
ATTACK(report_behind_the_end_of_its_badge)
{
    struct msg *batch = scratch.batch;
    uint64_t signals;
    MUST(channel, channel_create(4, 4));
    MUST(supervisor, cap_mint((handle_t)channel, RIGHT_CHANNEL_SEND | RIGHT_MINT, BADGE_ENDED));
    const struct task_create_args args = {.name = "reported",
                                          .priority = PRIORITY_ATTACKER,
                                          .quota_pages = 8,
                                          .root = cap_named("root"),
                                          .supervisor = (handle_t)supervisor};
    for (int i = 0; i < 8; i++) {
        MUST(task, task_create(&args));
        EXPECT_IS(i & 1 ? task_kill((handle_t)task) : task_start((handle_t)task, 0x400000, 0x400000, 0), OK);
    }
    pause_ns(NEAR_NS); /* they fault, or are taken apart */
    EXPECT_IS(cap_revoke((handle_t)channel), OK);
    EXPECT_IS(channel_recv((handle_t)channel, batch, 16, &signals, DEADLINE_NOW), 1);
    EXPECT(batch[0].head.kind == MSG_CLOSED && batch[0].head.badge == BADGE_ENDED);
    EXPECT_IS(channel_recv((handle_t)channel, batch, 16, &signals, clock_now() + NEAR_NS), ERR_TIMED_OUT);
    return HELD;
}

/* ---- the record ---- */

#define MARK 0x5eed5eed5eed5eedull

/* The kinds of the class USER are the services'; all others are the kernel's. */
static const bool of_a_service[TRACE_EVENT_COUNT] = {
#define F(type, name)
#define E(number, Name, name, class, fields) [number] = TRACE_CLASS_##class == TRACE_CLASS_USER,
    TRACE_EVENTS(E, F)
#undef E
#undef F
};

/* In the packet in scratch: each event with the mark is of that task. */
static int64_t marks_in_packet(size_t bytes, uint32_t own, unsigned *found)
{
    for (size_t i = 1; i < bytes / 8; i++) {
        if (scratch.words[i] != MARK)
            continue;
        EXPECT_IS((uint32_t)scratch.words[i - 1], own);
        (*found)++;
    }
    return HELD;
}

static int64_t marks_of_cpu(handle_t trace, uint32_t cpu, uint32_t own, unsigned *found)
{
    struct syscall_result read = trace_read_packet(trace, cpu, 0, scratch.bytes, TRACE_PACKET_SIZE);
    for (uint64_t sequence = read.value == ERR_NOT_FOUND ? read.second : 0;; sequence++) {
        read = trace_read_packet(trace, cpu, sequence, scratch.bytes, TRACE_PACKET_SIZE);
        if (read.value > 0)
            TRY(marks_in_packet((size_t)read.value, own, found));
        if (read.value != TRACE_PACKET_SIZE)
            return HELD; /* the one that is being written */
    }
}

static int64_t events_name_their_emitter(handle_t trace, uint32_t own)
{
    unsigned found = 0;
    for (uint32_t cpu = 0; trace_read_packet(trace, cpu, 0, scratch.bytes, TRACE_PACKET_SIZE).value != ERR_INVALID;
         cpu++)
        TRY(marks_of_cpu(trace, cpu, own, &found));
    EXPECT(found > 0);
    return HELD;
}

/* Every number there is, and wide ones: only a service's own kinds are taken, and the kernel says whose they are. */
ATTACK(trace_event_in_the_kernels_name)
{
    handle_t trace = cap_named("trace");
    struct task_info info;
    EXPECT_IS(task_info(HANDLE_NONE, &info), OK);
    for (uint64_t event = 0; event < 1u << 17; event++) {
        status_t status = (status_t)syscall6(SYS_trace_emit, trace, event, ~0ull, MARK, 0, 0).value;
        bool own = event < TRACE_EVENT_COUNT && of_a_service[event];
        EXPECT_IS(status, own ? OK : ERR_INVALID);
    }
    for (unsigned bit = 17; bit < 64; bit++)
        EXPECT_IS(syscall6(SYS_trace_emit, trace, TRACE_UserEvent | 1ull << bit, 0, MARK, 0, 0).value, ERR_INVALID);
    EXPECT_IS(trace_emit(trace, TRACE_UserEvent, 1, MARK), OK);
    return events_name_their_emitter(trace, info.id);
}
