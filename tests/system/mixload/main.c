/* mixload: a machine's day in little: jobs that compute for long, tasks that wake often and compute a little, clients and
 * their servers, and an urgent one. All may run on every CPU: it is the scheduler who says where.
 * Boot option mixload=MILLISECONDS or =MILLISECONDS:SEED. The log says "MIXLOAD seed N, M ms, K tasks", and at the end
 * "MIXLOAD done". What came of it is in the trace. */
#include "tests/system/clone/clone.h"
#include "tests/system/clone/option.h"

#include <lib/ipc.h>
#include <stdio.h>

#define ASK PROTO_OP(PROTO_BENCH, 6)
#define CHILD_PAGES 48
#define TASKS_MAX 32
#define MS_MAX 1000000000ul

/* Work is in thousands of instructions, rest in microseconds. Where instructions are counted, processors that work at once
 * share the nanoseconds: four of them take four for one each. */
struct span {
    uint32_t least, most;
};
static const struct role {
    const char *name;
    uint32_t count, priority;
    struct span work, rest;
    const char *server; /* NULL: works alone */
} roles[] = {
    {"job", 3, 8, {600, 3500}, {500, 5000}, NULL},
    {"poll", 3, 14, {15, 120}, {500, 3000}, NULL},
    {"ask", 3, 16, {6, 60}, {50, 1500}, "answer"},
    {"urgent", 1, 21, {6, 20}, {2000, 8000}, NULL},
};
static const struct span answer_work = {6, 45};
#define SERVER_PRIORITY 17

static handle_t root, reporter, started[TASKS_MAX];
static uint32_t start_count;
static uint64_t seed;

/* ---- what the children do ---- */

static uint64_t draw(uint64_t *state, struct span span)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return span.least + (*state >> 11) % (span.most - span.least + 1);
}

/* Who loses the CPU meanwhile does no less. An emulator that runs one processor after the other goes on to the next one at
 * each `pause`. */
static void compute(uint64_t thousands)
{
    for (; thousands; thousands--) {
        for (uint64_t left = 500; left; left--)
            __asm__ volatile("" : "+r"(left)); /* two instructions a turn */
        __asm__ volatile("pause");
    }
}

static void rest(handle_t bed, uint64_t us)
{
    struct msg m;
    uint64_t signals;
    (void)channel_recv(bed, &m, 1, &signals, clock_now() + us * 1000);
}

static void ask(handle_t server)
{
    struct msg m = {.head = {.op = ASK}};
    ASSERT(channel_call(server, &m, DEADLINE_NEVER) == OK && m.head.status == OK);
}

static int64_t work(uint64_t argument)
{
    const struct role *role = &roles[argument & 0xff];
    uint64_t state = argument;
    handle_t server = role->server ? cap_named("server") : HANDLE_NONE;
    result_t bed = channel_create(2, 2);
    ASSERT(bed > 0);
    for (;;) {
        compute(draw(&state, role->work));
        if (server)
            ask(server);
        rest((handle_t)bed, draw(&state, role->rest));
    }
}

static int64_t serve(uint64_t argument)
{
    static struct msg request, reply;
    handle_t channel = cap_named("server");
    uint64_t state = argument, signals;
    size_t answers = 0;
    for (;;) {
        result_t count = channel_reply_recv(channel, &reply, answers, &request, 1, &signals, DEADLINE_NEVER);
        ASSERT(count == 1 && request.head.kind == MSG_CALL);
        compute(draw(&state, answer_work));
        reply = (struct msg){.head = {.op = ASK, .token = request.head.token}};
        answers = 1;
    }
}

/* ---- starting them ---- */

static void start(const char *name, uint32_t number, uint32_t role, uint32_t priority, struct clone_cap server)
{
    char text[16];
    snprintf(text, sizeof text, "%s%u", name, number);
    seed = seed * 6364136223846793005ul + 1442695040888963407ul;
    struct clone what = {.name = text,
                         .run = name == roles[role].server ? serve : work,
                         .argument = (seed & ~0xfful) | role,
                         .priority = priority,
                         .quota_pages = CHILD_PAGES,
                         .root = root,
                         .supervisor = reporter,
                         .cap_count = server.handle != HANDLE_NONE,
                         .caps = {server}};
    ASSERT(start_count < TASKS_MAX);
    status_t status = clone_start(&what, &started[start_count++]);
    if (status != OK)
        log_error("MIXLOAD %s: %s", text, status_text(status));
    ASSERT(status == OK);
}

static void start_pair(uint32_t number, uint32_t role)
{
    result_t channel = channel_create(4, 4);
    ASSERT(channel > 0);
    result_t sender = cap_mint((handle_t)channel, RIGHT_CHANNEL_SEND | RIGHT_MINT | RIGHT_TRANSFER, 0);
    ASSERT(sender > 0);
    start(roles[role].server, number, role, SERVER_PRIORITY,
          (struct clone_cap){"server", (handle_t)channel, RIGHTS_ALL, 0});
    start(roles[role].name, number, role, roles[role].priority,
          (struct clone_cap){"server", (handle_t)sender, RIGHT_CHANNEL_SEND, 0});
}

static void start_all(void)
{
    for (uint32_t role = 0; role < sizeof roles / sizeof roles[0]; role++) {
        for (uint32_t i = 1; i <= roles[role].count; i++) {
            if (roles[role].server)
                start_pair(i, role);
            else
                start(roles[role].name, i, role, roles[role].priority, (struct clone_cap){0});
        }
    }
}

int main(void)
{
    uint64_t ms;
    if (!counted_option("mixload", &ms, &seed) || ms > MS_MAX) {
        log_error("MIXLOAD: say mixload=MILLISECONDS or mixload=MILLISECONDS:SEED, decimal numbers");
        return 1;
    }
    result_t reports = channel_create(TASKS_MAX, 4);
    ASSERT(reports > 0 && service_ready((handle_t)reports) == OK);
    result_t sender = cap_mint((handle_t)reports, RIGHT_CHANNEL_SEND | RIGHT_MINT | RIGHT_TRANSFER, 0);
    ASSERT(sender > 0 && clone_prepare() == OK);
    reporter = (handle_t)sender;
    root = cap_named("root");
    uint64_t first_seed = seed;
    start_all();
    log_info("MIXLOAD seed %llu, %llu ms, %u tasks", (unsigned long long)first_seed, (unsigned long long)ms,
             start_count);
    struct msg m;
    uint64_t signals;
    result_t ended = channel_recv((handle_t)reports, &m, 1, &signals, clock_now() + ms * 1000000);
    for (uint32_t i = 0; i < start_count; i++)
        (void)task_kill(started[i]);
    if (ended == ERR_TIMED_OUT)
        log_info("MIXLOAD done");
    else
        log_error("MIXLOAD FAILED: a task ended");
    return ended != ERR_TIMED_OUT;
}
