#include "tests/bench/smpbench/pair.h"

#include "tests/system/clone/clone.h"
#include <string.h>

#define SERVER_PRIORITY 22u /* as ipcserver and ipcbench; ours is the server's */
#define CLIENT_PRIORITY 21u
#define CHILD_PAGES 64u
#define SLOTS 16
#define WAIT_NS 120000000000ul /* a hang detector */

static handle_t root, trace, reports, reporter, stop_memory;
static uint64_t *stop; /* not 0: it is enough */

/* A channel whose receive right goes to a child: *sender is what sends to it. */
static handle_t channel_new(handle_t *sender)
{
    result_t channel = channel_create(SLOTS, SLOTS);
    ASSERT(channel > 0);
    result_t made = cap_mint((handle_t)channel, RIGHT_CHANNEL_SEND | RIGHT_MINT | RIGHT_TRANSFER, 0);
    ASSERT(made > 0);
    *sender = (handle_t)made;
    return (handle_t)channel;
}

void pairs_init(void)
{
    root = cap_named("root");
    trace = cap_named("trace");
    reports = channel_new(&reporter);
    stop = memory_map_new(1, 0, &stop_memory);
    ASSERT(stop && clone_prepare() == OK);
}

static void give(struct clone *what, const char *name, handle_t handle, uint32_t rights)
{
    what->caps[what->cap_count++] = (struct clone_cap){name, handle, rights, 0};
}

static handle_t start(struct clone *what, uint32_t cpu)
{
    handle_t task;
    what->quota_pages = CHILD_PAGES;
    what->affinity = 1ul << cpu;
    what->root = root;
    what->supervisor = reporter;
    give(what, "trace", trace, RIGHT_TRACE_EMIT | RIGHT_TRACE_OBSERVE);
    status_t status = clone_start(what, &task);
    if (status != OK)
        log_error("BENCH %s on CPU %u: %s", what->name, cpu, status_text(status));
    ASSERT(status == OK);
    return task;
}

static handle_t start_server(enum pair_kind kind, uint32_t cpu, handle_t channel, handle_t answer)
{
    struct clone what = {.name = "bench-server", .run = server_main, .argument = kind, .priority = SERVER_PRIORITY};
    give(&what, "server", channel, RIGHTS_ALL);
    give(&what, "answers", answer, RIGHT_CHANNEL_SEND);
    return start(&what, cpu);
}

static handle_t start_client(enum pair_kind kind, uint32_t cpu, handle_t server, handle_t answers, handle_t orders)
{
    struct clone what = {.name = "bench-client", .run = client_main, .argument = kind, .priority = CLIENT_PRIORITY};
    give(&what, "server", server, RIGHT_CHANNEL_SEND);
    give(&what, "answers", answers, RIGHTS_ALL);
    give(&what, "orders", orders, RIGHTS_ALL);
    give(&what, "stop", stop_memory, RIGHT_MEMORY_READ);
    give(&what, "report", reporter, RIGHT_CHANNEL_SEND);
    return start(&what, cpu);
}

void pair_start(struct pair *pair, enum pair_kind kind, uint32_t client_cpu, uint32_t server_cpu)
{
    handle_t server, answer, orders;
    handle_t requests = channel_new(&server), answers = channel_new(&answer), told = channel_new(&orders);
    *pair = (struct pair){.client_cpu = client_cpu, .server_cpu = server_cpu, .orders = orders};
    pair->server = start_server(kind, server_cpu, requests, answer);
    pair->client = start_client(kind, client_cpu, server, answers, told);
    ASSERT(cap_close(server) == OK && cap_close(answer) == OK); /* the children have theirs */
}

void pair_go(const struct pair *pair, const struct pair_job *job)
{
    struct msg m = {.head = {.op = BENCH_GO, .length = sizeof *job}};
    memcpy(m.payload, job, sizeof *job);
    __atomic_store_n(stop, 0, __ATOMIC_RELAXED);
    ASSERT(channel_send(pair->orders, &m, 1) == 1);
}

static void wait_for(struct msg *m, enum msg_kind kind)
{
    uint64_t signals;
    ASSERT(channel_recv(reports, m, 1, &signals, clock_now() + WAIT_NS) == 1 && m->head.kind == kind);
}

/* Nobody reports before it is over. */
void pairs_stop_after(uint64_t ns)
{
    struct msg m;
    uint64_t signals;
    ASSERT(channel_recv(reports, &m, 1, &signals, clock_now() + ns) == ERR_TIMED_OUT);
    __atomic_store_n(stop, 1, __ATOMIC_RELAXED);
}

void pairs_wait(struct pair_result *results, size_t count)
{
    struct msg m;
    for (size_t i = 0; i < count; i++) {
        wait_for(&m, MSG_SEND);
        memcpy(&results[i], m.payload, sizeof results[i]);
        ASSERT(results[i].ok);
    }
}

static bool is_on(handle_t task, uint32_t cpu)
{
    struct task_info info;
    ASSERT(task_info(task, &info) == OK);
    if (info.cpu != cpu)
        log_error("BENCH %s is pinned to CPU %u and was on %u", info.name, cpu, info.cpu);
    return info.cpu == cpu;
}

bool pair_is_in_place(const struct pair *pair)
{
    return is_on(pair->client, pair->client_cpu) && is_on(pair->server, pair->server_cpu);
}

void pair_stop(struct pair *pair)
{
    struct msg m;
    ASSERT(task_kill(pair->client) == OK && task_kill(pair->server) == OK);
    wait_for(&m, MSG_EXIT);
    wait_for(&m, MSG_EXIT);
    ASSERT(cap_close(pair->client) == OK && cap_close(pair->server) == OK && cap_close(pair->orders) == OK);
}
