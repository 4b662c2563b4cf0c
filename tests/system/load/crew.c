#include "tests/system/load/director.h"

#include "tests/system/clone/clone.h"
#include <string.h>

#define WORKER_QUOTA 64u
#define MAYFLY_PRIORITY 6u
#define SPIN_NS (2 * MS_NS)

struct director director;

static void failed(const char *who, const char *what, uint64_t value)
{
    director.failures++;
    log_error("LOAD FAILED seed %llu: %s: %s (0x%llx)", (unsigned long long)director.seed, who, what,
              (unsigned long long)value);
}

/* ---- once ---- */

static status_t reporter(uint32_t badge, handle_t *report)
{
    result_t made = cap_mint(director.channel, RIGHT_CHANNEL_SEND, badge);
    *report = made < 0 ? HANDLE_NONE : (handle_t)made;
    return made < 0 ? (status_t)made : OK;
}

status_t crew_init(void)
{
    director.root = cap_named("root");
    result_t channel = channel_create(64, 4), memory = memory_create(1, 0);
    if (channel < 0 || memory < 0)
        return ERR_NO_MEMORY;
    director.channel = (handle_t)channel;
    director.shared = (handle_t)memory;
    result_t address = memory_map(HANDLE_NONE, director.shared, SHARED_ADDRESS, 0, 1, PROT_READ | PROT_WRITE);
    status_t status = address < 0 ? (status_t)address : clone_prepare();
    for (uint32_t i = 0; i < WORKERS && status == OK; i++)
        status = reporter(i + 1, &director.reports[i]);
    for (uint32_t i = 0; i < MAYFLIES && status == OK; i++)
        status = reporter(WORKERS + 1 + i, &director.mayflies[i].report);
    return status;
}

/* ---- workers ---- */

static const struct kind *kind_of(uint32_t place)
{
    const struct kind *kind = kinds;
    for (; place >= kind->count; kind++)
        place -= kind->count;
    return kind;
}

/* An echoer gets the channel itself, an asker a sender of one of them, which says by its badge who asks. */
static status_t give_echo(uint32_t place, struct clone *what)
{
    result_t handle;
    if (kind_of(place) == &kinds[0]) {
        handle = channel_create(8, 2);
        if (handle < 0)
            return (status_t)handle;
        result_t sender = cap_mint((handle_t)handle, RIGHT_CHANNEL_SEND | RIGHT_MINT | RIGHT_TRANSFER, 0);
        if (sender < 0)
            return (status_t)sender;
        director.echo[place] = (handle_t)sender;
        what->caps[0] = (struct clone_cap){"echo", (handle_t)handle, RIGHTS_ALL, 0};
    } else {
        what->caps[0] = (struct clone_cap){"echo", director.echo[place % ECHOERS], RIGHT_CHANNEL_SEND, place + 1};
    }
    what->cap_count = kind_of(place) <= &kinds[1];
    return OK;
}

static status_t worker_start(uint32_t place)
{
    const struct kind *kind = kind_of(place);
    struct clone what = {.name = kind->name,
                         .run = kind->run,
                         .argument = ARGUMENT(place, fuzz_sub_seed(director.seed, place)),
                         .priority = kind->priority,
                         .quota_pages = WORKER_QUOTA,
                         .root = director.root,
                         .supervisor = director.reports[place]};
    status_t status = give_echo(place, &what);
    if (status == OK)
        status = clone_make(&what, &director.tasks[place]);
    if (status != OK)
        return status;
    result_t address = memory_map(director.tasks[place], director.shared, SHARED_ADDRESS, 0, 1, PROT_READ | PROT_WRITE);
    return address < 0 ? (status_t)address : clone_run(&what, director.tasks[place]);
}

status_t crew_start(void)
{
    status_t status = OK;
    memset(SHARED, 0, sizeof *SHARED);
    memset(director.seen, 0, sizeof director.seen);
    for (uint32_t i = 0; i < WORKERS && status == OK; i++)
        status = worker_start(i);
    return status;
}

void crew_look(void)
{
    for (uint32_t i = 0; i < WORKERS; i++) {
        const struct load_worker *w = &SHARED->workers[i];
        const char *wrong = __atomic_load_n(&w->failed, __ATOMIC_ACQUIRE);
        uint64_t rounds = __atomic_load_n(&w->rounds, __ATOMIC_ACQUIRE);
        if (wrong)
            failed(kind_of(i)->name, wrong, w->value);
        else if (rounds == director.seen[i])
            failed(kind_of(i)->name, "it has not come further since", rounds);
        director.seen[i] = rounds;
    }
}

/* ---- mayflies ---- */

void mayfly_start(struct fuzz_rng *rng)
{
    struct mayfly *fly = director.mayflies;
    while (fly < director.mayflies + MAYFLIES && fly->id)
        fly++;
    if (fly == director.mayflies + MAYFLIES)
        return;
    struct task_info info = {0};
    fly->argument = rng_next(rng);
    fly->born_ns = clock_now();
    struct clone what = {.name = "mayfly",
                         .run = mayfly_run,
                         .argument = fly->argument,
                         .priority = MAYFLY_PRIORITY,
                         .quota_pages = WORKER_QUOTA,
                         .root = director.root,
                         .supervisor = fly->report};
    status_t status = clone_make(&what, &fly->task);
    if (status == OK)
        status = task_info(fly->task, &info);
    fly->id = info.id;
    if (status == OK)
        status = clone_run(&what, fly->task);
    if (status != OK)
        failed("mayfly", status_name(status), director.born);
    director.born++;
}

uint64_t mayflies_watch(uint64_t until_ns)
{
    for (struct mayfly *fly = director.mayflies; fly < director.mayflies + MAYFLIES; fly++) {
        uint64_t end_ns = fly->born_ns + SPIN_NS;
        if (!fly->id || mayfly_end(fly->argument) != MAYFLY_SPINS)
            continue;
        if (clock_now() >= end_ns)
            (void)task_kill(fly->task);
        else if (end_ns < until_ns)
            until_ns = end_ns;
    }
    return until_ns;
}

static void mayfly_told(struct mayfly *fly, const struct msg *m)
{
    struct msg_exit end;
    enum mayfly_end wanted = mayfly_end(fly->argument);
    memcpy(&end, m->payload, sizeof end);
    if (m->head.kind == MSG_FAULT) {
        if (wanted != MAYFLY_FAULTS)
            failed("mayfly", "it faulted", fly->argument);
        (void)task_kill(fly->task);
        return;
    }
    if (end.killed != (wanted != MAYFLY_EXITS) || (!end.killed && end.code != mayfly_code(fly->argument)))
        failed("mayfly", "it ended otherwise than it should", (uint64_t)end.code);
    director.spread[wanted]++;
    director.ended++;
    fly->id = 0;
    cap_close(fly->task);
}

/* ---- what is told ---- */

static void told(const struct msg *m)
{
    uint32_t place = m->head.badge - 1;
    if (m->head.kind != MSG_EXIT && m->head.kind != MSG_FAULT)
        return;
    if (place >= WORKERS && place < WORKERS + MAYFLIES) {
        mayfly_told(&director.mayflies[place - WORKERS], m);
    } else if (place < WORKERS && director.tasks[place] != HANDLE_NONE) {
        const struct load_worker *w = &SHARED->workers[place];
        failed(kind_of(place)->name, w->failed ? w->failed : "it ended", w->value);
    }
}

void crew_listen(uint64_t deadline_ns)
{
    struct msg messages[8];
    uint64_t signals;
    result_t count = channel_recv(director.channel, messages, 8, &signals, deadline_ns);
    for (result_t i = 0; i < count; i++)
        told(&messages[i]);
}

static bool mayflies_live(void)
{
    bool any = false;
    for (uint32_t i = 0; i < MAYFLIES; i++)
        any |= director.mayflies[i].id != 0;
    return any;
}

#define END_NS (2000 * MS_NS)

void crew_end(void)
{
    for (uint32_t i = 0; i < WORKERS; i++) {
        handle_t task = director.tasks[i];
        director.tasks[i] = HANDLE_NONE;
        if (task != HANDLE_NONE && (task_kill(task) != OK || cap_close(task) != OK))
            failed(kind_of(i)->name, "it cannot be ended", i);
    }
    for (uint32_t i = 0; i < ECHOERS; i++)
        cap_close(director.echo[i]);
    for (uint64_t end = clock_now() + END_NS; mayflies_live() || clock_now() < end;) {
        crew_listen(mayflies_watch(clock_now() + SPIN_NS));
    }
}
