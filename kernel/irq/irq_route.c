#include "kernel/irq/irq_route.h"
#include "kernel/sched/task.h"
#include "kernel/x86/apic_mode.h"
#include "kernel/x86/paging.h"

/* A device's own message names a CPU with eight bits, whatever the local APICs can (SDM vol. 3 §10.11.1). */
static bool reaches(uint32_t apic_id)
{
    return apic_id_reached(apic_id, iommu_remaps_interrupts());
}

/* ---- the first route ---- */

static status_t message_route(const struct irq *irq, struct irq_route *route)
{
    if (!iommu_remaps_interrupts()) {
        msi_compose(irq->vector, irq->apic_id, route);
        return OK;
    }
    iommu_message_compose(irq->vector, route);
    return iommu_interrupt_allow(irq->vector, irq->apic_id, irq->number, false);
}

static status_t line_route(const struct irq *irq)
{
    bool level = irq->kind == IRQ_LINE_LEVEL;
    if (!iommu_remaps_interrupts())
        return ioapic_route(irq->number, irq->vector, irq->apic_id, level, level);
    uint32_t ioapic, source;
    status_t status = ioapic_id_of(irq->number, &ioapic);
    if (!status)
        status = iommu_ioapic_source(ioapic, &source);
    if (!status)
        status = iommu_interrupt_allow(irq->vector, irq->apic_id, source, level);
    return status ? status : ioapic_route_remapped(irq->number, irq->vector, level, level);
}

static const struct cpu *first_reached(void)
{
    if (reaches(cpu_this()->apic_id))
        return cpu_this();
    for (uint32_t i = 0; i < cpu_count; i++)
        if (reaches(cpus[i].apic_id))
            return &cpus[i];
    return NULL;
}

status_t irq_route_make(struct irq *irq, struct irq_route *route)
{
    const struct cpu *cpu = first_reached();
    route->vector = irq->vector;
    if (irq->kind == IRQ_IOMMU) /* the units send it themselves, from iommu_init() on */
        return OK;
    if (!cpu)
        return ERR_NOT_SUPPORTED;
    irq->apic_id = cpu->apic_id;
    return irq_is_line(irq) ? line_route(irq) : message_route(irq, route);
}

void irq_route_end(const struct irq *irq)
{
    if (irq->kind != IRQ_IOMMU && iommu_remaps_interrupts())
        iommu_interrupt_forbid(irq->vector);
}

/* ---- after the task ---- */

/* PCI 3.0 §6.8.2.6 to 6.8.2.9: the message may only change while its vector is masked; what comes meanwhile is kept. */
static void entry_move(const struct irq *irq, uint32_t apic_id)
{
    enum { ADDRESS = 0, CONTROL = 3, CONTROL_MASKED = 1 };
    volatile uint32_t *entry = mmio_window(irq->message_at);
    struct irq_route route;
    msi_compose(irq->vector, apic_id, &route);
    uint32_t control = entry[CONTROL];
    entry[CONTROL] = control | CONTROL_MASKED;
    entry[ADDRESS] = (uint32_t)route.message_address;
    entry[CONTROL] = control;
}

static bool irq_move(const struct irq *irq, uint32_t apic_id)
{
    if (iommu_remaps_interrupts()) /* one that does not answer says so itself, and keeps what it has */
        return iommu_interrupt_move(irq->vector, apic_id) == OK;
    if (irq_is_line(irq))
        return ioapic_move(irq->number, apic_id);
    if (irq->message_at)
        entry_move(irq, apic_id);
    return irq->message_at;
}

static void follow(struct irq *irq, uint32_t apic_id)
{
    if (apic_id != irq->apic_id && reaches(apic_id) && irq_move(irq, apic_id))
        irq->apic_id = apic_id;
}

/* Who receives on the signal's channel; NULL: nobody yet. */
static const struct task *served(const struct irq *irq)
{
    const struct channel *channel = irq->signal ? irq->signal->channel : NULL;
    return channel && irq->kind != IRQ_IOMMU ? channel_task(channel) : NULL;
}

void irq_route_follow(struct irq *irq)
{
    const struct task *task = served(irq);
    if (task)
        follow(irq, cpus[task->cpu].apic_id);
}

void irq_route_look(struct irq *irq)
{
    const struct task *task = served(irq);
    if (!task)
        return;
    uint32_t apic_id = cpus[task->cpu].apic_id;
    if (apic_id == irq->apic_id_seen)
        follow(irq, apic_id);
    irq->apic_id_seen = apic_id;
}
