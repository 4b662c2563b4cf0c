/* sysfuzz: random system calls from several tasks at once, by a seed. Boot option sysfuzz=SEED:CALLS.
 *
 * It says on the log: "SYSFUZZ seed N", a line each tenth, how often each status came, "SYSFUZZ done CALLS calls, W
 * workers ended", and whether everything is back. "SYSFUZZ FAIL" and "SYSFUZZ leak" are findings. */
#include "tests/system/sysfuzz/sysfuzz.h"

#include <abi/boot_options.h>
#include <stdlib.h>

#define CALLS_USUAL 1000000ul
#define TURN_NS 10000000ul

static struct runner runner;

static bool read_option(struct runner *r)
{
    size_t length;
    const char *value = boot_option(boot_line(), "sysfuzz", &length);
    char *end;
    if (!value || !length)
        return false;
    r->seed = strtoull(value, &end, 10);
    r->calls = *end == ':' ? strtoull(end + 1, &end, 10) : CALLS_USUAL;
    return end == value + length && r->calls;
}

static void say_progress(const struct runner *r, uint64_t calls, uint64_t began_ns)
{
    uint64_t ms = (clock_now() - began_ns) / 1000000 + 1;
    log_info(
        "SYSFUZZ %llu %%: %llu calls, %llu a second; workers: %llu started, %llu ended, %llu faulted, %llu blocked",
        (unsigned long long)(calls * 100 / r->calls), (unsigned long long)calls,
        (unsigned long long)(calls * 1000 / ms), (unsigned long long)r->started, (unsigned long long)r->ended,
        (unsigned long long)r->faulted, (unsigned long long)r->blocked);
}

static void turn(struct runner *r)
{
    struct msg messages[4];
    uint64_t signals;
    result_t count = channel_recv(r->supervisor, messages, 4, &signals, clock_now() + TURN_NS);
    for (result_t i = 0; i < count; i++)
        slot_message(r, &messages[i]);
    slots_watch(r);
}

static void run(struct runner *r)
{
    uint64_t began_ns = clock_now(), tenths = 0;
    for (uint32_t i = 0; i < FUZZ_SLOTS; i++)
        slot_start(r, i);
    while (slots_running(r) || r->calls_done < r->calls) {
        turn(r);
        uint64_t calls = slots_calls(r);
        if (calls * 10 / r->calls > tenths) {
            tenths = calls * 10 / r->calls;
            say_progress(r, calls, began_ns);
        }
    }
}

static void say_statuses(const struct runner *r)
{
    for (int i = 0; i < FUZZ_STATUSES; i++) {
        if (r->statuses[i])
            log_info("SYSFUZZ status %s %llu", status_name(-i), (unsigned long long)r->statuses[i]);
    }
}

int main(void)
{
    struct runner *r = &runner;
    struct leak_count before;
    if (!read_option(r)) {
        log_error("SYSFUZZ: say sysfuzz=SEED:CALLS, two decimal numbers");
        return 1;
    }
    log_info("SYSFUZZ seed %llu, %llu calls", (unsigned long long)r->seed, (unsigned long long)r->calls);
    r->trace = cap_named("trace");
    r->root = cap_named("root");
    status_t status = slots_init(r);
    if (status != OK || !leak_count_settled(r->trace, &before)) {
        log_error("SYSFUZZ FAIL: cannot begin: %s", status_text(status));
        return 1;
    }
    run(r);
    say_statuses(r);
    log_info("SYSFUZZ done %llu calls, %llu workers ended, %u failures", (unsigned long long)r->calls_done,
             (unsigned long long)r->ended, r->failures);
    bool clean = leak_check(r->trace, &before);
    if (clean)
        log_info("SYSFUZZ clean: pages, objects and capabilities are what they were");
    return r->failures || !clean;
}
