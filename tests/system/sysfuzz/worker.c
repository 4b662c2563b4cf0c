/* A worker: makes the calls that the generator draws, touches what it maps, and looks at every answer. */
#include "tests/system/sysfuzz/sysfuzz.h"

#include "tests/system/clone/clone.h"

#define NEWS_EVERY 64
#define FPU_EVERY 256
#define SCRIPT_ONE_IN 48

static struct worker worker;

static uint64_t worker_clock(void *of)
{
    return (uint64_t)worker_call(of, SYS_clock_now, 0, 0, 0, 0, 0, 0);
}

void worker_broken(struct worker *w, const char *promise, int64_t value)
{
    if (!w->slot->broken) {
        w->slot->broken_value = value;
        w->slot->broken = promise;
    }
}

static void count(struct worker *w, int64_t value)
{
    uint64_t status = value < 0 ? (uint64_t)-value : 0;
    w->slot->calls++;
    w->slot->statuses[status < FUZZ_STATUSES ? status : FUZZ_STATUSES - 1]++;
}

/* The call, and what holds for each: no register of the kernel's comes back, none of ours is lost. */
static int64_t trap(struct worker *w, const struct fuzz_call *call, uint64_t *second)
{
    uint64_t out[4];
    fuzz_trap(call, out);
    count(w, (int64_t)out[0]);
    if (out[2])
        worker_broken(w, "a register that is to be zero is not", (int64_t)out[2]);
    if (out[3])
        worker_broken(w, "a register that is to stay did not", (int64_t)out[3]);
    *second = out[1];
    return (int64_t)out[0];
}

static void learn(struct worker *w, const struct fuzz_call *call, int64_t value, uint64_t second)
{
    fuzz_learn(&w->fuzz, call, value, second);
    if (w->fuzz.broken)
        worker_broken(w, w->fuzz.broken, value);
    if (w->slot->broken && !w->slot->broken_call.number) {
        w->slot->broken_call = *call;
        w->slot->broken_second = second;
    }
}

int64_t worker_call(struct worker *w, uint64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e,
                    uint64_t g)
{
    struct fuzz_call call = {number, {a, b, c, d, e, g}};
    uint64_t second;
    int64_t value = trap(w, &call, &second);
    return value;
}

/* ---- the loop ---- */

/* What was mapped is used as its protection says; if another worker took it away meanwhile, we end here. */
static void touch_fresh(struct worker *w)
{
    struct fuzz_map *map = &w->fuzz.fresh;
    volatile uint64_t *at = (volatile uint64_t *)map->address;
    for (uint32_t page = 0; page < map->pages && page < 4; page++, at += PAGE_SIZE / 8) {
        if (map->protection & PROT_WRITE)
            *at = 0x0606060606060606ul; /* as code: no instruction */
        else if (map->protection & PROT_READ)
            (void)*at;
    }
    map->pages = 0;
}

static void read_news(struct worker *w)
{
    struct fuzz_pool *pool = &w->fuzz.pool;
    while (w->news_read != w->slot->news_count && pool->unknown_count < POOL_PENDING)
        pool->unknown[pool->unknown_count++] = w->slot->news[w->news_read++ % FUZZ_NEWS];
}

static void check_fpu(struct worker *w)
{
    if (fuzz_fpu_get() != w->slot->seed)
        worker_broken(w, "a register of the FPU is another task's", (int64_t)fuzz_fpu_get());
}

static void step(struct worker *w)
{
    struct fuzz_call call;
    uint64_t second;
    fuzz_next(&w->fuzz, &call);
    int64_t value = trap(w, &call, &second);
    learn(w, &call, value, second);
    if (w->fuzz.fresh.pages)
        touch_fresh(w);
}

/* ---- the start ---- */

static bool arena_map(struct worker *w, struct fuzz_arena **arena)
{
    const size_t pages = sizeof **arena / PAGE_SIZE;
    result_t memory = memory_create(pages, 0);
    if (memory < 0)
        return false;
    result_t address = memory_map(HANDLE_NONE, (handle_t)memory, 0, 0, pages, PROT_READ | PROT_WRITE);
    result_t again = memory_map(HANDLE_NONE, (handle_t)memory, 0, pages - 1, 1, PROT_READ);
    *arena = (struct fuzz_arena *)address;
    w->fuzz.read_only = (uint64_t)again;
    return address > 0 && again > 0;
}

/* The last two are links to services: they stay where they are in the pool. */
static void take_caps(struct worker *w)
{
    struct fuzz_pool *pool = &w->fuzz.pool;
    for (size_t i = 0; i < task_start_info->cap_count; i++)
        pool->unknown[pool->unknown_count++] = clone_cap(i);
}

/* Seldom drawn (one of 32 places, soon given to another): what the worker itself stands on. */
static void know_own_maps(struct worker *w)
{
    if (!rng_one_in(&w->fuzz.rng, 8))
        return;
    pool_map_add(&w->fuzz, (struct fuzz_map){(uint64_t)task_start_info, 1, PROT_READ, true});
    pool_map_add(&w->fuzz,
                 (struct fuzz_map){(uint64_t)task_start_info + 2 * PAGE_SIZE, CLONE_STACK_PAGES, PROT_READ, true});
}

static bool set_up(struct worker *w, uint64_t slot)
{
    struct fuzz_arena *arena;
    w->slot = &FUZZ_SHARED->slots[slot];
    w->news_read = 0;
    if (!arena_map(w, &arena))
        return false;
    fuzz_init(&w->fuzz, w->slot->seed, arena);
    w->fuzz.now = worker_clock;
    w->fuzz.now_of = w;
    w->fuzz.priority = w->slot->priority;
    w->fuzz.code = (uint64_t)grandchild_code & ~(PAGE_SIZE - 1);
    take_caps(w);
    know_own_maps(w);
    fuzz_fpu_set(w->slot->seed);
    return true;
}

int64_t worker_main(uint64_t slot)
{
    struct worker *w = &worker;
    if (!set_up(w, slot))
        return 1;
    for (uint64_t n = 0; w->slot->calls < w->slot->calls_most && !w->slot->broken; n++) {
        if (n % NEWS_EVERY == 0)
            read_news(w);
        if (n % FPU_EVERY == 0)
            check_fpu(w);
        if (rng_one_in(&w->fuzz.rng, SCRIPT_ONE_IN))
            script_run(w);
        else
            step(w);
    }
    return w->slot->broken ? WORKER_BROKEN : 0;
}
