/* revoke and what a capability tells of itself. */
#include "kernel/syscall.h"
#include "kernel/trace/trace.h"
#include "kernel/x86/user.h"

#define REVOKE_BUDGET 256 /* capabilities a kernel entry; then interrupts and more urgent tasks get their turn */

struct syscall_result sys_cap_revoke(uint64_t handle)
{
    struct task *task = task_this();
    struct cap *cap;
    status_t status = cap_check(&task->table, (handle_t)handle, OBJECT_NONE, 0, &cap);
    if (status)
        return syscall_status(status);
    uint32_t budget = REVOKE_BUDGET, removed = 0;
    bool done = cap_revoke(cap, &budget, &removed);
    TRACE2(CAP, CapRevoke, TRACE_WORD(task_id(task), handle), TRACE_WORD(cap->object->id, removed));
    return syscall_status(done ? OK : ERR_RESTARTED);
}

void cap_describe(const struct cap *cap, struct cap_info *info)
{
    uint32_t children = 0;
    for (const struct cap *child = cap->first_child; child && children < 1000; child = child->next)
        children++;
    *info = (struct cap_info){.id = cap->id,
                              .parent_id = cap_parent_id(cap),
                              .object_id = cap->object->id,
                              .badge = cap_badge(cap),
                              .handle = cap->handle,
                              .rights = cap->rights,
                              .type = cap->object->type,
                              .owner_task_id = cap->table ? task_id(cap->table->task) : 0,
                              .children = children};
}

struct syscall_result sys_cap_info(uint64_t handle, uint64_t user_info)
{
    struct cap *cap;
    struct cap_info info;
    status_t status = cap_check(&task_this()->table, (handle_t)handle, OBJECT_NONE, 0, &cap);
    if (status)
        return syscall_status(status);
    cap_describe(cap, &info);
    return syscall_status(user_copy_out((void *)user_info, &info, sizeof info));
}

/* Also one that is away in a call and may come back. */
static status_t cap_of_task(const struct task *task, handle_t handle, struct cap **found)
{
    for (unsigned i = 0; i < MSG_CAPS_MAX; i++) {
        struct cap *cap = task->slot.caps[i];
        if (!cap || cap->table != &task->table || cap->handle != handle)
            continue;
        *found = cap;
        return OK;
    }
    return cap_check(&task->table, handle, OBJECT_NONE, 0, found);
}

/* Ends what another task holds, and everything derived from it: for who controls that task. */
struct syscall_result sys_task_revoke(uint64_t task_handle, uint64_t handle)
{
    struct task *task = task_this(), *target;
    struct cap *cap;
    status_t status = task_controlled(task_handle, &target);
    if (!status)
        status = cap_of_task(target, (handle_t)handle, &cap);
    if (status)
        return syscall_status(status);
    uint32_t budget = REVOKE_BUDGET, removed = 0;
    bool done = cap_revoke(cap, &budget, &removed) && cap_end_uses(cap, &budget);
    TRACE2_WITH(task_id(target), CAP, CapRevoke, TRACE_WORD(task_id(task), handle),
                TRACE_WORD(cap->object->id, removed + done));
    if (done)
        cap_close(cap);
    return syscall_status(done ? OK : ERR_RESTARTED);
}
