/* The generator of random system calls: the seed decides, every call and every way to be wrong comes up, and answers that
 * break a promise are seen. A simple machine answers in the kernel's place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "tests/system/sysfuzz/fuzz.h"

#define ROUNDS 200000

static struct fuzz_arena *arena; /* at the same address in every run: pointers are part of the calls */
static struct fuzz fuzz;
static uint64_t clock_ns, answers;

static uint64_t host_clock(void *of)
{
    (void)of;
    return clock_ns += 100;
}

static void begin(uint64_t seed)
{
    memset(arena, 0, sizeof *arena);
    fuzz = (struct fuzz){.now = host_clock, .read_only = 0x5000, .code = 0x400000};
    clock_ns = answers = 0;
    fuzz_init(&fuzz, seed, arena);
    fuzz.priority = 6;
}

/* New handles for what makes some, addresses for mappings, a call with a capability for a receive, else a status. */
static int64_t answer(const struct fuzz_call *call)
{
    answers++;
    if (call->number >= SYS_COUNT)
        return ERR_NOT_SUPPORTED;
    switch (call->number) {
    case SYS_channel_create:
    case SYS_signal_create:
    case SYS_memory_create:
    case SYS_cap_mint:
    case SYS_task_create: return (int64_t)(1u << HANDLE_INDEX_BITS | (answers & 0xfffff));
    case SYS_memory_map:
        if (call->args[4] > 3 || (call->args[5] & PROT_WRITE && call->args[5] & PROT_EXEC))
            return ERR_INVALID;
        return 0x10000000 + (int64_t)(answers % 1000) * 0x10000;
    case SYS_cap_info:
        arena->info = (struct cap_info){.id = 1, .handle = (handle_t)call->args[0], .type = OBJECT_SIGNAL};
        return OK;
    case SYS_channel_recv:
        arena->in[0] = (struct msg){.head = {.kind = MSG_CALL, .token = 5, .cap_count = 1, .caps = {0x100007}}};
        return 1;
    default: return answers % 5 ? OK : ERR_BAD_HANDLE;
    }
}

static uint64_t hash_of_run(uint64_t seed, uint32_t rounds)
{
    uint64_t hash = 0;
    begin(seed);
    for (uint32_t i = 0; i < rounds; i++) {
        struct fuzz_call call;
        fuzz_next(&fuzz, &call);
        fuzz_learn(&fuzz, &call, answer(&call), 0);
        const uint64_t *words = &call.number;
        for (size_t k = 0; k < sizeof call / sizeof *words; k++)
            hash = (hash ^ words[k]) * 0x100000001b3ul + 1;
    }
    return hash;
}

static void a_seed_gives_the_same_calls_each_time(void **state)
{
    (void)state;
    assert_int_equal(hash_of_run(1, ROUNDS), hash_of_run(1, ROUNDS));
    assert_int_equal(hash_of_run(UINT64_MAX, 1000), hash_of_run(UINT64_MAX, 1000));
}

static void other_seeds_give_other_calls(void **state)
{
    (void)state;
    assert_int_not_equal(hash_of_run(1, 1000), hash_of_run(3, 1000));
    assert_int_not_equal(fuzz_sub_seed(1, 0), fuzz_sub_seed(1, 1));
    assert_int_not_equal(fuzz_sub_seed(1, 1), fuzz_sub_seed(2, 0));
}

static void no_promise_is_broken_by_answers_that_keep_them(void **state)
{
    (void)state;
    hash_of_run(7, ROUNDS);
    assert_null(fuzz.broken);
}

static void every_call_and_numbers_that_there_are_not_are_drawn(void **state)
{
    uint32_t counts[SYS_COUNT] = {0}, unknown = 0;
    (void)state;
    begin(2);
    for (uint32_t i = 0; i < ROUNDS; i++) {
        struct fuzz_call call;
        fuzz_next(&fuzz, &call);
        if (call.number < SYS_COUNT)
            counts[call.number]++;
        else
            unknown++;
        fuzz_learn(&fuzz, &call, answer(&call), 0);
    }
    for (uint32_t i = 0; i < SYS_COUNT; i++) {
        if (!counts[i])
            fail_msg("%s was never drawn", fuzz_call_name(i));
    }
    assert_true(unknown > 100);
}

/* Of the first argument of cap_close: how many are handles that the pool has, and how many are not. */
static void most_handles_are_valid_and_some_are_not(void **state)
{
    uint32_t valid = 0, wrong = 0;
    (void)state;
    begin(3);
    for (uint32_t i = 0; i < ROUNDS; i++) {
        struct fuzz_call call;
        fuzz_next(&fuzz, &call);
        if (call.number == SYS_cap_mint) {
            bool found = false;
            for (uint32_t class = 0; class < POOL_CLASSES; class ++)
                for (uint32_t k = 0; k < fuzz.pool.count[class]; k++)
                    found |= fuzz.pool.handles[class][k] == call.args[0];
            valid += found;
            wrong += !found;
        }
        fuzz_learn(&fuzz, &call, answer(&call), 0);
    }
    assert_true(valid > wrong);
    assert_true(wrong > 1000);
}

static void deadlines_are_seldom_never(void **state)
{
    uint32_t never = 0;
    (void)state;
    begin(4);
    for (uint32_t i = 0; i < ROUNDS; i++)
        never += fuzz_draw(&fuzz, ARG_DEADLINE) == DEADLINE_NEVER;
    assert_true(never > 0 && never < ROUNDS / 1000);
}

/* Random bytes that run could run for ever, and nobody would be left to end them. */
static void no_task_is_started_where_memory_of_a_worker_could_be(void **state)
{
    (void)state;
    begin(5);
    for (uint32_t i = 0; i < ROUNDS; i++) {
        uint64_t entry = fuzz_draw(&fuzz, ARG_ENTRY);
        assert_true(entry < USER_BASE || entry >= USER_TOP);
    }
}

/* A worker that has the kernel write over its own stack would fault in ways that look like the kernel's fault. */
static void no_pointer_leads_to_what_a_worker_stands_on(void **state)
{
    const struct fuzz_map stack = {0x7000000, 4, PROT_READ, true};
    (void)state;
    begin(11);
    pool_map_add(&fuzz, stack);
    for (uint32_t i = 0; i < ROUNDS; i++) {
        uint64_t pointer = fuzz_draw(&fuzz, ARG_BYTES_IN);
        assert_true(pointer - stack.address >= stack.pages * PAGE_SIZE);
    }
}

static bool breaks(uint64_t number, int64_t value, uint64_t second)
{
    struct fuzz_call call = {number, {0, (uint64_t)&arena->info, 0, 0, 0, PROT_READ}};
    fuzz.broken = NULL;
    fuzz_learn(&fuzz, &call, value, second);
    return fuzz.broken;
}

static void an_answer_that_breaks_a_promise_is_seen(void **state)
{
    (void)state;
    begin(6);
    assert_false(breaks(SYS_null, OK, 0));
    assert_true(breaks(SYS_null, -100, 0));
    assert_true(breaks(SYS_null, ERR_RESTARTED - 1, 0));
    assert_true(breaks(SYS_null, OK, 1));
    assert_true(breaks(SYS_COUNT, OK, 0));
    assert_true(breaks(SYS_channel_create, 0, 0));
    assert_true(breaks(SYS_memory_create, 1l << 40, 0));
    assert_true(breaks(SYS_memory_map, (int64_t)USER_TOP, 0));
    assert_true(breaks(SYS_memory_map, 0x1234567, 0));
    assert_true(breaks(SYS_channel_recv, MSG_BATCH_MAX + 1, 0));
    arena->info = (struct cap_info){.id = 1, .handle = 99, .type = OBJECT_TASK};
    assert_true(breaks(SYS_cap_info, OK, 0));
}

static void a_received_message_that_cannot_be_is_seen(void **state)
{
    struct fuzz_call call = {SYS_channel_recv, {0, (uint64_t)arena->in, 1}};
    static const struct msg_header wrong[] = {
        {.kind = MSG_REPLY}, {.kind = 9}, {.kind = MSG_CALL}, {.length = 225}, {.cap_count = 5}};
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        begin(8);
        arena->in[0].head = wrong[i];
        fuzz_learn(&fuzz, &call, 1, 0);
        assert_non_null(fuzz.broken);
    }
}

static void a_handle_that_came_is_looked_at_and_then_used(void **state)
{
    struct fuzz_call call = {SYS_channel_recv, {0, (uint64_t)arena->in, 1}};
    (void)state;
    begin(9);
    arena->in[0].head = (struct msg_header){.kind = MSG_SEND, .cap_count = 1, .caps = {0x300005}};
    fuzz_learn(&fuzz, &call, 1, 0);
    fuzz_next(&fuzz, &call);
    assert_int_equal(call.number, SYS_cap_info);
    assert_int_equal(call.args[0], 0x300005);
    fuzz_learn(&fuzz, &call, answer(&call), 0);
    assert_int_equal(pool_pick(&fuzz, POOL_SIGNAL), 0x300005);
}

static void what_finds_no_place_in_the_pool_is_closed(void **state)
{
    struct fuzz_call call;
    (void)state;
    begin(10);
    for (handle_t h = 1; h <= POOL_SLOTS + 1; h++)
        pool_add(&fuzz, POOL_SIGNAL, h << HANDLE_INDEX_BITS);
    fuzz_next(&fuzz, &call);
    assert_int_equal(call.number, SYS_cap_close);
    assert_int_equal(fuzz.pool.count[POOL_SIGNAL], POOL_SLOTS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_seed_gives_the_same_calls_each_time),
        cmocka_unit_test(other_seeds_give_other_calls),
        cmocka_unit_test(no_promise_is_broken_by_answers_that_keep_them),
        cmocka_unit_test(every_call_and_numbers_that_there_are_not_are_drawn),
        cmocka_unit_test(most_handles_are_valid_and_some_are_not),
        cmocka_unit_test(deadlines_are_seldom_never),
        cmocka_unit_test(no_task_is_started_where_memory_of_a_worker_could_be),
        cmocka_unit_test(no_pointer_leads_to_what_a_worker_stands_on),
        cmocka_unit_test(an_answer_that_breaks_a_promise_is_seen),
        cmocka_unit_test(a_received_message_that_cannot_be_is_seen),
        cmocka_unit_test(a_handle_that_came_is_looked_at_and_then_used),
        cmocka_unit_test(what_finds_no_place_in_the_pool_is_closed),
    };
    arena = aligned_alloc(PAGE_SIZE, sizeof *arena);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
