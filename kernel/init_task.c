/* The first task: `init`, the first member of the boot module (a ustar archive), an ELF64 program. The module comes with
 * the kernel from the same boot loader and is as trusted as it; still every offset is checked, for a cut-off download
 * must end in a clear message. */
#include "kernel/init_task.h"
#include "kernel/memory/frame.h"
#include "kernel/memory/memory_object.h"
#include "kernel/sched/task.h"
#include "kernel/x86/boot_info.h"
#include "kernel/x86/log.h"

#define INIT_PRIORITY 24
#define STACK_PAGES 8
#define STACK_TOP 0x7fffff000000ul
#define START_INFO_ADDRESS 0x7ffffe000000ul
#define MODULE_ADDRESS 0x7f0000000000ul
#define QUOTA_KEPT_PAGES 64 /* for the kernel itself */

/* ELF-64 Object File Format 1.5: header, program header */
struct elf_header {
    uint8_t ident[16];
    uint16_t type, machine;
    uint32_t version;
    uint64_t entry, program_offset, section_offset;
    uint32_t flags;
    uint16_t header_size, program_size, program_count, section_size, section_count, section_names;
};
struct elf_program {
    uint32_t type, flags;
    uint64_t offset, address, physical, file_bytes, memory_bytes, align;
};
#define ELF_LOAD 1
#define ELF_EXEC 1u
#define ELF_WRITE 2u
#define ELF_READ 4u

/* POSIX.1-2008 ustar: a 512-byte header, size in octal at 124, data behind it. */
static const uint8_t *module_first(uint64_t *bytes)
{
    const uint8_t *tar = phys_to_virt(boot_info.module_physical);
    if (boot_info.module_bytes < 1024 || __builtin_memcmp(tar + 257, "ustar", 5))
        panic(NULL, "the boot module is no ustar archive (%lu bytes): give services.tar as module or -initrd",
              boot_info.module_bytes);
    if (__builtin_memcmp(tar, "init", 5))
        panic(NULL, "the first member of the boot module is not init");
    *bytes = 0;
    for (int i = 124; i < 135 && tar[i] >= '0' && tar[i] <= '7'; i++)
        *bytes = *bytes * 8 + (uint64_t)(tar[i] - '0');
    if (*bytes > boot_info.module_bytes - 512)
        panic(NULL, "the boot module is cut off inside init");
    return tar + 512;
}

static struct cap *cap_new(struct object *object, uint32_t rights, struct task *task)
{
    status_t status;
    struct cap *cap = cap_create(object, rights, task->account, &status);
    if (!cap)
        panic(NULL, "not enough memory to start init");
    return cap;
}

static struct cap *memory_cap(struct task *task, uint64_t pages, struct memory **memory)
{
    status_t status = memory_new(task->account, pages, 0, memory);
    for (bool begun = !status; begun && (status = memory_fill(*memory)) == ERR_RESTARTED;)
        ;
    if (status)
        panic(NULL, "not enough memory to start init");
    struct cap *cap = cap_new(&(*memory)->object, RIGHTS_ALL, task);
    object_unref(&(*memory)->object);
    return cap;
}

static void map_whole(struct task *task, struct cap *cap, uint64_t address, uint64_t pages, uint32_t protection)
{
    struct mapping_request request = {.address = address, .pages = (uint32_t)pages, .protection = protection};
    status_t status;
    do
        status = mapping_create(task, cap, &request);
    while (status == ERR_RESTARTED);
    if (status)
        panic(NULL, "init's program does not fit its address space");
}

/* Maps a fresh memory object into the task and drops the name: the mapping stays. */
static void map_new(struct task *task, uint64_t address, uint64_t pages, uint32_t protection, struct memory **memory)
{
    struct cap *cap = memory_cap(task, pages, memory);
    map_whole(task, cap, address, pages, protection);
    cap_close(cap);
}

static void bytes_into(struct memory *memory, uint64_t offset, const uint8_t *from, uint64_t bytes)
{
    while (bytes) {
        uint64_t in_page = offset % PAGE_SIZE;
        uint64_t part = PAGE_SIZE - in_page < bytes ? PAGE_SIZE - in_page : bytes;
        __builtin_memcpy((uint8_t *)phys_to_virt(memory_page(memory, offset / PAGE_SIZE)) + in_page, from, part);
        offset += part;
        from += part;
        bytes -= part;
    }
}

static void segment_load(struct task *task, const uint8_t *file, uint64_t file_bytes, const struct elf_program *p)
{
    struct memory *memory;
    if (p->offset > file_bytes || p->file_bytes > file_bytes - p->offset || p->file_bytes > p->memory_bytes ||
        p->memory_bytes > 16ul << 20 || p->address < USER_BASE || p->address > START_INFO_ADDRESS)
        panic(NULL, "init's program headers are broken");
    uint64_t start = p->address & ~(PAGE_SIZE - 1), skip = p->address - start;
    uint32_t protection = PROT_READ | (p->flags & ELF_WRITE ? PROT_WRITE : 0) | (p->flags & ELF_EXEC ? PROT_EXEC : 0);
    map_new(task, start, (skip + p->memory_bytes + PAGE_SIZE - 1) / PAGE_SIZE, protection, &memory);
    bytes_into(memory, skip, file + p->offset, p->file_bytes);
}

static uint64_t program_load(struct task *task)
{
    uint64_t bytes;
    const uint8_t *file = module_first(&bytes);
    const struct elf_header *elf = (const struct elf_header *)file;
    if (bytes < sizeof *elf || __builtin_memcmp(elf->ident, "\177ELF\2\1", 6) || elf->machine != 62 ||
        elf->program_size != sizeof(struct elf_program) || elf->program_offset > bytes ||
        elf->program_count * sizeof(struct elf_program) > bytes - elf->program_offset)
        panic(NULL, "init is no ELF64 program for x86-64");
    const struct elf_program *p = (const struct elf_program *)(file + elf->program_offset);
    for (unsigned i = 0; i < elf->program_count; i++)
        if (p[i].type == ELF_LOAD && p[i].memory_bytes)
            segment_load(task, file, bytes, &p[i]);
    return elf->entry;
}

/* The archive as a memory object of init's: RAM that is never given back. */
static uint64_t module_map(struct task *task)
{
    struct memory *memory;
    uint64_t start = boot_info.module_physical & ~(PAGE_SIZE - 1), address = MODULE_ADDRESS;
    uint64_t pages = (boot_info.module_physical + boot_info.module_bytes - start + PAGE_SIZE - 1) / PAGE_SIZE;
    if (memory_new_device(task->account, start, pages, &memory))
        panic(NULL, "not enough memory to start init");
    memory->flags = MEMORY_CONTIGUOUS; /* cached; its reference below keeps it for ever */
    struct cap *cap = cap_new(&memory->object, RIGHT_MEMORY_READ, task);
    map_whole(task, cap, address, pages, PROT_READ);
    cap_close(cap);
    return address + boot_info.module_physical % PAGE_SIZE;
}

static void start_cap(struct task *task, struct task_start_info *info, const char *name, struct object *object)
{
    struct cap *cap = cap_new(object, RIGHTS_ALL & ~RIGHTS_SERVICE, task);
    if (cap_install(&task->table, &cap))
        panic(NULL, "init's capability table");
    struct task_start_cap *place = &info->caps[info->cap_count++];
    for (unsigned i = 0; name[i]; i++)
        place->name[i] = name[i];
    place->handle = cap->handle;
}

static void start_cap_new(struct task *task, struct task_start_info *info, const char *name, enum object_type type)
{
    status_t status;
    struct object *object = object_create(type, task->account, &status);
    if (!object)
        panic(NULL, "not enough memory to start init");
    start_cap(task, info, name, object);
    object_unref(object);
}

static void start_info_write(struct task *task)
{
    static struct task_start_info info; /* built here, then copied into init's page */
    struct memory *memory;
    info = (struct task_start_info){
        .magic = TASK_START_MAGIC, .module_address = module_map(task), .module_size = boot_info.module_bytes};
    __builtin_memcpy(info.boot_options, boot_info.boot_line, sizeof info.boot_options);
    __builtin_memcpy(info.task_name, task->name, sizeof info.task_name);
    start_cap(task, &info, "self", task->object);
    start_cap_new(task, &info, "root", OBJECT_ROOT);
    start_cap_new(task, &info, "trace", OBJECT_TRACE);
    start_cap_new(task, &info, "power", OBJECT_POWER);
    map_new(task, START_INFO_ADDRESS, 1, PROT_READ, &memory);
    bytes_into(memory, 0, (const uint8_t *)&info, sizeof info);
}

struct task *init_task;

void init_task_create(void)
{
    struct account *all;
    struct task_create_args args = {
        .name = "init", .priority = INIT_PRIORITY, .quota_pages = (uint32_t)frame_free_count() - QUOTA_KEPT_PAGES};
    struct task *task;
    struct memory *stack;
    if (!boot_info.module_bytes)
        panic(NULL, "no boot module: give services.tar as module2 (GRUB) or -initrd (QEMU)");
    if (account_create(NULL, frame_free_count() * PAGE_SIZE, &all) || task_new(&args, all, NULL, &task))
        panic(NULL, "not enough memory to start init");
    uint64_t entry = program_load(task);
    map_new(task, STACK_TOP - STACK_PAGES * PAGE_SIZE, STACK_PAGES, PROT_READ | PROT_WRITE, &stack);
    start_info_write(task);
    init_task = task;
    task_begin(task, entry, STACK_TOP, START_INFO_ADDRESS);
}
