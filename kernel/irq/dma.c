/* What a device may reach: dma objects and the pins made through them. */
#include "kernel/irq/device.h"
#include "kernel/memory/memory_object.h"
#include "kernel/memory/slab.h"
#include "kernel/syscall.h"
#include "kernel/trace/trace.h"
#include "kernel/x86/user.h"

struct syscall_result sys_dma_create(uint64_t root, uint64_t bus_id)
{
    struct task *task = task_this();
    status_t status = device_root_check(root);
    if (!status && bus_id > 0xffff)
        status = ERR_INVALID;
    if (status)
        return syscall_status(status);
    struct dma *dma = (struct dma *)object_create(OBJECT_DMA, task->account, &status);
    if (!dma)
        return syscall_status(status);
    dma->bus_id = (uint32_t)bus_id;
    list_init(&dma->pins);
    return syscall_object_named(task, &dma->object, RIGHTS_ALL & ~RIGHTS_SERVICE);
}

static void pin_end(struct pin *pin)
{
    struct object *memory = &pin->memory->object;
    list_remove(&pin->in_dma);
    use_remove(&pin->by_dma);
    use_remove(&pin->by_memory);
    slab_free(pin);
    object_unref(memory);
}

bool pin_dma_use_ends(struct use *use, uint32_t *budget)
{
    (void)budget;
    pin_end(LIST_OWNER(use, struct pin, by_dma));
    return true;
}

/* The device may still write there, and nothing stops it: the frames stay out of use until the device is quiet. */
bool pin_memory_use_ends(struct use *use, uint32_t *budget)
{
    (void)budget;
    use_remove(use);
    return true;
}

void dma_unnamed(struct object *object)
{
    struct dma *dma = (struct dma *)object;
    while (!list_empty(&dma->pins))
        pin_end(LIST_OWNER(dma->pins.next, struct pin, in_dma));
}

static status_t addresses_out(const struct memory *memory, uint64_t first, uint64_t pages, uint64_t *user)
{
    status_t status = user_range_ok((uint64_t)user, pages * sizeof *user) ? OK : ERR_FAULT;
    for (uint64_t i = 0; i < pages && !status; i++) {
        uint64_t address = memory_page(memory, first + i);
        status = user_copy_out(&user[i], &address, sizeof address);
    }
    return status;
}

static status_t pin_check(uint64_t dma, uint64_t memory, uint32_t right, struct cap **dma_cap, struct cap **memory_cap)
{
    const struct cap_table *table = &task_this()->table;
    status_t status = cap_check(table, (handle_t)dma, OBJECT_DMA, RIGHT_DMA_PIN, dma_cap);
    return status ? status : cap_check(table, (handle_t)memory, OBJECT_MEMORY, right, memory_cap);
}

struct syscall_result sys_dma_pin(uint64_t dma_handle, uint64_t memory_handle, uint64_t first_page, uint64_t pages,
                                  uint64_t user_addresses)
{
    struct cap *dma_cap, *memory_cap;
    status_t status = pin_check(dma_handle, memory_handle, RIGHT_MEMORY_PIN, &dma_cap, &memory_cap);
    if (status)
        return syscall_status(status);
    struct dma *dma = (struct dma *)dma_cap->object;
    struct memory *memory = (struct memory *)memory_cap->object;
    if (memory->flags & MEMORY_DEVICE || !pages || first_page > memory->pages || pages > memory->pages - first_page)
        return syscall_status(ERR_INVALID);
    status = addresses_out(memory, first_page, pages, (uint64_t *)user_addresses);
    struct pin *pin = status ? NULL : slab_alloc(task_this()->account, SLAB_CLASS(struct pin), &status);
    if (!pin)
        return syscall_status(status);
    *pin = (struct pin){.dma = dma, .memory = memory, .first_page = first_page, .pages = pages};
    list_push_back(&dma->pins, &pin->in_dma);
    cap_use(dma_cap, &pin->by_dma, USE_PIN_DMA);
    cap_use(memory_cap, &pin->by_memory, USE_PIN_MEMORY);
    object_ref(&memory->object);
    TRACE2(MEM, DmaPin, memory_page(memory, first_page), TRACE_WORD(dma->bus_id, pages));
    return syscall_status(OK);
}

struct syscall_result sys_dma_unpin(uint64_t dma_handle, uint64_t memory_handle)
{
    struct cap *dma_cap, *memory_cap;
    status_t status = pin_check(dma_handle, memory_handle, 0, &dma_cap, &memory_cap);
    if (status)
        return syscall_status(status);
    struct dma *dma = (struct dma *)dma_cap->object;
    struct link *next;
    for (struct link *l = dma->pins.next; l != &dma->pins; l = next) {
        struct pin *pin = LIST_OWNER(l, struct pin, in_dma);
        next = l->next;
        if (&pin->memory->object == memory_cap->object)
            pin_end(pin);
    }
    return syscall_status(OK);
}
