/* Interrupts: vectors, the signals that they raise, irq_create, irq_bind, irq_ack. */
#include "kernel/irq/device.h"
#include "kernel/irq/iommu.h"
#include "kernel/irq/irq_route.h"
#include "kernel/syscall.h"
#include "kernel/trace/trace.h"
#include "kernel/memory/memory.h"
#include "kernel/x86/paging.h"
#include "kernel/x86/platform.h"
#include "kernel/x86/user.h"

static struct irq *irqs[256]; /* by vector */

status_t device_root_check(uint64_t handle)
{
    struct cap *cap;
    return cap_check(&task_this()->table, (handle_t)handle, OBJECT_ROOT, RIGHT_ROOT_DEVICE, &cap);
}

void irq_interrupt(uint32_t vector)
{
    struct irq *irq = irqs[vector];
    bool news = vector != VECTOR_IOMMU || iommu_fault_interrupt();
    if (!irq || !news)
        return;
    irq->count++;
    if (irq_is_line(irq))
        ioapic_set_mask(irq->number, true);
    else
        irq_route_look(irq);
    if (irq->signal)
        signal_raise_bits(irq->signal, 1ul << irq->bit);
}

static uint32_t vector_take(uint32_t kind)
{
    if (kind == IRQ_IOMMU)
        return VECTOR_IOMMU;
    for (uint32_t v = VECTOR_DEVICE_FIRST; v <= VECTOR_DEVICE_LAST; v++)
        if (!irqs[v])
            return v;
    return 0;
}

/* ---- making one ---- */

static bool line_in_use(uint64_t gsi)
{
    for (uint32_t v = VECTOR_DEVICE_FIRST; v <= VECTOR_DEVICE_LAST; v++)
        if (irqs[v] && irq_is_line(irqs[v]) && irqs[v]->number == gsi)
            return true;
    return false;
}

static status_t line_check(uint64_t gsi)
{
    if (gsi >= ioapic_gsi_count())
        return ERR_INVALID;
    return line_in_use(gsi) ? ERR_BUSY : OK;
}
static status_t message_check(uint64_t bus_id)
{
    return bus_id > 0xffff ? ERR_INVALID : OK;
}
static status_t iommu_check(uint64_t number)
{
    if (number)
        return ERR_INVALID;
    if (!iommu_on())
        return ERR_NOT_SUPPORTED;
    return irqs[VECTOR_IOMMU] ? ERR_BUSY : OK;
}

static status_t (*const kind_checks[])(uint64_t number) = {[IRQ_LINE_LEVEL] = line_check,
                                                           [IRQ_LINE_EDGE] = line_check,
                                                           [IRQ_MESSAGE] = message_check,
                                                           [IRQ_IOMMU] = iommu_check};

/* PCI 3.0 §6.8.2: an entry of 16 bytes in a table of the device's memory, here not across two pages. */
static status_t place_check(uint64_t kind, uint64_t message_at)
{
    if (!message_at)
        return OK;
    if (kind != IRQ_MESSAGE || message_at % 16 || message_at >> 46 || !mmio_addressable(message_at))
        return ERR_INVALID;
    return memory_is_ram(message_at, 16) ? ERR_NO_RIGHT : OK;
}

static status_t irq_check(uint64_t root, uint64_t kind, uint64_t number, uint64_t message_at)
{
    status_t status = device_root_check(root);
    if (!status && kind >= sizeof kind_checks / sizeof kind_checks[0])
        status = ERR_INVALID;
    if (!status)
        status = place_check(kind, message_at);
    return status ? status : kind_checks[kind](number);
}

struct syscall_result sys_irq_create(uint64_t root, uint64_t kind, uint64_t number, uint64_t user_route,
                                     uint64_t message_at)
{
    struct task *task = task_this();
    struct irq_route route = {0};
    status_t status = irq_check(root, kind, number, message_at);
    uint32_t vector = vector_take((uint32_t)kind);
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
    irq->number = (uint32_t)number;
    irq->vector = vector;
    irq->message_at = message_at;
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

static void irq_unbind(struct irq *irq)
{
    struct signal *signal = irq->signal;
    if (irq_is_line(irq))
        ioapic_set_mask(irq->number, true);
    if (!signal)
        return;
    use_remove(&irq->by_irq);
    use_remove(&irq->by_signal);
    irq->signal = NULL;
    object_unref(&signal->object);
}

void irq_unnamed(struct object *object)
{
    irq_unbind((struct irq *)object);
}

bool irq_use_ends(struct use *use, uint32_t *budget)
{
    (void)budget;
    irq_unbind(LIST_OWNER(use, struct irq, by_irq));
    return true;
}

bool irq_signal_use_ends(struct use *use, uint32_t *budget)
{
    (void)budget;
    irq_unbind(LIST_OWNER(use, struct irq, by_signal));
    return true;
}

bool irq_destroy(struct object *object)
{
    const struct irq *irq = (const struct irq *)object;
    irq_route_end(irq);
    irqs[irq->vector] = NULL;
    return true;
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
    struct irq *irq = (struct irq *)cap->object;
    irq_unbind(irq); /* a second bind replaces the first */
    irq->signal = (struct signal *)signal_cap->object;
    irq->bit = (uint32_t)bit;
    object_ref(signal_cap->object);
    cap_use(cap, &irq->by_irq, USE_IRQ);
    cap_use(signal_cap, &irq->by_signal, USE_IRQ_SIGNAL);
    irq_route_follow(irq);
    if (irq_is_line(irq))
        ioapic_set_mask(irq->number, false);
    return syscall_status(OK);
}

struct syscall_result sys_irq_ack(uint64_t handle)
{
    struct cap *cap;
    status_t status = cap_check(&task_this()->table, (handle_t)handle, OBJECT_IRQ, RIGHT_IRQ_USE, &cap);
    if (status)
        return syscall_status(status);
    struct irq *irq = (struct irq *)cap->object;
    irq_route_follow(irq);
    if (irq_is_line(irq) && irq->signal)
        ioapic_set_mask(irq->number, false);
    return syscall_status(OK);
}
