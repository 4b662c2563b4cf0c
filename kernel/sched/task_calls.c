/* Creating, wiring, starting and ending tasks; time and chance. */
#include "kernel/memory/memory_object.h"
#include "kernel/sched/sched.h"
#include "kernel/syscall.h"
#include "kernel/trace/trace.h"
#include "kernel/x86/platform.h"
#include "kernel/x86/user.h"

static bool name_ok(const char *name)
{
    size_t length = 0;
    for (; length < TASK_NAME_MAX && name[length]; length++) {
        char c = name[length];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_'))
            return false;
    }
    return length && length < TASK_NAME_MAX;
}

static status_t create_check(const struct task *task, const struct task_create_args *args)
{
    if (!name_ok(args->name) || args->priority >= TASK_PRIORITIES || !args->quota_pages)
        return ERR_INVALID;
    if (args->affinity && !(args->affinity & sched_machine.online))
        return ERR_NOT_FOUND;
    return args->priority <= task->priority ? OK : ERR_NO_RIGHT;
}

/* Everything that the caller's table must hold: the right to create tasks, and the supervisor's channel. */
static status_t create_caps(struct task *task, const struct task_create_args *args, struct cap **supervisor)
{
    struct cap *cap;
    *supervisor = NULL;
    status_t status = cap_check(&task->table, args->root, OBJECT_ROOT, RIGHT_ROOT_TASK, &cap);
    if (!status)
        status = cap_table_reserve(&task->table);
    if (status || args->supervisor == HANDLE_NONE)
        return status;
    status = cap_check(&task->table, args->supervisor, OBJECT_CHANNEL, RIGHT_CHANNEL_SEND, &cap);
    return status ? status : cap_derive(cap, RIGHT_CHANNEL_SEND, 0, task->account, supervisor);
}

struct syscall_result sys_task_create(uint64_t user_args)
{
    struct task *task = task_this(), *made;
    struct task_create_args args;
    struct cap *supervisor;
    status_t status = user_copy_in(&args, (const void *)user_args, sizeof args);
    if (!status)
        status = create_check(task, &args);
    if (!status)
        status = create_caps(task, &args, &supervisor);
    if (status)
        return syscall_status(status);
    status = task_new(&args, task->account, supervisor, &made);
    if (status) {
        if (supervisor)
            cap_close(supervisor);
        return syscall_status(status);
    }
    object_ref(made->object);
    struct syscall_result result = syscall_object_named(task, made->object, RIGHTS_ALL & ~RIGHTS_SERVICE);
    if (result.value < 0) /* no quota for the capability; its place in the table is there since create_caps() */
        task_discard(made);
    return result;
}

status_t task_controlled(uint64_t handle, struct task **target)
{
    struct cap *cap;
    status_t status = cap_check(&task_this()->table, (handle_t)handle, OBJECT_TASK, RIGHT_TASK_CONTROL, &cap);
    if (status)
        return status;
    *target = task_of_cap(cap);
    return *target ? OK : ERR_PEER_DIED;
}

/* The receive right of a channel moves, with the rights that are left of it. */
static status_t grant_receive_right(struct cap *source, uint32_t rights, uint64_t badge, struct task *target,
                                    struct cap **given)
{
    if (badge)
        return ERR_INVALID;
    uint32_t before = source->rights;
    source->rights &= rights;
    status_t status = cap_install(&target->table, &source);
    if (status)
        source->rights = before;
    *given = source;
    return status;
}

static status_t grant_child(struct cap *source, uint32_t rights, uint64_t badge, struct task *target,
                            struct cap **given)
{
    status_t status = source->rights & RIGHT_MINT ? OK : ERR_NO_RIGHT;
    if (!status)
        status = cap_derive(source, rights, badge, target->account, given);
    if (status)
        return status;
    status = cap_install(&target->table, given);
    if (status)
        cap_close(*given);
    return status;
}

struct syscall_result sys_task_grant(uint64_t task_handle, uint64_t source_handle, uint64_t rights, uint64_t badge)
{
    struct task *task = task_this(), *target;
    struct cap *source, *given;
    status_t status = task_controlled(task_handle, &target);
    if (!status)
        status = cap_check(&task->table, (handle_t)source_handle, OBJECT_NONE, RIGHT_TRANSFER, &source);
    if (status)
        return syscall_status(status);
    bool moves = source->object->type == OBJECT_CHANNEL && (source->rights & rights & RIGHT_CHANNEL_RECV);
    status = (moves ? grant_receive_right : grant_child)(source, (uint32_t)rights, badge, target, &given);
    if (status)
        return syscall_status(status);
    TRACE2_WITH(task_id(target), CAP, CapGrant, TRACE_WORD(task_id(task), task_id(target)),
                TRACE_WORD(given->object->id, given->rights));
    return syscall_value(given->handle);
}

struct syscall_result sys_task_start(uint64_t task_handle, uint64_t entry, uint64_t stack_top, uint64_t argument)
{
    struct task *target;
    status_t status = task_controlled(task_handle, &target);
    if (!status && target->state != TASK_NEW)
        status = ERR_BAD_STATE;
    if (!status && (!user_range_ok(entry, 1) || !user_range_ok(stack_top, 0)))
        status = ERR_INVALID;
    if (!status)
        task_begin(target, entry, stack_top, argument);
    return syscall_status(status);
}

struct syscall_result sys_task_kill(uint64_t task_handle)
{
    struct task *target;
    status_t status = task_controlled(task_handle, &target);
    if (status)
        return syscall_status(status);
    task_end(target, -1, true);
    if (target == task_this())
        sched_dispatch();
    cpu_this()->resched = cpu_this()->resched ? cpu_this()->resched : RESCHED_MORE_URGENT; /* reap soon */
    return syscall_status(OK);
}

struct syscall_result sys_task_exit(uint64_t code)
{
    task_end(task_this(), (int64_t)code, false);
    sched_dispatch();
}

void task_describe(const struct task *task, struct task_info *info)
{
    uint64_t ticks = task->cpu_time_tsc;
    if (task == task_this())
        ticks += rdtsc() - cpu_this()->switched_in_tsc;
    *info = (struct task_info){
        .id = task_id(task),
        .state = task->state,
        .priority = task->priority,
        .cpu = task->cpu,
        .cpu_time_ns = clock_ns_of_ticks(ticks),
        .started_ns = task->started_ns,
        .quota_pages = (uint32_t)(task->account->limit_bytes / PAGE_SIZE),
        .used_pages = (uint32_t)((task->account->used_bytes - task->account->lent_bytes + PAGE_SIZE - 1) / PAGE_SIZE),
        .capabilities = task->table.count,
        .switches = task->switches,
        .syscalls = task->syscalls,
        .affinity = task->affinity,
        .home_node = task->account->node};
    __builtin_memcpy(info->name, task->name, TASK_NAME_MAX);
}

struct syscall_result sys_task_info(uint64_t task_handle, uint64_t user_info)
{
    struct task *target = task_this();
    struct task_info info;
    struct cap *cap;
    status_t status = OK;
    if (task_handle != HANDLE_NONE) {
        status = cap_check(&task_this()->table, (handle_t)task_handle, OBJECT_TASK, RIGHT_TASK_INFO, &cap);
        target = status ? NULL : task_of_cap(cap);
        if (!status && !target)
            status = ERR_PEER_DIED;
    }
    if (status)
        return syscall_status(status);
    task_describe(target, &info);
    return syscall_status(user_copy_out((void *)user_info, &info, sizeof info));
}

struct syscall_result sys_task_yield(void)
{
    sched_yield(task_this());
    return syscall_value(cpu_this()->runq.ready != 0);
}

struct syscall_result sys_clock_now(void)
{
    return syscall_value(clock_ns());
}

#define RANDOM_BYTES_MAX 256

struct syscall_result sys_random_bytes(uint64_t buffer, uint64_t bytes)
{
    uint8_t random[RANDOM_BYTES_MAX];
    if (bytes > sizeof random)
        return syscall_status(ERR_TOO_LONG);
    random_fill(random, bytes);
    status_t status = user_copy_out((void *)buffer, random, bytes);
    __builtin_memset(random, 0, sizeof random);
    return syscall_status(status);
}
