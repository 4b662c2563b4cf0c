/* shoot: see shoot.h. It says on the log "SHOOT seed N", a line each tenth, "SHOOT FAILED …" for what is found, and closes with
 * "SHOOT n rounds, k stale"; "SHOOT leak" when its own pages or capabilities are not back. */
#include "tests/system/shoot/director.h"

#include "tests/system/clone/option.h"
#include <lib/ipc.h>

#define ROUNDS_MAX 1000000000ul
#define PAGES_SLACK 16 /* an empty page of each slab */

static struct {
    uint64_t rounds, seed;
} wanted;

static uint32_t processors(void)
{
    struct system_info info;
    return system_info(cap_named("trace"), INFO_SYSTEM, 0, &info, sizeof info) == 1 ? info.cpu_count : 0;
}

static status_t be_ready(void)
{
    result_t channel = channel_create(4, 2);
    return channel < 0 ? (status_t)channel : service_ready((handle_t)channel);
}

static void say_progress(void)
{
    const struct shoot_churner *c = &SHARED->churner;
    log_info("SHOOT %llu %%: %llu rounds, %llu faults, %llu deaths, churner: %llu rounds, %llu changes",
             (unsigned long long)(tally.rounds * 100 / wanted.rounds), (unsigned long long)tally.rounds,
             (unsigned long long)crew.faults, (unsigned long long)crew.deaths, (unsigned long long)c->rounds,
             (unsigned long long)c->side_changes);
}

static void shoot(void)
{
    while (tally.rounds < wanted.rounds && round_run(wanted.seed, tally.rounds)) {
        if (tally.rounds * 10 % wanted.rounds < 10)
            say_progress();
    }
}

static void say_tally(void)
{
    for (size_t i = 0; i < WAY_COUNT; i++)
        log_info("SHOOT %s %llu rounds", ways[i].name, (unsigned long long)tally.by_way[i]);
    log_info("SHOOT orders: wait %llu, write %llu, copy %llu", (unsigned long long)tally.by_order[ORDER_WAIT],
             (unsigned long long)tally.by_order[ORDER_WRITE], (unsigned long long)tally.by_order[ORDER_COPY]);
}

/* What the director holds when nobody of the crew is there. */
static struct task_info own_figures(void)
{
    struct task_info info = {0};
    crew_end();
    (void)task_info(HANDLE_NONE, &info);
    return info;
}

static bool all_is_back(const struct task_info *before, const struct task_info *after)
{
    if (after->used_pages <= before->used_pages + PAGES_SLACK && after->capabilities == before->capabilities)
        return true;
    log_error("SHOOT leak: pages %u, then %u; capabilities %u, then %u", before->used_pages, after->used_pages,
              before->capabilities, after->capabilities);
    return false;
}

int main(void)
{
    uint32_t cpus = processors();
    if (!counted_option("shoot", &wanted.rounds, &wanted.seed) || wanted.rounds > ROUNDS_MAX) {
        log_error("SHOOT: say shoot=ROUNDS or shoot=ROUNDS:SEED, decimal numbers");
        return 1;
    }
    log_info("SHOOT seed %llu, %llu rounds, %u processors", (unsigned long long)wanted.seed,
             (unsigned long long)wanted.rounds, cpus);
    status_t status = cpus ? be_ready() : ERR_NO_RIGHT;
    if (status == OK)
        status = crew_init(cpus);
    if (status == OK)
        status = crew_fill();
    if (status != OK) {
        log_error("SHOOT FAILED: cannot begin: %s", status_text(status));
        return 1;
    }
    struct task_info before = own_figures();
    shoot();
    struct task_info after = own_figures();
    say_tally();
    bool good = all_is_back(&before, &after);
    log_info("SHOOT %llu rounds, %llu stale", (unsigned long long)tally.rounds, (unsigned long long)tally.failures);
    return !good || tally.failures;
}
