#include "tests/unit/iommu_fixture.h"

struct task *driver;
handle_t memory, dma, driver_memory, driver_dma;
struct vtd_model *unit;

void iommu_start(uint64_t capability, uint64_t extended, unsigned units)
{
    struct acpi_dmar dmar = {.covered = {{0, 0x5ff}}, .covered_count = 1, .interrupts_remappable = true};
    dmar.ioapics[dmar.ioapic_count++] = (struct acpi_interrupt_source){.ioapic_id = 0, .source_id = 0xff00};
    for (unsigned i = 0; i < units; i++)
        vtd_model_add(&dmar, capability, extended);
    iommu_init(&dmar, 0, false);
    unit = &models[0];
}

void make_driver(void)
{
    driver = machine_task("driver", 10, 4096, HANDLE_NONE);
    int64_t result;
    do
        result = SYS(machine_root, memory_create, MEMORY_PAGES, 0);
    while (result == ERR_RESTARTED);
    assert_true(result > 0);
    memory = (handle_t)result;
    dma = (handle_t)SYS(machine_root, dma_create, machine_root_handle, DEVICE);
    driver_memory = machine_grant(driver, memory, RIGHTS_ALL, 0);
    driver_dma = machine_grant(driver, dma, RIGHTS_ALL, 0);
}

int iommu_setup_with(uint64_t capability, uint64_t extended, unsigned units)
{
    machine_setup(NULL);
    iommu_start(capability, extended, units);
    make_driver();
    return 0;
}

int iommu_setup(void **state)
{
    (void)state;
    return iommu_setup_with(MODEL_CAPABILITY, MODEL_EXTENDED, 1);
}

int iommu_teardown(void **state)
{
    machine_teardown(state);
    vtd_model_reset();
    iommu_init(&(struct acpi_dmar){.unit_count = 0}, 0, false);
    return 0;
}

uint64_t physical_of(uint64_t page)
{
    return memory_page((struct memory *)machine_cap(machine_root, memory)->object, page);
}

int64_t pin(uint64_t first, uint64_t pages, uint64_t *addresses)
{
    return SYS(driver, dma_pin, driver_dma, driver_memory, first, pages, P(addresses));
}

int64_t revoke(handle_t handle)
{
    int64_t result;
    do
        result = SYS(machine_root, cap_revoke, handle);
    while (result == ERR_RESTARTED);
    return result;
}

void check_reach(uint64_t address, uint64_t physical)
{
    for (unsigned i = 0; i < MODEL_UNITS && models[i].capability; i++) {
        assert_int_equal(vtd_model_reach(&models[i], DEVICE, address + 8, false), physical ? physical + 8 : 0);
        assert_int_equal(vtd_model_reach(&models[i], DEVICE, address + 8, true), physical ? physical + 8 : 0);
    }
}
