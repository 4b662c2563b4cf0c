/* Intel VT-d, private to kernel/irq. Section numbers are of the VT-d specification 3.1 (June 2019); legacy mode only.
 *
 * All units share one root table and one table of interrupts, and every flush goes to each of them: so nothing here has
 * to know which unit a device lies behind, and a machine has few (ACPI_IOMMUS_MAX at the most).
 * Each request to the hardware is waited for, with an end to the patience: a unit that does not answer once is not asked
 * again (vtd.broken), and from then on nothing that a device could reach is ever reused. */
#pragma once
#include "kernel/irq/iommu.h"
#include "kernel/x86/acpi.h"

enum vtd_register { /* §10.4 */
                    VTD_VERSION = 0x00,
                    VTD_CAPABILITY = 0x08,
                    VTD_EXTENDED = 0x10,
                    VTD_COMMAND = 0x18,
                    VTD_STATUS = 0x1c,
                    VTD_ROOT_TABLE = 0x20,
                    VTD_CONTEXT_COMMAND = 0x28,
                    VTD_FAULT_STATUS = 0x34,
                    VTD_FAULT_CONTROL = 0x38,
                    VTD_FAULT_DATA = 0x3c,
                    VTD_FAULT_ADDRESS = 0x40,
                    VTD_FAULT_ADDRESS_HIGH = 0x44,
                    VTD_PROTECTED_MEMORY = 0x64,
                    VTD_QUEUE_TAIL = 0x88,
                    VTD_QUEUE_ADDRESS = 0x90,
                    VTD_INTERRUPT_TABLE = 0xb8,
};
/* §10.4.4, §10.4.5: command and status have the same bits */
#define VTD_TRANSLATION (1u << 31)
#define VTD_SET_ROOT (1u << 30)
#define VTD_FLUSH_WRITES (1u << 27)
#define VTD_QUEUE (1u << 26)
#define VTD_REMAPPING (1u << 25)
#define VTD_SET_INTERRUPTS (1u << 24)
#define VTD_COMPATIBILITY (1u << 23) /* interrupts in the old format pass */
#define VTD_ONCE (VTD_SET_ROOT | 3u << 28 | VTD_FLUSH_WRITES | VTD_SET_INTERRUPTS) /* not states */

/* §10.4.2 */
#define CAPABILITY_DOMAIN_BITS(c) (4 + 2 * ((c)&7))
#define CAPABILITY_WRITE_BUFFER (1ul << 4)
#define CAPABILITY_PROTECTED (3ul << 5)
#define CAPABILITY_CACHING (1ul << 7) /* what is not present is cached too */
#define CAPABILITY_WIDTHS(c) ((uint32_t)((c) >> 8) & 0x1f)
#define CAPABILITY_ADDRESS_BITS(c) ((uint32_t)((c) >> 16 & 0x3f) + 1)
#define CAPABILITY_FAULTS_AT(c) ((uint32_t)((c) >> 24 & 0x3ff) * 16)
#define CAPABILITY_PAGE_SELECTIVE (1ul << 39)
#define CAPABILITY_FAULTS(c) ((uint32_t)((c) >> 40 & 0xff) + 1)
#define CAPABILITY_MASK_MAX(c) ((uint32_t)((c) >> 48) & 0x3f)
#define CAPABILITY_DRAIN_WRITE (1ul << 54)
#define CAPABILITY_DRAIN_READ (1ul << 55)
/* §10.4.3 */
#define EXTENDED_COHERENT 1ul
#define EXTENDED_QUEUE 2ul
#define EXTENDED_REMAPPING 8ul
#define EXTENDED_WIDE_APIC 16ul
#define EXTENDED_IOTLB_AT(e) ((uint32_t)((e) >> 8 & 0x3ff) * 16)

struct vtd_unit {
    volatile uint8_t *registers;
    uint64_t physical, capability, extended;
    uint64_t *queue;           /* one page of requests of two words; NULL: registers instead */
    volatile uint32_t *answer; /* written by the unit when all before is done */
    uint32_t tail, asked;
};

struct vtd {
    struct vtd_unit units[ACPI_IOMMUS_MAX];
    uint32_t unit_count;
    uint32_t levels, domain_ids; /* what every unit can */
    bool caching, on, broken;
    uint64_t *root;       /* §9.1 */
    uint64_t *interrupts; /* §9.10; NULL: not remapped */
    bool wide;            /* destinations are x2APIC ids */
};
extern struct vtd vtd;

/* ---- vtd_mmio.c: the one place that touches registers; tests bring a model in its place ---- */
bool vtd_map(struct vtd_unit *unit, uint64_t bytes);
uint32_t vtd_read32(const struct vtd_unit *unit, uint32_t offset);
uint64_t vtd_read64(const struct vtd_unit *unit, uint32_t offset);
void vtd_write32(const struct vtd_unit *unit, uint32_t offset, uint32_t value);
void vtd_write64(const struct vtd_unit *unit, uint32_t offset, uint64_t value);

/* ---- vtd_unit.c: one unit ---- */
/* Why it can't be used, in words; NULL: it can. Leaves it off. */
const char *vtd_unit_look(struct vtd_unit *unit, uint64_t physical);
status_t MUST_CHECK vtd_unit_translate(struct vtd_unit *unit, uint64_t *queue, volatile uint32_t *answer);
status_t MUST_CHECK vtd_unit_remap(struct vtd_unit *unit);
status_t MUST_CHECK vtd_unit_command(const struct vtd_unit *unit, uint32_t bit, bool on);
void vtd_unit_off(const struct vtd_unit *unit);

/* ---- vtd_flush.c: every unit ---- */
status_t MUST_CHECK vtd_flush_unit(struct vtd_unit *unit);               /* all that it has cached */
status_t MUST_CHECK vtd_flush_context(uint32_t bus_id, uint32_t domain); /* and the domain's pages */
status_t MUST_CHECK vtd_flush_pages(uint32_t domain, uint64_t address, uint64_t pages);
status_t MUST_CHECK vtd_flush_domain_new(uint32_t domain); /* entries that were not present before */
status_t MUST_CHECK vtd_flush_interrupt(uint32_t entry);
status_t MUST_CHECK vtd_flush_interrupts(struct vtd_unit *unit);

/* ---- vtd_context.c ---- */
#define CONTEXT_PRESENT 1ul
#define CONTEXT_QUIET 2ul /* faults are not recorded: also says that one was */
/* The two words of a device (§9.3). NULL: none yet, and no memory for it, or `make` is false. */
uint64_t *vtd_context(uint32_t bus_id, bool make);
bool vtd_device_quiet(uint32_t bus_id);
status_t MUST_CHECK vtd_device_set_quiet(uint32_t bus_id, bool quiet);

/* ---- vtd_fault.c ---- */
void vtd_faults_start(struct vtd_unit *unit, uint32_t apic_id);
void vtd_faults_reset(void);
/* One record of the hardware (§10.4.14) in our form. */
struct iommu_fault vtd_fault_decode(uint64_t low, uint64_t high);

/* ---- vtd_remap.c ---- */
void vtd_remap_init(const struct acpi_dmar *dmar, uint64_t *table);
