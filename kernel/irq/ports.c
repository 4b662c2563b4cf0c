/* I/O ports and device registers. */
#include "kernel/irq/device.h"
#include "kernel/memory/memory.h"
#include "kernel/memory/memory_object.h"
#include "kernel/syscall.h"

struct syscall_result sys_ioport_create(uint64_t root, uint64_t first, uint64_t count)
{
    struct task *task = task_this();
    status_t status = device_root_check(root);
    if (!status && (!count || first > 0xffff || count > 0x10000 - first))
        status = ERR_INVALID;
    if (status)
        return syscall_status(status);
    struct ioport *port = (struct ioport *)object_create(OBJECT_IOPORT, task->account, &status);
    if (!port)
        return syscall_status(status);
    port->first = (uint32_t)first;
    port->count = (uint32_t)count;
    return syscall_object_named(task, &port->object, RIGHTS_ALL & ~RIGHTS_SERVICE);
}

static status_t port_check(uint64_t handle, uint64_t offset, uint64_t width, uint32_t right, uint16_t *number)
{
    struct cap *cap;
    status_t status = cap_check(&task_this()->table, (handle_t)handle, OBJECT_IOPORT, right, &cap);
    if (status)
        return status;
    const struct ioport *port = (const struct ioport *)cap->object;
    if ((width != 1 && width != 2 && width != 4) || width > port->count || offset > port->count - width)
        return ERR_INVALID;
    *number = (uint16_t)(port->first + offset);
    return OK;
}

struct syscall_result sys_ioport_read(uint64_t handle, uint64_t offset, uint64_t width)
{
    uint16_t port;
    uint32_t value = 0;
    status_t status = port_check(handle, offset, width, RIGHT_IOPORT_READ, &port);
    if (status)
        return syscall_status(status);
    if (width == 1)
        __asm__ volatile("inb %1, %b0" : "+a"(value) : "Nd"(port));
    else if (width == 2)
        __asm__ volatile("inw %1, %w0" : "+a"(value) : "Nd"(port));
    else
        __asm__ volatile("inl %1, %0" : "+a"(value) : "Nd"(port));
    return syscall_value(value);
}

struct syscall_result sys_ioport_write(uint64_t handle, uint64_t offset, uint64_t width, uint64_t value)
{
    uint16_t port;
    status_t status = port_check(handle, offset, width, RIGHT_IOPORT_WRITE, &port);
    if (status)
        return syscall_status(status);
    if (width == 1)
        __asm__ volatile("outb %b0, %1" ::"a"((uint32_t)value), "Nd"(port));
    else if (width == 2)
        __asm__ volatile("outw %w0, %1" ::"a"((uint32_t)value), "Nd"(port));
    else
        __asm__ volatile("outl %0, %1" ::"a"((uint32_t)value), "Nd"(port));
    return syscall_status(OK);
}

/* ---- device memory ---- */

struct syscall_result sys_devmem_create(uint64_t root, uint64_t physical, uint64_t bytes)
{
    struct task *task = task_this();
    struct memory *memory;
    status_t status = device_root_check(root);
    if (!status && (physical % PAGE_SIZE || bytes % PAGE_SIZE || !bytes || bytes >> 40 || physical >> 46))
        status = ERR_INVALID;
    if (!status && memory_is_ram(physical, bytes))
        status = ERR_NO_RIGHT;
    if (!status)
        status = memory_new_device(task->account, physical, bytes / PAGE_SIZE, &memory);
    if (status)
        return syscall_status(status);
    return syscall_object_named(task, &memory->object,
                                RIGHTS_ALL & ~(RIGHTS_SERVICE | RIGHT_MEMORY_EXEC | RIGHT_MEMORY_PIN));
}
