/* kernel/irq/irq_route.c: an interrupt follows the task that it serves from CPU to CPU. The calls are those of a driver; the
 * I/O APIC, the device's MSI-X table and the IOMMU are models. */
#include "kernel/irq/irq_route.h"
#include "tests/unit/host_irq.h"
#include "tests/unit/iommu_fixture.h"

#define LINE 5
#define ENTRY_AT 0xfeb51230ul /* the device's MSI-X table entry */
static uint32_t *entry;       /* the same, as the kernel sees it */
static struct irq_route route;
static handle_t channel, signal, irq;

/* Three CPUs beside the one that works, with nobody on them; the driver's task is said to run where a test puts it. */
static void four_cpus(const uint32_t apic_ids[4])
{
    cpu_count = 4;
    for (uint32_t i = 0; i < 4; i++)
        cpus[i].apic_id = apic_ids[i];
}

static int setup(void **state)
{
    static const uint32_t ids[] = {0, 2, 5, 9};
    iommu_setup_with(0, 0, 0);
    (void)state;
    four_cpus(ids);
    entry = host_irq_reset(ENTRY_AT);
    channel = machine_channel(driver, 4, 4);
    signal = (handle_t)SYS(driver, signal_create);
    assert_int_equal(SYS(driver, signal_bind, signal, channel), OK);
    return 0;
}

static int teardown(void **state)
{
    cpu_count = 1;
    cpus[0].apic_id = 0;
    return iommu_teardown(state);
}

static handle_t irq_made(uint32_t kind, uint32_t number, uint64_t message_at)
{
    int64_t made = SYS(machine_root, irq_create, machine_root_handle, kind, number, P(&route), message_at);
    assert_true(made > 0);
    irq = machine_grant(driver, (handle_t)made, RIGHTS_ALL, 0);
    return irq;
}

/* As devmgr does, and with the vector masked or not. */
static void message_made(uint32_t control)
{
    irq_made(IRQ_MESSAGE, DEVICE, ENTRY_AT);
    entry[0] = (uint32_t)route.message_address;
    entry[2] = route.message_data;
    entry[3] = control;
}

static void bound(void)
{
    assert_int_equal(SYS(driver, irq_bind, irq, signal, 3), OK);
}

static void interrupt_with_task_on(uint32_t cpu)
{
    driver->cpu = cpu;
    irq_interrupt(route.vector);
    driver->cpu = 0; /* this CPU is the only one that does something */
}

static uint32_t message_cpu(void)
{
    assert_int_equal(entry[0] >> 20, 0xfee);
    assert_int_equal(entry[0] & 0xfff, 0);
    assert_int_equal(entry[2], route.vector);
    return entry[0] >> 12 & 0xff;
}

/* ---- messages ---- */

static void a_message_follows_when_two_interrupts_found_its_task_elsewhere(void **state)
{
    (void)state;
    message_made(0);
    bound();
    assert_int_equal(message_cpu(), 0);
    interrupt_with_task_on(2);
    assert_int_equal(message_cpu(), 0);
    interrupt_with_task_on(2);
    assert_int_equal(message_cpu(), 5);
    unsigned written = host_irq_windows;
    for (unsigned i = 0; i < 10; i++)
        interrupt_with_task_on(2);
    assert_int_equal(host_irq_windows, written); /* it costs nothing as long as nothing changes */
    interrupt_with_task_on(3);
    interrupt_with_task_on(3);
    assert_int_equal(message_cpu(), 9);
}

static void a_task_that_comes_and_goes_is_not_followed(void **state)
{
    (void)state;
    message_made(0);
    bound();
    for (unsigned i = 0; i < 20; i++)
        interrupt_with_task_on(i % 2 ? 0 : 1 + i / 2 % 3);
    assert_int_equal(host_irq_windows, 0);
    for (unsigned i = 0; i < 20; i++)
        interrupt_with_task_on(1 + i % 3);
    assert_int_equal(host_irq_windows, 0);
}

static void a_masked_message_stays_masked(void **state)
{
    (void)state;
    message_made(1);
    bound();
    interrupt_with_task_on(1);
    interrupt_with_task_on(1);
    assert_int_equal(message_cpu(), 2);
    assert_int_equal(entry[3], 1);
    assert_int_equal(entry[1], 0);
}

static void a_message_goes_from_its_first_time_on_to_where_it_is_bound(void **state)
{
    (void)state;
    message_made(0);
    machine_run(driver);
    cpus[0].apic_id = 9; /* devmgr asked for it on another CPU than this */
    bound();
    assert_int_equal(message_cpu(), 9);
}

static void a_message_whose_place_is_not_told_stays(void **state)
{
    (void)state;
    irq_made(IRQ_MESSAGE, DEVICE, 0);
    bound();
    interrupt_with_task_on(1);
    interrupt_with_task_on(1);
    interrupt_with_task_on(1);
    assert_int_equal(host_irq_windows, 0);
}

static void a_place_that_is_none_is_refused(void **state)
{
    static const struct {
        uint32_t kind;
        uint64_t at;
        status_t status;
    } bad[] = {{IRQ_MESSAGE, ENTRY_AT + 8, ERR_INVALID}, {IRQ_MESSAGE, ENTRY_AT + 1, ERR_INVALID},
               {IRQ_MESSAGE, 1ul << 46, ERR_INVALID},    {IRQ_MESSAGE, UINT64_MAX - 15, ERR_INVALID},
               {IRQ_MESSAGE, 1ul << 45, ERR_INVALID}, /* no such address on this CPU */
               {IRQ_LINE_LEVEL, ENTRY_AT, ERR_INVALID},  {IRQ_MESSAGE, 0x1000, ERR_NO_RIGHT}};
    (void)state;
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(SYS(machine_root, irq_create, machine_root_handle, bad[i].kind, LINE, P(&route), bad[i].at),
                         bad[i].status);
    assert_int_equal(object_counts[OBJECT_IRQ], 0);
}

/* ---- lines ---- */

static void a_line_follows_with_its_ack_while_it_is_masked(void **state)
{
    (void)state;
    irq_made(IRQ_LINE_LEVEL, LINE, 0);
    bound();
    irq_interrupt(route.vector);
    assert_true(host_line.masked);
    machine_run(driver);
    cpus[0].apic_id = 5;
    assert_int_equal(SYS(driver, irq_ack, irq), OK);
    assert_int_equal(host_line.apic_id, 5);
    assert_true(host_line.moved_masked && !host_line.masked);
}

static void a_line_that_a_cpu_still_has_follows_the_next_time(void **state)
{
    (void)state;
    irq_made(IRQ_LINE_LEVEL, LINE, 0);
    bound();
    machine_run(driver);
    cpus[0].apic_id = 5;
    host_line.under_way = true;
    assert_int_equal(SYS(driver, irq_ack, irq), OK);
    assert_int_equal(host_line.apic_id, 0);
    assert_false(host_line.masked);
    host_line.under_way = false;
    assert_int_equal(SYS(driver, irq_ack, irq), OK);
    assert_int_equal(host_line.apic_id, 5);
}

/* ---- nobody to follow ---- */

static void without_a_task_that_receives_nothing_moves(void **state)
{
    (void)state;
    message_made(0);
    interrupt_with_task_on(1); /* not bound */
    interrupt_with_task_on(1);
    bound();
    assert_int_equal(SYS(driver, cap_close, channel), OK); /* the signal has no channel any more */
    interrupt_with_task_on(1);
    interrupt_with_task_on(1);
    assert_int_equal(host_irq_windows, 0);
}

/* ---- through the IOMMU ---- */

static void with_iommu(uint64_t extended, bool wide)
{
    struct acpi_dmar dmar = {.covered = {{0, 0x5ff}}, .covered_count = 1, .interrupts_remappable = true};
    dmar.ioapics[dmar.ioapic_count++] = (struct acpi_interrupt_source){.ioapic_id = 0, .source_id = 0xff00};
    vtd_model_add(&dmar, MODEL_CAPABILITY, extended);
    iommu_init(&dmar, 0, wide);
    unit = &models[0];
    assert_int_equal(iommu_remaps_interrupts(),
                     extended & EXTENDED_REMAPPING && (!wide || extended & EXTENDED_WIDE_APIC));
}

static void remapped_comes_to(uint32_t source_id, uint32_t apic_id)
{
    uint64_t address = source_id == DEVICE ? route.message_address : 0xfee00000 | route.vector << 5 | 16;
    assert_int_equal(vtd_model_interrupt(unit, source_id, address, 0), route.vector);
    assert_int_equal(unit->target, apic_id);
}

static void through_the_iommu_a_message_follows_and_the_device_is_left_alone(void **state)
{
    (void)state;
    with_iommu(MODEL_EXTENDED, false);
    message_made(0);
    bound();
    remapped_comes_to(DEVICE, 0);
    interrupt_with_task_on(3);
    interrupt_with_task_on(3);
    remapped_comes_to(DEVICE, 9); /* the unit, which had cached the entry, was told */
    assert_int_equal(vtd_model_interrupt(unit, OTHER, route.message_address, 0), 0);
    assert_int_equal(host_irq_windows, 0);
}

static void through_the_iommu_a_line_follows_with_its_ack(void **state)
{
    (void)state;
    with_iommu(MODEL_EXTENDED, false);
    irq_made(IRQ_LINE_LEVEL, LINE, 0);
    bound();
    remapped_comes_to(0xff00, 0);
    machine_run(driver);
    cpus[0].apic_id = 5;
    assert_int_equal(SYS(driver, irq_ack, irq), OK);
    remapped_comes_to(0xff00, 5);
    assert_int_equal(vtd.interrupts[2 * route.vector] >> 4 & 1, 1); /* still level */
}

static void a_unit_that_answers_no_more_leaves_the_route(void **state)
{
    (void)state;
    with_iommu(MODEL_EXTENDED, false);
    message_made(0);
    bound();
    unit->silent = true;
    for (unsigned i = 0; i < 4; i++)
        interrupt_with_task_on(3);
    unit->silent = false;
    assert_true(vtd.broken);
    remapped_comes_to(DEVICE, 9); /* the table says so; a cache may go on with what it has */
}

/* ---- ids of more than eight bits ---- */

static void a_cpu_that_eight_bits_do_not_name_gets_no_message_without_remapping(void **state)
{
    static const uint32_t ids[] = {0, 300, 254, 255};
    (void)state;
    four_cpus(ids);
    message_made(0);
    bound();
    for (unsigned cpu = 1; cpu < 4; cpu += 2) {
        interrupt_with_task_on(cpu);
        interrupt_with_task_on(cpu);
        assert_int_equal(message_cpu(), 0);
    }
    interrupt_with_task_on(2);
    interrupt_with_task_on(2);
    assert_int_equal(message_cpu(), 254);
}

static void with_remapping_it_does(void **state)
{
    static const uint32_t ids[] = {0, 300, 254, 0x12345};
    (void)state;
    four_cpus(ids);
    with_iommu(MODEL_EXTENDED | EXTENDED_WIDE_APIC, true);
    message_made(0);
    bound();
    interrupt_with_task_on(3);
    interrupt_with_task_on(3);
    remapped_comes_to(DEVICE, 0x12345);
}

static void asked_for_on_such_a_cpu_it_goes_to_the_first_that_it_reaches(void **state)
{
    static const uint32_t some[] = {256, 300, 7, 9}, none[] = {256, 300, 255, 1000};
    (void)state;
    four_cpus(some);
    message_made(0);
    assert_int_equal(message_cpu(), 7);
    four_cpus(none);
    assert_int_equal(SYS(machine_root, irq_create, machine_root_handle, IRQ_MESSAGE, DEVICE, P(&route)),
                     ERR_NOT_SUPPORTED);
    assert_int_equal(SYS(machine_root, irq_create, machine_root_handle, IRQ_LINE_EDGE, LINE, P(&route)),
                     ERR_NOT_SUPPORTED);
    assert_int_equal(object_counts[OBJECT_IRQ], 1);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_message_follows_when_two_interrupts_found_its_task_elsewhere),
        T(a_task_that_comes_and_goes_is_not_followed),
        T(a_masked_message_stays_masked),
        T(a_message_goes_from_its_first_time_on_to_where_it_is_bound),
        T(a_message_whose_place_is_not_told_stays),
        T(a_place_that_is_none_is_refused),
        T(a_line_follows_with_its_ack_while_it_is_masked),
        T(a_line_that_a_cpu_still_has_follows_the_next_time),
        T(without_a_task_that_receives_nothing_moves),
        T(through_the_iommu_a_message_follows_and_the_device_is_left_alone),
        T(through_the_iommu_a_line_follows_with_its_ack),
        T(a_unit_that_answers_no_more_leaves_the_route),
        T(a_cpu_that_eight_bits_do_not_name_gets_no_message_without_remapping),
        T(with_remapping_it_does),
        T(asked_for_on_such_a_cpu_it_goes_to_the_first_that_it_reaches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
