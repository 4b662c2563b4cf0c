/* load: see load.h. It says on the log "LOAD seed N, S s", a line each tenth, "LOAD FAILED …" for what does not hold, and closes
 * with "LOAD S s, R rounds, M mayflies, F failures". */
#include "tests/system/load/director.h"

#include "tests/system/clone/option.h"
#include <lib/ipc.h>

#define SECONDS_MAX 1000000000ul
#define SECOND_NS (1000 * MS_NS)
#define STEP_NS (100 * MS_NS) /* a birth, at times */
#define LOOK_NS (10 * SECOND_NS)
#define PAGES_SLACK 16

static uint64_t seconds;
static struct fuzz_rng rng;

static uint64_t all_rounds(void)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < WORKERS; i++)
        sum += __atomic_load_n(&SHARED->workers[i].rounds, __ATOMIC_ACQUIRE);
    return sum;
}

static uint64_t latest_us(void)
{
    uint64_t latest = 0;
    for (uint32_t i = 0; i < WORKERS; i++)
        latest = SHARED->workers[i].latest_ns > latest ? SHARED->workers[i].latest_ns : latest;
    return latest / 1000;
}

static void say_progress(uint64_t done_s)
{
    log_info("LOAD %llu s: %llu rounds, %llu mayflies, woken %llu us late at most", (unsigned long long)done_s,
             (unsigned long long)all_rounds(), (unsigned long long)director.ended, (unsigned long long)latest_us());
}

static void run(void)
{
    uint64_t began = clock_now(), end = began + seconds * SECOND_NS, look = began + LOOK_NS, tenth = 1;
    for (uint64_t next = began; next < end && !director.failures; next += STEP_NS) {
        if (rng_one_in(&rng, 2))
            mayfly_start(&rng);
        while (clock_now() < next + STEP_NS && !director.failures)
            crew_listen(mayflies_watch(next + STEP_NS));
        if (next >= look) {
            crew_look();
            look += LOOK_NS;
        }
        if ((next - began) * 10 / SECOND_NS >= tenth * seconds)
            say_progress(seconds * tenth++ / 10);
    }
}

static struct task_info own_figures(void)
{
    struct task_info info = {0};
    (void)task_info(HANDLE_NONE, &info);
    return info;
}

static bool all_is_back(const struct task_info *before, const struct task_info *after)
{
    if (after->used_pages <= before->used_pages + PAGES_SLACK && after->capabilities == before->capabilities)
        return true;
    log_error("LOAD FAILED: pages %u, then %u; capabilities %u, then %u", before->used_pages, after->used_pages,
              before->capabilities, after->capabilities);
    return false;
}

/* How often tasks went on elsewhere; of one processor none. */
static uint64_t migrations(void)
{
    static struct cpu_info cpus[64];
    result_t count = system_info(cap_named("trace"), INFO_CPUS, 0, cpus, sizeof cpus);
    uint64_t sum = 0;
    for (result_t i = 0; i < count; i++)
        sum += cpus[i].migrations;
    return sum;
}

static status_t prepare(void)
{
    result_t channel = channel_create(4, 2);
    status_t status = channel < 0 ? (status_t)channel : service_ready((handle_t)channel);
    return status == OK ? crew_init() : status;
}

int main(void)
{
    if (!counted_option("load", &seconds, &director.seed) || seconds > SECONDS_MAX) {
        log_error("LOAD: say load=SECONDS or load=SECONDS:SEED, decimal numbers");
        return 1;
    }
    log_info("LOAD seed %llu, %llu s", (unsigned long long)director.seed, (unsigned long long)seconds);
    rng.state = fuzz_sub_seed(director.seed, WORKERS);
    status_t status = prepare();
    struct task_info before = own_figures();
    if (status == OK)
        status = crew_start();
    if (status != OK) {
        log_error("LOAD FAILED: cannot begin: %s", status_text(status));
        return 1;
    }
    run();
    uint64_t rounds = all_rounds();
    crew_end();
    struct task_info after = own_figures();
    director.failures += !all_is_back(&before, &after);
    log_info("LOAD mayflies: %llu exited, %llu faulted, %llu were killed; %llu migrations; woken %llu us late at most",
             (unsigned long long)director.spread[MAYFLY_EXITS], (unsigned long long)director.spread[MAYFLY_FAULTS],
             (unsigned long long)director.spread[MAYFLY_SPINS], (unsigned long long)migrations(),
             (unsigned long long)latest_us());
    log_info("LOAD %llu s, %llu rounds, %llu mayflies, %llu failures", (unsigned long long)seconds,
             (unsigned long long)rounds, (unsigned long long)director.ended, (unsigned long long)director.failures);
    return director.failures != 0;
}
