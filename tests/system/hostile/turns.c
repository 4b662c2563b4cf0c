/* Turns at the kernel's lock: who calls without end on other processors may not keep a more urgent task out.
 *
 * Nothing here is measured by time: where the processors are threads of a busy host, one may stand still for long while the
 * others go on. Counted is how many calls the others came to during one of ours. Some of ours are disturbed by the host, in
 * the middle of the lot stands what the kernel does. */
#include "tests/system/hostile/attacks.h"

#define BATCH MSG_BATCH_MAX
#define CALLS 1000
#define CALLERS_MOST 8u
#define TURNS_MOST 8u /* of each other; one is fair, and who has just had his may be quicker than who waits */
#define PAUSES_MOST 256u

/* Long calls: 64 full messages into a channel of one's own, and out of it. Each is counted where the runner sees it. */
static int64_t call_without_end(uint64_t index)
{
    static struct msg batch[BATCH];
    uint64_t signals;
    MUST(channel, channel_create(BATCH, BATCH));
    MUST(address, memory_map(HANDLE_NONE, cap_named("shared"), 0, 0, 1, PROT_READ | PROT_WRITE));
    uint64_t *count = (uint64_t *)address + index * 8;
    for (size_t i = 0; i < BATCH; i++)
        batch[i].head.length = MSG_PAYLOAD_MAX;
    for (;;) {
        EXPECT_IS(channel_send((handle_t)channel, batch, BATCH), BATCH);
        __atomic_fetch_add(count, 1, __ATOMIC_RELEASE);
        EXPECT_IS(channel_recv((handle_t)channel, batch, BATCH, &signals, DEADLINE_NOW), BATCH);
        __atomic_fetch_add(count, 1, __ATOMIC_RELEASE);
    }
}

static uint64_t calls_of(const uint64_t *counts, uint32_t callers)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < callers; i++)
        sum += __atomic_load_n(&counts[i * 8], __ATOMIC_ACQUIRE);
    return sum;
}

/* One call, after a while without any: else this task might keep the lock to itself. */
static uint64_t calls_during_one(const uint64_t *counts, uint32_t callers, uint32_t pauses)
{
    for (uint32_t i = 0; i < pauses; i++)
        __asm__ volatile("pause" : : : "memory");
    uint64_t before = calls_of(counts, callers);
    (void)clock_now();
    return calls_of(counts, callers) - before;
}

static void insert(uint64_t *sorted, int count, uint64_t value)
{
    for (; count > 0 && sorted[count - 1] > value; count--)
        sorted[count] = sorted[count - 1];
    sorted[count] = value;
}

static void judge(struct scene *scene, const uint64_t *counts)
{
    static uint64_t during[CALLS];
    uint32_t callers = scene->helper_count;
    for (int n = 0; n < CALLS; n++)
        insert(during, n, calls_during_one(counts, callers, (uint32_t)n * 7 % PAUSES_MOST));
    uint64_t usual = during[CALLS / 2], all = calls_of(counts, callers);
    log_info("turns: %u others came to %llu calls; to %llu during a usual one of ours, to %llu at most", callers,
             (unsigned long long)all, (unsigned long long)usual, (unsigned long long)during[CALLS - 1]);
    if (callers > 1 && all < CALLS)
        scene_fail(scene, "the others hardly ever call: %llu times", (unsigned long long)all);
    if (usual > callers * TURNS_MOST)
        scene_fail(scene, "%u others came to %llu calls during one of the runner's, who is more urgent", callers,
                   (unsigned long long)usual);
}

static void start_callers(struct scene *scene, handle_t memory)
{
    uint32_t cpus = scene_processors();
    scene->helper_shares = memory;
    for (uint32_t cpu = 0; cpu < cpus && cpu < CALLERS_MOST; cpu++) {
        scene->helper_cpus = 1ul << cpu;
        scene_spawn(scene, call_without_end, cpu);
    }
}

static void end_callers(struct scene *scene)
{
    for (uint32_t i = 0; i < scene->helper_count; i++)
        (void)task_kill(scene->helpers[i]);
    scene_wait_helpers(scene);
    scene->helpers_failed = 0; /* they were ended */
}

ATTACK(long_calls_on_every_processor)
{
    return stage(1, NULL);
}
DIRECT(long_calls_on_every_processor)
{
    struct msg m;
    handle_t memory;
    uint64_t *counts = memory_map_new(1, 0, &memory);
    if (!counts || !scene_stage(scene, &m)) {
        scene_fail(scene, "no counts");
        return;
    }
    start_callers(scene, memory);
    scene_pause(scene, NEAR_NS);
    judge(scene, counts);
    end_callers(scene);
    (void)memory_unmap(HANDLE_NONE, (uint64_t)counts, 1);
    cap_close(memory);
    scene_go(scene, &m);
}
