/* kernel/irq with an IOMMU: what the unit refuses is told, once a device, and never hinders. */
#include <abi/info.h>
#include "kernel/trace/trace.h"
#include "tests/unit/iommu_fixture.h"

static void fault_interrupt(void)
{
    for (; unit->events; unit->events--)
        irq_interrupt(VECTOR_IOMMU);
}

static int64_t faults_read(uint64_t from, struct iommu_fault *faults, size_t count)
{
    return SYS(machine_root, system_info, machine_root_handle, INFO_IOMMU_FAULTS, from, P(faults),
               count * sizeof *faults);
}

/* IommuFault events among the last ones, and the newest of them. */
static unsigned traced(struct trace_record *newest)
{
    struct trace_record records[64];
    unsigned found = 0;
    size_t count = trace_last(records, 64);
    for (size_t i = 0; i < count; i++) {
        if (records[i].event != TRACE_IommuFault)
            continue;
        *newest = records[i];
        found++;
    }
    return found;
}

static void each_kind_of_record_is_told_as_it_is(void **state)
{
    (void)state;
    struct iommu_fault f = vtd_fault_decode(0x12345000, 1ul << 63 | 5ul << 32 | 0x0318);
    assert_int_equal(f.address, 0x12345000);
    assert_int_equal(f.bus_id, 0x318);
    assert_int_equal(f.reason, 5);
    assert_true(f.write && !f.interrupt);
    f = vtd_fault_decode(0xfffffffffffff123, 1ul << 63 | 1ul << 62 | 6ul << 32 | 0xffff);
    assert_int_equal(f.address, 0xfffffffffffff000);
    assert_true(!f.write && !f.interrupt && f.bus_id == 0xffff);
    for (uint64_t reason = 0; reason < 256; reason++) {
        f = vtd_fault_decode(0x77ul << 48, 1ul << 63 | reason << 32 | 1);
        assert_int_equal(f.interrupt, reason >= 0x20 && reason <= 0x2f);
        assert_int_equal(f.reason, reason);
        assert_int_equal(f.address, f.interrupt ? 0x77 : 0x77ul << 48);
    }
}

static void a_device_is_reported_once_until_it_gets_a_dma_object_anew(void **state)
{
    struct iommu_fault faults[4];
    struct trace_record event;
    (void)state;
    assert_int_equal(traced(&event), 0);
    machine_now_ns = 5000;
    vtd_model_reach(unit, DEVICE, 0x5123, true);
    assert_int_equal(unit->events, 1);
    fault_interrupt();
    assert_int_equal(faults_read(0, faults, 4), 1);
    assert_int_equal(faults[0].sequence, 1);
    assert_int_equal(faults[0].address, 0x5000);
    assert_int_equal(faults[0].bus_id, DEVICE);
    assert_int_equal(faults[0].time_ns, 5000);
    assert_true(faults[0].write && faults[0].reason == 2);
    for (unsigned i = 0; i < 1000; i++)
        assert_int_equal(vtd_model_reach(unit, DEVICE, 0x5000 + i * 64, i & 1), 0);
    assert_int_equal(unit->events, 0); /* it costs nothing */
    assert_int_equal(traced(&event), 1);
    assert_int_equal(event.payload[0], 0x5000);
    assert_int_equal(event.payload[1], TRACE_WORD(DEVICE, 2));
    vtd_model_reach(unit, FAR, 0x7000, false);
    fault_interrupt();
    assert_int_equal(faults_read(2, faults, 4), 1);
    assert_true(faults[0].bus_id == FAR && !faults[0].write);
    assert_int_equal(faults_read(3, faults, 4), 0);
    assert_int_equal(faults_read(0, faults, 1), 1);
    assert_int_equal(faults[0].sequence, 1);
    SYS(machine_root, cap_close, (uint64_t)dma);
    SYS(driver, cap_close, driver_dma);
    dma = (handle_t)SYS(machine_root, dma_create, machine_root_handle, DEVICE);
    vtd_model_reach(unit, DEVICE, 0x9000, false);
    assert_int_equal(unit->events, 1);
    fault_interrupt();
    assert_int_equal(faults_read(3, faults, 4), 1);
    assert_int_equal(faults[0].address, 0x9000);
}

static void a_device_that_faulted_still_reaches_its_pins(void **state)
{
    uint64_t at;
    (void)state;
    assert_int_equal(pin(0, 1, &at), OK);
    vtd_model_reach(unit, DEVICE, at + PAGE_SIZE, true);
    fault_interrupt();
    vtd_model_reach(unit, DEVICE, at + PAGE_SIZE, true);
    assert_int_equal(unit->events, 0);
    check_reach(at, physical_of(0));
    SYS(driver, dma_unpin, driver_dma, driver_memory);
    check_reach(at, 0);
    assert_int_equal(unit->events, 0);
}

static void an_overflow_is_cleared_and_later_faults_are_told(void **state)
{
    struct iommu_fault faults[64];
    (void)state;
    for (uint32_t i = 0; i < 20; i++)
        vtd_model_reach(unit, DMA_BUS_ID(1, i, 0), 0x1000 * (i + 1), true);
    assert_true(unit->fault_status & 1);
    fault_interrupt();
    assert_int_equal(unit->fault_status & 1, 0);
    assert_int_equal(faults_read(0, faults, 64), 8); /* as many records as it has */
    for (uint32_t i = 0; i < 8; i++)
        assert_int_equal(faults[i].bus_id, DMA_BUS_ID(1, i, 0));
    vtd_model_reach(unit, DMA_BUS_ID(1, 30, 0), 0x1000, true);
    fault_interrupt();
    assert_int_equal(faults_read(9, faults, 64), 1);
}

static void the_last_64_faults_are_kept(void **state)
{
    struct iommu_fault faults[70];
    (void)state;
    for (uint32_t i = 0; i < 100; i++) {
        vtd_model_reach(unit, 0x200 + i, 0x1000, true);
        fault_interrupt();
        if (i == 50)
            faults_read(1000, faults, 1);
    }
    assert_int_equal(faults_read(0, faults, 70), 64);
    assert_int_equal(faults[0].sequence, 37);
    assert_int_equal(faults[63].sequence, 100);
    assert_int_equal(faults[63].bus_id, 0x200 + 99);
}

/* Interrupts of a forger can't be made quiet by an entry: the event is masked until somebody reads. */
static void a_storm_of_forged_interrupts_ends_by_itself(void **state)
{
    struct iommu_fault faults[4];
    unsigned events = 0;
    (void)state;
    for (unsigned i = 0; i < 10000; i++) {
        assert_int_equal(vtd_model_interrupt(unit, DEVICE, 0xfee00000, 0x31), 0);
        events += unit->events;
        fault_interrupt();
    }
    assert_true(events <= 64);
    assert_int_equal(faults_read(0, faults, 4), 1);
    assert_true(faults[0].interrupt && faults[0].reason == 0x25 && faults[0].bus_id == DEVICE);
    assert_int_equal(unit->events, 1); /* what came meanwhile */
    fault_interrupt();
    vtd_model_reach(unit, OTHER, 0x1000, true);
    fault_interrupt();
    assert_int_equal(faults_read(2, faults, 4), 1);
    assert_int_equal(faults[0].bus_id, OTHER);
}

static void the_iommu_irq_raises_a_signal_for_what_is_new(void **state)
{
    struct irq_route route;
    (void)state;
    int64_t irq = SYS(machine_root, irq_create, machine_root_handle, IRQ_IOMMU, 0, P(&route));
    assert_true(irq > 0);
    assert_int_equal(SYS(machine_root, irq_create, machine_root_handle, IRQ_IOMMU, 0, P(&route)), ERR_BUSY);
    assert_int_equal(SYS(machine_root, irq_create, machine_root_handle, IRQ_IOMMU, 1, P(&route)), ERR_INVALID);
    int64_t bell = SYS(machine_root, signal_create);
    assert_int_equal(SYS(machine_root, irq_bind, (uint64_t)irq, (uint64_t)bell, 4), OK);
    struct signal *signal = (struct signal *)machine_cap(machine_root, (handle_t)bell)->object;
    irq_interrupt(VECTOR_IOMMU);
    assert_int_equal(signal->word, 0);
    vtd_model_reach(unit, DEVICE, 0x1000, true);
    fault_interrupt();
    assert_int_equal(signal->word, 1 << 4);
    assert_int_equal(SYS(machine_root, cap_close, (uint64_t)irq), OK);
    assert_true(SYS(machine_root, irq_create, machine_root_handle, IRQ_IOMMU, 0, P(&route)) > 0);
}

static void only_the_root_capability_tells_of_faults(void **state)
{
    struct iommu_fault fault;
    (void)state;
    handle_t weak = machine_grant(driver, machine_root_handle, RIGHTS_ALL & ~RIGHT_ROOT_DEVICE, 0);
    assert_int_equal(SYS(driver, system_info, weak, INFO_IOMMU_FAULTS, 0, P(&fault), sizeof fault), ERR_NO_RIGHT);
    assert_int_equal(SYS(driver, system_info, driver_dma, INFO_IOMMU_FAULTS, 0, P(&fault), sizeof fault),
                     ERR_WRONG_TYPE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_of_record_is_told_as_it_is),
        TEST(a_device_is_reported_once_until_it_gets_a_dma_object_anew),
        TEST(a_device_that_faulted_still_reaches_its_pins),
        TEST(an_overflow_is_cleared_and_later_faults_are_told),
        TEST(the_last_64_faults_are_kept),
        TEST(a_storm_of_forged_interrupts_ends_by_itself),
        TEST(the_iommu_irq_raises_a_signal_for_what_is_new),
        TEST(only_the_root_capability_tells_of_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
