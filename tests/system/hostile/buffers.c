/* Buffers that end too early, overlap, lie askew, or go away while the kernel waits to write into them. */
#include "tests/system/hostile/attacks.h"

#include <string.h>

ATTACK(output_crosses_into_a_missing_page)
{
    uint64_t page;
    handle_t trace = cap_named("trace");
    TRY(lone_page(&page));
    for (uint64_t k = 1; k < 40; k++) {
        void *at = (void *)(page + PAGE_SIZE - k);
        EXPECT_IS(cap_info(trace, at), ERR_FAULT);
        EXPECT_IS(task_info(HANDLE_NONE, at), ERR_FAULT);
        EXPECT_IS(random_bytes(at, 64), ERR_FAULT);
        EXPECT_IS(system_info(trace, INFO_SYSTEM, 0, at, sizeof(struct system_info)), ERR_FAULT);
        EXPECT_IS(system_info(trace, INFO_OBJECTS, 0, at, sizeof(struct object_counts)), ERR_FAULT);
    }
    return HELD;
}

ATTACK(message_crosses_into_a_missing_page)
{
    uint64_t page;
    TRY(lone_page(&page));
    for (uint64_t k = 1; k < sizeof(struct msg); k++) {
        struct msg *at = (struct msg *)(page + PAGE_SIZE - k);
        if (k >= 4)
            at->head.length = MSG_PAYLOAD_MAX;
        if (k >= 5)
            at->head.cap_count = 0;
        EXPECT_IS(channel_send(clone_cap(CAP_SERVER), at, 1), ERR_FAULT);
        EXPECT_IS(channel_call(clone_cap(CAP_SERVER), at, DEADLINE_NEVER), ERR_FAULT);
    }
    return HELD;
}

/* The receiver's fault: what was to be delivered is still there. */
ATTACK(receive_into_a_missing_page_loses_nothing)
{
    uint64_t page, signals;
    TRY(lone_page(&page));
    MUST(channel, channel_create(4, 4));
    MUST(signal, signal_create());
    for (uint64_t k = 1; k < sizeof(struct msg); k += 5) {
        struct msg m = message(OP_PING, MSG_PAYLOAD_MAX / 8);
        m.head.cap_count = 1;
        m.head.kind = MSG_CAP_COPY(0);
        m.head.caps[0] = (handle_t)signal;
        EXPECT_IS(channel_send((handle_t)channel, &m, 1), 1);
        EXPECT_IS(channel_recv((handle_t)channel, (struct msg *)(page + PAGE_SIZE - k), 1, &signals, DEADLINE_NOW),
                  ERR_FAULT);
        m = message(0, 0);
        EXPECT_IS(channel_recv((handle_t)channel, &m, 1, &signals, DEADLINE_NOW), 1);
        EXPECT(m.head.length == MSG_PAYLOAD_MAX && m.words[27] == 27);
        EXPECT_IS(cap_close(m.head.caps[0]), OK);
    }
    return HELD;
}

ATTACK(batch_crosses_into_a_missing_page)
{
    uint64_t page, signals;
    TRY(lone_page(&page));
    MUST(channel, channel_create(64, 64));
    struct msg *first = (struct msg *)(page + PAGE_SIZE) - 8;
    for (int i = 0; i < 8; i++)
        first[i] = message(OP_PING, 4);
    result_t sent = channel_send((handle_t)channel, first, 16);
    EXPECT(sent == 8 || sent == ERR_FAULT);
    result_t all = sent > 0 ? sent : 0;
    for (int i = 0; i < 8; i++)
        EXPECT_IS(channel_send((handle_t)channel, first, 1), 1);
    all += 8;
    result_t got = channel_recv((handle_t)channel, first + 4, 16, &signals, DEADLINE_NOW);
    EXPECT(got == 4 || got == ERR_FAULT);
    all -= got > 0 ? got : 0;
    while (channel_recv((handle_t)channel, first, 1, &signals, DEADLINE_NOW) == 1)
        all--;
    EXPECT(all == 0); /* none lost, none twice */
    return HELD;
}

ATTACK(unaligned_buffers)
{
    uint64_t page, signals;
    TRY(lone_page(&page));
    MUST(channel, channel_create(4, 4));
    for (uint64_t k = 0; k < 64; k++) {
        struct msg *at = (struct msg *)(page + k), m = message(OP_PING, MSG_PAYLOAD_MAX / 8);
        memcpy(at, &m, sizeof m);
        EXPECT_IS(ask(clone_cap(CAP_SERVER), at), OK);
        EXPECT(memcmp(at->payload, m.payload, MSG_PAYLOAD_MAX) == 0);
        memcpy(at, &m, sizeof m);
        EXPECT_IS(channel_send((handle_t)channel, at, 1), 1);
        memset(at, 0xee, sizeof m);
        EXPECT_IS(channel_recv((handle_t)channel, at, 1, &signals, DEADLINE_NOW), 1);
        EXPECT(memcmp(at->payload, m.payload, MSG_PAYLOAD_MAX) == 0);
    }
    return HELD;
}

/* In and out of one call overlap: both halves of reply_recv get the same buffer. */
ATTACK(overlapping_buffers)
{
    uint64_t signals;
    struct msg *batch = scratch.batch;
    MUST(channel, channel_create(8, 8));
    for (int i = 0; i < 4; i++)
        batch[i] = message(OP_PING, 28);
    EXPECT_IS(channel_send((handle_t)channel, batch, 4), 4);
    EXPECT_IS(channel_reply_recv((handle_t)channel, batch, 4, batch, 4, &signals, DEADLINE_NOW), 4);
    for (int i = 0; i < 4; i++)
        EXPECT(batch[i].head.kind == MSG_SEND && batch[i].words[27] == 27);
    return HELD;
}

/* ---- buffers that go away while the kernel waits to write into them ---- */

#define SHARED_ADDRESS 0x30000000ul

static handle_t shared_memory; /* the runner's; the attacker's is a child of it */

/* The director's page, mapped where the director knows. */
static int64_t take_page(struct msg **at)
{
    struct msg m;
    EXPECT_IS(stage(1, &m), OK);
    MUST(address, memory_map(HANDLE_NONE, m.head.caps[0], SHARED_ADDRESS, 0, 1, PROT_READ | PROT_WRITE));
    *at = (struct msg *)address;
    return HELD;
}

static void give_page(struct scene *scene)
{
    struct msg m;
    if (!scene_stage(scene, &m))
        return;
    result_t made = memory_create(1, 0);
    shared_memory = made > 0 ? (handle_t)made : HANDLE_NONE;
    scene_go_with(scene, &m, shared_memory, true);
}

static int64_t call_whose_buffer_goes(status_t wanted)
{
    struct msg *at, m = message(OP_PING, 4);
    TRY(take_page(&at));
    *at = message(OP_HOLD, 4);
    EXPECT_IS(channel_call(clone_cap(CAP_SERVER), at, clock_now() + FAR_NS), wanted);
    EXPECT_IS(ask(clone_cap(CAP_SERVER), &m), OK); /* the next one works */
    return HELD;
}

static void release(struct scene *scene)
{
    struct msg m = message(OP_RELEASE, 0);
    if (ask(scene_victim(), &m) != OK || m.words[0] != 1)
        scene_fail(scene, "the victim held no call");
    cap_close(shared_memory);
}

ATTACK(call_buffer_revoked_while_waiting)
{
    return call_whose_buffer_goes(ERR_FAULT);
}
DIRECT(call_buffer_revoked_while_waiting)
{
    give_page(scene);
    scene_until(scene, scene->attacker, TASK_REPLYING);
    (void)cap_revoke(shared_memory);
    release(scene);
}

ATTACK(call_buffer_unmapped_by_another_while_waiting)
{
    return call_whose_buffer_goes(ERR_FAULT);
}
DIRECT(call_buffer_unmapped_by_another_while_waiting)
{
    give_page(scene);
    scene_until(scene, scene->attacker, TASK_REPLYING);
    if (memory_unmap(scene->attacker, SHARED_ADDRESS, 1) != OK)
        scene_fail(scene, "the runner could not unmap");
    release(scene);
}

ATTACK(call_buffer_made_read_only_while_waiting)
{
    return call_whose_buffer_goes(ERR_FAULT);
}
DIRECT(call_buffer_made_read_only_while_waiting)
{
    give_page(scene);
    scene_until(scene, scene->attacker, TASK_REPLYING);
    if (memory_protect(scene->attacker, SHARED_ADDRESS, 1, PROT_READ) != OK)
        scene_fail(scene, "the runner could not protect");
    release(scene);
}

/* The message that could not be written is still there for a good buffer. */
ATTACK(receive_buffer_revoked_while_waiting)
{
    struct msg *at, m;
    uint64_t signals;
    TRY(take_page(&at));
    MUST(channel, channel_create(4, 4));
    MUST(sender, cap_mint((handle_t)channel, RIGHTS_ALL, 5));
    EXPECT_IS(stage_with((handle_t)sender), OK);
    EXPECT_IS(channel_recv((handle_t)channel, at, 1, &signals, clock_now() + FAR_NS), ERR_FAULT);
    EXPECT_IS(channel_recv((handle_t)channel, &m, 1, &signals, DEADLINE_NOW), 1);
    EXPECT(m.head.op == OP_PING && m.words[3] == 3 && m.head.badge == 5);
    return HELD;
}
DIRECT(receive_buffer_revoked_while_waiting)
{
    handle_t sender;
    give_page(scene);
    if (!scene_offered(scene, &sender))
        return;
    scene_until(scene, scene->attacker, TASK_RECEIVING);
    (void)cap_revoke(shared_memory);
    struct msg m = message(OP_PING, 4);
    if (channel_send(sender, &m, 1) != 1)
        scene_fail(scene, "the runner could not send");
    cap_close(sender);
    cap_close(shared_memory);
}
