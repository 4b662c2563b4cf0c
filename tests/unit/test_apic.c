/* kernel/x86/apic.c and apic_mode.c: which mode, the way into it, and who is told what in it. The instructions that touch the
 * hardware fault on the host; what they would do there is a model of each CPU's MSRs (Intel SDM vol. 3 §10.12). */
#include <asm/prctl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>
#include <cmocka.h>
#include "kernel/x86/acpi.h"
#include "kernel/x86/apic.h"
#include "kernel/x86/apic_mode.h"
#include "kernel/x86/cpu.h"
#include "kernel/x86/paging.h"
#include "tests/unit/host_log.h"

struct cpu cpus[CPU_MAX];
uint32_t cpu_count;
bool cpu_has_x2apic, cpu_has_tsc_deadline;
struct acpi_facts acpi;
struct acpi_cpu acpi_cpus[64];
uint32_t acpi_cpu_count;
uint64_t clock_mult = 1ul << 32;

uint64_t clock_ns(void)
{
    return 0;
}
uint64_t clock_ns_to_tsc(uint64_t ns)
{
    return ns;
}
uint64_t clock_tsc_to_ns(uint64_t tsc)
{
    return tsc;
}

/* ---- the hardware ---- */

#define OFF 0ul
#define NARROW (1ul << 11)             /* xAPIC: on */
#define WIDE (1ul << 11 | 1ul << 10)   /* x2APIC: on, extended */
#define OTHERS (0xfee00000ul | 1 << 8) /* of IA32_APIC_BASE, which must stay as they are */
enum { BASE = 0x1b, ID = 0x802, COMMAND = 0x830 };

static struct hardware {
    uint64_t base;
    uint32_t id;
    unsigned modes; /* changes */
} hardware[4], *running;
static uint32_t xapic[PAGE_SIZE / 4]; /* the registers of the one that runs, if it is in that mode */
static struct {
    uint64_t value[8];
    unsigned count;
} commands;
static unsigned exceptions; /* #GP: what the hardware would have refused */

volatile void *mmio_map(uint64_t physical, uint64_t bytes)
{
    (void)physical, (void)bytes;
    return xapic;
}

static bool is_wide(const struct hardware *h)
{
    return (h->base & WIDE) == WIDE;
}

/* Figure 10-27: from off only to xAPIC, from xAPIC to any, from x2APIC only to off. */
static void base_write(uint64_t value)
{
    uint64_t from = running->base & WIDE, to = value & WIDE;
    bool legal = from == to || (from == OFF && to == NARROW) || from == NARROW || (from == WIDE && to == OFF);
    if (!legal || to == (WIDE & ~NARROW) || (value & ~WIDE) != OTHERS)
        exceptions++;
    running->modes += from != to;
    running->base = value;
}

static uint64_t msr_of(uint32_t msr)
{
    if (msr == BASE)
        return running->base;
    if (!is_wide(running))
        exceptions++;
    return msr == ID ? running->id : 0;
}

static void msr_set(uint32_t msr, uint64_t value)
{
    if (msr == BASE)
        base_write(value);
    else if (!is_wide(running))
        exceptions++;
    else if (msr == COMMAND)
        commands.value[commands.count++ % 8] = value;
}

static void on_fault(int number, siginfo_t *info, void *context)
{
    greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
    const uint8_t *code = (const uint8_t *)r[REG_RIP];
    (void)number, (void)info;
    if (code[0] == 0x0f && code[1] == 0x32) { /* RDMSR */
        uint64_t value = msr_of((uint32_t)r[REG_RCX]);
        r[REG_RAX] = (uint32_t)value;
        r[REG_RDX] = (greg_t)(value >> 32);
        r[REG_RIP] += 2;
    } else if (code[0] == 0x0f && code[1] == 0x30) { /* WRMSR */
        msr_set((uint32_t)r[REG_RCX], (uint32_t)r[REG_RAX] | (uint64_t)r[REG_RDX] << 32);
        r[REG_RIP] += 2;
    } else if (code[0] == 0xe6 || code[0] == 0xee) { /* OUT, to the 8259s */
        r[REG_RIP] += code[0] == 0xe6 ? 2 : 1;
    } else {
        signal(SIGSEGV, SIG_DFL);
    }
}

static void run_on(unsigned cpu)
{
    running = &hardware[cpu];
    xapic[0x20 / 4] = running->id << 24;
    syscall(SYS_arch_prctl, ARCH_SET_GS, &cpus[cpu]);
}

static void machine(uint64_t mode, unsigned count, const uint32_t *ids)
{
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER};
    sigaction(SIGSEGV, &action, NULL);
    memset(hardware, 0, sizeof hardware);
    memset(xapic, 0, sizeof xapic);
    memset(&acpi, 0, sizeof acpi);
    commands.count = exceptions = host_log_lines = 0;
    cpu_has_x2apic = true;
    acpi_cpu_count = count;
    cpu_count = 1;
    for (unsigned i = 0; i < count; i++) {
        hardware[i] = (struct hardware){.base = OTHERS | mode, .id = ids[i]};
        acpi_cpus[i] = (struct acpi_cpu){.apic_id = ids[i], .enabled = 1};
        cpus[i] = (struct cpu){.self = &cpus[i], .id = i, .apic_id = ids[i]};
    }
    run_on(0);
}

static const uint32_t narrow_ids[] = {3, 254, 9}, wide_ids[] = {3, 254, 300, 0x12345};

/* ---- which mode ---- */

static void the_mode_is_chosen_by_who_is_there_and_what_is_allowed(void **state)
{
    static const struct {
        struct apic_facts facts;
        uint32_t id, enabled;
        bool wide, refused;
    } rows[] = {
        {{.on = false, .supported = true}, 254, 1, false, false},
        {{.on = false, .supported = true}, 255, 1, true, false},
        {{.on = false, .supported = true}, 300, 1, true, false},
        {{.on = false, .supported = true}, 300, 0, false, false},
        {{.on = false, .supported = false}, 7, 1, false, false},
        {{.on = false, .supported = false}, 300, 1, false, true},
        {{.supported = true, .unwanted = true}, 300, 1, false, true},
        {{.supported = true, .unwanted = true}, 7, 1, false, false},
        {{.on = true, .supported = true}, 7, 1, true, false},
        {{.on = true, .supported = true}, 300, 1, true, false},
        {{.on = true, .supported = true, .unwanted = true}, 300, 1, true, false},
    };
    (void)state;
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct acpi_cpu list[] = {{.apic_id = 0, .enabled = 1},
                                        {.apic_id = rows[i].id, .enabled = rows[i].enabled}};
        struct apic_choice choice = apic_mode_choose(&rows[i].facts, list, 2);
        assert_int_equal(choice.wide, rows[i].wide);
        assert_int_equal(choice.refused != NULL, rows[i].refused);
    }
}

static void the_mode_stays_as_the_firmware_left_it_where_eight_bits_do(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        machine(i ? WIDE : NARROW, 3, narrow_ids);
        apic_init();
        assert_int_equal(apic_is_x2apic(), i);
        run_on(1);
        assert_int_equal(apic_join(), 254);
        assert_int_equal(hardware[0].modes + hardware[1].modes, 0);
        assert_null(apic_reaches_not(254));
        assert_int_equal(exceptions + host_log_lines, 0);
    }
}

static void a_wide_id_turns_it_on_for_all_by_a_way_that_each_may_go(void **state)
{
    static const uint64_t modes[] = {NARROW, OFF, WIDE};
    (void)state;
    machine(NARROW, 4, wide_ids);
    apic_init();
    assert_true(apic_is_x2apic() && is_wide(&hardware[0]));
    assert_int_equal(cpus[0].apic_id, 3);
    assert_int_equal(host_log_lines, 1);
    for (unsigned i = 1; i < 4; i++) {
        hardware[i].base = OTHERS | modes[i - 1];
        run_on(i);
        assert_int_equal(apic_join(), wide_ids[i]);
        apic_init_other();
        assert_true(is_wide(&hardware[i]));
        assert_null(apic_reaches_not(wide_ids[i]));
    }
    assert_int_equal(hardware[2].modes, 2); /* off, xAPIC, x2APIC */
    assert_int_equal(exceptions, 0);
}

static void where_it_can_not_be_turned_on_who_is_left_out_and_why_is_known(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        machine(NARROW, 4, wide_ids);
        cpu_has_x2apic = i;
        acpi.dmar.x2apic_unwanted = true;
        apic_init();
        assert_false(apic_is_x2apic());
        assert_int_equal(hardware[0].modes, 0);
        assert_null(apic_reaches_not(254));
        assert_non_null(strstr(apic_reaches_not(255), i ? "firmware" : "has no x2APIC"));
        assert_ptr_equal(apic_reaches_not(300), apic_reaches_not(255));
        assert_int_equal(exceptions, 0);
    }
}

/* ---- who is told ---- */

static void in_x2apic_one_write_names_its_target_with_32_bits(void **state)
{
    (void)state;
    machine(WIDE, 4, wide_ids);
    apic_init();
    apic_interrupt(0x12345, VECTOR_IPI);
    apic_reset_cpu(300);
    apic_start_cpu(300, 0x9f);
    assert_int_equal(commands.count, 3);
    assert_int_equal(commands.value[0], 0x12345ul << 32 | 0x4000 | VECTOR_IPI);
    assert_int_equal(commands.value[1], 300ul << 32 | 0x4500);
    assert_int_equal(commands.value[2], 300ul << 32 | 0x469f);
    assert_int_equal(exceptions, 0);
}

static void in_xapic_the_upper_half_names_it_with_eight(void **state)
{
    (void)state;
    machine(NARROW, 3, narrow_ids);
    apic_init();
    apic_interrupt(254, VECTOR_IPI);
    assert_int_equal(xapic[0x310 / 4], 254u << 24);
    assert_int_equal(xapic[0x300 / 4], 0x4000 | VECTOR_IPI);
    assert_int_equal(commands.count + exceptions, 0);
}

/* The third is listed, but did not come: it has no IDT. */
static void a_panic_stops_those_that_run_and_no_others(void **state)
{
    (void)state;
    machine(WIDE, 4, wide_ids);
    apic_init();
    cpu_count = 3;
    run_on(1);
    apic_stop_others();
    assert_int_equal(commands.count, 2);
    assert_int_equal(commands.value[0], 3ul << 32 | 0x4400);
    assert_int_equal(commands.value[1], 300ul << 32 | 0x4400);
}

static void a_message_names_a_cpu_with_eight_bits_in_its_address(void **state)
{
    struct irq_route route;
    (void)state;
    msi_compose(0x31, 254, &route);
    assert_int_equal(route.message_address, 0xfeefe000);
    assert_int_equal(route.message_data, 0x31);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_mode_is_chosen_by_who_is_there_and_what_is_allowed),
        cmocka_unit_test(the_mode_stays_as_the_firmware_left_it_where_eight_bits_do),
        cmocka_unit_test(a_wide_id_turns_it_on_for_all_by_a_way_that_each_may_go),
        cmocka_unit_test(where_it_can_not_be_turned_on_who_is_left_out_and_why_is_known),
        cmocka_unit_test(in_x2apic_one_write_names_its_target_with_32_bits),
        cmocka_unit_test(in_xapic_the_upper_half_names_it_with_eight),
        cmocka_unit_test(a_panic_stops_those_that_run_and_no_others),
        cmocka_unit_test(a_message_names_a_cpu_with_eight_bits_in_its_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
