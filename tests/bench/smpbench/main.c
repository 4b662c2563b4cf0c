/* smpbench: IPC where there are several processors, between tasks that are pinned. Boot option smpbench=count or =time.
 *
 * "count" is for `-icount shift=0`, where one processor runs after the other and one instruction is one nanosecond: what
 * both processors together execute for a round trip. "time" is for a processor a thread: two pairs on two processors
 * against one of them, in turn, and what a round trip takes. Each line of the log is "BENCH name value unit", at the end
 * "BENCH done"; tests/bench/smp.py makes the figures of them. */
#include "tests/bench/ipcbench/measure.h"
#include "tests/bench/smpbench/pair.h"

#include <abi/boot_options.h>
#include <string.h>

enum { ROUNDS_HERE = 10000, ROUNDS_ACROSS = 2000, TIMED_SHARE = 10, ROUNDS_PAIR = 100, TURNS = 21 };
#define TURN_NS 100000000ul

static bool failed;

/* ---- one pair after the other ---- */

static const struct place {
    const char *name;
    enum pair_kind kind;
    uint32_t client_cpu, server_cpu, rounds;
} places[] = {
    {"ipc_call_reply_4w_smp", PAIR_SLEEPS, 0, 0, ROUNDS_HERE},
    {"ipc_cross_cpu_ipi", PAIR_SLEEPS, 0, 1, ROUNDS_ACROSS},
    {"ipc_cross_cpu_no_ipi", PAIR_POLLS, 0, 1, ROUNDS_ACROSS},
};

static const struct place *place;
static struct pair pair;
static uint64_t rounds, ipis;

static void some_rounds(void)
{
    struct pair_result result;
    pair_go(&pair, &(struct pair_job){.rounds = rounds});
    pairs_wait(&result, 1);
    measure_took(result.ns);
    ipis += result.ipis;
}

static void measure_place(bool count)
{
    ipis = 0;
    rounds = count ? place->rounds : place->rounds / TIMED_SHARE; /* waking a sleeping thread of the host takes long */
    pair_start(&pair, place->kind, place->client_cpu, place->server_cpu);
    uint64_t ns = median_ns(some_rounds);
    failed |= !pair_is_in_place(&pair);
    pair_stop(&pair);
    if (count)
        print(place->name, ns, rounds);
    else
        log_info("BENCH %s %llu ns", place->name, (unsigned long long)(ns / rounds));
    log_info("BENCH %s_ipis %llu per_1000", place->name,
             (unsigned long long)(ipis * 1000 / (rounds * (MEASURE_RUNS + 1))));
}

static void measure_places(bool count)
{
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        place = &places[i];
        measure_place(count);
    }
}

/* ---- two pairs against one of them, which is the one and the other in turn ---- */

static uint64_t per_second(const struct pair *first, size_t count)
{
    struct pair_result results[2];
    uint64_t sum = 0;
    const struct pair_job job = {.rounds = ROUNDS_PAIR, .further = 1};
    for (size_t i = 0; i < count; i++)
        pair_go(&first[i], &job);
    pairs_stop_after(TURN_NS);
    pairs_wait(results, count);
    for (size_t i = 0; i < count; i++)
        sum += results[i].rounds * 1000000000ul / results[i].ns;
    return sum;
}

static struct pair pairs[2];
static uint64_t alone[TURNS + 1], both[TURNS]; /* round trips a second, in this order: alone, both, alone, …, alone */

static void take_turns(void)
{
    (void)per_second(pairs, 2); /* to warm up */
    for (int i = 0; i < TURNS; i++) {
        alone[i] = per_second(&pairs[i % 2], 1);
        both[i] = per_second(pairs, 2);
    }
    alone[TURNS] = per_second(&pairs[TURNS % 2], 1);
}

static void measure_pairs(void)
{
    for (uint32_t cpu = 0; cpu < 2; cpu++)
        pair_start(&pairs[cpu], PAIR_SLEEPS, cpu, cpu);
    take_turns();
    for (uint32_t cpu = 0; cpu < 2; cpu++) {
        failed |= !pair_is_in_place(&pairs[cpu]);
        pair_stop(&pairs[cpu]);
    }
    for (int i = 0; i <= TURNS; i++) { /* not before: each line wakes those who read the log */
        log_info("BENCH pairs_alone_%d %llu per_s", i, (unsigned long long)alone[i]);
        if (i < TURNS)
            log_info("BENCH pairs_both_%d %llu per_s", i, (unsigned long long)both[i]);
    }
}

/* ---- */

static bool option_is(const char *value)
{
    size_t length;
    const char *said = boot_option(boot_line(), "smpbench", &length);
    return said && length == strlen(value) && memcmp(said, value, length) == 0;
}

static uint32_t cpus_online(void)
{
    static struct system_info info;
    ASSERT(system_info(cap_named("trace"), INFO_SYSTEM, 0, &info, sizeof info) == 1);
    return info.cpu_count;
}

int main(void)
{
    bool count = option_is("count");
    if ((!count && !option_is("time")) || cpus_online() < 2) {
        log_error("BENCH failed: smpbench=count or smpbench=time, and at least two processors");
        return 1;
    }
    pairs_init();
    let_it_settle();
    if (count)
        calibrate();
    measure_places(count);
    if (!count)
        measure_pairs();
    log_info(failed ? "BENCH failed" : "BENCH done");
    return failed;
}
