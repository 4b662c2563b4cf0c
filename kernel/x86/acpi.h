/* What the static ACPI tables told, for the platform code beside it (ACPI 6.4 chapter 5; devmgr's part is struct
 * platform_info). Filled once by acpi_init(), with a PC's defaults where a table is missing or broken. */
#pragma once
#include "kernel/x86/platform.h"

#define ACPI_IOAPICS_MAX 8
struct acpi_ioapic {
    uint64_t physical;
    uint32_t id, gsi_base;
};
struct acpi_gas { /* generic address structure, §5.2.3.2 */
    uint8_t space, bits, offset, access;
    uint64_t address;
} __attribute__((packed));
enum { GAS_MEMORY = 0, GAS_PORT = 1 };

/* DMAR (VT-d specification 3.1, chapter 8), PCI segment 0. */
#define ACPI_IOMMUS_MAX 16
#define ACPI_COVERED_MAX 64
struct acpi_bus_ids {
    uint32_t first, last;
};
struct acpi_interrupt_source {
    uint32_t ioapic_id, source_id; /* as whom an I/O APIC sends interrupts: a DMA_BUS_ID */
};
struct acpi_dmar {
    uint64_t units[ACPI_IOMMUS_MAX]; /* where their registers are */
    struct acpi_interrupt_source ioapics[ACPI_IOAPICS_MAX];
    struct acpi_bus_ids covered[ACPI_COVERED_MAX]; /* devices that lie behind one of the units */
    uint32_t unit_count, ioapic_count, covered_count;
    bool interrupts_remappable; /* the firmware allows it, and names each I/O APIC of the MADT */
    bool x2apic_unwanted;       /* the firmware asks not to turn it on */
};

struct acpi_facts {
    uint64_t local_apic_physical;
    struct acpi_ioapic ioapics[ACPI_IOAPICS_MAX];
    uint32_t ioapic_count;
    uint16_t pm_timer_port; /* 0: none */
    bool pm_timer_32bit;
    uint16_t pm1a_control, pm1b_control; /* ports; 0: none */
    uint32_t smi_command;
    uint8_t acpi_enable;
    bool s5_known;
    uint8_t s5_a, s5_b; /* SLP_TYP for PM1a and PM1b */
    bool reset_known;
    struct acpi_gas reset_register;
    uint8_t reset_value;
    struct acpi_dmar dmar; /* unit_count 0: none */
};
extern struct acpi_facts acpi;
/* By ports, at boot only; all ones where nothing answers (PCI 3.0 §3.2.2.3.2). Tests bring their own. */
uint32_t pci_config_read8(uint32_t bus_id, uint32_t offset);
/* Of the CPU that asks; at boot, before apic_init(). Tests bring their own. */
uint32_t boot_apic_id(void);
