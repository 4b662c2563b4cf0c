#include "tests/system/clone/clone.h"

#include <string.h>

/* lib/user.ld: the image lies from text to end without a gap, each part on pages of its own. */
extern uint8_t __text_start[], __rodata_start[], __data_start[], _end[];

#define PAGES(bytes) (((bytes) + PAGE_SIZE - 1) >> PAGE_SHIFT)

static handle_t shared; /* text and constants */
static struct {
    int64_t (*run)(uint64_t argument);
    uint64_t argument;
} born; /* the child finds here what it is to do */

/* Where init put the start page, the child has it too; its stack lies behind it and a guard page. */
static uint64_t stack_address(void)
{
    return (uint64_t)task_start_info + 2 * PAGE_SIZE;
}

static size_t shared_pages(void)
{
    return (size_t)(__data_start - __text_start) >> PAGE_SHIFT;
}

static size_t data_pages(void)
{
    return PAGES((size_t)(_end - __data_start));
}

/* What a child begins with; it returns to nowhere. */
static _Noreturn void child_start(const struct task_start_info *info)
{
    runtime_init(info);
    task_exit(born.run(born.argument));
}

handle_t clone_cap(size_t index)
{
    return index < task_start_info->cap_count ? task_start_info->caps[index].handle : HANDLE_NONE;
}

status_t clone_prepare(void)
{
    handle_t memory;
    if (shared != HANDLE_NONE)
        return OK;
    void *view = memory_map_new(shared_pages(), 0, &memory);
    if (!view)
        return ERR_NO_MEMORY;
    memcpy(view, __text_start, shared_pages() << PAGE_SHIFT);
    status_t status = memory_unmap(HANDLE_NONE, (uint64_t)view, shared_pages());
    if (status == OK)
        shared = memory;
    else
        cap_close(memory);
    return status;
}

/* ---- its memory: data and bss | start page | stack, in one object ---- */

static uint32_t stack_pages(const struct clone *what)
{
    return what->stack_pages ? what->stack_pages : CLONE_STACK_PAGES;
}

static status_t grant_caps(const struct clone *what, handle_t task, struct task_start_info *info)
{
    for (size_t i = 0; i < what->cap_count; i++) {
        const struct clone_cap *cap = &what->caps[i];
        result_t handle = task_grant(task, cap->handle, cap->rights, cap->badge);
        if (handle < 0)
            return (status_t)handle;
        strncpy(info->caps[i].name, cap->name ? cap->name : "-", sizeof info->caps[i].name - 1);
        info->caps[i].handle = (handle_t)handle;
    }
    info->cap_count = (uint32_t)what->cap_count;
    return OK;
}

static void write_start_page(const struct clone *what, struct task_start_info *info)
{
    info->magic = TASK_START_MAGIC;
    memcpy(info->boot_options, task_start_info->boot_options, sizeof info->boot_options);
    strncpy(info->task_name, what->name, sizeof info->task_name - 1);
}

static status_t fill(const struct clone *what, handle_t task, uint8_t *view)
{
    struct task_start_info *info = (struct task_start_info *)(view + (data_pages() << PAGE_SHIFT));
    born.run = what->run;
    born.argument = what->argument;
    memcpy(view, __data_start, (size_t)(_end - __data_start));
    write_start_page(what, info);
    return grant_caps(what, task, info);
}

static status_t map_part(handle_t task, handle_t memory, uint64_t address, size_t first, size_t pages,
                         uint32_t protection)
{
    result_t result = memory_map(task, memory, address, first, pages, protection);
    return result < 0 ? (status_t)result : OK;
}

static status_t map_image(handle_t task)
{
    size_t text = (size_t)(__rodata_start - __text_start) >> PAGE_SHIFT;
    status_t status = map_part(task, shared, (uint64_t)__text_start, 0, text, PROT_READ | PROT_EXEC);
    if (status == OK && shared_pages() > text)
        status = map_part(task, shared, (uint64_t)__rodata_start, text, shared_pages() - text, PROT_READ);
    return status;
}

static status_t map_own(handle_t task, handle_t memory, uint32_t stack)
{
    size_t data = data_pages();
    status_t status = map_part(task, memory, (uint64_t)__data_start, 0, data, PROT_READ | PROT_WRITE);
    if (status == OK)
        status = map_part(task, memory, (uint64_t)task_start_info, data, 1, PROT_READ);
    if (status == OK)
        status = map_part(task, memory, stack_address(), data + 1, stack, PROT_READ | PROT_WRITE);
    return status;
}

static status_t load(const struct clone *what, handle_t task)
{
    handle_t memory;
    struct task_info info;
    size_t pages = data_pages() + 1 + stack_pages(what);
    status_t status = task_info(task, &info);
    if (status != OK)
        return status;
    uint8_t *view = memory_map_new(pages, MEMORY_NEAR(info.home_node), &memory);
    if (!view)
        return ERR_NO_MEMORY;
    status = fill(what, task, view);
    status_t unmapped = memory_unmap(HANDLE_NONE, (uint64_t)view, pages);
    if (status == OK)
        status = unmapped;
    if (status == OK)
        status = map_image(task);
    if (status == OK)
        status = map_own(task, memory, stack_pages(what));
    cap_close(memory); /* the child's mappings keep it, and nothing else */
    return status;
}

/* ---- the task ---- */

static status_t make(const struct clone *what, handle_t *task)
{
    struct task_create_args args = {.priority = what->priority,
                                    .quota_pages = what->quota_pages,
                                    .supervisor = what->supervisor,
                                    .root = what->root,
                                    .affinity = what->affinity};
    if (!what->name || strlen(what->name) >= sizeof args.name || what->cap_count > CLONE_CAPS_MAX)
        return ERR_INVALID;
    strcpy(args.name, what->name);
    result_t made = task_create(&args);
    if (made < 0)
        return (status_t)made;
    *task = (handle_t)made;
    return OK;
}

status_t clone_make(const struct clone *what, handle_t *task)
{
    handle_t made = HANDLE_NONE;
    status_t status = clone_prepare();
    if (status == OK)
        status = make(what, &made);
    if (status != OK)
        return status;
    status = load(what, made);
    if (status == OK) {
        *task = made;
        return OK;
    }
    (void)task_kill(made);
    cap_close(made);
    return status;
}

/* Under the stack's top lies a zero where a function expects its return address (System V ABI §3.2.2). */
status_t clone_run(const struct clone *what, handle_t task)
{
    uint64_t top = stack_address() + ((uint64_t)stack_pages(what) << PAGE_SHIFT);
    return task_start(task, (uint64_t)child_start, top - 8, (uint64_t)task_start_info);
}

status_t clone_start(const struct clone *what, handle_t *task)
{
    status_t status = clone_make(what, task);
    if (status != OK)
        return status;
    status = clone_run(what, *task);
    if (status == OK)
        return OK;
    (void)task_kill(*task);
    cap_close(*task);
    return status;
}
