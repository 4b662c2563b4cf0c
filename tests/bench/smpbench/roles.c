/* What the children do. A client counts its round trips, and the interrupts that CPUs sent each other meanwhile. */
#include "tests/bench/smpbench/pair.h"

#include <string.h>

#define CPUS_MAX 64

static handle_t server, answers;
static const uint64_t *stop;

static uint64_t ipis_sent(void)
{
    static struct cpu_info cpus[CPUS_MAX];
    uint64_t sum = 0;
    result_t count = system_info(cap_named("trace"), INFO_CPUS, 0, cpus, sizeof cpus);
    ASSERT(count > 0);
    for (result_t i = 0; i < count; i++)
        sum += cpus[i].ipis;
    return sum;
}

/* Looks until a message is there. `pause` tells the hardware of such a loop, and an emulator that runs one processor after
 * the other to go on to the next one. */
static bool poll(handle_t channel, struct msg *m)
{
    for (;;) {
        uint64_t signals;
        result_t count = channel_recv(channel, m, 1, &signals, DEADLINE_NOW);
        if (count != ERR_WOULD_BLOCK)
            return count == 1;
        __asm__ volatile("pause");
    }
}

static bool polled_round_trips(uint64_t count)
{
    static struct msg m;
    for (uint64_t i = 0; i < count; i++) {
        m.head = (struct msg_header){.op = BENCH_PING, .length = BENCH_WORDS * 8};
        for (uint64_t w = 0; w < BENCH_WORDS; w++)
            m.words[w] = i + w;
        if (channel_send(server, &m, 1) != 1 || !poll(answers, &m) || m.words[BENCH_WORDS - 1] != i + BENCH_WORDS - 1)
            return false;
    }
    return true;
}

static _Noreturn void polled_serve(void)
{
    static struct msg request;
    for (;;) {
        ASSERT(poll(server, &request));
        struct msg answer = {.head = {.op = request.head.op, .length = BENCH_WORDS * 8}};
        memcpy(answer.words, request.words, BENCH_WORDS * 8);
        ASSERT(channel_send(answers, &answer, 1) == 1);
    }
}

static bool round_trips(enum pair_kind kind, uint64_t count)
{
    return kind == PAIR_POLLS ? polled_round_trips(count) : bench_round_trips(server, count);
}

static struct pair_result work(enum pair_kind kind, const struct pair_job *job)
{
    struct pair_result result = {.rounds = 0};
    uint64_t ipis = ipis_sent(), began_ns = clock_now();
    do {
        result.ok = round_trips(kind, job->rounds);
        result.rounds += job->rounds;
    } while (result.ok && job->further && !__atomic_load_n(stop, __ATOMIC_RELAXED));
    result.ns = clock_now() - began_ns;
    result.ipis = ipis_sent() - ipis;
    return result;
}

static const uint64_t *stop_map(void)
{
    result_t address = memory_map(HANDLE_NONE, cap_named("stop"), 0, 0, 1, PROT_READ);
    ASSERT(address > 0);
    return (const uint64_t *)address;
}

int64_t client_main(uint64_t kind)
{
    static struct msg m;
    handle_t orders = cap_named("orders"), report = cap_named("report");
    server = cap_named("server");
    answers = cap_named("answers");
    stop = stop_map();
    for (;;) {
        uint64_t signals;
        struct pair_job job;
        ASSERT(channel_recv(orders, &m, 1, &signals, DEADLINE_NEVER) == 1 && m.head.op == BENCH_GO);
        memcpy(&job, m.payload, sizeof job);
        struct pair_result result = work((enum pair_kind)kind, &job);
        m.head = (struct msg_header){.op = BENCH_DONE, .length = sizeof result};
        memcpy(m.payload, &result, sizeof result);
        ASSERT(channel_send(report, &m, 1) == 1);
    }
}

int64_t server_main(uint64_t kind)
{
    server = cap_named("server");
    answers = cap_named("answers");
    if (kind == PAIR_POLLS)
        polled_serve();
    bench_serve(server);
}
