/* The IOMMU as the rest of the kernel sees it: what a device may reach, and which interrupts it may raise. Behind it is
 * Intel VT-d (vtd.h); without one iommu_on() is false and nothing else here may be called but where it says so.
 *
 * Rules
 *  - Kernel lock held.
 *  - A device without a mapped page reaches nothing: its context entry is not present. The first page that is mapped
 *    makes it present, the end of the last one takes it away again.
 *  - What iommu_unmap() or iommu_domain_detach() returned OK for, no device reaches any more: its frames may be reused.
 *    After an error (the hardware does not answer) they must never be. */
#pragma once
#include "kernel/irq/iova.h"
#include "kernel/irq/vtd_tables.h"
#include <abi/device.h>
#include <abi/errors.h>

struct account;
struct acpi_dmar;
struct memory;

/* Before the first task runs. apic_id: who gets interrupts; wide: it is an x2APIC's. */
void iommu_init(const struct acpi_dmar *dmar, uint32_t apic_id, bool wide);
bool iommu_on(void);
bool iommu_covers(uint32_t bus_id); /* the device lies behind it */

/* ---- What a device reaches ---- */

struct iommu_domain {
    uint32_t id, bus_id;
    struct vtd_tables tables; /* root 0: detached */
    uint64_t top;             /* no table is for an address from here on */
    uint64_t table_pages;
    struct account
        *account; /* of who mapped first; pays for the tables, whose charge keeps it alive. NULL: there are none */
};
/* The device's faults are reported from now on (again). ERR_NO_MEMORY: no domain id is left. */
status_t MUST_CHECK iommu_domain_init(struct iommu_domain *domain, uint32_t bus_id);
void iommu_domain_end(struct iommu_domain *domain); /* detached */
/* All or nothing: ERR_QUOTA, ERR_NO_MEMORY, ERR_IO. The place is free (iova.h), and at most IOVA_PAGES_A_PIN long. */
status_t MUST_CHECK iommu_map(struct iommu_domain *domain, struct account *account, struct iova place,
                              const struct memory *memory, uint64_t first_page, bool writable);
status_t MUST_CHECK iommu_unmap(struct iommu_domain *domain, struct iova place);
/* The device reaches nothing any more, and the tables are given back. */
status_t MUST_CHECK iommu_domain_detach(struct iommu_domain *domain);

/* ---- Interrupts: entry n of the remapping table is vector n's ---- */

bool iommu_remaps_interrupts(void); /* false without an IOMMU too */
status_t MUST_CHECK iommu_interrupt_allow(uint32_t vector, uint32_t apic_id, uint32_t source_id, bool level);
status_t MUST_CHECK iommu_interrupt_move(uint32_t vector, uint32_t apic_id); /* one that was allowed, to another CPU */
void iommu_interrupt_forbid(uint32_t vector);
void iommu_message_compose(uint32_t vector, struct irq_route *route);
status_t MUST_CHECK iommu_ioapic_source(uint32_t ioapic_id, uint32_t *source_id);

/* ---- What was refused ---- */

/* VECTOR_IOMMU: takes the records from the hardware. True when there is something new to read. */
bool iommu_fault_interrupt(void);
/* The first record kept with a sequence number of at least `sequence`; false: none (also without an IOMMU). */
bool iommu_fault_read(uint64_t sequence, struct iommu_fault *fault);
/* Somebody looks at the faults: the hardware may tell of more. Also without an IOMMU. */
void iommu_faults_seen(void);
