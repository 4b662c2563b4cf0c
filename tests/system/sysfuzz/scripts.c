#include "tests/system/sysfuzz/sysfuzz.h"

#include <string.h>

/* Each may find its things gone at any step, for other workers may control this one: then a call fails, and the script
 * ends. What it calls broken cannot come from that. */

static void revoke(struct worker *w, handle_t handle)
{
    for (int i = 0; i < 1000 && CALL(cap_revoke, handle) == ERR_RESTARTED; i++) {}
}

static void close(struct worker *w, int64_t handle)
{
    if (handle > 0)
        for (int i = 0; i < 1000 && CALL(cap_close, handle) == ERR_RESTARTED; i++) {}
}

static bool lives(struct worker *w, int64_t handle)
{
    return CALL(cap_info, handle, &w->fuzz.arena->info) == OK;
}

/* ---- memory ---- */

static bool all_zero(const uint64_t *words, size_t pages)
{
    uint64_t any = 0;
    for (size_t i = 0; i < pages * PAGE_SIZE / 8; i += 8)
        any |= words[i] | words[i + 7];
    return !any;
}

static void new_memory_is_zero(struct worker *w)
{
    size_t pages = 1 + rng_below(&w->fuzz.rng, 4);
    int64_t memory = CALL(memory_create, pages, rng_below(&w->fuzz.rng, 2));
    int64_t address = memory > 0 ? CALL(memory_map, 0, memory, 0, 0, pages, PROT_READ | PROT_WRITE) : -1;
    if (address > 0) {
        if (!all_zero((uint64_t *)address, pages))
            worker_broken(w, "new memory is not zero", address);
        memset((void *)address, 0x06, pages * PAGE_SIZE);
        (void)CALL(memory_unmap, 0, address, pages);
    }
    close(w, memory);
}

/* A mapping made through a child is gone when revoke of the parent returns. The word written tells ours from what
 * another worker may have mapped there since. */
static void revoke_takes_mappings(struct worker *w)
{
    uint64_t mark = rng_next(&w->fuzz.rng) | 1;
    int64_t memory = CALL(memory_create, 1, 0);
    int64_t child = memory > 0 ? CALL(cap_mint, memory, RIGHTS_ALL, 0) : -1;
    int64_t address = child > 0 ? CALL(memory_map, 0, child, 0, 0, 1, PROT_READ | PROT_WRITE) : -1;
    if (address > 0) {
        volatile uint64_t *words = (volatile uint64_t *)address;
        words[1] = mark;
        if (rng_one_in(&w->fuzz.rng, 4))
            close(w, child); /* its mapping goes to the parent, and with the parent's descendants all the same */
        revoke(w, (handle_t)memory);
        if (CALL(random_bytes, address, 8) == OK && words[1] == mark)
            worker_broken(w, "a mapping outlived its revoke", address);
    }
    close(w, memory);
}

/* ---- the tree ---- */

static void revoke_takes_descendants(struct worker *w)
{
    int64_t chain[5] = {pool_pick(&w->fuzz, (enum pool_class)(1 + rng_below(&w->fuzz.rng, POOL_CLASSES - 1)))};
    chain[0] = chain[0] ? CALL(cap_mint, chain[0], RIGHTS_ALL, 0) : -1;
    unsigned made = 0;
    while (made < 4 && chain[made] > 0) {
        chain[made + 1] = CALL(cap_mint, chain[rng_below(&w->fuzz.rng, made + 1)], RIGHTS_ALL, 0);
        made++;
    }
    if (rng_one_in(&w->fuzz.rng, 2))
        close(w, chain[1]);
    if (chain[0] > 0) {
        revoke(w, (handle_t)chain[0]);
        for (unsigned i = 1; i <= made; i++) {
            if (chain[i] > 0 && lives(w, chain[i]) && lives(w, chain[0]))
                worker_broken(w, "a handle outlived its revoke", chain[i]);
        }
    }
    close(w, chain[0]);
}

static void rights_only_shrink(struct worker *w)
{
    const struct cap_info *info = &w->fuzz.arena->info;
    handle_t source = pool_pick(&w->fuzz, (enum pool_class)rng_below(&w->fuzz.rng, POOL_CLASSES));
    uint32_t rights = (uint32_t)rng_next(&w->fuzz.rng);
    if (!lives(w, source))
        return;
    uint32_t most = info->rights & rights;
    uint64_t badge = info->badge, object = info->object_id;
    int64_t made = CALL(cap_mint, source, rights, rng_below(&w->fuzz.rng, 4));
    if (made > 0 && lives(w, made)) {
        if (info->rights & ~most || info->object_id != object)
            worker_broken(w, "a minted capability has more rights than its source", info->rights);
        if (badge && info->type == OBJECT_CHANNEL && info->badge != badge)
            worker_broken(w, "a badge was set twice", (int64_t)info->badge);
    }
    close(w, made);
}

/* ---- capabilities on their way ---- */

static void fill_with_cap(struct worker *w, handle_t cap, uint8_t kind)
{
    struct msg *m = &w->fuzz.arena->out[0];
    m->head = (struct msg_header){.op = 7, .length = 8, .cap_count = 1, .kind = kind, .caps = {cap}};
}

static void receive_own(struct worker *w, int64_t channel, bool revoked)
{
    const struct msg *m = &w->fuzz.arena->in[0];
    if (CALL(channel_recv, channel, m, 1, DEADLINE_NOW) != 1 || m->head.kind != MSG_SEND || m->head.op != 7)
        return;
    if (m->head.cap_count != 1)
        worker_broken(w, "a message lost its count of capabilities", m->head.cap_count);
    if (revoked && m->head.caps[0])
        worker_broken(w, "a capability in a queue outlived its revoke", m->head.caps[0]);
    close(w, m->head.caps[0]);
}

static void revoke_reaches_queues(struct worker *w)
{
    int64_t channel = CALL(channel_create, 2, 2), memory = CALL(memory_create, 1, 0);
    bool revoked = rng_one_in(&w->fuzz.rng, 2), copied = rng_one_in(&w->fuzz.rng, 2);
    int64_t child = memory > 0 ? CALL(cap_mint, memory, RIGHTS_ALL, 0) : -1;
    if (channel > 0 && child > 0) {
        fill_with_cap(w, (handle_t)child, copied);
        int64_t sent = CALL(channel_send, channel, w->fuzz.arena->out, 1);
        if (sent == 1 && !copied && lives(w, child))
            worker_broken(w, "a moved capability is still here", child);
        if (revoked)
            revoke(w, (handle_t)memory);
        if (sent == 1)
            receive_own(w, channel, revoked);
    }
    close(w, child);
    close(w, memory);
    close(w, channel);
}

/* A queue that goes with what lies in it: its own sender, and a caller's channel. */
static void channel_in_its_own_queue(struct worker *w)
{
    int64_t channel = CALL(channel_create, 4, 4);
    for (int i = 0; i < 3 && channel > 0; i++) {
        int64_t sender = CALL(cap_mint, channel, RIGHTS_ALL, i);
        if (sender <= 0)
            break;
        fill_with_cap(w, (handle_t)sender, 0);
        if (CALL(channel_send, channel, w->fuzz.arena->out, 1) != 1)
            close(w, sender);
    }
    if (channel > 0 && rng_one_in(&w->fuzz.rng, 4))
        pool_add(&w->fuzz, POOL_RECV, (handle_t)channel);
    else
        close(w, channel);
}

/* ---- calls and answers in bursts: the short paths ---- */

static uint64_t soon(struct worker *w, uint32_t most_ns)
{
    return (uint64_t)CALL(clock_now, 0) + rng_below(&w->fuzz.rng, most_ns);
}

static void ping(struct worker *w)
{
    handle_t channel = pool_pick(&w->fuzz, POOL_SEND);
    struct msg *m = &w->fuzz.arena->out[0];
    bool patient = rng_one_in(&w->fuzz.rng, 32);
    uint8_t length = rng_one_in(&w->fuzz.rng, 4) ? (uint8_t)rng_below(&w->fuzz.rng, 225) : 32;
    for (int i = 0; i < 12; i++) {
        m->head = (struct msg_header){.op = 0x700, .length = length};
        int64_t value = CALL(channel_call, channel, m, patient ? DEADLINE_NEVER : soon(w, 200000));
        if (value != OK)
            break;
    }
}

static uint64_t answer_all(struct worker *w, int64_t count)
{
    struct fuzz_arena *arena = w->fuzz.arena;
    uint64_t replies = 0;
    for (int64_t i = 0; i < count && i < MSG_BATCH_MAX; i++) {
        if (arena->in[i].head.kind != MSG_CALL)
            continue;
        arena->out[replies].head = (struct msg_header){.length = 32, .token = arena->in[i].head.token};
        replies++;
    }
    return replies;
}

static void serve(struct worker *w)
{
    handle_t channel = pool_pick(&w->fuzz, POOL_RECV);
    struct fuzz_arena *arena = w->fuzz.arena;
    uint64_t replies = 0, capacity = rng_one_in(&w->fuzz.rng, 2) ? 1 : 8;
    for (int i = 0, idle = 0; i < 24 && idle < 2; i++) {
        int64_t count =
            CALL(channel_reply_recv, channel, arena->out, replies | capacity << 32, arena->in, soon(w, 100000));
        if (count < 0 && count != ERR_TIMED_OUT && count != ERR_WOULD_BLOCK)
            break;
        idle += count < 0;
        replies = count > 0 ? answer_all(w, count) : 0;
        for (int64_t k = 0; k < count; k++)
            close(w, arena->in[k].head.cap_count ? arena->in[k].head.caps[0] : 0);
    }
    (void)CALL(channel_reply_recv, channel, arena->out, replies, arena->in, 0);
}

/* ---- a task of the worker's own ---- */

#define GRANDCHILD_ADDRESS 0x7000000ul

static int64_t grandchild_memory(struct worker *w)
{
    int64_t memory = CALL(memory_create, 1, 0);
    int64_t address = memory > 0 ? CALL(memory_map, 0, memory, 0, 0, 1, PROT_READ | PROT_WRITE) : -1;
    if (address < 0) {
        close(w, memory);
        return address;
    }
    memcpy((void *)address, grandchild_code, (size_t)(grandchild_end - grandchild_code));
    (void)CALL(memory_unmap, 0, address, 1);
    return memory;
}

static int64_t grandchild_create(struct worker *w)
{
    struct task_create_args *args = &w->fuzz.arena->args;
    *args = (struct task_create_args){.name = "fuzzed",
                                      .priority = w->fuzz.priority - rng_below(&w->fuzz.rng, 2),
                                      .quota_pages = 12 + rng_below(&w->fuzz.rng, 16),
                                      .supervisor = rng_one_in(&w->fuzz.rng, 2) ? pool_pick(&w->fuzz, POOL_SEND) : 0,
                                      .root = pool_pick(&w->fuzz, POOL_ROOT)};
    return CALL(task_create, args);
}

/* Grants what the worker has, starts it, and leaves it alone or ends it at once. */
static void grandchild(struct worker *w)
{
    static const uint8_t given[4] = {POOL_SEND, POOL_MEMORY, POOL_SIGNAL, POOL_TASK};
    int64_t task = grandchild_create(w);
    int64_t memory = task > 0 ? grandchild_memory(w) : -1;
    if (memory > 0 && CALL(memory_map, task, memory, GRANDCHILD_ADDRESS, 0, 1, PROT_READ | PROT_EXEC) > 0) {
        for (int i = 0; i < 4; i++)
            (void)CALL(task_grant, task, pool_pick(&w->fuzz, (enum pool_class)given[i]), RIGHTS_ALL, 0);
        (void)CALL(task_start, task, GRANDCHILD_ADDRESS, 0, 0);
        if (rng_one_in(&w->fuzz.rng, 8))
            (void)CALL(task_kill, task);
    }
    close(w, memory);
    if (task > 0)
        pool_add(&w->fuzz, POOL_TASK, (handle_t)task);
}

#define LARGE_ONE_IN 24 /* hundreds of calls each */

void script_run(struct worker *w)
{
    static void (*const scripts[])(struct worker *) = {
        new_memory_is_zero,
        revoke_takes_mappings,
        revoke_takes_descendants,
        rights_only_shrink,
        revoke_reaches_queues,
        ping,
        ping,
        serve,
        serve,
        grandchild,
        channel_in_its_own_queue,
    };
    uint32_t which = rng_below(&w->fuzz.rng, sizeof scripts / sizeof scripts[0]);
    scripts[which](w);
}
