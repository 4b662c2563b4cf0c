/* Starting, dying and coming back: carries out what the state machine of supervise.h says. */
#include "init/service.h"
#include "init/tar.h"

#include <abi/boot_options.h>
#include <string.h>

#define CRASHTEST_AFTER_NS 500000000ull
#define NS_PER_MS 1000000ull

static const char *vector_name(uint32_t vector)
{
    static const char *const names[32] = {
        [0] = "division by zero",    [1] = "debug",           [3] = "breakpoint",   [4] = "overflow",
        [6] = "invalid instruction", [7] = "no FPU",          [12] = "stack fault", [13] = "general protection",
        [14] = "page fault",         [16] = "floating point", [17] = "alignment",   [19] = "SIMD floating point",
    };
    return vector < 32 && names[vector] ? names[vector] : "exception";
}

/* ---- the end of a task ---- */

/* init's own copies go; those that clients hold died with the channel. */
static void forget_task(struct service *s)
{
    if (s->channel != HANDLE_NONE)
        cap_close(s->channel);
    if (s->task != HANDLE_NONE)
        cap_close(s->task);
    s->channel = s->task = HANDLE_NONE;
    s->task_id = 0;
    s->wait_token = 0;
    s->connected = 0;
}

static void kill_task(struct service *s)
{
    s->last_code = -1;
    if (s->task != HANDLE_NONE && task_kill(s->task) == OK)
        s->ending_id = s->task_id;
    forget_task(s);
}

static void give_up(struct init *init, struct service *s, const char *why)
{
    log_error("%s: GIVEN UP: %s; it stays down until it is started by hand", s->entry->name, why);
    supervise_give_up(&s->run);
    names_given_up(init, s);
}

static void service_died(struct init *init, struct service *s)
{
    forget_task(s);
    supervise_died(&s->run, s->entry->restart, clock_now());
    if (s->run.state == SERVICE_BACKING_OFF) {
        log_warning("%s: start it again in %llu ms (try %u)", s->entry->name,
                    (unsigned long long)((s->run.due_ns - clock_now() + NS_PER_MS - 1) / NS_PER_MS), s->run.tries);
    } else if (s->run.state == SERVICE_GIVEN_UP) {
        give_up(init, s, "it died too often in a row");
    }
}

static void on_fault(struct init *init, struct service *s, const struct msg_fault *fault)
{
    log_error("%s: %s (vector %u) at ip 0x%llx, address 0x%llx, error 0x%llx, sp 0x%llx", s->entry->name,
              vector_name(fault->vector), fault->vector, (unsigned long long)fault->ip,
              (unsigned long long)fault->address, (unsigned long long)fault->error_code, (unsigned long long)fault->sp);
    kill_task(s);
    s->last_code = ERR_FAULT;
    service_died(init, s);
}

static void on_exit(struct init *init, struct service *s, const struct msg_exit *exit)
{
    bool failed = exit->killed || exit->code != 0;
    s->last_code = (int32_t)exit->code;
    if (failed)
        log_error("%s: %s, code %lld", s->entry->name, exit->killed ? "killed" : "ended", (long long)exit->code);
    service_died(init, s);
}

void service_message(struct init *init, const struct msg *m)
{
    size_t index = (size_t)m->head.badge - 1;
    if (index >= manifest_count)
        return;
    struct service *s = &init->services[index];
    struct msg_exit exit;
    struct msg_fault fault;
    memcpy(&exit, m->payload, sizeof exit);
    memcpy(&fault, m->payload, sizeof fault);
    if (m->head.kind == MSG_EXIT && s->ending_id && exit.task_id == s->ending_id)
        s->ending_id = 0;
    else if (m->head.kind == MSG_FAULT && s->task_id && fault.task_id == s->task_id)
        on_fault(init, s, &fault);
    else if (m->head.kind == MSG_EXIT && s->task_id && exit.task_id == s->task_id)
        on_exit(init, s, &exit);
}

/* ---- the start ---- */

#define LEAST_MEMORY "the console needs a machine of 10 MiB, with all services 11 MiB"

/* What init has left to give to services, in pages: what it gave on is not in its used pages. */
static uint64_t pages_left(const struct init *init)
{
    struct task_info self;
    if (task_info(HANDLE_NONE, &self) != OK)
        return 0;
    uint64_t taken = self.used_pages;
    for (size_t i = 0; i < manifest_count; i++)
        if (init->services[i].task != HANDLE_NONE || init->services[i].ending_id)
            taken += manifest_quota(init->services[i].entry, init->machine_pages);
    return self.quota_pages > taken ? self.quota_pages - taken : 0;
}

/* Its first start, and nothing is about to come back: then no later try can find more memory either. */
static bool never_fits(const struct init *init, const struct service *s)
{
    for (size_t i = 0; i < manifest_count; i++)
        if (init->services[i].ending_id)
            return false;
    return s->run.starts == 1;
}

static void too_little_memory(struct init *init, struct service *s)
{
    log_error("%s: this machine has too little memory: %llu KiB are left, it needs %llu KiB (" LEAST_MEMORY ")",
              s->entry->name, (unsigned long long)pages_left(init) * (PAGE_SIZE / 1024),
              (unsigned long long)manifest_quota(s->entry, init->machine_pages) * (PAGE_SIZE / 1024));
    if (never_fits(init, s))
        give_up(init, s, "there is not enough memory for it");
    else
        service_died(init, s);
}

static void tell_restart(const struct service *s)
{
    uint64_t rest = (uint64_t)(uint32_t)s->last_code << 32 | (s->run.starts - 1);
    trace_tell(TRACE_ServiceRestart, s->task_id, rest);
}

void service_start(struct init *init, struct service *s)
{
    s->started_ns = clock_now();
    supervise_started(&s->run);
    status_t status = service_spawn(init, s);
    if (status == ERR_NOT_FOUND) {
        give_up(init, s, "its program is not in the archive");
    } else if (status == ERR_QUOTA || status == ERR_NO_MEMORY) {
        too_little_memory(init, s);
    } else if (status != OK) {
        log_error("%s: cannot be started: %s", s->entry->name, status_text(status));
        service_died(init, s);
    } else if (s->run.starts > 1) {
        tell_restart(s);
    }
}

bool service_known(const struct init *init, const struct service *s)
{
    struct tar_file file;
    return manifest_wanted(s->entry, boot_line()) ||
           tar_find(init->archive, init->archive_size, s->entry->name, &file) == OK;
}

static bool crashtest_names(const char *name)
{
    size_t length;
    const char *value = boot_option(boot_line(), "crashtest", &length);
    return value && strlen(name) == length && memcmp(value, name, length) == 0;
}

/* Services that hold what an earlier start of `s` gave them (a driver its device) begin anew now that it is there to
 * take it back: a new devmgr has stopped every device before it says that it is ready. */
static void restart_followers(struct init *init, const struct service *s)
{
    for (size_t i = 0; i < manifest_count; i++) {
        struct service *other = &init->services[i];
        const struct manifest_link *link = manifest_link(other->entry, s->entry->name);
        if (!link || !link->restart_with || !(other->connected & 1u << (s - init->services)))
            continue;
        log_warning("%s: starts anew with %s", other->entry->name, s->entry->name);
        kill_task(other);
        supervise_follow(&other->run, clock_now());
    }
}

void service_went_ready(struct init *init, struct service *s)
{
    supervise_ready(&s->run, clock_now());
    log_info("%s is ready (%llu us)", s->entry->name, (unsigned long long)(clock_now() - s->started_ns) / 1000);
    if (s->run.starts == 1 && crashtest_names(s->entry->name))
        init->crash_due_ns = s->run.ready_ns + CRASHTEST_AFTER_NS;
    if (s->run.starts > 1)
        restart_followers(init, s);
    names_ready(init, s);
}

/* ---- orders ---- */

void service_order_stop(struct service *s)
{
    log_info("%s: stopped by order", s->entry->name);
    kill_task(s);
    supervise_stop(&s->run);
}

void service_order_restart(struct service *s)
{
    log_info("%s: started by order", s->entry->name);
    kill_task(s);
    supervise_start_now(&s->run, clock_now());
}

/* ---- time ---- */

static void crash_if_due(struct init *init)
{
    if (clock_now() < init->crash_due_ns)
        return;
    init->crash_due_ns = DEADLINE_NEVER;
    for (size_t i = 0; i < manifest_count; i++) {
        struct service *s = &init->services[i];
        if (crashtest_names(s->entry->name) && s->task != HANDLE_NONE)
            (void)task_kill(s->task); /* its MSG_EXIT then takes the way of every death */
    }
}

void services_turn(struct init *init)
{
    if (init->crash_due_ns != DEADLINE_NEVER)
        crash_if_due(init);
    for (size_t i = 0; i < manifest_count; i++) {
        struct service *s = &init->services[i];
        if (!s->ending_id && supervise_due(&s->run) <= clock_now())
            service_start(init, s);
    }
}

uint64_t services_due(const struct init *init)
{
    uint64_t due = init->crash_due_ns;
    for (size_t i = 0; i < manifest_count; i++) {
        const struct service *s = &init->services[i];
        uint64_t of_this = s->ending_id ? DEADLINE_NEVER : supervise_due(&s->run);
        due = of_this < due ? of_this : due;
    }
    return due;
}
