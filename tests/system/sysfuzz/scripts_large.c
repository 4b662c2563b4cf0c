#include "tests/system/sysfuzz/sysfuzz.h"

/* A long call answers ERR_RESTARTED between its steps. Here it is called again, or left as it is. */
static bool go_on(struct worker *w, int64_t value)
{
    return value == ERR_RESTARTED && !rng_one_in(&w->fuzz.rng, 6);
}

static void revoke(struct worker *w, int64_t handle)
{
    int64_t value;
    do {
        value = CALL(cap_revoke, handle);
    } while (go_on(w, value));
}

static void close(struct worker *w, int64_t handle)
{
    int64_t value;
    do {
        value = CALL(cap_close, handle);
    } while (go_on(w, value));
}

/* ---- hundreds of descendants, in one row or one below the other ---- */

static void send_away(struct worker *w, int64_t cap)
{
    struct msg *m = &w->fuzz.arena->out[0];
    m->head = (struct msg_header){.op = 7, .cap_count = 1, .caps = {(handle_t)cap}};
    (void)CALL(channel_send, pool_pick(&w->fuzz, POOL_SEND), m, 1);
}

static int64_t mint_many(struct worker *w, int64_t top, uint32_t count)
{
    int64_t last = top;
    uint32_t shape = rng_below(&w->fuzz.rng, 3);
    for (uint32_t i = 0; i < count; i++) {
        int64_t parent = shape == 0 ? top : shape == 1 || rng_one_in(&w->fuzz.rng, 2) ? last : top;
        int64_t made = CALL(cap_mint, parent, RIGHTS_ALL, 0);
        if (made <= 0)
            break;
        if (i % 64 == 5)
            send_away(w, made);
        last = made;
    }
    return last;
}

void script_crowd(struct worker *w)
{
    int64_t source = pool_pick(&w->fuzz, (enum pool_class)(1 + rng_below(&w->fuzz.rng, POOL_CLASSES - 1)));
    int64_t top = CALL(cap_mint, source, RIGHTS_ALL, 0);
    if (top <= 0)
        return;
    int64_t last = mint_many(w, top, rng_below(&w->fuzz.rng, 700));
    switch (rng_below(&w->fuzz.rng, 4)) {
    case 0: close(w, top); break;
    case 1: close(w, last); break;
    case 2: (void)CALL(task_revoke, pool_pick(&w->fuzz, POOL_TASK), top); break;
    default: break;
    }
    revoke(w, top);
    close(w, top);
}

/* ---- memory of many pages ---- */

static int64_t map_all(struct worker *w, int64_t memory, uint32_t pages)
{
    struct fuzz_call call = {SYS_memory_map, {0, (uint64_t)memory, 0, 0, pages, PROT_READ | PROT_WRITE}};
    int64_t value;
    do {
        uint64_t out[4];
        fuzz_trap(&call, out);
        w->slot->calls++;
        value = (int64_t)out[0];
        call.args[2] = out[1];
    } while (go_on(w, value));
    return value;
}

void script_large_memory(struct worker *w)
{
    uint32_t pages = 100 + rng_below(&w->fuzz.rng, 1000);
    int64_t memory, first, value = 0;
    do {
        memory = CALL(memory_create, pages, 0);
    } while (go_on(w, memory));
    if (memory <= 0)
        return;
    first = map_all(w, memory, pages);
    (void)map_all(w, memory, pages / 2);
    if (rng_one_in(&w->fuzz.rng, 2))
        (void)CALL(cap_mint, memory, RIGHTS_ALL, 0);
    do {
        value = first > 0 ? CALL(memory_protect, 0, first, pages, PROT_READ) : 0;
    } while (go_on(w, value));
    if (rng_one_in(&w->fuzz.rng, 2))
        revoke(w, memory);
    do {
        value = first > 0 && rng_one_in(&w->fuzz.rng, 2) ? CALL(memory_unmap, 0, first, pages) : 0;
    } while (go_on(w, value));
    close(w, memory);
}

/* ---- page tables: single pages, far apart ---- */

#define SPARSE_BASE 0x100000000000ul
#define SPARSE_STEP (1ul << 30)

void script_sparse_maps(struct worker *w)
{
    uint32_t count = rng_below(&w->fuzz.rng, 100);
    int64_t memory = CALL(memory_create, 1, 0);
    for (uint32_t i = 0; i < count && memory > 0; i++) {
        if (CALL(memory_map, 0, memory, SPARSE_BASE + i * SPARSE_STEP, 0, 1, PROT_READ) < 0)
            break;
    }
    if (rng_one_in(&w->fuzz.rng, 2))
        revoke(w, memory);
    for (uint32_t i = 0; i < count && rng_one_in(&w->fuzz.rng, 16) == 0; i++)
        (void)CALL(memory_unmap, 0, SPARSE_BASE + i * SPARSE_STEP, 1);
    close(w, memory);
}

/* ---- what the system tells of tasks and their capabilities ---- */

void script_look_around(struct worker *w)
{
    const struct task_info *info = (const struct task_info *)w->fuzz.arena->bytes;
    handle_t trace = pool_pick(&w->fuzz, POOL_TRACE), task = pool_pick(&w->fuzz, POOL_TASK);
    for (int i = 0; i < 8; i++) {
        if (CALL(task_info, i % 2 ? task : HANDLE_NONE, info) != OK)
            continue;
        uint64_t index = (uint64_t)info->id << 32 | rng_below(&w->fuzz.rng, 300);
        (void)CALL(system_info, trace, INFO_CAPS, index, info, rng_below(&w->fuzz.rng, 8192));
        (void)CALL(system_info, trace, INFO_TASKS, info->id, info, rng_below(&w->fuzz.rng, 8192));
        (void)CALL(trace_read, trace, 0, rng_below(&w->fuzz.rng, 64), info, PAGE_SIZE);
    }
}

/* ---- waiting with a buffer that the message then does not fit into ---- */

void script_bad_buffer(struct worker *w)
{
    uint64_t end = (uint64_t)(w->fuzz.arena + 1), now = (uint64_t)CALL(clock_now, 0);
    const uint64_t buffers[] = {w->fuzz.read_only, end, end - 64, end - 8, w->fuzz.code};
    uint64_t buffer = buffers[rng_below(&w->fuzz.rng, sizeof buffers / sizeof buffers[0])];
    uint64_t deadline = now + rng_below(&w->fuzz.rng, 300000);
    handle_t channel = pool_pick(&w->fuzz, POOL_RECV);
    if (rng_one_in(&w->fuzz.rng, 2))
        (void)CALL(channel_recv, channel, buffer, 1, deadline);
    else
        (void)CALL(channel_reply_recv, channel, 0, 1ul << 32, buffer, deadline);
}
