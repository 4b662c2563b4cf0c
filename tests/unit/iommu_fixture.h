/* A machine with model IOMMUs (vtd_model.h) and a driver that holds a device's dma capability and some memory. */
#pragma once
#include "kernel/irq/device.h"
#include "tests/unit/host_machine.h"
#include "tests/unit/vtd_model.h"

#define DEVICE DMA_BUS_ID(0, 3, 0)
#define OTHER DMA_BUS_ID(0, 4, 1)
#define FAR DMA_BUS_ID(5, 0, 0)
#define MEMORY_PAGES 40

extern struct task *driver;
extern handle_t memory, dma;               /* the root task's */
extern handle_t driver_memory, driver_dma; /* the driver's, derived from these */
extern struct vtd_model *unit;             /* the first one */

void iommu_start(uint64_t capability, uint64_t extended, unsigned units); /* MODEL_ values; as at boot */
void make_driver(void);
int iommu_setup_with(uint64_t capability, uint64_t extended, unsigned units);
int iommu_setup(void **state); /* one unit that can all, and the driver */
int iommu_teardown(void **state);
#define TEST(name) cmocka_unit_test_setup_teardown(name, iommu_setup, iommu_teardown)

uint64_t physical_of(uint64_t page); /* of `memory` */
int64_t pin(uint64_t first, uint64_t pages, uint64_t *addresses);
int64_t revoke(handle_t handle);
void check_reach(uint64_t address,
                 uint64_t physical); /* DEVICE reads and writes there, or nowhere (0), by every unit */
