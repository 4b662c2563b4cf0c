/* What a device may reach: dma objects and the pins made through them. */
#include "kernel/irq/device.h"
#include "kernel/memory/memory_object.h"
#include "kernel/memory/slab.h"
#include "kernel/syscall.h"
#include "kernel/trace/trace.h"
#include "kernel/x86/user.h"

#define UNPIN_PAGES IOVA_PAGES_A_PIN /* a kernel entry; then interrupts and more urgent tasks get their turn */
#define UNPIN_PINS 256u
#define UNPIN_PAGES_A_STEP 64 /* when a capability is revoked */

static struct link all = {&all, &all}; /* dma objects */

static struct pin *pin_of(struct link *link)
{
    return LIST_OWNER(link, struct pin, place.link);
}

/* ---- one object a bus id ---- */

static struct dma *dma_find(uint64_t bus_id)
{
    for (struct link *l = all.next; l != &all; l = l->next) {
        struct dma *dma = LIST_OWNER(l, struct dma, in_all);
        if (dma->bus_id == bus_id)
            return dma;
    }
    return NULL;
}

static struct syscall_result dma_new(struct task *task, uint32_t bus_id)
{
    status_t status;
    struct dma *dma = (struct dma *)object_create(OBJECT_DMA, task->account, &status);
    if (!dma)
        return syscall_status(status);
    dma->bus_id = bus_id;
    list_init(&dma->pins);
    list_push_back(&all, &dma->in_all);
    if (iommu_on())
        status = iommu_domain_init(&dma->domain, bus_id);
    if (status) {
        object_unref(&dma->object);
        return syscall_status(status);
    }
    return syscall_object_named(task, &dma->object, RIGHTS_ALL & ~RIGHTS_SERVICE);
}

/* The object's own reference ends when a capability has taken its place, and not before. The pins become uses that this
 * one has inherited, so that revoking its descendants ends them. */
static struct syscall_result dma_adopt(struct task *task, struct dma *dma)
{
    object_ref(&dma->object);
    struct syscall_result result = syscall_object_named(task, &dma->object, RIGHTS_ALL & ~RIGHTS_SERVICE);
    if (result.value <= 0)
        return result;
    struct cap *cap = cap_find(&task->table, (handle_t)result.value);
    for (struct link *l = dma->pins.next; l != &dma->pins; l = l->next) {
        use_remove(&pin_of(l)->by_dma);
        list_push_back(&cap->uses, &pin_of(l)->by_dma.link);
    }
    dma->orphan = false;
    object_unref(&dma->object);
    return result;
}

struct syscall_result sys_dma_create(uint64_t root, uint64_t bus_id)
{
    status_t status = device_root_check(root);
    if (!status && bus_id > 0xffff)
        status = ERR_INVALID;
    if (!status && iommu_on() && !iommu_covers((uint32_t)bus_id))
        status = ERR_NOT_SUPPORTED; /* nothing would confine it */
    struct dma *dma = status ? NULL : dma_find(bus_id);
    if (dma && dma->object.capabilities)
        status = ERR_BUSY;
    if (status)
        return syscall_status(status);
    return dma ? dma_adopt(task_this(), dma) : dma_new(task_this(), (uint32_t)bus_id);
}

bool dma_destroy(struct object *object)
{
    struct dma *dma = (struct dma *)object;
    list_remove(&dma->in_all);
    if (dma->domain.id)
        iommu_domain_end(&dma->domain);
    return true;
}

/* ---- the end of pins ---- */

/* The device can't reach its pages any more, or was stopped. */
static void pin_end(struct pin *pin)
{
    struct object *memory = &pin->memory->object;
    list_remove(&pin->place.link);
    use_remove(&pin->by_dma);
    use_remove(&pin->by_memory);
    pin->dma->pin_count--;
    slab_free(pin);
    object_unref(memory);
}

/* Cuts the pin's pages off. An error: the IOMMU does not answer. Then the pin stays for ever. */
static status_t pin_unmap(struct pin *pin)
{
    if (!iommu_on())
        return OK;
    struct dma *dma = pin->dma;
    return dma->pin_count == 1 ? iommu_domain_detach(&dma->domain) : iommu_unmap(&dma->domain, pin->place);
}

/* Each UNPIN_PAGES_A_STEP pages count as one more. */
static bool pin_use_ends(struct pin *pin, struct use *use, uint32_t *budget)
{
    uint64_t steps = pin->place.pages / UNPIN_PAGES_A_STEP;
    *budget -= steps < *budget ? (uint32_t)steps : *budget;
    if (pin_unmap(pin))
        use_remove(use);
    else
        pin_end(pin);
    return true;
}

bool pin_dma_use_ends(struct use *use, uint32_t *budget)
{
    return pin_use_ends(LIST_OWNER(use, struct pin, by_dma), use, budget);
}

/* Without an IOMMU the device may still write there, and nothing stops it: the frames stay out of use until the device is
 * quiet. */
bool pin_memory_use_ends(struct use *use, uint32_t *budget)
{
    if (iommu_on())
        return pin_use_ends(LIST_OWNER(use, struct pin, by_memory), use, budget);
    use_remove(use);
    return true;
}

static bool pins_end_step(struct chore *chore, uint32_t *budget)
{
    struct dma *dma = LIST_OWNER(chore, struct dma, ending);
    for (; !list_empty(&dma->pins); (*budget)--) {
        if (!*budget)
            return false;
        pin_end(pin_of(dma->pins.next));
    }
    object_unref(&dma->object);
    return true;
}

/* Nobody holds it any more, and nobody has stopped the device. With an IOMMU it is cut off here and now, by one flush for
 * all pins; then this object is nobody's, and a next one can be made. */
void dma_unnamed(struct object *object)
{
    struct dma *dma = (struct dma *)object;
    if (list_empty(&dma->pins) || dma->orphan)
        return;
    object_ref(object);
    if (iommu_on() && !iommu_domain_detach(&dma->domain)) {
        list_remove(&dma->in_all);
        chore_add(&dma->ending, pins_end_step, task_this()->priority);
        return;
    }
    dma->orphan = true;
}

/* ---- dma_pin, dma_unpin ---- */

static uint64_t pin_address(const struct pin *pin, uint64_t page)
{
    return iommu_on() ? pin->place.address + page * PAGE_SIZE : memory_page(pin->memory, pin->first_page + page);
}

static status_t addresses_out(const struct pin *pin, uint64_t *user)
{
    status_t status = user_range_ok((uint64_t)user, pin->place.pages * sizeof *user) ? OK : ERR_FAULT;
    for (uint64_t i = 0; i < pin->place.pages && !status; i++) {
        uint64_t address = pin_address(pin, i);
        status = user_copy_out(&user[i], &address, sizeof address);
    }
    return status;
}

static status_t handles_check(uint64_t dma, uint64_t memory, uint32_t right, struct cap **dma_cap,
                              struct cap **memory_cap)
{
    const struct cap_table *table = &task_this()->table;
    status_t status = cap_check(table, (handle_t)dma, OBJECT_DMA, RIGHT_DMA_PIN, dma_cap);
    return status ? status : cap_check(table, (handle_t)memory, OBJECT_MEMORY, right, memory_cap);
}

static status_t range_check(const struct dma *dma, const struct memory *memory, uint64_t first_page, uint64_t pages)
{
    if (memory->flags & MEMORY_DEVICE || !pages || first_page > memory->pages || pages > memory->pages - first_page)
        return ERR_INVALID;
    if (pages > IOVA_PAGES_A_PIN)
        return ERR_TOO_LONG;
    return dma->pin_count < IOVA_PINS ? OK : ERR_TABLE_FULL;
}

/* Puts the pin into its lists. */
static status_t pin_new(struct cap *dma_cap, struct cap *memory_cap, uint64_t first_page, uint64_t pages,
                        struct pin **made)
{
    status_t status = OK;
    struct dma *dma = (struct dma *)dma_cap->object;
    struct memory *memory = (struct memory *)memory_cap->object;
    struct pin *pin = slab_alloc(task_this()->account, SLAB_CLASS(struct pin), &status);
    if (!pin)
        return status;
    *pin = (struct pin){.dma = dma, .memory = memory, .first_page = first_page, .place.pages = pages};
    if (!iommu_on())
        list_push_back(&dma->pins, &pin->place.link);
    else if (iova_place(&dma->pins, &pin->place)) {
        slab_free(pin);
        return ERR_NO_MEMORY;
    }
    cap_use(dma_cap, &pin->by_dma, USE_PIN_DMA);
    cap_use(memory_cap, &pin->by_memory, USE_PIN_MEMORY);
    object_ref(&memory->object);
    dma->pin_count++;
    *made = pin;
    return OK;
}

struct syscall_result sys_dma_pin(uint64_t dma_handle, uint64_t memory_handle, uint64_t first_page, uint64_t pages,
                                  uint64_t user_addresses)
{
    struct cap *dma_cap, *memory_cap;
    struct pin *pin = NULL;
    status_t status = handles_check(dma_handle, memory_handle, RIGHT_MEMORY_PIN, &dma_cap, &memory_cap);
    if (status)
        return syscall_status(status);
    struct dma *dma = (struct dma *)dma_cap->object;
    struct memory *memory = (struct memory *)memory_cap->object;
    status = range_check(dma, memory, first_page, pages);
    if (!status)
        status = pin_new(dma_cap, memory_cap, first_page, pages, &pin);
    if (status)
        return syscall_status(status);
    status = addresses_out(pin, (uint64_t *)user_addresses);
    if (!status && iommu_on())
        status = iommu_map(&dma->domain, task_this()->account, pin->place, memory, first_page,
                           memory_cap->rights & RIGHT_MEMORY_WRITE);
    if (status)
        pin_end(pin);
    else
        TRACE2(MEM, DmaPin, pin_address(pin, 0), TRACE_WORD(dma->bus_id, pages));
    return syscall_status(status);
}

struct syscall_result sys_dma_unpin(uint64_t dma_handle, uint64_t memory_handle)
{
    struct cap *dma_cap, *memory_cap;
    status_t status = handles_check(dma_handle, memory_handle, 0, &dma_cap, &memory_cap);
    if (status)
        return syscall_status(status);
    struct dma *dma = (struct dma *)dma_cap->object;
    uint64_t pages = 0;
    struct link *next;
    uint32_t pins = 0;
    for (struct link *l = dma->pins.next; l != &dma->pins && !status; l = next) {
        struct pin *pin = pin_of(l);
        next = l->next;
        if (&pin->memory->object != memory_cap->object)
            continue;
        if (pages + pin->place.pages > UNPIN_PAGES || pins++ == UNPIN_PINS)
            return syscall_status(ERR_RESTARTED);
        pages += pin->place.pages;
        status = pin_unmap(pin);
        if (!status)
            pin_end(pin);
    }
    return syscall_status(status);
}
