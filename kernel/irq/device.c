#include "kernel/irq/device.h"
#include "kernel/memory/memory.h"
#include "kernel/memory/memory_object.h"
#include "kernel/memory/slab.h"
#include "kernel/sched/task.h"
#include "kernel/syscall.h"
#include "kernel/trace/trace.h"
#include "kernel/x86/platform.h"
#include "kernel/x86/user.h"

struct slab_cache irq_cache = SLAB_CACHE("irq", struct irq);
struct slab_cache ioport_cache = SLAB_CACHE("ioport", struct ioport);
struct slab_cache dma_cache = SLAB_CACHE("dma", struct dma);
static struct slab_cache pin_cache = SLAB_CACHE("pin", struct pin);
static struct irq *irqs[256]; /* by vector */

static status_t root_check(uint64_t handle)
{
    struct cap *cap;
    return cap_check(&task_this()->table, (handle_t)handle, OBJECT_ROOT, RIGHT_ROOT_DEVICE, &cap);
}

/* ---- interrupts ---- */

static bool irq_is_line(const struct irq *irq)
{
    return irq->kind != IRQ_MESSAGE;
}

void irq_interrupt(uint32_t vector)
{
    struct irq *irq = irqs[vector];
    if (!irq)
        return;
    irq->count++;
    if (irq_is_line(irq))
        ioapic_set_mask(irq->gsi, true);
    if (irq->signal)
        signal_raise_bits(irq->signal, 1ul << irq->bit);
}

static uint32_t vector_take(void)
{
    for (uint32_t v = VECTOR_DEVICE_FIRST; v <= VECTOR_DEVICE_LAST; v++)
        if (!irqs[v])
            return v;
    return 0;
}

static status_t irq_route_make(struct irq *irq, struct irq_route *route)
{
    uint32_t apic_id = cpu_this()->apic_id;
    route->vector = irq->vector;
    if (!irq_is_line(irq)) {
        msi_compose(irq->vector, apic_id, route);
        return OK;
    }
    bool level = irq->kind == IRQ_LINE_LEVEL;
    return ioapic_route(irq->gsi, irq->vector, apic_id, level, level);
}

static bool gsi_in_use(uint32_t kind, uint32_t gsi)
{
    for (uint32_t v = VECTOR_DEVICE_FIRST; v <= VECTOR_DEVICE_LAST; v++)
        if (kind != IRQ_MESSAGE && irqs[v] && irq_is_line(irqs[v]) && irqs[v]->gsi == gsi)
            return true;
    return false;
}

struct syscall_result sys_irq_create(uint64_t root, uint64_t kind, uint64_t number, uint64_t user_route)
{
    struct task *task = task_this();
    struct irq_route route = {0};
    status_t status = root_check(root);
    uint32_t vector = vector_take();
    if (!status && (kind > IRQ_MESSAGE || (kind != IRQ_MESSAGE && number >= ioapic_gsi_count())))
        status = ERR_INVALID;
    if (!status && gsi_in_use((uint32_t)kind, (uint32_t)number))
        status = ERR_BUSY;
    if (!status && !vector)
        status = ERR_NO_MEMORY;
    if (!status)
        status = cap_table_reserve(&task->table);
    if (status)
        return syscall_status(status);
    struct irq *irq = (struct irq *)object_create(OBJECT_IRQ, task->account, &status);
    if (!irq)
        return syscall_status(status);
    irq->kind = (uint32_t)kind;
    irq->gsi = (uint32_t)number;
    irq->vector = vector;
    irqs[vector] = irq;
    status = irq_route_make(irq, &route);
    if (!status)
        status = user_copy_out((void *)user_route, &route, sizeof route);
    if (status) {
        object_unref(&irq->object);
        return syscall_status(status);
    }
    return syscall_object_named(task, &irq->object, RIGHTS_ALL & ~RIGHTS_SERVICE);
}

void irq_unnamed(struct object *object)
{
    struct irq *irq = (struct irq *)object;
    if (irq_is_line(irq))
        ioapic_set_mask(irq->gsi, true);
    struct signal *signal = irq->signal;
    irq->signal = NULL;
    if (signal)
        object_unref(&signal->object);
}

void irq_destroy(struct object *object)
{
    irqs[((struct irq *)object)->vector] = NULL;
}

struct syscall_result sys_irq_bind(uint64_t handle, uint64_t signal_handle, uint64_t bit)
{
    struct cap *cap, *signal_cap;
    status_t status = cap_check(&task_this()->table, (handle_t)handle, OBJECT_IRQ, RIGHT_IRQ_USE, &cap);
    if (!status)
        status =
            cap_check(&task_this()->table, (handle_t)signal_handle, OBJECT_SIGNAL, RIGHT_SIGNAL_RAISE, &signal_cap);
    if (!status && bit > 63)
        status = ERR_INVALID;
    if (!status && signal_cap->badge && !(signal_cap->badge >> bit & 1))
        status = ERR_NO_RIGHT;
    if (status)
        return syscall_status(status);
    irq_unnamed(cap->object); /* a second bind replaces the first */
    struct irq *irq = (struct irq *)cap->object;
    irq->signal = (struct signal *)signal_cap->object;
    irq->bit = (uint32_t)bit;
    object_ref(signal_cap->object);
    if (irq_is_line(irq))
        ioapic_set_mask(irq->gsi, false);
    return syscall_status(OK);
}

struct syscall_result sys_irq_ack(uint64_t handle)
{
    struct cap *cap;
    status_t status = cap_check(&task_this()->table, (handle_t)handle, OBJECT_IRQ, RIGHT_IRQ_USE, &cap);
    if (status)
        return syscall_status(status);
    const struct irq *irq = (const struct irq *)cap->object;
    if (irq_is_line(irq) && irq->signal)
        ioapic_set_mask(irq->gsi, false);
    return syscall_status(OK);
}

/* ---- I/O ports ---- */

struct syscall_result sys_ioport_create(uint64_t root, uint64_t first, uint64_t count)
{
    struct task *task = task_this();
    status_t status = root_check(root);
    if (!status && (!count || first > 0xffff || count > 0x10000 - first))
        status = ERR_INVALID;
    if (status)
        return syscall_status(status);
    struct ioport *port = (struct ioport *)object_create(OBJECT_IOPORT, task->account, &status);
    if (!port)
        return syscall_status(status);
    port->first = (uint32_t)first;
    port->count = (uint32_t)count;
    return syscall_object_named(task, &port->object, RIGHTS_ALL & ~RIGHTS_SERVICE);
}

static status_t port_check(uint64_t handle, uint64_t offset, uint64_t width, uint32_t right, uint16_t *number)
{
    struct cap *cap;
    status_t status = cap_check(&task_this()->table, (handle_t)handle, OBJECT_IOPORT, right, &cap);
    if (status)
        return status;
    const struct ioport *port = (const struct ioport *)cap->object;
    if ((width != 1 && width != 2 && width != 4) || width > port->count || offset > port->count - width)
        return ERR_INVALID;
    *number = (uint16_t)(port->first + offset);
    return OK;
}

struct syscall_result sys_ioport_read(uint64_t handle, uint64_t offset, uint64_t width)
{
    uint16_t port;
    uint32_t value = 0;
    status_t status = port_check(handle, offset, width, RIGHT_IOPORT_READ, &port);
    if (status)
        return syscall_status(status);
    if (width == 1)
        __asm__ volatile("inb %1, %b0" : "+a"(value) : "Nd"(port));
    else if (width == 2)
        __asm__ volatile("inw %1, %w0" : "+a"(value) : "Nd"(port));
    else
        __asm__ volatile("inl %1, %0" : "+a"(value) : "Nd"(port));
    return syscall_value(value);
}

struct syscall_result sys_ioport_write(uint64_t handle, uint64_t offset, uint64_t width, uint64_t value)
{
    uint16_t port;
    status_t status = port_check(handle, offset, width, RIGHT_IOPORT_WRITE, &port);
    if (status)
        return syscall_status(status);
    if (width == 1)
        __asm__ volatile("outb %b0, %1" ::"a"((uint32_t)value), "Nd"(port));
    else if (width == 2)
        __asm__ volatile("outw %w0, %1" ::"a"((uint32_t)value), "Nd"(port));
    else
        __asm__ volatile("outl %0, %1" ::"a"((uint32_t)value), "Nd"(port));
    return syscall_status(OK);
}

/* ---- device memory ---- */

struct syscall_result sys_devmem_create(uint64_t root, uint64_t physical, uint64_t bytes)
{
    struct task *task = task_this();
    struct memory *memory;
    status_t status = root_check(root);
    if (!status && (physical % PAGE_SIZE || bytes % PAGE_SIZE || !bytes || bytes >> 40 || physical >> 46))
        status = ERR_INVALID;
    if (!status && memory_is_ram(physical, bytes))
        status = ERR_NO_RIGHT;
    if (!status)
        status = memory_new_device(task->account, physical, bytes / PAGE_SIZE, &memory);
    if (status)
        return syscall_status(status);
    return syscall_object_named(task, &memory->object,
                                RIGHTS_ALL & ~(RIGHTS_SERVICE | RIGHT_MEMORY_EXEC | RIGHT_MEMORY_PIN));
}

/* ---- dma ---- */

struct syscall_result sys_dma_create(uint64_t root, uint64_t bus_id)
{
    struct task *task = task_this();
    status_t status = root_check(root);
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
    list_remove(&pin->in_memory);
    account_release(pin->account, sizeof *pin);
    account_unref(pin->account);
    slab_free(&pin_cache, pin);
    object_unref(memory);
}

void dma_unpin_all(struct object *object)
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
    struct account *account = task_this()->account;
    struct dma *dma = (struct dma *)dma_cap->object;
    struct memory *memory = (struct memory *)memory_cap->object;
    if (memory->flags & MEMORY_DEVICE || !pages || first_page > memory->pages || pages > memory->pages - first_page)
        return syscall_status(ERR_INVALID);
    status = addresses_out(memory, first_page, pages, (uint64_t *)user_addresses);
    if (!status)
        status = account_charge(account, sizeof(struct pin));
    if (status)
        return syscall_status(status);
    struct pin *pin = slab_alloc(&pin_cache);
    if (!pin) {
        account_release(account, sizeof(struct pin));
        return syscall_status(ERR_NO_MEMORY);
    }
    *pin = (struct pin){.dma = dma, .memory = memory, .account = account, .first_page = first_page, .pages = pages};
    account_ref(account);
    list_push_back(&dma->pins, &pin->in_dma);
    list_push_back(&memory->pins, &pin->in_memory);
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
