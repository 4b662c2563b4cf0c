/* Making a service: one memory object holds everything that it starts with. Lying one behind the other in its address
 * space, so that a small service needs one page table:
 *
 *   code (RX) | constants (R) | data (RW) | start info (R) | guard: nothing | stack (RW)
 *
 * init writes the object through a mapping of its own, takes that mapping away, and only then maps the parts into the
 * new task with their protections: no page is ever writable here and executable there at once. init pays for it; it lies
 * on the new task's home node. */
#include "init/elf.h"
#include "init/service.h"
#include "init/tar.h"

#include <abi/boot_options.h>
#include <string.h>

struct layout {
    struct elf_image image;
    struct tar_file file;
    size_t info_page, stack_page, pages; /* in the memory object */
    uint64_t info_address, stack_address, stack_top;
};

struct spawn {
    struct init *init;
    struct service *service;
    struct layout layout;
    handle_t memory, task;
    struct task_info info;
    uint8_t *view; /* the memory object as init writes it */
};

static status_t plan(struct spawn *spawn)
{
    struct layout *l = &spawn->layout;
    const struct init *init = spawn->init;
    status_t status = tar_find(init->archive, init->archive_size, spawn->service->entry->name, &l->file);
    if (status == OK)
        status = elf_parse(l->file.data, l->file.size, &l->image);
    if (status != OK)
        return status;
    size_t stack_pages = spawn->service->entry->stack_pages;
    l->info_page = l->image.pages;
    l->stack_page = l->info_page + 1;
    l->pages = l->stack_page + stack_pages;
    l->info_address = l->image.end;
    l->stack_address = l->info_address + 2 * PAGE_SIZE; /* behind the guard page */
    l->stack_top = l->stack_address + stack_pages * PAGE_SIZE;
    return l->stack_top <= USER_TOP ? OK : ERR_INVALID;
}

/* ---- the task and its capabilities ---- */

/* Where none of its CPUs is there it runs on all: one that serves elsewhere is better than one that does not serve. */
static result_t create_where_it_may_run(struct service *s, struct task_create_args *args)
{
    args->affinity = s->affinity;
    result_t task = task_create(args);
    if (task != ERR_NOT_FOUND || !s->affinity)
        return task;
    log_warning("%s: this machine has none of the CPUs where it may run (mask 0x%llx): it may run on all",
                s->entry->name, (unsigned long long)s->affinity);
    args->affinity = s->affinity = 0; /* they do not come later: told once */
    return task_create(args);
}

static status_t make_task(struct spawn *spawn)
{
    const struct manifest_entry *entry = spawn->service->entry;
    struct task_create_args args = {.priority = entry->priority,
                                    .quota_pages = manifest_quota(entry, spawn->init->machine_pages),
                                    .root = cap_named("root")};
    result_t supervisor = cap_mint(spawn->init->sender, RIGHT_CHANNEL_SEND, service_badge(spawn->init, spawn->service));
    if (supervisor < 0)
        return (status_t)supervisor;
    strcpy(args.name, spawn->service->entry->name); /* the manifest's rules keep it short */
    args.supervisor = (handle_t)supervisor;
    result_t task = create_where_it_may_run(spawn->service, &args);
    cap_close((handle_t)supervisor);
    if (task < 0)
        return (status_t)task;
    spawn->task = (handle_t)task;
    return task_info(spawn->task, &spawn->info);
}

static status_t grant(struct spawn *spawn, struct task_start_info *info, const char *name, handle_t source,
                      uint32_t rights, uint64_t badge)
{
    result_t handle = task_grant(spawn->task, source, rights, badge);
    if (handle < 0)
        return (status_t)handle;
    struct task_start_cap *cap = &info->caps[info->cap_count++];
    strncpy(cap->name, name, sizeof cap->name - 1);
    cap->handle = (handle_t)handle;
    return OK;
}

static status_t grant_all(struct spawn *spawn, struct task_start_info *info)
{
    const struct manifest_entry *entry = spawn->service->entry;
    status_t status = grant(spawn, info, "init", spawn->init->sender, RIGHT_CHANNEL_SEND | entry->init_rights,
                            service_badge(spawn->init, spawn->service));
    for (size_t i = 0; status == OK && i < MANIFEST_CAPS_MAX && entry->caps[i].name; i++) {
        const struct manifest_cap *cap = &entry->caps[i];
        status = grant(spawn, info, cap->name, cap_named(cap->name), cap->rights, 0);
    }
    return status;
}

/* ---- its memory ---- */

static void copy_segments(const struct spawn *spawn)
{
    const struct elf_image *image = &spawn->layout.image;
    uint8_t *to = spawn->view;
    for (size_t i = 0; i < image->segment_count; i++) {
        const struct elf_segment *s = &image->segments[i];
        memcpy(to + s->lead, spawn->layout.file.data + s->file_offset, s->file_bytes);
        to += s->pages * PAGE_SIZE;
    }
}

/* The operator's token is nobody's business but the console's. */
static void write_boot_line(struct task_start_info *info, const struct manifest_entry *entry)
{
    size_t length = 0;
    strncpy(info->boot_options, boot_line(), sizeof info->boot_options - 1);
    char *token = (char *)boot_option(info->boot_options, "token", &length);
    if (token && !entry->reads_token)
        memset(token, '*', length);
}

static status_t fill(struct spawn *spawn)
{
    struct task_start_info *info = (struct task_start_info *)(spawn->view + spawn->layout.info_page * PAGE_SIZE);
    copy_segments(spawn);
    info->magic = TASK_START_MAGIC;
    write_boot_line(info, spawn->service->entry);
    strcpy(info->task_name, spawn->service->entry->name);
    return grant_all(spawn, info);
}

static status_t write_memory(struct spawn *spawn)
{
    spawn->view = memory_map_new(spawn->layout.pages, MEMORY_NEAR(spawn->info.home_node), &spawn->memory);
    if (!spawn->view)
        return ERR_NO_MEMORY;
    status_t status = fill(spawn);
    status_t unmapped = memory_unmap(HANDLE_NONE, (uint64_t)spawn->view, spawn->layout.pages);
    return status == OK ? unmapped : status;
}

static status_t map_part(struct spawn *spawn, uint64_t address, size_t first_page, size_t pages, uint32_t protection)
{
    result_t result = memory_map(spawn->task, spawn->memory, address, first_page, pages, protection);
    return result < 0 ? (status_t)result : OK;
}

static status_t map_all(struct spawn *spawn)
{
    const struct layout *l = &spawn->layout;
    status_t status = OK;
    size_t page = 0;
    for (size_t i = 0; status == OK && i < l->image.segment_count; i++) {
        const struct elf_segment *s = &l->image.segments[i];
        status = map_part(spawn, s->first_page, page, s->pages, s->protection);
        page += s->pages;
    }
    if (status == OK)
        status = map_part(spawn, l->info_address, l->info_page, 1, PROT_READ);
    if (status == OK)
        status = map_part(spawn, l->stack_address, l->stack_page, l->pages - l->stack_page, PROT_READ | PROT_WRITE);
    return status;
}

static status_t build(struct spawn *spawn)
{
    status_t status = plan(spawn);
    if (status == OK)
        status = make_task(spawn);
    if (status == OK)
        status = write_memory(spawn);
    if (status == OK)
        status = map_all(spawn);
    return status;
}

static status_t run(struct spawn *spawn)
{
    const struct layout *l = &spawn->layout;
    spawn->service->task = spawn->task;
    spawn->service->task_id = spawn->info.id;
    return task_start(spawn->task, l->image.entry, l->stack_top, l->info_address);
}

static void undo(struct spawn *spawn)
{
    struct service *s = spawn->service;
    s->task = HANDLE_NONE;
    s->task_id = 0;
    if (spawn->task != HANDLE_NONE) {
        (void)task_kill(spawn->task);
        cap_close(spawn->task);
    }
}

status_t service_spawn(struct init *init, struct service *s)
{
    struct spawn spawn = {.init = init, .service = s};
    status_t status = build(&spawn);
    if (spawn.memory != HANDLE_NONE)
        cap_close(spawn.memory); /* the task's mappings keep it, and nothing else */
    if (status == OK)
        status = run(&spawn);
    if (status != OK)
        undo(&spawn);
    return status;
}
