/* One attack: the attacker with its capabilities, what it and its helpers say, and their end. */
#include "tests/system/hostile/runner.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define ATTACK_NS 120000000000ull /* a hang detector */

void scene_fail(struct scene *scene, const char *format, ...)
{
    va_list arguments;
    if (scene->report[0])
        return; /* the first finding counts */
    va_start(arguments, format);
    vsnprintf(scene->report, sizeof scene->report, format, arguments);
    va_end(arguments);
}

/* ---- what it is given ---- */

static const struct given {
    uint32_t rights;
    uint64_t badge;
} given[ATTACKER_CAPS] = {
    [CAP_REPORT] = {RIGHT_CHANNEL_SEND, 0},
    [CAP_SERVER] = {RIGHT_CHANNEL_SEND | SERVER_RIGHTS, BADGE_ATTACKER},
    [CAP_CLIENT] = {RIGHT_CHANNEL_SEND | RIGHT_MINT | RIGHT_TRANSFER | CLIENT_RIGHTS, 0},
    [CAP_SIGNAL] = {RIGHT_SIGNAL_RAISE | RIGHT_MINT | RIGHT_TRANSFER, SIGNAL_MASK},
    [CAP_MEMORY] = {RIGHT_MEMORY_READ | RIGHT_MINT | RIGHT_TRANSFER, 0},
    [CAP_TASK] = {RIGHT_TASK_INFO | RIGHT_MINT | RIGHT_TRANSFER, 0},
};

static handle_t source_of(enum attacker_cap cap)
{
    switch (cap) {
    case CAP_REPORT: return runner.report;
    case CAP_SIGNAL: return runner.victim_signal;
    case CAP_MEMORY: return runner.victim_memory;
    case CAP_TASK: return runner.victim_task;
    default: return runner.victim_sender;
    }
}

/* A parent a capability, so that a director may revoke what the attacker holds. */
static void parents_make(struct scene *scene)
{
    for (enum attacker_cap i = 0; i < ATTACKER_CAPS; i++) {
        result_t parent = cap_mint(source_of(i), RIGHTS_ALL, 0);
        if (parent < 0)
            scene_fail(scene, "cap_mint for the attacker: %s", status_name((status_t)parent));
        else
            scene->parents[i] = (handle_t)parent;
    }
}

static void give(struct clone *what, const char *name, handle_t handle, uint32_t rights, uint64_t badge)
{
    what->caps[what->cap_count++] = (struct clone_cap){name, handle, rights, badge};
}

static void give_usual(struct scene *scene, struct clone *what)
{
    for (enum attacker_cap i = 0; i < ATTACKER_CAPS; i++)
        give(what, NULL, scene->parents[i], given[i].rights, given[i].badge);
}

static handle_t made(struct scene *scene, const char *what, result_t handle)
{
    if (handle < 0)
        scene_fail(scene, "%s: %s", what, status_name((status_t)handle));
    return handle < 0 ? HANDLE_NONE : (handle_t)handle;
}

#define UNUSED_DEVICE DMA_BUS_ID(0xfe, 0x1f, 7)
#define POST_PORT 0x80u           /* takes writes and does nothing */
#define HOLE_ADDRESS 0xfeb00000ul /* below the APICs, above all RAM of a test machine */

static void give_devices(struct scene *scene, struct clone *what, bool driver)
{
    struct irq_route route;
    uint32_t pass = RIGHT_MINT | RIGHT_TRANSFER;
    scene->extras[0] = made(scene, "irq_create", irq_create(runner.root, IRQ_MESSAGE, UNUSED_DEVICE, &route, 0));
    scene->extras[1] = made(scene, "ioport_create", ioport_create(runner.root, POST_PORT, 2));
    scene->extras[2] = made(scene, "dma_create", dma_create(runner.root, UNUSED_DEVICE));
    scene->extras[3] = made(scene, "devmem_create", devmem_create(runner.root, HOLE_ADDRESS, PAGE_SIZE));
    give(what, "irq", scene->extras[0], pass | (driver ? RIGHT_IRQ_USE : 0), 0);
    give(what, "ioport", scene->extras[1], pass | (driver ? RIGHT_IOPORT_WRITE : 0), 0);
    give(what, "dma", scene->extras[2], pass | (driver ? RIGHT_DMA_PIN : 0), 0);
    give(what, "devmem", scene->extras[3], pass | (driver ? RIGHT_MEMORY_READ | RIGHT_MEMORY_WRITE : 0), 0);
}

static void give_puppet(struct scene *scene, struct clone *what)
{
    struct task_info info;
    struct task_create_args args = {.name = "puppet",
                                    .priority = PRIORITY_ATTACKER,
                                    .quota_pages = 32,
                                    .supervisor = runner.ends[BADGE_PUPPET_END],
                                    .root = runner.root};
    scene->puppet = made(scene, "task_create", task_create(&args));
    if (task_info(scene->puppet, &info) == OK)
        scene->puppet_id = info.id;
    give(what, "puppet", scene->puppet, RIGHTS_ALL, 0);
}

static void give_extras(struct scene *scene, struct clone *what)
{
    uint32_t options = scene->attack->options;
    if (options & EXTRA_ROOT)
        give(what, "root", runner.root, RIGHTS_ALL, 0);
    if (options & EXTRA_ROOTS_HALF)
        give(what, "root", runner.root, RIGHT_ROOT_TASK, 0);
    if (options & EXTRA_TRACE)
        give(what, "trace", runner.trace, RIGHTS_ALL, 0);
    if (options & EXTRA_TRACE_READ)
        give(what, "trace", runner.trace, RIGHT_TRACE_OBSERVE, 0);
    if (options & (EXTRA_DEVICES | EXTRA_DRIVER))
        give_devices(scene, what, options & EXTRA_DRIVER);
    if (options & EXTRA_PUPPET)
        give_puppet(scene, what);
}

/* ---- starting ---- */

static struct clone plan(struct scene *scene, const char *name, enum runner_badge end)
{
    struct clone what = {.name = name,
                         .priority = PRIORITY_ATTACKER,
                         .quota_pages = QUOTA_PAGES_USUAL,
                         .root = runner.root,
                         .supervisor = runner.ends[end]};
    give_usual(scene, &what);
    return what;
}

static bool attacker_start(struct scene *scene)
{
    struct task_info info;
    parents_make(scene);
    struct clone what = plan(scene, "attacker", BADGE_ATTACKER_END);
    what.run = scene->attack->attacker;
    if (scene->attack->options >> 16)
        what.quota_pages = scene->attack->options >> 16;
    give_extras(scene, &what);
    status_t status = scene->report[0] ? ERR_BAD_STATE : clone_make(&what, &scene->attacker);
    if (status == OK)
        status = task_info(scene->attacker, &info);
    scene->attacker_id = info.id;
    if (status == OK)
        status = clone_run(&what, scene->attacker);
    if (status != OK)
        scene_fail(scene, "the attacker does not start: %s", status_name(status));
    return status == OK;
}

bool scene_spawn(struct scene *scene, int64_t (*run)(uint64_t), uint64_t argument)
{
    struct clone what = plan(scene, "helper", BADGE_HELPER_END);
    what.run = run;
    what.argument = argument;
    what.quota_pages = HELPER_QUOTA_PAGES;
    what.affinity = scene->helper_cpus;
    if (scene->helper_shares != HANDLE_NONE)
        give(&what, "shared", scene->helper_shares, RIGHTS_ALL, 0);
    what.stack_pages = 2;
    status_t status =
        scene->helper_count == HELPERS_MAX ? ERR_TABLE_FULL : clone_start(&what, &scene->helpers[scene->helper_count]);
    scene->helper_count += status == OK;
    if (status != OK)
        scene_fail(scene, "helper %u does not start: %s", scene->helper_count, status_name(status));
    return status == OK;
}

/* ---- what comes ---- */

static void on_exit(struct scene *scene, uint32_t badge, const struct msg_exit *exit)
{
    if (badge == BADGE_ATTACKER_END) {
        scene->ended = true;
        scene->exit = *exit;
    } else if (badge == BADGE_HELPER_END) {
        scene->helpers_ended++;
        scene->helpers_failed += exit->code != HELD;
    } else if (badge == BADGE_VICTIM) {
        runner.victim_died = true;
    }
}

/* A faulted task stands still: it is looked at, and ended. */
static void on_fault(struct scene *scene, uint32_t badge, const struct msg_fault *fault)
{
    struct task_info info;
    if (badge == BADGE_ATTACKER_END) {
        scene->faulted = true;
        scene->fault = *fault;
        (void)task_kill(scene->attacker);
    } else if (badge == BADGE_VICTIM) {
        scene_fail(scene, "the victim faulted: vector %u at 0x%llx", fault->vector, (unsigned long long)fault->ip);
        (void)task_kill(runner.victim_task);
    } else {
        scene->extra_faults++;
        for (uint32_t i = 0; i < scene->helper_count; i++) {
            if (task_info(scene->helpers[i], &info) == OK && info.id == fault->task_id)
                (void)task_kill(scene->helpers[i]);
        }
    }
}

static void on_message(struct scene *scene, const struct msg *m)
{
    struct msg_exit exit;
    struct msg_fault fault;
    memcpy(&exit, m->payload, sizeof exit);
    memcpy(&fault, m->payload, sizeof fault);
    if (m->head.kind == MSG_EXIT)
        on_exit(scene, m->head.badge, &exit);
    else if (m->head.kind == MSG_FAULT)
        on_fault(scene, m->head.badge, &fault);
    else if (m->head.kind == MSG_SEND && m->head.op == OP_REPORT)
        scene_fail(scene, "%.*s", (int)m->head.length, (const char *)m->payload);
}

bool scene_take(struct scene *scene, struct msg *m, uint64_t deadline_ns)
{
    uint64_t signals;
    result_t count = channel_recv(runner.channel, m, 1, &signals, deadline_ns);
    if (count != 1)
        return false;
    if (m->head.kind == MSG_CALL && m->head.op == OP_STAGE)
        return true;
    on_message(scene, m);
    return false;
}

bool scene_stage(struct scene *scene, struct msg *m)
{
    uint64_t end = clock_now() + ATTACK_NS;
    while (!scene->ended && clock_now() < end) {
        if (scene_take(scene, m, end))
            return true;
    }
    scene_fail(scene, "the attacker never came so far");
    return false;
}

void scene_go(struct scene *scene, struct msg *m)
{
    uint64_t signals;
    (void)scene;
    m->head.cap_count = 0;
    m->head.status = OK;
    m->head.kind = 0;
    (void)channel_reply_recv(runner.channel, m, 1, NULL, 0, &signals, 0);
}

void scene_go_with(struct scene *scene, struct msg *m, handle_t cap, bool copy)
{
    uint64_t signals;
    m->head = (struct msg_header){
        .op = OP_STAGE, .token = m->head.token, .kind = copy ? MSG_CAP_COPY(0) : 0, .cap_count = 1, .caps = {cap}};
    if (channel_reply_recv(runner.channel, m, 1, NULL, 0, &signals, 0) != OK)
        scene_fail(scene, "a capability does not travel");
}

bool scene_offered(struct scene *scene, handle_t *cap)
{
    struct msg m;
    if (!scene_stage(scene, &m))
        return false;
    *cap = m.head.cap_count ? m.head.caps[0] : HANDLE_NONE;
    scene_go(scene, &m);
    return true;
}

void pass_channel_on(struct scene *scene, int64_t (*run)(uint64_t), uint64_t argument)
{
    handle_t sender;
    struct msg to;
    if (scene_offered(scene, &sender) && scene_spawn(scene, run, argument) && scene_stage(scene, &to))
        scene_go_with(scene, &to, sender, false);
}

/* What a director did not take is answered: a helper or the attacker that reports a stage just goes on. */
static void wait_while(struct scene *scene, bool (*more)(const struct scene *scene), uint64_t ns)
{
    uint64_t end = clock_now() + ns;
    struct msg m;
    while (more(scene) && clock_now() < end) {
        if (scene_take(scene, &m, end))
            scene_go(scene, &m);
    }
}

static bool attacker_lives(const struct scene *scene)
{
    return !scene->ended;
}

static bool helpers_live(const struct scene *scene)
{
    return scene->helpers_ended < scene->helper_count;
}

static bool for_ever(const struct scene *scene)
{
    (void)scene;
    return true;
}

void scene_wait_end(struct scene *scene)
{
    wait_while(scene, attacker_lives, ATTACK_NS);
}

void scene_wait_helpers(struct scene *scene)
{
    wait_while(scene, helpers_live, ATTACK_NS);
}

void scene_pause(struct scene *scene, uint64_t ns)
{
    wait_while(scene, for_ever, ns);
}

#define STATE_STEP_NS 1000000ull

void scene_until(struct scene *scene, handle_t task, enum task_state state)
{
    uint64_t end = clock_now() + FAR_NS;
    struct task_info info = {0};
    do
        scene_pause(scene, STATE_STEP_NS);
    while (task_info(task, &info) == OK && info.state != state && clock_now() < end);
    if (info.state != state)
        scene_fail(scene, "a task that should wait is in state %u, not %u", info.state, state);
}

void scene_until_helpers(struct scene *scene, enum task_state state)
{
    for (uint32_t i = 0; i < scene->helper_count; i++)
        scene_until(scene, scene->helpers[i], state);
}

/* ---- the end ---- */

static void end_all(struct scene *scene)
{
    scene_wait_end(scene);
    if (!scene->ended) {
        scene_fail(scene, "it hangs");
        (void)task_kill(scene->attacker);
        scene_wait_end(scene);
    }
    wait_while(scene, helpers_live, scene->helpers_ended < scene->helper_count ? FAR_NS : 0);
    if (helpers_live(scene))
        scene_fail(scene, "%u of %u helpers never end", scene->helper_count - scene->helpers_ended,
                   scene->helper_count);
    for (uint32_t i = 0; i < scene->helper_count; i++)
        (void)task_kill(scene->helpers[i]);
    wait_while(scene, helpers_live, FAR_NS);
}

static void close_all(struct scene *scene)
{
    if (scene->puppet != HANDLE_NONE)
        (void)task_kill(scene->puppet);
    if (scene->attacker != HANDLE_NONE)
        cap_close(scene->attacker);
    if (scene->puppet != HANDLE_NONE)
        cap_close(scene->puppet);
    for (uint32_t i = 0; i < scene->helper_count; i++)
        cap_close(scene->helpers[i]);
    for (unsigned i = 0; i < ATTACKER_CAPS; i++) {
        if (scene->parents[i] != HANDLE_NONE)
            cap_close(scene->parents[i]);
    }
    if (scene->extras[2] != HANDLE_NONE)
        (void)cap_revoke(scene->extras[2]); /* ends what was pinned */
    for (unsigned i = 0; i < 4; i++) {
        if (scene->extras[i] != HANDLE_NONE)
            cap_close(scene->extras[i]);
    }
}

/* A task that was put to death by the director counts as one that ended well. */
static void judge(struct scene *scene)
{
    uint32_t expected = scene->attack->expected;
    if (expected == HELD && scene->faulted)
        scene_fail(scene, "it faulted: vector %u at 0x%llx, address 0x%llx", scene->fault.vector,
                   (unsigned long long)scene->fault.ip, (unsigned long long)scene->fault.address);
    else if (expected == HELD && !scene->exit.killed && scene->exit.code != HELD)
        scene_fail(scene, "it ended with code %lld", (long long)scene->exit.code);
    else if (expected != HELD && !scene->faulted)
        scene_fail(scene, "it did not fault (code %lld)", (long long)scene->exit.code);
    else if (expected != HELD && expected != FAULTS_ANY && scene->fault.vector != expected - FAULTS(0))
        scene_fail(scene, "it faulted by vector %u", scene->fault.vector);
    if (scene->helpers_failed)
        scene_fail(scene, "%u helpers failed", scene->helpers_failed);
}

void scene_run(struct scene *scene, const struct attack *attack)
{
    memset(scene, 0, sizeof *scene);
    scene->attack = attack;
    if (attacker_start(scene)) {
        if (attack->direct)
            attack->direct(scene);
        end_all(scene);
        judge(scene);
    }
    close_all(scene);
}
