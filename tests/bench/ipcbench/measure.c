/* The clock of the benchmarks: medians of runs, and the loop of known length that says what an instruction takes. */
#include "measure.h"
#include <lib/ipc.h>

enum { LOOP_ROUNDS = 5000000 };

static uint64_t loop_ns; /* what LOOP_ROUNDS of two instructions took */
static uint64_t started_ns, took_ns;

void measure_start(void)
{
    started_ns = clock_now();
}

void measure_stop(void)
{
    took_ns = clock_now() - started_ns;
}

void measure_took(uint64_t ns)
{
    took_ns = ns;
}

uint64_t median_ns(void (*work)(void))
{
    uint64_t ns[MEASURE_RUNS];
    work(); /* to warm up */
    for (int r = 0; r < MEASURE_RUNS; r++) {
        work();
        uint64_t took = took_ns;
        int i = r;
        for (; i > 0 && ns[i - 1] > took; i--) {
            ns[i] = ns[i - 1];
        }
        ns[i] = took;
    }
    return ns[MEASURE_RUNS / 2];
}

/* Tenths of an instruction a round, by the loop of known length. */
void print(const char *name, uint64_t ns, uint64_t rounds)
{
    uint64_t tenths = ns * 10 * 2 * LOOP_ROUNDS / loop_ns / rounds;
    log_info("BENCH %s %llu.%llu insn", name, (unsigned long long)(tenths / 10), (unsigned long long)(tenths % 10));
}

static void loop_run(void)
{
    uint64_t n = LOOP_ROUNDS;
    __asm__ volatile("1: dec %0\n\tjnz 1b" : "+r"(n) : : "cc");
}

static void loop(void)
{
    measure_start();
    loop_run();
    measure_stop();
}

void calibrate(void)
{
    loop_ns = median_ns(loop);
    uint64_t thousandths = loop_ns * 1000 / (2 * LOOP_ROUNDS);
    log_info("BENCH calibration %llu.%03llu ns_per_insn", (unsigned long long)(thousandths / 1000),
             (unsigned long long)(thousandths % 1000));
}

/* The boot's last work and the first DHCP answers are over after a moment; one line from here wakes everybody. */
void let_it_settle(void)
{
    result_t channel = channel_create(1, 1);
    ASSERT(channel > 0);
    uint64_t signals;
    struct msg m;
    (void)channel_recv((handle_t)channel, &m, 1, &signals, clock_now() + 2000000000ul);
    (void)cap_close((handle_t)channel);
}
