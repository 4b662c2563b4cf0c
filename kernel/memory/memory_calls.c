/* memory_create, memory_map, memory_unmap, memory_protect. */
#include "kernel/memory/memory_object.h"
#include "kernel/syscall.h"
#include "kernel/x86/user.h"

/* Begins an object, or goes on with the one that the same call had begun: the task holds it meanwhile. */
static status_t memory_begin(struct task *task, uint64_t pages, uint32_t flags)
{
    struct memory *begun = task->making;
    if (begun && begun->pages == pages && begun->flags == flags)
        return OK;
    task->making = NULL;
    if (begun)
        object_unref(&begun->object);
    return memory_new(task->account, pages, flags, &task->making);
}

struct syscall_result sys_memory_create(uint64_t pages, uint64_t flags)
{
    struct task *task = task_this();
    status_t status = flags > UINT32_MAX ? ERR_INVALID : cap_table_reserve(&task->table);
    if (!status)
        status = memory_begin(task, pages, (uint32_t)flags);
    if (status)
        return syscall_status(status);
    status = memory_fill(task->making);
    if (status == ERR_RESTARTED)
        return syscall_status(status);
    struct memory *memory = task->making;
    task->making = NULL;
    if (!status)
        return syscall_object_named(task, &memory->object, RIGHTS_ALL & ~RIGHTS_SERVICE);
    object_unref(&memory->object);
    return syscall_status(status);
}

/* HANDLE_NONE is the caller; else a task capability with CONTROL of a task that is not dead. */
static status_t target_task(uint64_t handle, struct task **target)
{
    if (handle != HANDLE_NONE)
        return task_controlled(handle, target);
    *target = task_this();
    return OK;
}

static status_t protection_check(uint64_t protection, uint32_t most)
{
    if (!protection || protection & ~7ul || (protection & (PROT_WRITE | PROT_EXEC)) == (PROT_WRITE | PROT_EXEC))
        return ERR_INVALID;
    return protection & ~most || !most ? ERR_NO_RIGHT : OK;
}

static status_t range_check(uint64_t address, uint64_t pages)
{
    if (address % PAGE_SIZE || !pages || pages > MEMORY_PAGES_MAX)
        return ERR_INVALID;
    return !address || user_range_ok(address, pages * PAGE_SIZE) ? OK : ERR_INVALID;
}

struct syscall_result sys_memory_map(uint64_t task_handle, uint64_t memory_handle, uint64_t address,
                                     uint64_t first_page, uint64_t pages, uint64_t protection)
{
    struct task *target;
    struct cap *cap;
    status_t status = target_task(task_handle, &target);
    if (!status)
        status = cap_check(&task_this()->table, (handle_t)memory_handle, OBJECT_MEMORY, 0, &cap);
    if (!status)
        status = protection_check(protection, protection_allowed(cap->rights));
    if (!status)
        status = range_check(address, pages);
    if (status)
        return syscall_status(status);
    const struct memory *memory = (const struct memory *)cap->object;
    if (first_page > memory->pages || pages > memory->pages - first_page)
        return syscall_status(ERR_INVALID);
    if (memory->flags & MEMORY_DEVICE && protection & PROT_EXEC)
        return syscall_status(ERR_INVALID);
    struct mapping_request request = {address, (uint32_t)first_page, (uint32_t)pages, (uint32_t)protection};
    status = mapping_create(target, cap, &request);
    if (status == ERR_RESTARTED)
        return (struct syscall_result){status, request.address}; /* call again with that address */
    return status ? syscall_status(status) : syscall_value(request.address);
}

/* A mapping as a whole: by its address and length. */
static status_t whole_mapping(uint64_t task_handle, uint64_t address, uint64_t pages, struct mapping **mapping)
{
    struct task *target;
    status_t status = target_task(task_handle, &target);
    if (status)
        return status;
    *mapping = mapping_find(target, address);
    if (!*mapping)
        return ERR_NOT_FOUND;
    return (*mapping)->address == address && (*mapping)->pages == pages ? OK : ERR_INVALID;
}

struct syscall_result sys_memory_unmap(uint64_t task_handle, uint64_t address, uint64_t pages)
{
    struct mapping *mapping;
    status_t status = whole_mapping(task_handle, address, pages, &mapping);
    return syscall_status(status ? status : mapping_destroy(mapping));
}

struct syscall_result sys_memory_protect(uint64_t task_handle, uint64_t address, uint64_t pages, uint64_t protection)
{
    struct mapping *mapping;
    status_t status = whole_mapping(task_handle, address, pages, &mapping);
    if (!status)
        status = protection_check(protection, mapping->most);
    return syscall_status(status ? status : mapping_protect(mapping, (uint32_t)protection));
}
