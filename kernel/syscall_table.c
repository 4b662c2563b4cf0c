/* The table that entry.asm calls through, and what surrounds a call when the trace records system calls. */
#include "kernel/syscall.h"
#include "kernel/trace/trace.h"
#include <abi/syscall.h>

void *const syscall_table[SYS_COUNT] = {
#define X(number, name, arguments) [number] = (void *)sys_##name,
    SYSCALL_LIST(X)
#undef X
};

void trace_syscall_entry(uint32_t number); /* entry.asm */
void trace_syscall_exit(int64_t result);

void trace_syscall_entry(uint32_t number)
{
    TRACE1(SYSCALL, SyscallEntry, TRACE_WORD(task_id(task_this()), number));
}

void trace_syscall_exit(int64_t result)
{
    TRACE1(SYSCALL, SyscallExit, TRACE_WORD(task_id(task_this()), result));
}

void trace_syscall_failed(int64_t result)
{
    if (TRACE_ON(SYSCALL, 0))
        trace_put(&trace_ring_this()->cursor[-1], TRACE_WORD(task_id(task_this()), result));
}

struct syscall_result sys_null(void)
{
    return syscall_status(OK);
}

struct syscall_result syscall_installed(struct task *task, struct cap *cap)
{
    status_t status = cap_install(&task->table, &cap);
    if (!status)
        return syscall_value(cap->handle);
    cap_close(cap);
    return syscall_status(status);
}

struct syscall_result syscall_object_named(struct task *task, struct object *object, uint32_t rights)
{
    status_t status;
    struct cap *cap = cap_create(object, rights, task->account, &status);
    object_unref(object);
    return cap ? syscall_installed(task, cap) : syscall_status(status);
}
