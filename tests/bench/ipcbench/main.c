/* ipcbench: how many instructions the system's paths cost. Runs with `-icount shift=0`, where one instruction is one
 * nanosecond of guest time, so that differences of clock_now() count instructions. Each figure is the median of several
 * runs of many rounds; nothing is subtracted. Results go to the log: "BENCH name value unit", at the end "BENCH done". */
#include "bench.h"
#include "measure.h"
#include <lib/ipc.h>

enum { NULL_ROUNDS = 20000, CALL_ROUNDS = 10000, BATCH_ROUNDS = 500 };

static handle_t server;
static struct msg batch[MSG_BATCH_MAX];
static bool failed;

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

static void round_trips(void)
{
    measure_start();
    failed |= !bench_round_trips(server, CALL_ROUNDS);
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

/* Were the messages all there, and 64 to a receive? */
static void print_counts(void)
{
    struct msg m = {.head = {.op = BENCH_COUNTS, .length = BENCH_WORDS * 8}};
    if (channel_call(server, &m, DEADLINE_NEVER) != OK || m.words[1] == 0) {
        failed = true;
        return;
    }
    uint64_t expected = (uint64_t)BATCH_ROUNDS * (MEASURE_RUNS + 1) * MSG_BATCH_MAX;
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
    calibrate();
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
