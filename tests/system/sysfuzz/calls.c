/* Every system call: how often, what its arguments are, what its success teaches. */
#include "tests/system/sysfuzz/fuzz.h"

#include <string.h>

/* ---- what one argument alone cannot say ---- */

static void refine_send(struct fuzz *f, uint64_t args[6])
{
    uint32_t count = args[2] > 2 ? 2 : (uint32_t)args[2];
    for (uint32_t i = 0; i < count; i++)
        fuzz_message(f, &f->arena->out[i]);
}

static void refine_call(struct fuzz *f, uint64_t args[6])
{
    (void)args;
    fuzz_message(f, &f->arena->out[0]);
}

static void refine_reply(struct fuzz *f, uint64_t args[6])
{
    if ((uint32_t)args[2])
        fuzz_message(f, &f->arena->out[0]);
}

/* Most often a mapping that is there, as it is there. */
static void refine_mapped(struct fuzz *f, uint64_t args[6])
{
    if (!f->pool.map_count || rng_one_in(&f->rng, 4))
        return;
    const struct fuzz_map *map = &f->pool.maps[rng_below(&f->rng, f->pool.map_count)];
    args[0] = HANDLE_NONE;
    args[1] = map->address;
    args[2] = map->pages;
}

static void refine_create(struct fuzz *f, uint64_t args[6])
{
    (void)args;
    struct task_create_args *a = &f->arena->args;
    uint64_t bits = rng_next(&f->rng);
    *a = (struct task_create_args){.name = "fuzzed",
                                   .priority = bits & 0xf0 ? (uint32_t)bits % f->priority : (uint32_t)(bits >> 8),
                                   .quota_pages = (uint32_t)(bits & 0xf00 ? bits >> 40 & 31 : bits >> 32),
                                   .supervisor = (handle_t)(bits & 0x1000 ? 0 : fuzz_draw(f, ARG_SEND)),
                                   .root = (handle_t)fuzz_draw(f, ARG_ROOT)};
    if ((bits & 0x3e000) == 0)
        memcpy(a->name, &bits, sizeof bits);
}

/* Another worker dies of it: seldom. */
static void refine_kill(struct fuzz *f, uint64_t args[6])
{
    if (rng_below(&f->rng, 12))
        args[0] = f->pool.stale[rng_below(&f->rng, POOL_STALE)];
}

/* The capabilities that lie far apart in a table have handles that nobody was told: low indices are a good guess. */
static void refine_task_revoke(struct fuzz *f, uint64_t args[6])
{
    uint64_t bits = rng_next(&f->rng);
    if (bits & 7)
        args[1] = (bits >> 8 & 63) | ((bits >> 16 & 3) + 1) << HANDLE_INDEX_BITS;
}

/* clang-format off */
const struct call_rule call_rules[SYS_COUNT] = {
    [SYS_null] = {"null", 8, {0}, NULL, NULL},
    [SYS_channel_call] = {"channel_call", 56, {ARG_SEND, ARG_MSG_OUT, ARG_DEADLINE}, refine_call, NULL},
    [SYS_channel_reply_recv] = {"channel_reply_recv", 90, {ARG_RECV, ARG_MSG_OUT, ARG_BATCHES, ARG_MSG_IN, ARG_DEADLINE}, refine_reply, learn_messages},
    [SYS_channel_send] = {"channel_send", 80, {ARG_SEND, ARG_MSG_OUT, ARG_BATCH}, refine_send, NULL},
    [SYS_channel_recv] = {"channel_recv", 70, {ARG_RECV, ARG_MSG_IN, ARG_BATCH, ARG_DEADLINE}, NULL, learn_messages},
    [SYS_channel_create] = {"channel_create", 14, {ARG_SLOTS, ARG_CREDIT}, NULL, learn_channel},
    [SYS_signal_create] = {"signal_create", 10, {0}, NULL, learn_signal},
    [SYS_signal_raise] = {"signal_raise", 40, {ARG_SIGNAL, ARG_BITS, ARG_FLAG}, NULL, NULL},
    [SYS_signal_bind] = {"signal_bind", 12, {ARG_SIGNAL, ARG_RECV}, NULL, NULL},
    [SYS_cap_mint] = {"cap_mint", 80, {ARG_HANDLE, ARG_RIGHTS, ARG_BADGE}, NULL, learn_mint},
    [SYS_cap_close] = {"cap_close", 50, {ARG_HANDLE}, NULL, learn_gone},
    [SYS_cap_revoke] = {"cap_revoke", 36, {ARG_HANDLE}, NULL, NULL},
    [SYS_cap_info] = {"cap_info", 24, {ARG_HANDLE, ARG_INFO}, NULL, learn_info},
    [SYS_memory_create] = {"memory_create", 24, {ARG_OBJECT_PAGES, ARG_MEMORY_FLAGS}, NULL, learn_memory},
    [SYS_memory_map] = {"memory_map", 56, {ARG_SELF_OR_TASK, ARG_MEMORY, ARG_ADDRESS, ARG_FIRST_PAGE, ARG_PAGES, ARG_PROTECTION}, NULL, learn_map},
    [SYS_memory_unmap] = {"memory_unmap", 40, {ARG_SELF_OR_TASK, ARG_ADDRESS, ARG_PAGES}, refine_mapped, learn_unmap},
    [SYS_memory_protect] = {"memory_protect", 30, {ARG_SELF_OR_TASK, ARG_ADDRESS, ARG_PAGES, ARG_PROTECTION}, refine_mapped, NULL},
    [SYS_task_create] = {"task_create", 6, {ARG_CREATE_ARGS}, refine_create, learn_task},
    [SYS_task_grant] = {"task_grant", 24, {ARG_TASK, ARG_HANDLE, ARG_RIGHTS, ARG_BADGE}, NULL, NULL},
    [SYS_task_start] = {"task_start", 3, {ARG_TASK, ARG_ENTRY, ARG_ADDRESS, ARG_BITS}, NULL, NULL},
    [SYS_task_kill] = {"task_kill", 4, {ARG_TASK}, refine_kill, NULL},
    [SYS_task_exit] = {"task_exit", 0, {ARG_BITS}, NULL, NULL},
    [SYS_task_info] = {"task_info", 12, {ARG_SELF_OR_TASK, ARG_BYTES_IN}, NULL, NULL},
    [SYS_task_yield] = {"task_yield", 20, {0}, NULL, NULL},
    [SYS_clock_now] = {"clock_now", 8, {0}, NULL, NULL},
    [SYS_random_bytes] = {"random_bytes", 16, {ARG_BYTES_IN, ARG_LENGTH}, NULL, NULL},
    [SYS_irq_create] = {"irq_create", 2, {ARG_ROOT, ARG_SMALL, ARG_SMALL, ARG_BYTES_IN, ARG_SMALL}, NULL, NULL},
    [SYS_irq_bind] = {"irq_bind", 2, {ARG_HANDLE, ARG_SIGNAL, ARG_SMALL}, NULL, NULL},
    [SYS_irq_ack] = {"irq_ack", 2, {ARG_HANDLE}, NULL, NULL},
    [SYS_ioport_create] = {"ioport_create", 2, {ARG_ROOT, ARG_LENGTH, ARG_SMALL}, NULL, NULL},
    [SYS_ioport_read] = {"ioport_read", 2, {ARG_HANDLE, ARG_SMALL, ARG_SMALL}, NULL, NULL},
    [SYS_ioport_write] = {"ioport_write", 2, {ARG_HANDLE, ARG_SMALL, ARG_SMALL, ARG_BITS}, NULL, NULL},
    [SYS_devmem_create] = {"devmem_create", 2, {ARG_ROOT, ARG_ADDRESS, ARG_LENGTH}, NULL, NULL},
    [SYS_dma_create] = {"dma_create", 2, {ARG_ROOT, ARG_LENGTH}, NULL, NULL},
    [SYS_dma_pin] = {"dma_pin", 3, {ARG_HANDLE, ARG_MEMORY, ARG_FIRST_PAGE, ARG_PAGES, ARG_BYTES_IN, ARG_FLAG}, NULL, NULL},
    [SYS_dma_unpin] = {"dma_unpin", 2, {ARG_HANDLE, ARG_MEMORY}, NULL, NULL},
    [SYS_log_write] = {"log_write", 2, {ARG_TRACE, ARG_LEVEL, ARG_BYTES_OUT, ARG_LENGTH}, NULL, NULL},
    [SYS_trace_emit] = {"trace_emit", 8, {ARG_TRACE, ARG_SMALL, ARG_BITS, ARG_BITS}, NULL, NULL},
    [SYS_trace_read] = {"trace_read", 4, {ARG_TRACE, ARG_SMALL, ARG_LENGTH, ARG_BYTES_IN, ARG_LENGTH}, NULL, NULL},
    [SYS_trace_control] = {"trace_control", 2, {ARG_TRACE, ARG_BITS, ARG_SMALL}, NULL, NULL},
    [SYS_system_info] = {"system_info", 8, {ARG_TRACE, ARG_SMALL, ARG_LENGTH, ARG_BYTES_IN, ARG_LENGTH}, NULL, NULL},
    [SYS_power_control] = {"power_control", 1, {ARG_HANDLE, ARG_SMALL}, NULL, NULL},
    [SYS_task_revoke] = {"task_revoke", 10, {ARG_TASK, ARG_HANDLE}, refine_task_revoke, NULL},
};
/* clang-format on */

#define PICKS 2048
static uint8_t picks[PICKS]; /* call numbers, each as often as its weight says */

static void picks_fill(void)
{
    uint32_t sum = 0, before = 0;
    for (uint32_t i = 0; i < SYS_COUNT; i++)
        sum += call_rules[i].weight;
    for (uint32_t i = 0; i < SYS_COUNT; i++) {
        uint32_t after = before + call_rules[i].weight;
        for (uint32_t k = before * PICKS / sum; k < after * PICKS / sum; k++)
            picks[k] = (uint8_t)i;
        before = after;
    }
}

void fuzz_init(struct fuzz *f, uint64_t seed, struct fuzz_arena *arena)
{
    picks_fill();
    f->rng.state = seed | 1;
    f->arena = arena;
    f->priority = 1;
}

const char *fuzz_call_name(uint64_t number)
{
    return number < SYS_COUNT ? call_rules[number].name : "no such call";
}

/* What has to be found out or given back before anything else. */
static bool next_duty(struct fuzz *f, struct fuzz_call *call)
{
    struct fuzz_pool *pool = &f->pool;
    if (pool->unknown_count) {
        handle_t handle = pool->unknown[--pool->unknown_count];
        *call = (struct fuzz_call){SYS_cap_info, {handle, (uint64_t)&f->arena->info}};
        return true;
    }
    if (pool->surplus_count) {
        *call = (struct fuzz_call){SYS_cap_close, {pool->surplus[--pool->surplus_count]}};
        return true;
    }
    return false;
}

/* Now and then a number that no call has, or a call with bits for arguments. */
static void next_wild(struct fuzz *f, struct fuzz_call *call)
{
    uint64_t number = rng_next(&f->rng);
    uint32_t shift = rng_below(&f->rng, 64);
    call->number = rng_one_in(&f->rng, 2) ? number >> shift : number % SYS_COUNT;
    for (int i = 0; i < 6; i++)
        call->args[i] = rng_next(&f->rng) >> (rng_next(&f->rng) & 63);
}

void fuzz_next(struct fuzz *f, struct fuzz_call *call)
{
    if (next_duty(f, call))
        return;
    uint32_t chance = (uint32_t)(rng_next(&f->rng) >> 32);
    if (chance >> 24 == 0) {
        next_wild(f, call);
        return;
    }
    call->number = picks[chance % PICKS];
    const struct call_rule *rule = &call_rules[call->number];
    for (int i = 0; i < 6; i++)
        call->args[i] = fuzz_draw(f, (enum arg_kind)rule->kinds[i]);
    if (rule->refine)
        rule->refine(f, call->args);
}
