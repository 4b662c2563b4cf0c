/* Floods of queues: whoever floods is stopped, and the others are served. */
#include "tests/system/hostile/attacks.h"

/* ---- one-way messages ---- */

static int64_t fill_credit(handle_t sender, uint64_t *sent)
{
    struct msg m = message(OP_PING, 1);
    for (;;) {
        result_t n = channel_send(sender, &m, 1);
        if (n == ERR_WOULD_BLOCK)
            return HELD;
        EXPECT_IS(n, 1);
        (*sent)++;
    }
}

ATTACK(flood_beyond_the_credit)
{
    uint64_t sent = 0, signals;
    struct msg m = message(OP_PING, 1);
    MUST(channel, channel_create(64, 8));
    MUST(one, cap_mint((handle_t)channel, RIGHTS_ALL, 1));
    MUST(two, cap_mint((handle_t)channel, RIGHTS_ALL, 2));
    MUST(copy, cap_mint((handle_t)one, RIGHTS_ALL, 0)); /* a copy shares the credit and gets no other */
    TRY(fill_credit((handle_t)one, &sent));
    EXPECT(sent == 8);
    EXPECT_IS(channel_send((handle_t)copy, &m, 1), ERR_WOULD_BLOCK);
    EXPECT_IS(channel_send((handle_t)two, &m, 1), 1); /* another sender is not concerned */
    for (int i = 0; i < 9; i++)
        EXPECT_IS(channel_recv((handle_t)channel, &m, 1, &signals, DEADLINE_NOW), 1);
    EXPECT_IS(channel_recv((handle_t)channel, &m, 1, &signals, DEADLINE_NOW), ERR_WOULD_BLOCK);
    EXPECT_IS(channel_send((handle_t)one, &m, 1), 1);
    return HELD;
}

ATTACK(flood_of_one_way_messages)
{
    struct msg *batch = scratch.batch;
    for (int i = 0; i < MSG_BATCH_MAX; i++)
        batch[i] = message(OP_PING, (uint8_t)(i % 28));
    for (int i = 0; i < 2000; i++) {
        result_t n = channel_send(i & 1 ? clone_cap(CAP_CLIENT) : clone_cap(CAP_SERVER), batch, MSG_BATCH_MAX);
        EXPECT(n > 0 || n == ERR_WOULD_BLOCK);
    }
    struct msg m = message(OP_PING, 1);
    EXPECT_IS(ask(clone_cap(CAP_SERVER), &m), OK);
    return HELD;
}
static int64_t asks_meanwhile(uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        struct msg m = message(OP_PING, 4);
        EXPECT_IS(ask(clone_cap(CAP_SERVER), &m), OK);
    }
    return HELD;
}
DIRECT(flood_of_one_way_messages)
{
    scene_spawn(scene, asks_meanwhile, 200);
    scene_wait_helpers(scene);
}

ATTACK(flood_of_signals)
{
    for (int i = 0; i < 100000; i++)
        EXPECT_IS(signal_raise(clone_cap(CAP_SIGNAL), (uint64_t)i), OK);
    struct msg m = message(OP_PING, 1);
    EXPECT_IS(ask(clone_cap(CAP_SERVER), &m), OK);
    return HELD;
}

/* ---- calls ---- */

static int64_t one_held_call(uint64_t argument)
{
    struct msg m = message(OP_HOLD, 4);
    (void)argument;
    EXPECT_IS(channel_call(clone_cap(CAP_SERVER), &m, clock_now() + 4 * FAR_NS), OK);
    EXPECT(m.words[0] == ANSWER);
    return HELD;
}

ATTACK(flood_of_calls_from_200_tasks)
{
    return stage(1, NULL);
}
DIRECT(flood_of_calls_from_200_tasks)
{
    struct msg m, release = message(OP_RELEASE, 0);
    if (!scene_stage(scene, &m))
        return;
    for (uint64_t i = 0; i < 200 && !scene->report[0]; i++)
        scene_spawn(scene, one_held_call, i);
    scene_until_helpers(scene, TASK_REPLYING);
    (void)scene_victim_answers(scene); /* with 200 that wait */
    if (ask(scene_victim(), &release) != OK || release.words[0] != 200)
        scene_fail(scene, "the victim held %llu calls of 200", (unsigned long long)release.words[0]);
    scene_wait_helpers(scene);
    scene_go(scene, &m);
}

/* ---- the kernel's own messages ---- */

ATTACK(flood_of_closed_badges)
{
    uint64_t signals, next = 1;
    struct msg *batch = scratch.batch;
    MUST(channel, channel_create(2, 2));
    for (uint64_t badge = 1; badge <= 500; badge++) {
        MUST(sender, cap_mint((handle_t)channel, RIGHTS_ALL, badge));
        EXPECT_IS(cap_close((handle_t)sender), OK);
    }
    while (next <= 500) { /* each is told, once, in order */
        result_t n = channel_recv((handle_t)channel, batch, 16, &signals, DEADLINE_NOW);
        EXPECT(n > 0);
        for (result_t i = 0; i < n; i++)
            EXPECT(batch[i].head.kind == MSG_CLOSED && batch[i].head.badge == next++);
    }
    EXPECT_IS(channel_recv((handle_t)channel, batch, 16, &signals, DEADLINE_NOW), ERR_WOULD_BLOCK);
    return HELD;
}

/* At the victim, which never asked for these badges: it hears their ends and nothing else. */
ATTACK(flood_of_closed_badges_at_the_victim)
{
    for (uint64_t badge = 1; badge <= 2000; badge++) {
        MUST(sender, cap_mint(clone_cap(CAP_CLIENT), RIGHTS_ALL, badge + 0x10000));
        EXPECT_IS(cap_close((handle_t)sender), OK);
    }
    struct msg m = message(OP_PING, 1);
    EXPECT_IS(ask(clone_cap(CAP_SERVER), &m), OK);
    return HELD;
}

static int64_t dies_at_once(uint64_t argument)
{
    (void)argument;
    return HELD;
}
ATTACK(flood_of_deaths)
{
    return stage(1, NULL);
}
DIRECT(flood_of_deaths)
{
    struct msg m;
    if (!scene_stage(scene, &m))
        return;
    for (uint64_t i = 0; i < 200 && !scene->report[0]; i++)
        scene_spawn(scene, dies_at_once, i);
    scene_wait_helpers(scene);
    if (scene->helpers_ended != scene->helper_count)
        scene_fail(scene, "%u of %u ends were told", scene->helpers_ended, scene->helper_count);
    scene_go(scene, &m);
}

/* ---- log and trace ---- */

ATTACK(flood_of_log_and_trace)
{
    handle_t trace = cap_named("trace");
    char text[200];
    for (int i = 0; i < 200; i++)
        text[i] = 'x';
    for (int i = 0; i < 2000; i++) {
        EXPECT_IS(log_write(trace, LOG_DEBUG, text, sizeof text), OK);
        EXPECT_IS(trace_emit(trace, TRACE_UserEvent, (uint32_t)i, ~0ull), OK);
    }
    return HELD;
}

/* Line ends, escape sequences and NUL in a log line must not make other lines, nor move a terminal's cursor. */
ATTACK(log_text_with_control_characters)
{
    char text[128], *log = scratch.text;
    handle_t trace = cap_named("trace");
    struct system_info info;
    for (int i = 0; i < 128; i++)
        text[i] = (char)(i < 33 ? i : i % 2 ? 0x1b : 0x7f);
    EXPECT_IS(system_info(trace, INFO_SYSTEM, 0, &info, sizeof info), 1);
    EXPECT_IS(log_write(trace, LOG_INFO, text, sizeof text), OK);
    EXPECT_IS(log_write(trace, LOG_INFO, "x\n[    0.000000] kernel: FORGED line\r\n", 38), OK);
    result_t n = system_info(trace, INFO_LOG, info.log_end, log, PAGE_SIZE);
    EXPECT(n > 0);
    int lines = 0;
    for (result_t i = 0; i < n; i++) {
        lines += log[i] == '\n';
        EXPECT(log[i] == '\n' || ((unsigned char)log[i] >= ' ' && log[i] != 0x7f));
    }
    EXPECT(lines >= 2);
    for (result_t i = 1; i + 20 < n; i++)
        EXPECT(log[i - 1] != '\n' || __builtin_memcmp(log + i + 14, " kernel: FORGED", 15) != 0);
    return HELD;
}

ATTACK(log_line_longer_than_the_limit)
{
    char *text = scratch.text;
    handle_t trace = cap_named("trace");
    for (size_t i = 0; i < 1024; i++)
        text[i] = 'y';
    for (size_t length = 0; length <= 1024; length += 11) {
        status_t status = log_write(trace, LOG_DEBUG, text, length);
        EXPECT(length <= 240 ? status == OK || length == 0 : status == ERR_TOO_LONG || status == OK);
    }
    for (uint64_t level = 5; level < 64; level++)
        EXPECT_IS(syscall6(SYS_log_write, trace, level, (uint64_t)text, 8, 0, 0).value, ERR_INVALID);
    return HELD;
}
