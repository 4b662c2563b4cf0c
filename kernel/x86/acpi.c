/* Static ACPI tables (ACPI 6.4 §5.2). Pure but for early_view(): tests/unit/test_acpi.c feeds it broken ones. Each table is
 * checked (signature, length, checksum) before a field is read, each field against the length; a table that fails is skipped
 * with a log line. */
#include <string.h>
#include "kernel/x86/acpi_table.h"
#include "kernel/x86/boot_info.h"
#include "kernel/x86/log.h"

#define HEADER_BYTES 36
#define TABLE_BYTES_MAX (4u << 20)
#define CPUS_MAX (sizeof(acpi_cpus) / sizeof(acpi_cpus[0]))

struct platform_info platform;
struct acpi_facts acpi;
struct acpi_cpu acpi_cpus[64];
uint32_t acpi_cpu_count;

/* ---- Reading ------------------------------------------------------------------------------------------------------- */

static bool sums_to_zero(const uint8_t *bytes, uint64_t length)
{
    uint8_t sum = 0;
    while (length--)
        sum += *bytes++;
    return sum == 0;
}

/* An empty table (length 0) when something is wrong with it. */
static struct table table_at(uint64_t physical)
{
    const uint8_t *head = physical ? early_view(physical, HEADER_BYTES) : NULL;
    struct table none = {0};
    if (!head)
        return none;
    struct table table = {head, HEADER_BYTES};
    table.length = (uint32_t)field(table, 4, 4);
    if (table.length < HEADER_BYTES || table.length > TABLE_BYTES_MAX || !early_view(physical, table.length)) {
        klog(KLOG_WARNING, "acpi: table at 0x%lx has length %u, skipped", physical, table.length);
        return none;
    }
    if (!sums_to_zero(table.bytes, table.length)) {
        klog(KLOG_WARNING, "acpi: %.4s at 0x%lx has a wrong checksum, skipped", (const char *)head, physical);
        return none;
    }
    return table;
}

/* ---- MADT, §5.2.12 ------------------------------------------------------------------------------------------------ */

enum { MADT_CPU = 0, MADT_IOAPIC = 1, MADT_OVERRIDE = 2, MADT_APIC_ADDRESS = 5, MADT_X2APIC_CPU = 9 };

static uint32_t cpus_left_out;

static struct acpi_cpu *cpu_of(uint32_t apic_id)
{
    for (uint32_t i = 0; i < acpi_cpu_count; i++)
        if (acpi_cpus[i].apic_id == apic_id)
            return &acpi_cpus[i];
    return NULL;
}

/* A CPU may be told of twice, as xAPIC and as x2APIC. */
static void add_cpu(uint32_t apic_id, uint64_t flags)
{
    struct acpi_cpu *known = cpu_of(apic_id);
    if (!(flags & 3)) /* neither enabled nor to be */
        return;
    if (known)
        known->enabled |= (uint32_t)flags & 1;
    else if (acpi_cpu_count < CPUS_MAX)
        acpi_cpus[acpi_cpu_count++] = (struct acpi_cpu){.apic_id = apic_id, .enabled = (uint32_t)flags & 1};
    else
        cpus_left_out++;
}

static void madt_cpu(struct table entry)
{
    if (field(entry, 3, 1) != 0xff) /* all CPUs */
        add_cpu((uint32_t)field(entry, 3, 1), field(entry, 4, 4));
}
static void madt_x2apic_cpu(struct table entry)
{
    if (field(entry, 4, 4) != UINT32_MAX)
        add_cpu((uint32_t)field(entry, 4, 4), field(entry, 8, 4));
}
static void madt_ioapic(struct table entry)
{
    uint64_t physical = field(entry, 4, 4);
    if (!physical || acpi.ioapic_count == ACPI_IOAPICS_MAX)
        return;
    acpi.ioapics[acpi.ioapic_count++] = (struct acpi_ioapic){
        .physical = physical, .id = (uint32_t)field(entry, 2, 1), .gsi_base = (uint32_t)field(entry, 8, 4)};
}
static void madt_override(struct table entry)
{
    uint64_t irq = field(entry, 3, 1), gsi = field(entry, 4, 4);
    if (irq < 16 && gsi < 256)
        platform.isa_gsi[irq] = (uint8_t)gsi;
}
static void madt_apic_address(struct table entry)
{
    if (field(entry, 4, 8))
        acpi.local_apic_physical = field(entry, 4, 8);
}

static const struct {
    uint8_t type, bytes;
    void (*take)(struct table entry);
} madt_takers[] = {
    {MADT_CPU, 8, madt_cpu},
    {MADT_IOAPIC, 12, madt_ioapic},
    {MADT_OVERRIDE, 10, madt_override},
    {MADT_APIC_ADDRESS, 12, madt_apic_address},
    {MADT_X2APIC_CPU, 16, madt_x2apic_cpu},
};

static void madt_entry(struct table entry)
{
    for (size_t i = 0; i < sizeof(madt_takers) / sizeof(madt_takers[0]); i++)
        if (madt_takers[i].type == entry.bytes[0] && entry.length >= madt_takers[i].bytes)
            madt_takers[i].take(entry);
}

static void take_madt(struct table madt)
{
    if (field(madt, 36, 4))
        acpi.local_apic_physical = field(madt, 36, 4);
    for (uint32_t offset = 44; offset < madt.length;) {
        struct table entry = {madt.bytes + offset, (uint32_t)field(madt, offset + 1, 1)};
        if (entry.length < 2 || entry.length > madt.length - offset)
            return;
        madt_entry(entry);
        offset += entry.length;
    }
}

/* ---- MCFG (PCI Firmware Specification 3.3 §4.1.2): segment group 0 ---------------------------------------------- */

static void take_mcfg(struct table mcfg)
{
    for (uint32_t offset = 44; offset < mcfg.length && mcfg.length - offset >= 16; offset += 16) {
        uint64_t first = field(mcfg, offset + 10, 1), last = field(mcfg, offset + 11, 1);
        if (field(mcfg, offset + 8, 2) || first > last || !field(mcfg, offset, 8))
            continue;
        platform.ecam_address = field(mcfg, offset, 8);
        platform.ecam_bus_first = (uint32_t)first;
        platform.ecam_bus_last = (uint32_t)last;
        return;
    }
}

/* ---- FADT, §5.2.9, and \_S5 in the DSDT --------------------------------------------------------------------------- */

#define FADT_RESET_SUPPORTED (1u << 10)
#define FADT_TIMER_32BIT (1u << 8)

/* An AML integer constant of at most a byte (§20.2.3): zero, one, or BytePrefix. Moves *offset past it. */
static uint8_t aml_small(struct table aml, uint32_t *offset)
{
    uint8_t first = (uint8_t)field(aml, (*offset)++, 1);
    if (first == 0x0a)
        return (uint8_t)field(aml, (*offset)++, 1);
    return first == 1;
}

/* NameOp "_S5_" PackageOp PkgLength NumElements SLP_TYPa SLP_TYPb ...: found by pattern, there is no AML interpreter. */
static bool s5_at(struct table aml, uint32_t offset)
{
    bool named = field(aml, offset - 1, 1) == 0x08 || field(aml, offset - 2, 2) == 0x5c08; /* maybe "\" before it */
    if (!named || field(aml, offset + 4, 1) != 0x12)
        return false;
    uint32_t value = offset + 5 + (uint32_t)(field(aml, offset + 5, 1) >> 6) + 2; /* PkgLength's bytes, NumElements */
    acpi.s5_a = aml_small(aml, &value) & 7;
    acpi.s5_b = aml_small(aml, &value) & 7;
    return true;
}

static void take_dsdt(struct table dsdt)
{
    for (uint32_t i = HEADER_BYTES + 2; i + 4 <= dsdt.length && !acpi.s5_known; i++)
        if (dsdt.bytes[i] == '_' && memcmp(dsdt.bytes + i, "_S5_", 4) == 0)
            acpi.s5_known = s5_at(dsdt, i);
}

static void take_reset(struct table fadt, uint32_t flags)
{
    memcpy(&acpi.reset_register, fadt.bytes + 116, sizeof(acpi.reset_register));
    acpi.reset_value = (uint8_t)field(fadt, 128, 1);
    acpi.reset_known = flags & FADT_RESET_SUPPORTED && acpi.reset_register.address;
}

static void take_fadt(struct table fadt)
{
    uint32_t flags = (uint32_t)field(fadt, 112, 4);
    uint64_t dsdt = field(fadt, 140, 8) ? field(fadt, 140, 8) : field(fadt, 40, 4);
    acpi.smi_command = (uint32_t)field(fadt, 48, 4);
    acpi.acpi_enable = (uint8_t)field(fadt, 52, 1);
    acpi.pm1a_control = (uint16_t)field(fadt, 64, 4);
    acpi.pm1b_control = (uint16_t)field(fadt, 68, 4);
    acpi.pm_timer_port = field(fadt, 91, 1) == 4 ? (uint16_t)field(fadt, 76, 4) : 0;
    acpi.pm_timer_32bit = flags & FADT_TIMER_32BIT;
    if (fadt.length >= 129)
        take_reset(fadt, flags);
    take_dsdt(table_at(dsdt));
}

/* ---- RSDP, RSDT, XSDT, §5.2.5 to 5.2.8 ----------------------------------------------------------------------------- */

static const struct {
    char signature[5];
    void (*take)(struct table table);
} table_takers[] = {{"APIC", take_madt},      {"MCFG", take_mcfg},      {"FACP", take_fadt},
                    {"DMAR", acpi_take_dmar}, {"SRAT", acpi_take_srat}, {"SLIT", acpi_take_slit}};

/* The signature first: tables that nobody reads are not summed. */
static void take_table(uint64_t physical)
{
    const char *signature = physical ? early_view(physical, HEADER_BYTES) : NULL;
    for (size_t i = 0; signature && i < sizeof(table_takers) / sizeof(table_takers[0]); i++) {
        if (memcmp(signature, table_takers[i].signature, 4) != 0)
            continue;
        struct table table = table_at(physical);
        if (table.length)
            table_takers[i].take(table);
    }
}

static bool take_root(uint64_t physical, const char *signature, uint32_t entry_bytes)
{
    struct table root = table_at(physical);
    if (!root.length || memcmp(root.bytes, signature, 4) != 0)
        return false;
    for (uint32_t offset = HEADER_BYTES; root.length - offset >= entry_bytes; offset += entry_bytes)
        take_table(field(root, offset, entry_bytes));
    return true;
}

static const uint8_t *rsdp_at(uint64_t physical)
{
    const uint8_t *rsdp = physical ? early_view(physical, 36) : NULL;
    return rsdp && memcmp(rsdp, "RSD PTR ", 8) == 0 && sums_to_zero(rsdp, 20) ? rsdp : NULL;
}

static uint64_t rsdp_search_range(uint64_t start, uint64_t bytes)
{
    for (uint64_t at = start; at < start + bytes; at += 16)
        if (rsdp_at(at))
            return at;
    return 0;
}

/* §5.2.5.1: the first KiB of the extended BIOS data area, then 0xe0000 to 0xfffff. */
static uint64_t rsdp_search(void)
{
    const uint16_t *ebda_segment = early_view(0x40e, 2);
    uint64_t ebda = ebda_segment ? (uint64_t)*ebda_segment << 4 : 0, found = 0;
    if (ebda >= 0x80000 && ebda < 0xa0000)
        found = rsdp_search_range(ebda, 1024);
    return found ? found : rsdp_search_range(0xe0000, 0x20000);
}

static void defaults(void)
{
    memset(&acpi, 0, sizeof(acpi));
    memset(&platform, 0, sizeof(platform));
    acpi_cpu_count = cpus_left_out = 0;
    acpi.local_apic_physical = 0xfee00000;
    for (unsigned irq = 0; irq < 16; irq++)
        platform.isa_gsi[irq] = (uint8_t)irq;
}

static void defaults_where_missing(void)
{
    if (!acpi.ioapic_count)
        acpi.ioapics[acpi.ioapic_count++] = (struct acpi_ioapic){.physical = 0xfec00000};
    if (!acpi_cpu_count)
        acpi_cpus[acpi_cpu_count++] = (struct acpi_cpu){.apic_id = boot_apic_id(), .enabled = 1};
}

/* The others move up by one. */
static void boot_cpu_first(void)
{
    uint32_t id = boot_apic_id(), at = 0;
    while (at < acpi_cpu_count && acpi_cpus[at].apic_id != id)
        at++;
    if (at == acpi_cpu_count) {
        klog(KLOG_WARNING, "acpi: the MADT does not name this CPU, APIC id %u", id);
        if (acpi_cpu_count < CPUS_MAX)
            acpi_cpu_count++;
        else
            at--;
    }
    memmove(&acpi_cpus[1], &acpi_cpus[0], at * sizeof(acpi_cpus[0]));
    acpi_cpus[0] = (struct acpi_cpu){.apic_id = id, .enabled = 1};
    if (cpus_left_out)
        klog(KLOG_WARNING, "acpi: %u CPUs more than there is room for", cpus_left_out);
}

void acpi_init(void)
{
    uint64_t physical = boot_info.rsdp_physical;
    defaults();
    if (!rsdp_at(physical))
        physical = rsdp_search();
    const uint8_t *rsdp = physical ? rsdp_at(physical) : NULL;
    struct table fields = {rsdp, rsdp ? (rsdp[15] >= 2 ? 36 : 20) : 0};
    platform.rsdp_address = physical;
    if (!rsdp)
        klog(KLOG_WARNING, "acpi: no RSDP, going on with a PC's defaults");
    else if (!take_root(field(fields, 24, 8), "XSDT", 8) && !take_root(field(fields, 16, 4), "RSDT", 4))
        klog(KLOG_WARNING, "acpi: neither XSDT nor RSDT is sound, going on with a PC's defaults");
    defaults_where_missing();
    boot_cpu_first();
    acpi_srat_finish();
    acpi_dmar_finish();
}
