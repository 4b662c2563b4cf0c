/* The registers themselves: see device.h. */
#include "drivers/e1000/device.h"

uint32_t e1000_read(const struct e1000_device *device, enum e1000_register at)
{
    return *(volatile uint32_t *)(device->registers.address + at);
}

/* What was written to memory before is there before the device hears of it: x86 keeps the order of writes, the compiler
 * is told. */
void e1000_write(const struct e1000_device *device, enum e1000_register at, uint32_t value)
{
    __atomic_thread_fence(__ATOMIC_RELEASE);
    *(volatile uint32_t *)(device->registers.address + at) = value;
}
