#include <string.h>
#include "kernel/memory/memory_object.h"
#include "kernel/memory/frame.h"
#include "kernel/memory/numa.h"
#include "kernel/memory/slab.h"
#include "kernel/sched/kernel_lock.h"
#include "kernel/sched/task.h"
#include "kernel/trace/trace.h"

/* ---- page tables are paid by the task's account ---- */

static uint64_t account_take_page(struct page_source *source)
{
    source->status = account_charge(source->owner, PAGE_SIZE);
    if (source->status)
        return 0;
    uint64_t frame = frame_alloc_zeroed(0, source->node);
    if (frame) {
        trace_frames(((const struct account *)source->owner)->task_id, frame, 0);
        return frame;
    }
    account_release(source->owner, PAGE_SIZE);
    source->status = ERR_NO_MEMORY;
    return 0;
}

static void account_give_page(void *owner, uint64_t physical)
{
    frame_free(physical, 0);
    account_release(owner, PAGE_SIZE);
}

struct page_source account_page_source(struct account *account)
{
    return (struct page_source){
        .take = account_take_page, .give = account_give_page, .owner = account, .node = account->node};
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

/* Where its pages come from if they can: as its maker said, else the maker's home. */
static uint32_t memory_node(const struct memory *memory)
{
    uint32_t near = memory->flags >> MEMORY_NEAR_SHIFT;
    return near ? near - 1 : object_account(&memory->object)->node;
}

static struct page_source memory_source(const struct memory *memory)
{
    struct page_source source = account_page_source(object_account(&memory->object));
    source.node = memory_node(memory);
    return source;
}

/* The frame that lists the addresses of `page` and its neighbours. */
static status_t memory_directory_prepare(struct memory *memory, uint64_t page)
{
    struct page_source source = memory_source(memory);
    if (memory->pages <= MEMORY_INLINE_PAGES)
        return OK;
    uint64_t frame = memory->directory ? 1 : source.take(&source);
    if (frame && !memory->directory)
        memory->directory = phys_to_virt(frame);
    if (frame && !memory->directory[page / PER_FRAME]) {
        frame = source.take(&source);
        memory->directory[page / PER_FRAME] = frame ? (uint64_t)phys_to_virt(frame) : 0;
    }
    return frame ? OK : source.status;
}

static status_t fill_page(struct memory *memory)
{
    struct page_source source = memory_source(memory);
    status_t status = memory_directory_prepare(memory, memory->filled);
    if (status)
        return status;
    uint64_t frame = source.take(&source);
    if (!frame)
        return source.status;
    *memory_page_place(memory, memory->filled++) = frame;
    return OK;
}

/* The run is there from memory_new() on. */
static status_t zero_page(struct memory *memory)
{
    memset(phys_to_virt(memory->base + memory->filled++ * PAGE_SIZE), 0, PAGE_SIZE);
    return OK;
}

#define FILL_STEP_PAGES 64 /* each is zeroed */

status_t memory_fill(struct memory *memory)
{
    status_t (*fill)(struct memory *) = memory->flags & MEMORY_CONTIGUOUS ? zero_page : fill_page;
    status_t status = OK;
    for (uint32_t i = 0; i < FILL_STEP_PAGES && memory->filled < memory->pages && !status; i++)
        status = fill(memory);
    if (status)
        return status;
    return memory->filled < memory->pages ? ERR_RESTARTED : OK;
}

static status_t memory_take_run(struct memory *memory)
{
    struct account *account = object_account(&memory->object);
    while ((1ul << memory->order) < memory->pages)
        memory->order++;
    status_t status = account_charge(account, PAGE_SIZE << memory->order);
    if (status)
        return status;
    memory->base = frame_alloc(memory->order, memory_node(memory));
    if (memory->base) {
        trace_frames(account->task_id, memory->base, memory->order);
        return OK;
    }
    account_release(account, PAGE_SIZE << memory->order);
    return ERR_NO_MEMORY;
}

static struct memory *memory_alloc(struct account *account, uint64_t pages, uint32_t flags, status_t *status)
{
    struct memory *memory = (struct memory *)object_create(OBJECT_MEMORY, account, status);
    if (!memory)
        return NULL;
    memory->pages = pages;
    memory->flags = flags;
    return memory;
}

status_t memory_new(struct account *account, uint64_t pages, uint32_t flags, struct memory **made)
{
    uint64_t most = flags & MEMORY_CONTIGUOUS ? 1ul << FRAME_ORDER_MAX : MEMORY_PAGES_MAX;
    if (!pages || pages > most || (flags & ~(MEMORY_CONTIGUOUS | MEMORY_NEAR_ANY)))
        return ERR_INVALID;
    if (flags >> MEMORY_NEAR_SHIFT > numa.node_count)
        return ERR_NOT_FOUND;
    if (pages > (account->limit_bytes - account->used_bytes) / PAGE_SIZE)
        return ERR_QUOTA; /* before any work: a refusal is cheap */
    if (pages > frame_free_count())
        return ERR_NO_MEMORY;
    status_t status;
    struct memory *memory = memory_alloc(account, pages, flags, &status);
    if (!memory)
        return status;
    if (flags & MEMORY_CONTIGUOUS)
        status = memory_take_run(memory);
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
    memory->filled = pages;
    *made = memory;
    return OK;
}

static void memory_give_run(struct memory *memory)
{
    frame_free(memory->base, memory->order);
    account_release(object_account(&memory->object), PAGE_SIZE << memory->order);
}

/* From the last page on; a directory frame goes with the first of its pages. */
static bool memory_give_pages(struct memory *memory, uint32_t *budget)
{
    struct page_source source = memory_source(memory);
    for (; memory->filled; (*budget)--) {
        if (!*budget)
            return false;
        memory->filled--;
        source.give(source.owner, *memory_page_place(memory, memory->filled));
    }
    return true;
}

static void memory_give_directory(struct memory *memory)
{
    struct page_source source = memory_source(memory);
    if (!memory->directory)
        return;
    for (uint64_t i = 0; i < PER_FRAME && memory->directory[i]; i++)
        source.give(source.owner, virt_to_phys((void *)memory->directory[i]));
    source.give(source.owner, virt_to_phys(memory->directory));
}

static bool memory_free_step(struct chore *chore, uint32_t *budget)
{
    struct memory *memory = LIST_OWNER(chore, struct memory, freeing);
    if (!memory_give_pages(memory, budget))
        return false;
    memory_give_directory(memory);
    object_free(&memory->object);
    return true;
}

#define FREE_AT_ONCE_PAGES 64

bool memory_destroy(struct object *object)
{
    struct memory *memory = (struct memory *)object;
    if (memory->flags & MEMORY_DEVICE)
        return true;
    if (memory->flags & MEMORY_CONTIGUOUS) {
        if (memory->base)
            memory_give_run(memory);
        return true;
    }
    uint32_t budget = FREE_AT_ONCE_PAGES;
    if (memory->filled > budget) {
        chore_add(&memory->freeing, memory_free_step, task_this()->priority);
        return false;
    }
    (void)memory_give_pages(memory, &budget);
    memory_give_directory(memory);
    return true;
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

#define MAP_STEP_PAGES 256

/* The CPU that runs the task forgets its translations; no other has any (sched.c, leave_address_space). */
static void mapping_tlb_flush(const struct mapping *mapping, uint32_t first, uint32_t pages)
{
    struct cpu *cpu = &cpus[mapping->task->cpu];
    if (cpu->user_root != mapping->task->root || !pages)
        return;
    if (cpu != cpu_this()) {
        cpu_ask(cpu, CPU_ASK_FLUSH);
        return;
    }
    for (uint32_t i = 0; i < pages; i++)
        paging_flush_page(mapping->address + (first + i) * PAGE_SIZE);
}

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* The tables are there (paging_prepare), so entering cannot fail. */
static status_t mapping_enter(struct mapping *mapping)
{
    struct page_source source = account_page_source(mapping->task->account);
    uint32_t device = mapping->memory->flags & MEMORY_DEVICE ? PAGING_DEVICE : 0;
    uint32_t end = mapping->entered + least(MAP_STEP_PAGES, mapping->pages - mapping->entered);
    for (; mapping->entered < end; mapping->entered++)
        (void)!paging_map(mapping->task->root, mapping->address + mapping->entered * PAGE_SIZE,
                          memory_page(mapping->memory, mapping->first_page + mapping->entered),
                          mapping->protection | device, &source);
    return mapping->entered < mapping->pages ? ERR_RESTARTED : OK;
}

/* From the last page on, as many as the budget allows. */
static bool mapping_leave(struct mapping *mapping, uint32_t pages)
{
    uint32_t end = mapping->entered;
    mapping->ending = true;
    for (; mapping->entered && end - mapping->entered < pages; mapping->entered--)
        paging_unmap(mapping->task->root, mapping->address + (mapping->entered - 1) * PAGE_SIZE);
    mapping_tlb_flush(mapping, mapping->entered, end - mapping->entered);
    return !mapping->entered;
}

uint32_t protection_allowed(uint32_t rights)
{
    if (!(rights & RIGHT_MEMORY_READ))
        return 0;
    return PROT_READ | (rights & RIGHT_MEMORY_WRITE ? PROT_WRITE : 0) | (rights & RIGHT_MEMORY_EXEC ? PROT_EXEC : 0);
}

/* The mapping that a call with the same arguments began and has not ended. */
static struct mapping *mapping_begun(struct task *task, const struct cap *cap, const struct mapping_request *request)
{
    struct mapping *mapping = request->address ? mapping_find(task, request->address) : NULL;
    bool same = mapping && !mapping->ending && mapping->entered < mapping->pages &&
                &mapping->memory->object == cap->object && mapping->use.cap_id == cap->id &&
                mapping->address == request->address && mapping->pages == request->pages &&
                mapping->first_page == request->first_page && mapping->protection == request->protection;
    return same ? mapping : NULL;
}

static status_t mapping_new(struct task *task, struct cap *cap, struct mapping_request *request, struct mapping **made)
{
    struct link *before;
    struct page_source source = account_page_source(task->account);
    status_t status = task->mapping_count < MAPPINGS_MAX ? OK : ERR_TABLE_FULL;
    if (!status)
        status = address_choose(task, &request->address, request->pages * PAGE_SIZE, &before);
    if (!status)
        status = paging_prepare(task->root, request->address, request->pages, &source);
    struct mapping *mapping = status ? NULL : slab_alloc(task->account, SLAB_CLASS(struct mapping), &status);
    if (!mapping)
        return status;
    *mapping = (struct mapping){.task = task,
                                .memory = (struct memory *)cap->object,
                                .address = request->address,
                                .pages = request->pages,
                                .first_page = request->first_page,
                                .protected = request->pages,
                                .protection = (uint8_t)request->protection,
                                .most = (uint8_t)protection_allowed(cap->rights)};
    list_add_before(before, &mapping->in_task);
    task->mapping_count++;
    cap_use(cap, &mapping->use, USE_MAPPING);
    object_ref(cap->object);
    TRACE2_WITH(task_id(task), MEM, MemoryMap, mapping->address, TRACE_WORD(task_id(task), mapping->pages));
    *made = mapping;
    return OK;
}

status_t mapping_create(struct task *task, struct cap *cap, struct mapping_request *request)
{
    struct mapping *mapping = mapping_begun(task, cap, request);
    status_t status = mapping ? OK : mapping_new(task, cap, request, &mapping);
    return status ? status : mapping_enter(mapping);
}

static void mapping_free(struct mapping *mapping)
{
    TRACE2_WITH(task_id(mapping->task), MEM, MemoryUnmap, mapping->address,
                TRACE_WORD(task_id(mapping->task), mapping->pages));
    struct object *object = &mapping->memory->object;
    list_remove(&mapping->in_task);
    mapping->task->mapping_count--;
    use_remove(&mapping->use);
    slab_free(mapping);
    object_unref(object);
}

status_t mapping_destroy(struct mapping *mapping)
{
    if (!mapping_leave(mapping, MAP_STEP_PAGES))
        return ERR_RESTARTED;
    mapping_free(mapping);
    return OK;
}

/* What an unfinished change has done so far counts as undone: the next one goes over all pages. */
status_t mapping_protect(struct mapping *mapping, uint32_t protection)
{
    uint32_t device = mapping->memory->flags & MEMORY_DEVICE ? PAGING_DEVICE : 0;
    if (mapping->ending || mapping->entered < mapping->pages)
        return ERR_BUSY;
    if (mapping->protection != protection || mapping->protected == mapping->pages)
        mapping->protected = 0;
    mapping->protection = (uint8_t)protection;
    uint32_t first = mapping->protected, count = least(MAP_STEP_PAGES, mapping->pages - first);
    for (uint32_t i = 0; i < count; i++)
        paging_protect(mapping->task->root, mapping->address + (first + i) * PAGE_SIZE, protection | device);
    mapping_tlb_flush(mapping, first, count);
    mapping->protected += count;
    return mapping->protected < mapping->pages ? ERR_RESTARTED : OK;
}

/* A page costs an eighth of a capability. */
#define PAGES_A_STEP 8

static bool mapping_end(struct mapping *mapping, uint32_t *budget)
{
    uint32_t most = *budget < MAP_STEP_PAGES ? (*budget + 1) * PAGES_A_STEP : MAP_STEP_PAGES * PAGES_A_STEP;
    uint32_t entered = mapping->entered;
    bool done = mapping_leave(mapping, most);
    *budget -= least(*budget, (entered - mapping->entered) / PAGES_A_STEP);
    if (done)
        mapping_free(mapping);
    return done;
}

bool mapping_use_ends(struct use *use, uint32_t *budget)
{
    return mapping_end(LIST_OWNER(use, struct mapping, use), budget);
}

bool mappings_clear(struct task *task, uint32_t *budget)
{
    while (!list_empty(&task->mappings)) {
        if (!*budget)
            return false;
        (*budget)--;
        if (!mapping_end(LIST_OWNER(task->mappings.next, struct mapping, in_task), budget))
            return false;
    }
    return true;
}
