#include "kernel/memory/memory_object.h"
#include "kernel/memory/frame.h"
#include "kernel/memory/slab.h"
#include "kernel/sched/task.h"
#include "kernel/trace/trace.h"

struct slab_cache memory_cache = SLAB_CACHE("memory", struct memory);
static struct slab_cache mapping_cache = SLAB_CACHE("mapping", struct mapping);

/* ---- page tables are paid by the task's account ---- */

static uint64_t account_take_page(void *owner)
{
    if (account_charge(owner, PAGE_SIZE))
        return 0;
    uint64_t frame = frame_alloc_zeroed(0, 0);
    if (!frame)
        account_release(owner, PAGE_SIZE);
    return frame;
}

static void account_give_page(void *owner, uint64_t physical)
{
    frame_free(physical, 0);
    account_release(owner, PAGE_SIZE);
}

struct page_source account_page_source(struct account *account)
{
    return (struct page_source){.take = account_take_page, .give = account_give_page, .owner = account};
}

/* ---- objects ---- */

#define PER_FRAME 512ul

static uint64_t *memory_page_place(struct memory *memory, uint64_t page)
{
    if (!memory->directory)
        return &memory->frames[page];
    return &((uint64_t *)memory->directory[page / PER_FRAME])[page % PER_FRAME];
}

uint64_t memory_page(const struct memory *memory, uint64_t page)
{
    if (memory->flags & (MEMORY_CONTIGUOUS | MEMORY_DEVICE))
        return memory->base + page * PAGE_SIZE;
    return *memory_page_place((struct memory *)memory, page);
}

static status_t memory_directory_create(struct memory *memory)
{
    struct page_source source = account_page_source(memory->object.account);
    uint64_t frame = source.take(source.owner);
    if (!frame)
        return ERR_QUOTA;
    memory->directory = phys_to_virt(frame);
    for (uint64_t i = 0; i < (memory->pages + PER_FRAME - 1) / PER_FRAME; i++) {
        frame = source.take(source.owner);
        if (!frame)
            return ERR_QUOTA;
        memory->directory[i] = (uint64_t)phys_to_virt(frame);
    }
    return OK;
}

static void memory_directory_free(struct memory *memory)
{
    struct page_source source = account_page_source(memory->object.account);
    if (!memory->directory)
        return;
    for (uint64_t i = 0; i < PER_FRAME && memory->directory[i]; i++)
        source.give(source.owner, virt_to_phys((void *)memory->directory[i]));
    source.give(source.owner, virt_to_phys(memory->directory));
}

static status_t memory_fill_scattered(struct memory *memory)
{
    struct page_source source = account_page_source(memory->object.account);
    if (memory->pages > MEMORY_INLINE_PAGES) {
        status_t status = memory_directory_create(memory);
        if (status)
            return status;
    }
    for (uint64_t page = 0; page < memory->pages; page++) {
        uint64_t frame = source.take(source.owner);
        if (!frame)
            return ERR_QUOTA;
        *memory_page_place(memory, page) = frame;
    }
    return OK;
}

static status_t memory_fill_contiguous(struct memory *memory)
{
    while ((1ul << memory->order) < memory->pages)
        memory->order++;
    status_t status = account_charge(memory->object.account, PAGE_SIZE << memory->order);
    if (status)
        return status;
    memory->base = frame_alloc_zeroed(memory->order, 0);
    if (memory->base)
        return OK;
    account_release(memory->object.account, PAGE_SIZE << memory->order);
    return ERR_NO_MEMORY;
}

static struct memory *memory_alloc(struct account *account, uint64_t pages, uint32_t flags, status_t *status)
{
    struct memory *memory = (struct memory *)object_create(OBJECT_MEMORY, account, status);
    if (!memory)
        return NULL;
    memory->pages = pages;
    memory->flags = flags;
    list_init(&memory->mappings);
    list_init(&memory->pins);
    return memory;
}

status_t memory_new(struct account *account, uint64_t pages, uint32_t flags, struct memory **made)
{
    uint64_t most = flags & MEMORY_CONTIGUOUS ? 1ul << FRAME_ORDER_MAX : MEMORY_PAGES_MAX;
    if (!pages || pages > most || (flags & ~MEMORY_CONTIGUOUS))
        return ERR_INVALID;
    if (pages > (account->limit_bytes - account->used_bytes) / PAGE_SIZE)
        return ERR_QUOTA; /* before any work: a refusal is cheap */
    if (pages > frame_free_count())
        return ERR_NO_MEMORY;
    status_t status;
    struct memory *memory = memory_alloc(account, pages, flags, &status);
    if (!memory)
        return status;
    status = flags & MEMORY_CONTIGUOUS ? memory_fill_contiguous(memory) : memory_fill_scattered(memory);
    if (status)
        object_unref(&memory->object);
    else
        *made = memory;
    return status;
}

status_t memory_new_device(struct account *account, uint64_t physical, uint64_t pages, struct memory **made)
{
    status_t status;
    struct memory *memory = memory_alloc(account, pages, MEMORY_DEVICE, &status);
    if (!memory)
        return status;
    memory->base = physical;
    *made = memory;
    return OK;
}

void memory_destroy(struct object *object)
{
    struct memory *memory = (struct memory *)object;
    struct page_source source = account_page_source(object->account);
    if (memory->flags & MEMORY_DEVICE)
        return;
    if (memory->flags & MEMORY_CONTIGUOUS) {
        if (!memory->base)
            return;
        frame_free(memory->base, memory->order);
        account_release(object->account, PAGE_SIZE << memory->order);
        return;
    }
    bool listed = memory->directory || memory->pages <= MEMORY_INLINE_PAGES;
    for (uint64_t page = 0; listed && page < memory->pages; page++) {
        if (memory->directory && !memory->directory[page / PER_FRAME])
            break;
        uint64_t frame = *memory_page_place(memory, page);
        if (frame)
            source.give(source.owner, frame);
    }
    memory_directory_free(memory);
}

/* ---- mappings ---- */

#define MAP_SEARCH_BASE 0x10000000ul

struct mapping *mapping_find(struct task *task, uint64_t address)
{
    for (struct link *l = task->mappings.next; l != &task->mappings; l = l->next) {
        struct mapping *mapping = LIST_OWNER(l, struct mapping, in_task);
        if (address - mapping->address < mapping->pages * PAGE_SIZE)
            return mapping;
    }
    return NULL;
}

/* The mapping list is sorted: finds the first gap of that size from MAP_SEARCH_BASE on, a page left free before each
 * mapping as a guard; or checks the address asked for. *before: the list place to insert at. */
static status_t address_choose(struct task *task, uint64_t *address, uint64_t bytes, struct link **before)
{
    uint64_t wanted = *address, candidate = wanted ? wanted : MAP_SEARCH_BASE;
    struct link *l = task->mappings.next;
    for (; l != &task->mappings; l = l->next) {
        struct mapping *mapping = LIST_OWNER(l, struct mapping, in_task);
        uint64_t end = mapping->address + mapping->pages * PAGE_SIZE;
        uint64_t guard = wanted ? 0 : PAGE_SIZE;
        if (candidate + bytes + guard <= mapping->address)
            break;
        if (end + guard <= candidate)
            continue;
        if (wanted)
            return ERR_EXISTS;
        candidate = end + PAGE_SIZE;
    }
    if (candidate > USER_TOP - bytes)
        return ERR_NO_MEMORY;
    *address = candidate;
    *before = l;
    return OK;
}

static void mapping_tlb_flush(const struct mapping *mapping, uint64_t address)
{
    if (cpu_this()->user_root == mapping->task->root)
        paging_flush_page(address);
}

static void mapping_enter_pages(struct mapping *mapping, struct page_source *source)
{
    uint32_t protection = mapping->protection;
    if (mapping->memory->flags & MEMORY_DEVICE)
        protection |= PAGING_DEVICE;
    for (uint64_t i = 0; i < mapping->pages; i++)
        (void)!paging_map(mapping->task->root, mapping->address + i * PAGE_SIZE,
                          memory_page(mapping->memory, mapping->first_page + i), protection, source);
}

uint32_t protection_allowed(uint32_t rights)
{
    if (!(rights & RIGHT_MEMORY_READ))
        return 0;
    return PROT_READ | (rights & RIGHT_MEMORY_WRITE ? PROT_WRITE : 0) | (rights & RIGHT_MEMORY_EXEC ? PROT_EXEC : 0);
}

status_t mapping_create(struct task *task, struct cap *cap, uint64_t *address, uint64_t first_page, uint64_t pages,
                        uint32_t protection)
{
    struct link *before;
    status_t status = address_choose(task, address, pages * PAGE_SIZE, &before);
    if (!status)
        status = account_charge(task->account, sizeof(struct mapping));
    if (status)
        return status;
    struct mapping *mapping = slab_alloc(&mapping_cache);
    struct page_source source = account_page_source(task->account);
    status = mapping ? paging_prepare(task->root, *address, pages, &source) : ERR_NO_MEMORY;
    if (status) {
        if (mapping)
            slab_free(&mapping_cache, mapping);
        account_release(task->account, sizeof(struct mapping));
        return status;
    }
    *mapping = (struct mapping){.task = task,
                                .memory = (struct memory *)cap->object,
                                .cap = cap,
                                .address = *address,
                                .pages = pages,
                                .first_page = first_page,
                                .protection = protection,
                                .most = protection_allowed(cap->rights)};
    list_add_before(before, &mapping->in_task);
    list_push_back(&mapping->memory->mappings, &mapping->in_memory);
    object_ref(cap->object);
    mapping_enter_pages(mapping, &source);
    TRACE2(MEM, MemoryMap, *address, TRACE_WORD(task_id(task), pages));
    return OK;
}

void mapping_destroy(struct mapping *mapping)
{
    for (uint64_t i = 0; i < mapping->pages; i++) {
        paging_unmap(mapping->task->root, mapping->address + i * PAGE_SIZE);
        mapping_tlb_flush(mapping, mapping->address + i * PAGE_SIZE);
    }
    TRACE2(MEM, MemoryUnmap, mapping->address, TRACE_WORD(task_id(mapping->task), mapping->pages));
    list_remove(&mapping->in_task);
    list_remove(&mapping->in_memory);
    account_release(mapping->task->account, sizeof(struct mapping));
    struct object *object = &mapping->memory->object;
    slab_free(&mapping_cache, mapping);
    object_unref(object);
}

status_t mapping_protect(struct mapping *mapping, uint32_t protection)
{
    mapping->protection = protection;
    uint32_t device = mapping->memory->flags & MEMORY_DEVICE ? PAGING_DEVICE : 0;
    for (uint64_t i = 0; i < mapping->pages; i++) {
        paging_protect(mapping->task->root, mapping->address + i * PAGE_SIZE, protection | device);
        mapping_tlb_flush(mapping, mapping->address + i * PAGE_SIZE);
    }
    return OK;
}

bool mappings_clear(struct task *task, uint32_t *budget)
{
    while (!list_empty(&task->mappings)) {
        if (!*budget)
            return false;
        (*budget)--;
        mapping_destroy(LIST_OWNER(task->mappings.next, struct mapping, in_task));
    }
    return true;
}

void mappings_of_cap_end(struct cap *cap, bool revoked)
{
    struct memory *memory = (struct memory *)cap->object;
    struct link *next;
    for (struct link *l = memory->mappings.next; l != &memory->mappings; l = next) {
        struct mapping *mapping = LIST_OWNER(l, struct mapping, in_memory);
        next = l->next;
        if (mapping->cap != cap)
            continue;
        if (revoked) {
            mapping_destroy(mapping);
            continue;
        }
        mapping->cap = cap->parent;
        mapping->inherited = true;
    }
}

void mappings_of_cap_revoked(struct cap *cap)
{
    struct memory *memory = (struct memory *)cap->object;
    struct link *next;
    for (struct link *l = memory->mappings.next; l != &memory->mappings; l = next) {
        struct mapping *mapping = LIST_OWNER(l, struct mapping, in_memory);
        next = l->next;
        if (mapping->cap == cap && mapping->inherited)
            mapping_destroy(mapping);
    }
}
