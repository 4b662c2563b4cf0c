/* Leaving: ACPI's reset register and S5 (ACPI 6.4 §4.8.3.6, §16.1), then what PCs and QEMU know besides. */
#include "kernel/x86/acpi.h"
#include "kernel/x86/asm.h"
#include "kernel/x86/cpu.h"
#include "kernel/x86/log.h"
#include "kernel/x86/paging.h"

#define PM1_SCI_ENABLED (1u << 0)
#define PM1_SLEEP_ENABLE (1u << 13)
#define QEMU_POWER_PORT 0x604 /* PIIX4 and ICH9 as QEMU's firmware sets them up */
#define QEMU_POWER_OFF 0x2000
#define KEYBOARD_COMMAND 0x64
#define KEYBOARD_RESET 0xfe
#define PATIENCE_NS 500000000ul /* for what takes effect a little later, as QEMU's power-off does */

static void wait(void)
{
    uint64_t end = clock_ns() + PATIENCE_NS;
    while (clock_ns() < end)
        in8(0x80);
}

static void gas_write(const struct acpi_gas *gas, uint8_t value)
{
    if (gas->space == GAS_PORT)
        out8((uint16_t)gas->address, value);
    else if (gas->space == GAS_MEMORY)
        *(volatile uint8_t *)mmio_map(gas->address, 1) = value;
}

_Noreturn void cpu_reboot(void)
{
    static const struct {
        uint16_t limit;
        uint64_t base;
    } __attribute__((packed)) no_idt;
    if (acpi.reset_known) {
        gas_write(&acpi.reset_register, acpi.reset_value);
        wait();
    }
    out8(KEYBOARD_COMMAND, KEYBOARD_RESET);
    wait();
    __asm__ volatile("lidt %0; int3" : : "m"(no_idt));
    cpu_halt_forever();
}

/* Some firmware leaves the machine in legacy mode, in which the sleep bits do nothing (§16.3.1). */
static void acpi_mode_on(void)
{
    if (!acpi.smi_command || !acpi.acpi_enable || in16(acpi.pm1a_control) & PM1_SCI_ENABLED)
        return;
    out8((uint16_t)acpi.smi_command, acpi.acpi_enable);
    uint64_t end = clock_ns() + PATIENCE_NS;
    while (clock_ns() < end && !(in16(acpi.pm1a_control) & PM1_SCI_ENABLED))
        in8(0x80);
}

static void sleep_s5(void)
{
    acpi_mode_on();
    out16(acpi.pm1a_control, (uint16_t)(acpi.s5_a << 10 | PM1_SLEEP_ENABLE));
    if (acpi.pm1b_control)
        out16(acpi.pm1b_control, (uint16_t)(acpi.s5_b << 10 | PM1_SLEEP_ENABLE));
    wait();
}

_Noreturn void cpu_power_off(void)
{
    klog(KLOG_INFO, "power off");
    if (acpi.s5_known && acpi.pm1a_control)
        sleep_s5();
    out16(QEMU_POWER_PORT, QEMU_POWER_OFF);
    wait();
    klog(KLOG_ERROR, "power: this machine does not switch itself off; halted");
    cpu_halt_forever();
}
