/* Interrupts: vectors, the signals that they raise, irq_create, irq_bind, irq_ack. */
#include "kernel/irq/device.h"
#include "kernel/sched/task.h"
#include "kernel/syscall.h"
#include "kernel/trace/trace.h"
#include "kernel/x86/platform.h"
#include "kernel/x86/user.h"

static struct irq *irqs[256]; /* by vector */

status_t device_root_check(uint64_t handle)
{
    struct cap *cap;
    return cap_check(&task_this()->table, (handle_t)handle, OBJECT_ROOT, RIGHT_ROOT_DEVICE, &cap);
}

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
    status_t status = device_root_check(root);
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

static void irq_unbind(struct irq *irq)
{
    struct signal *signal = irq->signal;
    if (irq_is_line(irq))
        ioapic_set_mask(irq->gsi, true);
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
    irqs[((struct irq *)object)->vector] = NULL;
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
