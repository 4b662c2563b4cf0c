/* The workers' lives: made, wired to each other, watched, ended, made anew with the next seed. */
#include "tests/system/sysfuzz/sysfuzz.h"

#include "tests/system/clone/clone.h"
#include <lib/ipc.h>
#include <string.h>

#define PRIORITY 6u /* below all that people wait for; the runner is more urgent */
#define LIFE_CALLS 24000u
#define BLOCKED_NS 30000000ul
#define NETSRV_WAIT_NS 5000000000ul
#define REFUSED_PAUSE_NS 20000000ul
#define REFUSED_MOST_NS 5000000000ul
#define WORKER_QUOTA_MOST 2048u
#define WORKER_STACK_PAGES CLONE_STACK_PAGES

static struct fuzz_slot *shared_slot(uint32_t slot)
{
    return &FUZZ_SHARED->slots[slot];
}

/* ---- once ---- */

static status_t map_shared(struct runner *r)
{
    result_t memory = memory_create(FUZZ_SHARED_PAGES, 0);
    if (memory < 0)
        return (status_t)memory;
    r->shared = (handle_t)memory;
    result_t address =
        memory_map(HANDLE_NONE, r->shared, FUZZ_SHARED_ADDRESS, 0, FUZZ_SHARED_PAGES, PROT_READ | PROT_WRITE);
    return address < 0 ? (status_t)address : OK;
}

static status_t make_reports(struct runner *r)
{
    result_t channel = channel_create(16, 4);
    if (channel < 0)
        return (status_t)channel;
    r->supervisor = (handle_t)channel;
    for (uint32_t i = 0; i < FUZZ_SLOTS; i++) {
        result_t report = cap_mint(r->supervisor, RIGHT_CHANNEL_SEND, i + 1);
        if (report < 0)
            return (status_t)report;
        r->slots[i].report = (handle_t)report;
    }
    return OK;
}

/* A worker that says READY to init in our name comes too late. */
static status_t be_ready(struct runner *r)
{
    r->init = cap_named("init");
    result_t channel = channel_create(4, 2), netsrv = service_connect("netsrv", clock_now() + NETSRV_WAIT_NS);
    if (channel < 0)
        return (status_t)channel;
    r->netsrv = netsrv < 0 ? HANDLE_NONE : (handle_t)netsrv; /* a machine without a NIC has none */
    return service_ready((handle_t)channel);
}

status_t slots_init(struct runner *r)
{
    struct task_info self;
    status_t status = be_ready(r);
    if (status == OK)
        status = map_shared(r);
    if (status == OK)
        status = make_reports(r);
    if (status == OK)
        status = clone_prepare();
    if (status == OK)
        status = task_info(HANDLE_NONE, &self);
    if (status != OK)
        return status;
    result_t common = memory_create(FUZZ_COMMON_PAGES, 0);
    uint32_t quota = (self.quota_pages - self.used_pages) / (FUZZ_SLOTS + 1);
    r->worker_quota = quota < WORKER_QUOTA_MOST ? quota : WORKER_QUOTA_MOST;
    r->common = (handle_t)common;
    return common < 0 ? (status_t)common : OK;
}

/* ---- birth ---- */

/* What cannot be given (a sender that its channel's owner revoked, a table that is full) is not. */
static void give(struct runner *r, uint32_t slot, handle_t source, uint32_t rights, uint64_t badge)
{
    struct fuzz_slot *shared = shared_slot(slot);
    result_t handle = task_grant(r->slots[slot].task, source, rights, badge);
    if (handle > 0)
        shared->news[shared->news_count++ % FUZZ_NEWS] = (handle_t)handle;
}

static void give_each_other(struct runner *r, uint32_t slot, uint32_t other)
{
    give(r, slot, r->slots[other].sender, RIGHTS_ALL, slot + 1);
    give(r, slot, r->slots[other].task, RIGHTS_ALL, 0);
    give(r, other, r->slots[slot].sender, RIGHTS_ALL, other + 1);
    give(r, other, r->slots[slot].task, RIGHTS_ALL, 0);
}

/* Services come first: their places in the pool are the ones that stay. */
static void give_all(struct runner *r, uint32_t slot, handle_t channel, struct fuzz_rng *rng)
{
    const uint32_t pass_on = RIGHT_MINT | RIGHT_TRANSFER;
    if (rng_one_in(rng, 3)) {
        give(r, slot, r->netsrv, RIGHT_CHANNEL_SEND | SERVICE_READ | pass_on, 0);
        give(r, slot, r->init, RIGHT_CHANNEL_SEND | pass_on, 0);
    }
    give(r, slot, channel, RIGHTS_ALL, 0);
    give(r, slot, r->common, RIGHTS_ALL, 0);
    if (!rng_one_in(rng, 4))
        give(r, slot, r->root, RIGHT_ROOT_TASK | pass_on, 0);
    if (rng_one_in(rng, 3))
        give(r, slot, r->trace, RIGHT_TRACE_EMIT | RIGHT_TRACE_OBSERVE | pass_on, 0);
    for (uint32_t i = 0; i < FUZZ_SLOTS; i++) {
        if (i != slot && r->slots[i].task_id)
            give_each_other(r, slot, i);
    }
}

static void prepare(struct runner *r, uint32_t slot, struct fuzz_rng *rng)
{
    uint64_t left = r->calls - r->calls_done, life = 1000 + rng_below(rng, LIFE_CALLS);
    for (uint32_t i = 0; i < FUZZ_SLOTS; i++)
        left -= r->slots[i].task_id ? shared_slot(i)->calls_most : 0;
    *shared_slot(slot) = (struct fuzz_slot){.seed = rng->state,
                                            .calls_most = life < left ? life : left,
                                            .priority = rng_one_in(rng, 3) ? PRIORITY - rng_below(rng, 3) : PRIORITY};
}

static status_t make(struct runner *r, uint32_t slot, struct fuzz_rng *rng, struct clone *what)
{
    struct runner_slot *s = &r->slots[slot];
    result_t channel = channel_create(32, 8);
    if (channel < 0)
        return (status_t)channel;
    result_t sender = cap_mint((handle_t)channel, RIGHTS_ALL, 0);
    status_t status = sender < 0 ? (status_t)sender : clone_make(what, &s->task);
    if (status == OK) {
        s->sender = (handle_t)sender;
        give_all(r, slot, (handle_t)channel, rng);
        return OK;
    }
    if (sender > 0)
        cap_close((handle_t)sender);
    cap_close((handle_t)channel);
    return status;
}

static void forget(struct runner_slot *s)
{
    cap_close(s->task);
    cap_close(s->sender);
    s->task_id = 0;
}

static status_t run(struct runner *r, uint32_t slot, struct clone *what)
{
    struct runner_slot *s = &r->slots[slot];
    struct task_info info;
    result_t mapped = memory_map(s->task, r->shared, FUZZ_SHARED_ADDRESS, 0, FUZZ_SHARED_PAGES, PROT_READ | PROT_WRITE);
    status_t status = mapped < 0 ? (status_t)mapped : task_info(s->task, &info);
    if (status == OK)
        status = clone_run(what, s->task);
    if (status != OK) { /* one that runs on another CPU and was given it may have ended it */
        (void)task_kill(s->task);
        forget(s);
        return status;
    }
    s->task_id = info.id;
    s->seen_calls = 0;
    s->seen_ns = clock_now();
    return status;
}

static bool calls_are_left(const struct runner *r)
{
    uint64_t promised = r->calls_done;
    for (uint32_t i = 0; i < FUZZ_SLOTS; i++)
        promised += r->slots[i].task_id ? shared_slot(i)->calls_most : 0;
    return promised < r->calls;
}

/* True: there were some. */
static bool end_the_living(const struct runner *r)
{
    bool any = false;
    for (uint32_t i = 0; i < FUZZ_SLOTS; i++) {
        if (!r->slots[i].task_id)
            continue;
        any = true;
        (void)task_kill(r->slots[i].task);
    }
    return any;
}

/* No quota for it now: what an earlier one left is held by others, or is being taken apart at its priority, which is below
 * ours. So nothing is started for a while, and we sleep; after a longer while those others end. Where nobody lives and nothing
 * can be started for long, the kernel keeps what dead workers had. */
static void start_refused(struct runner *r, status_t status)
{
    uint64_t now = clock_now();
    r->start_ns = now + REFUSED_PAUSE_NS;
    r->refused_since_ns = r->refused_since_ns ? r->refused_since_ns : now;
    uint64_t waited_ns = now - r->refused_since_ns;
    if (waited_ns < REFUSED_MOST_NS / 5)
        return;
    if (end_the_living(r))
        r->refused_since_ns = now;
    if (waited_ns < REFUSED_MOST_NS)
        return;
    log_error("SYSFUZZ FAIL seed %llu: no worker can be started any more: %s", (unsigned long long)r->seed,
              status_text(status));
    r->failures++;
    r->calls = r->calls_done; /* that is all for today */
}

void slot_start(struct runner *r, uint32_t slot)
{
    struct fuzz_rng rng = {fuzz_sub_seed(r->seed, r->started)};
    struct clone what = {.name = "fuzzer",
                         .run = worker_main,
                         .argument = slot,
                         .quota_pages = r->worker_quota,
                         .root = r->root,
                         .supervisor = r->slots[slot].report};
    if (!calls_are_left(r) || clock_now() < r->start_ns)
        return;
    prepare(r, slot, &rng);
    what.priority = shared_slot(slot)->priority;
    status_t status = make(r, slot, &rng, &what);
    if (status == OK)
        status = run(r, slot, &what);
    if (status != OK) {
        start_refused(r, status);
        return;
    }
    r->refused_since_ns = 0;
    r->started++;
}

/* ---- death ---- */

static void report_broken(struct runner *r, uint32_t slot)
{
    const struct fuzz_slot *s = shared_slot(slot);
    const uint64_t *a = s->broken_call.args;
    r->failures++;
    log_error("SYSFUZZ FAIL seed %llu worker seed %llu call %llu: %s", (unsigned long long)r->seed,
              (unsigned long long)s->seed, (unsigned long long)s->calls, s->broken);
    log_error("SYSFUZZ FAIL %s(0x%llx, 0x%llx, 0x%llx, 0x%llx, 0x%llx, 0x%llx) = %lld, 0x%llx",
              fuzz_call_name(s->broken_call.number), (unsigned long long)a[0], (unsigned long long)a[1],
              (unsigned long long)a[2], (unsigned long long)a[3], (unsigned long long)a[4], (unsigned long long)a[5],
              (long long)s->broken_value, (unsigned long long)s->broken_second);
}

static void on_exit(struct runner *r, uint32_t slot)
{
    const struct fuzz_slot *s = shared_slot(slot);
    if (s->broken)
        report_broken(r, slot);
    r->calls_done += s->calls < s->calls_most ? s->calls : s->calls_most;
    for (int i = 0; i < FUZZ_STATUSES; i++)
        r->statuses[i] += s->statuses[i];
    r->ended++;
    forget(&r->slots[slot]);
    slot_start(r, slot);
}

/* A worker may lose its own stack or code; nothing else than a page fault can come of that. */
static void on_fault(struct runner *r, uint32_t slot, const struct msg_fault *fault)
{
    if (fault->vector != 14) {
        r->failures++;
        log_error("SYSFUZZ FAIL seed %llu worker seed %llu: exception %u at ip 0x%llx", (unsigned long long)r->seed,
                  (unsigned long long)shared_slot(slot)->seed, fault->vector, (unsigned long long)fault->ip);
    }
    r->faulted++;
    (void)task_kill(r->slots[slot].task);
}

void slot_message(struct runner *r, const struct msg *m)
{
    uint32_t slot = m->head.badge - 1;
    struct msg_exit end;
    struct msg_fault fault;
    memcpy(&end, m->payload, sizeof end);
    memcpy(&fault, m->payload, sizeof fault);
    if (slot >= FUZZ_SLOTS)
        return;
    if (m->head.kind == MSG_EXIT && end.task_id == r->slots[slot].task_id)
        on_exit(r, slot);
    else if (m->head.kind == MSG_FAULT && fault.task_id == r->slots[slot].task_id)
        on_fault(r, slot, &fault);
}

/* ---- the watchdog ---- */

static void watch(struct runner *r, struct runner_slot *s, uint64_t calls, uint64_t now)
{
    struct task_info info;
    if (calls != s->seen_calls || task_info(s->task, &info) != OK || info.state < TASK_RECEIVING) {
        s->seen_calls = calls;
        s->seen_ns = now;
    } else if (now - s->seen_ns > BLOCKED_NS && info.state != TASK_FAULTED) {
        r->blocked++;
        s->seen_ns = now;
        (void)task_kill(s->task);
    }
}

void slots_watch(struct runner *r)
{
    uint64_t now = clock_now();
    for (uint32_t i = 0; i < FUZZ_SLOTS; i++) {
        if (r->slots[i].task_id)
            watch(r, &r->slots[i], shared_slot(i)->calls, now);
        else
            slot_start(r, i);
    }
}

uint64_t slots_calls(const struct runner *r)
{
    uint64_t calls = r->calls_done;
    for (uint32_t i = 0; i < FUZZ_SLOTS; i++)
        calls += r->slots[i].task_id ? shared_slot(i)->calls : 0;
    return calls;
}

bool slots_running(const struct runner *r)
{
    for (uint32_t i = 0; i < FUZZ_SLOTS; i++) {
        if (r->slots[i].task_id)
            return true;
    }
    return false;
}
