/* Death in the middle of calls, of the caller's and of the server's side; and waits with odd deadlines. */
#include "tests/system/hostile/attacks.h"

/* ---- the attacker is killed while it waits; the victim and the figures are looked at afterwards ---- */

static void kill_after_a_moment(struct scene *scene)
{
    scene_pause(scene, 2 * NEAR_NS);
    if (scene->ended)
        scene_fail(scene, "it ended by itself");
    else if (task_kill(scene->attacker) != OK)
        scene_fail(scene, "it cannot be killed");
    (void)scene_victim_answers(scene);
}

static int64_t survived(void)
{
    return seen("the call came back", 0, __FILE__, __LINE__);
}

ATTACK(death_while_a_call_is_taken)
{
    struct msg m = message(OP_HOLD, 4);
    m.head.cap_count = 2;
    m.head.kind = 3;
    m.head.caps[0] = clone_cap(CAP_CLIENT);
    m.head.caps[1] = clone_cap(CAP_SIGNAL);
    (void)channel_call(clone_cap(CAP_CLIENT), &m, DEADLINE_NEVER);
    return survived();
}
DIRECT(death_while_a_call_is_taken)
{
    struct msg m = message(OP_RELEASE, 0);
    kill_after_a_moment(scene);
    (void)ask(scene_victim(), &m); /* answers nobody */
}

/* The runner is the server that does not receive: the call stays in its queue, with capabilities. */
ATTACK(death_while_a_call_is_queued)
{
    EXPECT_IS(stage(1, NULL), OK);
    MUST(signal, signal_create());
    struct msg m = message(OP_PING, 4);
    m.head.cap_count = 1;
    m.head.caps[0] = (handle_t)signal;
    (void)channel_call(clone_cap(CAP_REPORT), &m, DEADLINE_NEVER);
    return survived();
}
DIRECT(death_while_a_call_is_queued)
{
    struct msg m;
    if (!scene_stage(scene, &m))
        return;
    scene_go(scene, &m);
    pause_ns(2 * NEAR_NS); /* on another channel */
    (void)task_kill(scene->attacker);
    scene_pause(scene, NEAR_NS); /* now the queue is looked at: the call is gone */
}

ATTACK(death_while_receiving_for_ever)
{
    uint64_t signals;
    struct msg m;
    MUST(channel, channel_create(4, 4));
    (void)channel_recv((handle_t)channel, &m, 1, &signals, DEADLINE_NEVER);
    return survived();
}
DIRECT(death_while_receiving_for_ever)
{
    kill_after_a_moment(scene);
}

ATTACK(death_while_receiving_with_a_deadline)
{
    uint64_t signals;
    struct msg m;
    MUST(channel, channel_create(4, 4));
    (void)channel_recv((handle_t)channel, &m, 1, &signals, clock_now() + FAR_NS);
    return survived();
}
DIRECT(death_while_receiving_with_a_deadline)
{
    kill_after_a_moment(scene);
}

ATTACK(death_while_running)
{
    for (;;)
        __asm__ volatile("pause");
}
DIRECT(death_while_running)
{
    kill_after_a_moment(scene);
}

/* While callers wait for it, and one-way messages with capabilities lie in its queue. */
static int64_t calls_a_dying_server(uint64_t argument)
{
    (void)argument;
    handle_t server;
    TRY(take_offered_channel(&server));
    struct msg m = message(OP_PING, 4);
    EXPECT_IS(channel_call(server, &m, clock_now() + 4 * FAR_NS), ERR_PEER_DIED);
    EXPECT_IS(channel_call(server, &m, clock_now() + 4 * FAR_NS), ERR_PEER_DIED); /* and from now on always */
    EXPECT_IS(channel_send(server, &m, 1), ERR_PEER_DIED);
    return HELD;
}

/* Half of the callers are taken, half still queued; then it dies. */
ATTACK(server_killed_with_200_waiting_callers)
{
    struct msg *batch = scratch.batch;
    uint64_t signals, taken = 0;
    handle_t channel;
    TRY(offer_channel(&channel));
    EXPECT_IS(stage(2, NULL), OK); /* 200 wait */
    while (taken < 100) {
        result_t n = channel_recv(channel, batch, 10, &signals, clock_now() + FAR_NS);
        EXPECT(n > 0);
        taken += (uint64_t)n;
    }
    EXPECT_IS(stage(3, NULL), OK);
    return survived();
}
DIRECT(server_killed_with_200_waiting_callers)
{
    struct msg m, caller;
    handle_t sender;
    if (!scene_offered(scene, &sender) || !scene_stage(scene, &m)) /* the server waits for the callers */
        return;
    for (uint64_t i = 0; i < 200 && scene_spawn(scene, calls_a_dying_server, i); i++) {
        if (!scene_stage(scene, &caller))
            return;
        scene_go_with(scene, &caller, sender, true);
    }
    scene_pause(scene, 4 * NEAR_NS);
    scene_go(scene, &m);
    if (!scene_stage(scene, &m))
        return;
    (void)task_kill(scene->attacker);
    scene_wait_helpers(scene);
    cap_close(sender);
}

/* The server closes its receive right, and lives. */
ATTACK(server_closes_under_its_callers)
{
    uint64_t signals;
    struct msg m;
    handle_t channel;
    TRY(offer_channel(&channel));
    EXPECT_IS(channel_recv(channel, &m, 1, &signals, clock_now() + FAR_NS), 1);
    EXPECT_IS(cap_close(channel), OK);
    pause_ns(NEAR_NS);
    return HELD;
}
/* The first call was taken, for which the server still owes an answer: it hears of the end when that dies. */
DIRECT(server_closes_under_its_callers)
{
    pass_channel_on(scene, calls_a_dying_server, 0);
    scene_wait_helpers(scene);
}

/* ---- tasks that are gone ---- */

ATTACK(task_handle_after_death)
{
    struct task_info info;
    handle_t puppet = cap_named("puppet");
    MUST(copy, cap_mint(puppet, RIGHTS_ALL, 0));
    MUST(memory, memory_create(1, 0));
    EXPECT_IS(task_info(puppet, &info), OK);
    EXPECT_IS(task_kill(puppet), OK);
    EXPECT_IS(task_kill(puppet), ERR_PEER_DIED);
    for (handle_t task = puppet;; task = (handle_t)copy) {
        EXPECT_IS(task_info(task, &info), ERR_PEER_DIED);
        EXPECT_IS(task_start(task, 0x400000, 0x400000, 0), ERR_PEER_DIED);
        EXPECT_IS(task_grant(task, (handle_t)memory, RIGHTS_ALL, 0), ERR_PEER_DIED);
        EXPECT_IS(task_revoke(task, 1u << HANDLE_INDEX_BITS), ERR_PEER_DIED);
        EXPECT_IS(memory_map(task, (handle_t)memory, 0, 0, 1, PROT_READ), ERR_PEER_DIED);
        EXPECT_IS(memory_unmap(task, 0x400000, 1), ERR_PEER_DIED);
        if (task == (handle_t)copy)
            return HELD;
    }
}

/* Nobody can name it any more, and it was never started: it ends. */
ATTACK(last_handle_of_a_task_closed)
{
    const struct task_create_args args = {.name = "orphan", .priority = 1, .quota_pages = 8, .root = cap_named("root")};
    for (int i = 0; i < 200; i++) {
        MUST(task, task_create(&args));
        MUST(memory, memory_create(1, 0));
        EXPECT(memory_map((handle_t)task, (handle_t)memory, 0x400000, 0, 1, PROT_READ) > 0);
        EXPECT_IS(cap_close((handle_t)task), OK);
        EXPECT_IS(cap_close((handle_t)memory), OK);
        pause_ns(100000);
    }
    return HELD;
}

/* A task whose supervisor's channel is gone: its fault ends it, for nobody will look. */
ATTACK(fault_without_a_supervisor)
{
    MUST(channel, channel_create(4, 4));
    for (int i = 0; i < 20; i++) {
        struct task_create_args args = {.name = "orphan", .priority = 1, .quota_pages = 8, .root = cap_named("root")};
        MUST(sender, cap_mint((handle_t)channel, RIGHT_CHANNEL_SEND, 1));
        args.supervisor = i & 1 ? (handle_t)sender : HANDLE_NONE;
        MUST(task, task_create(&args));
        EXPECT_IS(task_start((handle_t)task, 0x400000, 0x400000, 0), OK);
        EXPECT_IS(cap_close((handle_t)sender), OK);
        if (i == 10)
            EXPECT_IS(cap_close((handle_t)channel), OK);
        if (i == 10) {
            MUST(again, channel_create(4, 4));
            channel = again;
        }
        EXPECT_IS(cap_close((handle_t)task), OK);
    }
    pause_ns(NEAR_NS);
    return HELD;
}

ATTACK(exit_codes_at_the_edges)
{
    task_exit(INT64_MIN + 5);
}
DIRECT(exit_codes_at_the_edges)
{
    scene_wait_end(scene);
    if (scene->exit.code != INT64_MIN + 5 || scene->exit.killed || scene->exit.task_id != scene->attacker_id)
        scene_fail(scene, "the code came as %lld", (long long)scene->exit.code);
    scene->exit.code = HELD;
}

/* ---- deadlines ---- */

ATTACK(deadlines_in_the_past)
{
    uint64_t signals;
    struct msg m = message(OP_HOLD, 1);
    MUST(channel, channel_create(4, 4));
    EXPECT_IS(channel_recv((handle_t)channel, &m, 1, &signals, DEADLINE_NOW), ERR_WOULD_BLOCK);
    EXPECT_IS(channel_recv((handle_t)channel, &m, 1, &signals, 1), ERR_TIMED_OUT);
    EXPECT_IS(channel_recv((handle_t)channel, &m, 1, &signals, clock_now()), ERR_TIMED_OUT);
    EXPECT_IS(channel_call(clone_cap(CAP_SERVER), &m, DEADLINE_NOW), ERR_TIMED_OUT);
    EXPECT_IS(channel_call(clone_cap(CAP_SERVER), &m, 1), ERR_TIMED_OUT);
    EXPECT_IS(channel_call(clone_cap(CAP_SERVER), &m, clock_now()), ERR_TIMED_OUT);
    return HELD;
}

/* They lie centuries ahead: each must wait, and a message must still end the wait. */
static const uint64_t far_deadlines[] = {1ul << 60,       (1ul << 60) + 1, 1ul << 62,      (1ul << 63) - 1, 1ul << 63,
                                         (1ul << 63) + 1, UINT64_MAX - 1,  UINT64_MAX / 3, UINT64_MAX};

ATTACK(deadlines_in_the_far_future)
{
    for (size_t i = 0; i < sizeof far_deadlines / sizeof far_deadlines[0]; i++) {
        struct msg m = message(OP_HOLD, 1);
        EXPECT_IS(channel_call(clone_cap(CAP_SERVER), &m, far_deadlines[i]), OK);
        EXPECT(m.words[0] == ANSWER);
    }
    return HELD;
}
DIRECT(deadlines_in_the_far_future)
{
    for (size_t i = 0; i < sizeof far_deadlines / sizeof far_deadlines[0] && !scene->ended; i++) {
        struct msg m = message(OP_RELEASE, 0);
        scene_until(scene, scene->attacker, TASK_REPLYING);
        scene_pause(scene, NEAR_NS);
        if (ask(scene_victim(), &m) != OK || m.words[0] != 1)
            scene_fail(scene, "deadline %zu did not wait", i);
    }
}

ATTACK(receive_deadlines_in_the_far_future)
{
    uint64_t signals;
    struct msg m;
    handle_t channel;
    TRY(offer_channel(&channel));
    for (size_t i = 0; i < sizeof far_deadlines / sizeof far_deadlines[0]; i++) {
        EXPECT_IS(channel_recv(channel, &m, 1, &signals, far_deadlines[i]), 1);
        EXPECT(m.words[0] == i);
    }
    return HELD;
}
DIRECT(receive_deadlines_in_the_far_future)
{
    struct msg m;
    handle_t sender;
    if (!scene_offered(scene, &sender))
        return;
    for (size_t i = 0; i < sizeof far_deadlines / sizeof far_deadlines[0] && !scene->ended; i++) {
        scene_pause(scene, NEAR_NS);
        m = message(OP_PING, 1);
        m.words[0] = i;
        if (channel_send(sender, &m, 1) != 1)
            scene_fail(scene, "the runner could not send");
    }
    cap_close(sender);
}

/* Many waits that run out at the same moment, and out of order. */
static int64_t waits(uint64_t ns)
{
    pause_ns(ns);
    return HELD;
}
ATTACK(timers_of_100_tasks)
{
    return stage(1, NULL);
}
DIRECT(timers_of_100_tasks)
{
    struct msg m;
    if (!scene_stage(scene, &m))
        return;
    for (uint64_t i = 0; i < 100 && !scene->report[0]; i++)
        scene_spawn(scene, waits, i % 7 * NEAR_NS / 3 + 1);
    scene_wait_helpers(scene);
    scene_go(scene, &m);
}

/* A second receiver on one channel cannot be: the right exists once. But one that asks again while it waits is refused,
 * and time that stands still for a receiver is none for others. */
ATTACK(time_goes_on)
{
    uint64_t last = clock_now();
    for (int i = 0; i < 100000; i++) {
        uint64_t now = clock_now();
        EXPECT(now >= last);
        last = now;
    }
    return HELD;
}
