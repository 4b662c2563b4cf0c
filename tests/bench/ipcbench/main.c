/* ipcbench: how many instructions the system's paths cost. Runs with `-icount shift=0`, where one instruction is one
 * nanosecond of guest time, so that differences of clock_now() count instructions. Each figure is the median of several
 * runs of many rounds; nothing is subtracted. Results go to the log: "BENCH name value unit", at the end "BENCH done". */
#include "bench.h"
#include "measure.h"
#include <lib/ipc.h>

enum { RUNS = 7, NULL_ROUNDS = 20000, CALL_ROUNDS = 10000, BATCH_ROUNDS = 500, LOOP_ROUNDS = 5000000 };

static handle_t server;
static uint64_t loop_ns; /* what LOOP_ROUNDS of two instructions took */
static struct msg batch[MSG_BATCH_MAX];
static bool failed;

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

static void null_calls_run(void)
{
    for (int i = 0; i < NULL_ROUNDS; i++) {
        syscall3(SYS_null, 0, 0, 0);
    }
}

static void null_calls(void)
{
    measure_start();
    null_calls_run();
    measure_stop();
}

static void round_trips_run(void)
{
    static struct msg m;
    for (uint64_t i = 0; i < CALL_ROUNDS; i++) {
        m.head = (struct msg_header){.op = BENCH_PING, .length = BENCH_WORDS * 8};
        for (uint64_t w = 0; w < BENCH_WORDS; w++) {
            m.words[w] = i + w;
        }
        if (channel_call(server, &m, DEADLINE_NEVER) != OK || m.words[BENCH_WORDS - 1] != i + BENCH_WORDS - 1) {
            failed = true;
            return;
        }
    }
}

static void round_trips(void)
{
    measure_start();
    round_trips_run();
    measure_stop();
}

static void batches_run(void)
{
    for (int i = 0; i < BATCH_ROUNDS; i++) {
        for (size_t done = 0; done < MSG_BATCH_MAX;) {
            result_t n = channel_send(server, batch + done, MSG_BATCH_MAX - done);
            if (n == ERR_WOULD_BLOCK) {
                task_yield();
            } else if (n < 0) {
                failed = true;
                return;
            } else {
                done += (size_t)n;
            }
        }
    }
}

static void batches(void)
{
    measure_start();
    batches_run();
    measure_stop();
}

static uint64_t started_ns, took_ns;

void measure_start(void)
{
    started_ns = clock_now();
}

void measure_stop(void)
{
    took_ns = clock_now() - started_ns;
}

uint64_t median_ns(void (*work)(void))
{
    uint64_t ns[RUNS];
    work(); /* to warm up */
    for (int r = 0; r < RUNS; r++) {
        work();
        uint64_t took = took_ns;
        int i = r;
        for (; i > 0 && ns[i - 1] > took; i--) {
            ns[i] = ns[i - 1];
        }
        ns[i] = took;
    }
    return ns[RUNS / 2];
}

/* Tenths of an instruction a round, by the loop of known length. */
void print(const char *name, uint64_t ns, uint64_t rounds)
{
    uint64_t tenths = ns * 10 * 2 * LOOP_ROUNDS / loop_ns / rounds;
    log_info("BENCH %s %llu.%llu insn", name, (unsigned long long)(tenths / 10), (unsigned long long)(tenths % 10));
}

/* Were the messages all there, and 64 to a receive? */
static void print_counts(void)
{
    struct msg m = {.head = {.op = BENCH_COUNTS, .length = BENCH_WORDS * 8}};
    if (channel_call(server, &m, DEADLINE_NEVER) != OK || m.words[1] == 0) {
        failed = true;
        return;
    }
    uint64_t expected = (uint64_t)BATCH_ROUNDS * (RUNS + 1) * MSG_BATCH_MAX;
    failed |= m.words[0] != expected;
    log_info("BENCH batch_messages_per_receive %llu messages", (unsigned long long)(m.words[0] / m.words[1]));
}

static void fill_batch(uint8_t words)
{
    for (int i = 0; i < MSG_BATCH_MAX; i++) {
        batch[i] = (struct msg){.head = {.op = BENCH_ONEWAY, .length = words * 8}};
        for (int w = 0; w < words; w++) {
            batch[i].words[w] = (uint64_t)(i + w);
        }
    }
}

static void measure(void)
{
    loop_ns = median_ns(loop);
    uint64_t thousandths = loop_ns * 1000 / (2 * LOOP_ROUNDS);
    log_info("BENCH calibration %llu.%03llu ns_per_insn", (unsigned long long)(thousandths / 1000),
             (unsigned long long)(thousandths % 1000));
    print("syscall_null", median_ns(null_calls), NULL_ROUNDS);
    print("ipc_call_reply_4w", median_ns(round_trips), CALL_ROUNDS);
    fill_batch(BENCH_WORDS);
    print("ipc_batch64_msg", median_ns(batches), (uint64_t)BATCH_ROUNDS * MSG_BATCH_MAX);
    print_counts();
    fill_batch(0);
    print("ipc_batch64_msg_empty", median_ns(batches), (uint64_t)BATCH_ROUNDS * MSG_BATCH_MAX);
    print_counts();
    measure_capabilities();
    measure_recording(server, round_trips, CALL_ROUNDS);
}

/* The boot's last work and the first DHCP answers are over after a moment; one line from here wakes everybody. */
static void let_it_settle(void)
{
    result_t channel = channel_create(1, 1);
    ASSERT(channel > 0);
    uint64_t signals;
    struct msg m;
    (void)channel_recv((handle_t)channel, &m, 1, &signals, clock_now() + 2000000000ul);
    (void)cap_close((handle_t)channel);
}

int main(void)
{
    result_t handle = service_connect("ipcserver", DEADLINE_NEVER);
    ASSERT(handle > 0);
    server = (handle_t)handle;
    let_it_settle();
    measure();
    log_info(failed ? "BENCH failed" : "BENCH done");
    return failed;
}
