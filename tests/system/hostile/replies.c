/* Answers that are not the answerer's to give. */
#include "tests/system/hostile/attacks.h"

/* A bystander: calls the victim, which keeps it waiting; only the victim's answer may come. */
static int64_t bystander(uint64_t argument)
{
    struct msg m = message(OP_HOLD, 4);
    (void)argument;
    EXPECT_IS(channel_call(clone_cap(CAP_SERVER), &m, DEADLINE_NEVER), OK);
    EXPECT(m.words[0] == ANSWER && m.head.kind == MSG_REPLY && m.head.length == 8);
    return HELD;
}

/* Every task index with the numbers of the first calls, and what is likely on top. */
ATTACK(reply_token_of_others)
{
    struct msg *replies = scratch.batch;
    uint64_t signals;
    MUST(channel, channel_create(4, 4));
    EXPECT_IS(stage(1, NULL), OK); /* the bystanders wait */
    for (uint32_t sequence = 0; sequence < 16; sequence++) {
        for (uint32_t index = 0; index < 1024; index += MSG_BATCH_MAX) {
            for (uint32_t i = 0; i < MSG_BATCH_MAX; i++) {
                replies[i] = message(OP_HOLD, 4);
                replies[i].head.token = (index + i) | sequence << 16;
            }
            EXPECT_IS(channel_reply_recv((handle_t)channel, replies, MSG_BATCH_MAX, NULL, 0, &signals, 0), OK);
        }
    }
    for (int i = 0; i < 2000; i++) {
        EXPECT_IS(random_bytes(&replies[0].head.token, 4), OK);
        EXPECT_IS(channel_reply_recv((handle_t)channel, replies, 1, NULL, 0, &signals, 0), OK);
    }
    return stage(2, NULL);
}
DIRECT(reply_token_of_others)
{
    struct msg m, release = message(OP_RELEASE, 0);
    if (!scene_stage(scene, &m))
        return;
    for (uint64_t i = 0; i < 4; i++)
        scene_spawn(scene, bystander, i);
    scene_until_helpers(scene, TASK_REPLYING);
    scene_go(scene, &m);
    if (!scene_stage(scene, &m))
        return;
    if (scene->helpers_ended)
        scene_fail(scene, "%u bystanders were answered by the attacker", scene->helpers_ended);
    if (ask(scene_victim(), &release) != OK || release.words[0] != 4)
        scene_fail(scene, "the victim held %llu callers", (unsigned long long)release.words[0]);
    scene_wait_helpers(scene);
    scene_go(scene, &m);
}

ATTACK(reply_without_the_receive_right)
{
    uint64_t signals;
    struct msg m = message(OP_HOLD, 4);
    for (uint32_t token = 0; token < 1024; token++) {
        m.head.token = token;
        EXPECT_IS(channel_reply_recv(clone_cap(CAP_CLIENT), &m, 1, NULL, 0, &signals, 0), ERR_NO_RIGHT);
        EXPECT_IS(channel_reply_recv(clone_cap(CAP_SERVER), &m, 1, NULL, 0, &signals, 0), ERR_NO_RIGHT);
    }
    return HELD;
}

/* ---- the attacker as a server: its client is a helper that got the channel by the stage ---- */

/* Three calls; each must get the answer that was meant for it. argument: deadline of the first, 0: none. */
static int64_t client(uint64_t deadline_after_ns)
{
    handle_t server;
    TRY(take_offered_channel(&server));
    for (uint64_t i = 0; i < 3; i++) {
        struct msg call = message(OP_PING, 1);
        call.words[0] = 1000 + i;
        bool late = deadline_after_ns && i == 0;
        status_t status = channel_call(server, &call, late ? clock_now() + deadline_after_ns : DEADLINE_NEVER);
        EXPECT_IS(status, late ? ERR_TIMED_OUT : OK);
        if (status == OK)
            EXPECT(call.words[0] == 2000 + i);
    }
    return HELD;
}

static int64_t answer(handle_t channel, uint32_t token, uint64_t word)
{
    uint64_t signals;
    struct msg m = message(OP_PING, 1);
    m.words[0] = word;
    m.head.token = token;
    EXPECT_IS(channel_reply_recv(channel, &m, 1, NULL, 0, &signals, 0), OK);
    return HELD;
}

/* Each answer twice, and again while the next call waits. */
ATTACK(reply_twice)
{
    handle_t channel;
    uint64_t signals;
    uint32_t before = 0;
    TRY(offer_channel(&channel));
    for (uint64_t i = 0; i < 3; i++) {
        struct msg m;
        EXPECT_IS(channel_recv(channel, &m, 1, &signals, clock_now() + FAR_NS), 1);
        EXPECT(m.words[0] == 1000 + i);
        if (before)
            TRY(answer(channel, before, 666));
        TRY(answer(channel, m.head.token, 2000 + i));
        TRY(answer(channel, m.head.token, 666));
        before = m.head.token;
    }
    return HELD;
}
DIRECT(reply_twice)
{
    pass_channel_on(scene, client, 0);
}

/* The same token many times in one batch, some of them with what the kernel must refuse. */
ATTACK(reply_twice_in_one_batch)
{
    struct msg *replies = scratch.batch;
    handle_t channel;
    uint64_t signals;
    TRY(offer_channel(&channel));
    for (uint64_t i = 0; i < 3; i++) {
        struct msg m;
        EXPECT_IS(channel_recv(channel, &m, 1, &signals, clock_now() + FAR_NS), 1);
        for (uint64_t k = 0; k < MSG_BATCH_MAX; k++) {
            replies[k] = message(OP_PING, 1);
            replies[k].words[0] = k ? 666 : 2000 + i;
            replies[k].head.token = m.head.token;
        }
        EXPECT_IS(channel_reply_recv(channel, replies, MSG_BATCH_MAX, NULL, 0, &signals, 0), OK);
    }
    return HELD;
}
DIRECT(reply_twice_in_one_batch)
{
    pass_channel_on(scene, client, 0);
}

/* The client gave up; its old token, and tokens near it, must not answer its next call. */
ATTACK(reply_after_the_caller_gave_up)
{
    handle_t channel;
    uint64_t signals;
    struct msg m;
    TRY(offer_channel(&channel));
    EXPECT_IS(channel_recv(channel, &m, 1, &signals, clock_now() + FAR_NS), 1);
    uint32_t late = m.head.token;
    for (uint64_t i = 1; i < 3; i++) { /* the next call comes when it gave the first one up */
        EXPECT_IS(channel_recv(channel, &m, 1, &signals, clock_now() + FAR_NS), 1);
        EXPECT(m.words[0] == 1000 + i && m.head.token != late);
        TRY(answer(channel, late, 666));
        TRY(answer(channel, m.head.token, 2000 + i));
    }
    return HELD;
}
DIRECT(reply_after_the_caller_gave_up)
{
    pass_channel_on(scene, client, NEAR_NS);
}

static int64_t caller_to_be_killed(uint64_t argument)
{
    (void)argument;
    handle_t server;
    TRY(take_offered_channel(&server));
    struct msg call = message(OP_PING, 1);
    (void)channel_call(server, &call, DEADLINE_NEVER);
    return HELD;
}

/* With a capability in the answer, which must stay the server's or end, and not hang between. */
ATTACK(reply_after_the_caller_died)
{
    handle_t channel;
    uint64_t signals;
    struct msg m;
    TRY(offer_channel(&channel));
    EXPECT_IS(channel_recv(channel, &m, 1, &signals, clock_now() + FAR_NS), 1);
    uint32_t token = m.head.token;
    EXPECT_IS(stage(2, NULL), OK); /* it is killed */
    MUST(signal, signal_create());
    m = message(OP_PING, 1);
    m.head.token = token;
    m.head.cap_count = 1;
    m.head.caps[0] = (handle_t)signal;
    EXPECT_IS(channel_reply_recv(channel, &m, 1, NULL, 0, &signals, 0), OK);
    EXPECT_IS(signal_raise((handle_t)signal, 1), OK); /* nobody took it */
    return HELD;
}
DIRECT(reply_after_the_caller_died)
{
    struct msg from;
    pass_channel_on(scene, caller_to_be_killed, 0);
    if (!scene_stage(scene, &from))
        return;
    (void)task_kill(scene->helpers[0]);
    scene_wait_helpers(scene);
    scene->helpers_failed = 0; /* it was killed */
    scene_go(scene, &from);
}

/* The number of a call has few bits: a client that called often must not make an old token true again. */
ATTACK(reply_with_a_token_of_many_calls_ago)
{
    uint64_t signals;
    uint32_t *tokens = scratch.tokens;
    handle_t channel;
    TRY(offer_channel(&channel));
    for (unsigned i = 0; i < 512; i++) {
        struct msg m;
        EXPECT_IS(channel_recv(channel, &m, 1, &signals, clock_now() + FAR_NS), 1);
        for (unsigned k = 0; k < i; k++)
            EXPECT(tokens[k] != m.head.token);
        tokens[i] = m.head.token;
        TRY(answer(channel, m.head.token, m.words[0] + 1));
    }
    return HELD;
}
static int64_t busy_client(uint64_t argument)
{
    (void)argument;
    handle_t server;
    TRY(take_offered_channel(&server));
    for (uint64_t i = 0; i < 512; i++) {
        struct msg call = message(OP_PING, 1);
        call.words[0] = i;
        EXPECT_IS(channel_call(server, &call, DEADLINE_NEVER), OK);
        EXPECT(call.words[0] == i + 1);
    }
    return HELD;
}
DIRECT(reply_with_a_token_of_many_calls_ago)
{
    pass_channel_on(scene, busy_client, 0);
}
