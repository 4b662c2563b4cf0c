/* Devices, trace, power and tasks, without the capability or with too little of it. */
#include "tests/system/hostile/attacks.h"

#include <string.h>

static bool refused(int64_t result)
{
    return result == ERR_BAD_HANDLE || result == ERR_WRONG_TYPE || result == ERR_NO_RIGHT;
}

/* Every handle that it has, and some that it has not. */
#define FOR_EACH_HANDLE(h)                                         \
    for (size_t i_ = 0; i_ < task_start_info->cap_count + 3; i_++) \
        for (handle_t h = clone_cap(i_), once_ = 1; once_; once_ = 0)

ATTACK(root_calls_without_the_capability)
{
    struct irq_route route;
    FOR_EACH_HANDLE(h)
    {
        struct task_create_args args = {.name = "child", .priority = 1, .quota_pages = 8, .root = h};
        EXPECT(refused(task_create(&args)));
        EXPECT(refused(irq_create(h, IRQ_LINE_EDGE, 1, &route, 0)));
        EXPECT(refused(irq_create(h, IRQ_MESSAGE, 0, &route, 0)));
        EXPECT(refused(ioport_create(h, 0x60, 8)));
        EXPECT(refused(devmem_create(h, 0xfee00000, PAGE_SIZE)));
        EXPECT(refused(dma_create(h, 0)));
        EXPECT(refused(system_info(h, INFO_PLATFORM, 0, &route, sizeof route)));
    }
    return HELD;
}

/* Root that may create tasks gets no device. */
ATTACK(root_of_tasks_used_for_devices)
{
    handle_t root = cap_named("root");
    uint8_t *buffer = scratch.bytes;
    struct irq_route route;
    EXPECT_IS(irq_create(root, IRQ_LINE_EDGE, 1, &route, 0), ERR_NO_RIGHT);
    EXPECT_IS(ioport_create(root, 0xcf8, 8), ERR_NO_RIGHT);
    EXPECT_IS(devmem_create(root, 0xfee00000, PAGE_SIZE), ERR_NO_RIGHT);
    EXPECT_IS(dma_create(root, 0), ERR_NO_RIGHT);
    EXPECT_IS(system_info(root, INFO_PLATFORM, 0, buffer, PAGE_SIZE), ERR_NO_RIGHT);
    return HELD;
}

ATTACK(priority_above_ones_own)
{
    struct task_create_args args = {.name = "urgent", .quota_pages = 16, .root = cap_named("root")};
    static const uint32_t wishes[] = {PRIORITY_ATTACKER + 1, 24, 31};
    for (size_t i = 0; i < 3; i++) {
        args.priority = wishes[i];
        EXPECT_IS(task_create(&args), ERR_NO_RIGHT);
    }
    for (uint32_t bit = 5; bit < 32; bit++) {
        args.priority = 1u << bit;
        EXPECT_IS(task_create(&args), ERR_INVALID);
    }
    args.priority = PRIORITY_ATTACKER;
    MUST(task, task_create(&args));
    return cap_close((handle_t)task);
}

ATTACK(task_with_a_name_that_is_none)
{
    static const char *const names[] = {"", "a name", "caf\xc3\xa9", "a/b", "line\n", "\x1b[2J", "0123456789abcdef"};
    struct task_create_args args = {.priority = 1, .quota_pages = 16, .root = cap_named("root")};
    for (size_t i = 0; i < 7; i++) {
        memset(args.name, 0, sizeof args.name);
        memcpy(args.name, names[i], strnlen(names[i], sizeof args.name));
        EXPECT_IS(task_create(&args), ERR_INVALID);
    }
    return HELD;
}

/* ---- interrupts, ports, DMA ---- */

ATTACK(irq_of_others)
{
    MUST(signal, signal_create());
    FOR_EACH_HANDLE(h)
    {
        EXPECT(refused(irq_ack(h)));
        EXPECT(refused(irq_bind(h, (handle_t)signal, 0)));
    }
    for (handle_t h = 0; h < 512; h++)
        EXPECT(refused(irq_ack(h | 1u << HANDLE_INDEX_BITS)));
    return HELD;
}

ATTACK(devices_without_the_right)
{
    uint64_t addresses[1];
    handle_t irq = cap_named("irq"), port = cap_named("ioport"), dma = cap_named("dma"),
             registers = cap_named("devmem");
    MUST(signal, signal_create());
    MUST(memory, memory_create(1, 0));
    EXPECT_IS(irq_ack(irq), ERR_NO_RIGHT);
    EXPECT_IS(irq_bind(irq, (handle_t)signal, 0), ERR_NO_RIGHT);
    EXPECT_IS(ioport_read(port, 0, 1), ERR_NO_RIGHT);
    EXPECT_IS(ioport_write(port, 0, 1, 0), ERR_NO_RIGHT);
    EXPECT_IS(dma_pin(dma, (handle_t)memory, 0, 1, addresses), ERR_NO_RIGHT);
    EXPECT_IS(dma_unpin(dma, (handle_t)memory), ERR_NO_RIGHT);
    EXPECT_IS(memory_map(HANDLE_NONE, registers, 0, 0, 1, PROT_READ), ERR_NO_RIGHT);
    MUST(copy, cap_mint(irq, RIGHTS_ALL, 0));
    EXPECT_IS(irq_ack((handle_t)copy), ERR_NO_RIGHT);
    return HELD;
}

ATTACK(irq_bound_to_bits_of_others)
{
    handle_t irq = cap_named("irq");
    for (uint64_t bit = 64; bit < 1ull << 40; bit *= 3)
        EXPECT_IS(syscall3(SYS_irq_bind, irq, clone_cap(CAP_SIGNAL), bit).value, ERR_INVALID);
    for (uint32_t bit = 4; bit < 64; bit++) /* outside the mask */
        EXPECT_IS(irq_bind(irq, clone_cap(CAP_SIGNAL), bit), ERR_NO_RIGHT);
    EXPECT_IS(irq_bind(irq, clone_cap(CAP_TASK), 0), ERR_WRONG_TYPE);
    return HELD;
}

ATTACK(port_outside_the_range)
{
    handle_t port = cap_named("ioport"); /* two ports, to be written */
    static const uint64_t widths[] = {0, 3, 5, 8, 16, 0x100000001ull, ~0ull};
    EXPECT_IS(ioport_write(port, 0, 1, 0), OK);
    EXPECT_IS(ioport_write(port, 1, 1, 0), OK);
    EXPECT_IS(ioport_write(port, 0, 2, 0), OK);
    EXPECT_IS(ioport_write(port, 1, 2, 0), ERR_INVALID);
    EXPECT_IS(ioport_write(port, 2, 1, 0), ERR_INVALID);
    EXPECT_IS(ioport_write(port, 0, 4, 0), ERR_INVALID);
    EXPECT_IS(syscall6(SYS_ioport_write, port, ~0ull, 1, 0, 0, 0).value, ERR_INVALID);
    EXPECT_IS(syscall6(SYS_ioport_write, port, 1ull << 32, 1, 0, 0, 0).value, ERR_INVALID);
    for (size_t i = 0; i < 7; i++)
        EXPECT_IS(syscall6(SYS_ioport_write, port, 0, widths[i], 0, 0, 0).value, ERR_INVALID);
    EXPECT_IS(ioport_read(port, 0, 1), ERR_NO_RIGHT);
    return HELD;
}

ATTACK(port_ranges_that_wrap)
{
    handle_t root = cap_named("root");
    EXPECT_IS(ioport_create(root, 0x80, 0), ERR_INVALID);
    EXPECT_IS(ioport_create(root, 0xffff, 2), ERR_INVALID);
    EXPECT_IS(ioport_create(root, 0x10000, 1), ERR_INVALID);
    EXPECT_IS(ioport_create(root, 0xffffffff, 0xffffffff), ERR_INVALID);
    EXPECT_IS(syscall3(SYS_ioport_create, root, 1ull << 32, 1).value, ERR_INVALID);
    EXPECT_IS(syscall3(SYS_ioport_create, root, 0x80, 1ull << 32).value, ERR_INVALID);
    return HELD;
}

/* Even who may make device memory gets no RAM by it: neither the kernel's nor another task's. */
ATTACK(device_memory_over_ram)
{
    handle_t root = cap_named("root");
    for (uint64_t address = 0x100000; address < 0x6000000; address += 0x100000)
        EXPECT_IS(devmem_create(root, address, PAGE_SIZE), ERR_NO_RIGHT);
    EXPECT(devmem_create(root, 0xff000, 2 * PAGE_SIZE) < 0); /* begins outside */
    EXPECT(devmem_create(root, 0, 1ul << 32) < 0);
    EXPECT(devmem_create(root, 1, PAGE_SIZE) < 0);
    EXPECT(devmem_create(root, 0xfeb00000, 1) < 0);
    EXPECT(devmem_create(root, 0xfeb00000, 0) < 0);
    return HELD;
}

/* Device memory is not to be run, not to be pinned, and no wider than it is. */
ATTACK(device_memory_as_more_than_it_is)
{
    uint64_t addresses[2];
    handle_t registers = cap_named("devmem");
    EXPECT(memory_map(HANDLE_NONE, registers, 0, 0, 1, PROT_READ | PROT_EXEC) < 0);
    EXPECT(memory_map(HANDLE_NONE, registers, 0, 0, 2, PROT_READ) < 0);
    EXPECT(memory_map(HANDLE_NONE, registers, 0, 1, 1, PROT_READ) < 0);
    EXPECT(dma_pin(cap_named("dma"), registers, 0, 1, addresses) < 0);
    MUST(at, memory_map(HANDLE_NONE, registers, 0, 0, 1, PROT_READ));
    EXPECT(memory_protect(HANDLE_NONE, (uint64_t)at, 1, PROT_READ | PROT_EXEC) < 0);
    return HELD;
}

/* Pinning is how a driver tells a device where to write: memory that it may only read must not be pinned. */
ATTACK(pin_of_memory_of_others)
{
    uint64_t addresses[4];
    handle_t dma = cap_named("dma");
    EXPECT_IS(dma_pin(dma, clone_cap(CAP_MEMORY), 0, 1, addresses), ERR_NO_RIGHT);
    MUST(memory, memory_create(2, 0));
    MUST(unpinnable, cap_mint((handle_t)memory, RIGHT_MEMORY_READ | RIGHT_MEMORY_WRITE, 0));
    EXPECT_IS(dma_pin(dma, (handle_t)unpinnable, 0, 1, addresses), ERR_NO_RIGHT);
    EXPECT_IS(dma_pin(dma, (handle_t)memory, 0, 3, addresses), ERR_INVALID);
    EXPECT_IS(dma_pin(dma, (handle_t)memory, 2, 1, addresses), ERR_INVALID);
    EXPECT_IS(dma_pin(dma, (handle_t)memory, 0, 0, addresses), ERR_INVALID);
    return HELD;
}

/* Without an unpin, and the pinner dies: its pages stay its device's until the device is stopped (the runner revokes). */
ATTACK(death_with_pinned_memory)
{
    uint64_t addresses[2];
    MUST(memory, memory_create(2, 0));
    for (int i = 0; i < 20; i++)
        EXPECT_IS(dma_pin(cap_named("dma"), (handle_t)memory, 0, 2, addresses), OK);
    return HELD;
}

/* ---- log, trace, power ---- */

ATTACK(trace_calls_without_the_capability)
{
    uint8_t *buffer = scratch.bytes;
    FOR_EACH_HANDLE(h)
    {
        EXPECT(refused(log_write(h, LOG_ERROR, "forged", 6)));
        EXPECT(refused(trace_emit(h, TRACE_UserEvent, 1, 1)));
        EXPECT(refused(trace_control(h, 0)));
        EXPECT(refused(trace_only(h, 0)));
        EXPECT(refused(trace_announce(h)));
        EXPECT(refused(trace_read(h, 0, 0, buffer, PAGE_SIZE)));
        for (uint32_t kind = 0; kind <= INFO_OBJECTS; kind++)
            EXPECT(refused(system_info(h, kind, 0, buffer, PAGE_SIZE)));
    }
    return HELD;
}

ATTACK(trace_rights_are_apart)
{
    uint8_t *buffer = scratch.bytes;
    handle_t trace = cap_named("trace"); /* may look, and no more */
    EXPECT_IS(log_write(trace, LOG_ERROR, "forged", 6), ERR_NO_RIGHT);
    EXPECT_IS(trace_emit(trace, TRACE_UserEvent, 1, 1), ERR_NO_RIGHT);
    EXPECT_IS(trace_control(trace, 0), ERR_NO_RIGHT);
    EXPECT_IS(trace_only(trace, 0), ERR_NO_RIGHT);
    EXPECT_IS(trace_only(trace, 1), ERR_NO_RIGHT);
    EXPECT_IS(system_info(trace, INFO_BOOT_LINE, 0, buffer, PAGE_SIZE), ERR_WRONG_TYPE); /* the operator's token */
    EXPECT_IS(system_info(trace, INFO_CRASH_CLEAR, 0, buffer, PAGE_SIZE), ERR_NO_RIGHT);
    EXPECT_IS(system_info(trace, INFO_PLATFORM, 0, buffer, PAGE_SIZE), ERR_WRONG_TYPE);
    for (uint64_t kind = 16; kind < 1ull << 40; kind *= 5)
        EXPECT_IS(syscall6(SYS_system_info, trace, kind, 0, (uint64_t)buffer, PAGE_SIZE, 0).value, ERR_INVALID);
    for (uint64_t cpu = 256; cpu < 1ull << 40; cpu *= 7)
        EXPECT_IS(syscall6(SYS_trace_read, trace, cpu, 0, (uint64_t)buffer, PAGE_SIZE, 0).value, ERR_INVALID);
    return HELD;
}

ATTACK(events_in_the_kernels_name)
{
    static const uint16_t classes[TRACE_EVENT_COUNT] = {
#define F(type, name)
#define E(number, Name, name, class, fields) [number] = TRACE_CLASS_##class,
        TRACE_EVENTS(E, F)
#undef E
#undef F
    };
    handle_t trace = cap_named("trace");
    for (uint64_t event = 0; event < 1000; event++) {
        status_t expected = event < TRACE_EVENT_COUNT && classes[event] == TRACE_CLASS_USER ? OK : ERR_INVALID;
        EXPECT_IS(trace_emit(trace, (uint32_t)event, 1, 1), expected);
        for (uint64_t bit = 16; bit < 64; bit += 8) /* they are not cut off */
            EXPECT_IS(syscall6(SYS_trace_emit, trace, event | 1ull << bit, 1, 1, 0, 0).value, ERR_INVALID);
    }
    return HELD;
}

ATTACK(trace_of_tasks_that_are_none)
{
    handle_t trace = cap_named("trace");
    for (uint64_t id = 1ull << 31; id; id <<= 1) {
        EXPECT_IS(syscall3(SYS_trace_control, trace, id, TRACE_CONTROL_ONLY).value, ERR_NOT_FOUND);
        EXPECT_IS(syscall3(SYS_trace_control, trace, id - 1, TRACE_CONTROL_ONLY).value, ERR_NOT_FOUND);
    }
    for (uint64_t op = 3; op < 1ull << 62; op *= 3)
        EXPECT_IS(syscall3(SYS_trace_control, trace, 0, op).value, ERR_INVALID);
    return HELD;
}

/* Indices far from what there is: no record, or few, but never something else's memory. */
ATTACK(info_of_what_is_not_there)
{
    uint8_t *buffer = scratch.bytes;
    handle_t trace = cap_named("trace");
    static const uint64_t indices[] = {1ull << 31, 1ull << 32,  1ull << 40, 1ull << 63,
                                       ~0ull,      ~0ull << 32, 0xfffff,    0xffffffff};
    for (uint32_t kind = 0; kind < 16; kind++) {
        for (size_t i = 0; i < 8; i++)
            EXPECT(system_info(trace, kind, indices[i], buffer, PAGE_SIZE) <= (int64_t)PAGE_SIZE);
        EXPECT(system_info(trace, kind, 0, buffer, 0) <= 0);
        EXPECT(system_info(trace, kind, 0, buffer, 7) <= 7);
    }
    for (size_t i = 0; i < 8; i++)
        EXPECT(trace_read(trace, 0, indices[i], buffer, PAGE_SIZE) < 0);
    return HELD;
}

ATTACK(power_without_the_capability)
{
    FOR_EACH_HANDLE(h)
    {
        EXPECT(refused(power_control(h, POWER_OFF)));
        EXPECT(refused(power_control(h, POWER_REBOOT)));
    }
    for (handle_t h = 0; h < 4096; h++)
        EXPECT(refused(power_control(h | 1u << HANDLE_INDEX_BITS, POWER_OFF)));
    return HELD;
}

/* The boot line that init passed on has the operator's token blotted out. */
ATTACK(token_on_the_boot_line)
{
    const char *line = boot_line();
    const char *token = strstr(line, "token=");
    for (token = token ? token + 6 : ""; *token && *token != ' '; token++)
        EXPECT(*token == '*');
    return HELD;
}

/* The more urgent ones run whatever it does: it yields for ever, and the victim answers in between. */
#define TRIPS 20
#define YIELDS_LEAST 100u

ATTACK(spinning_and_yielding)
{
    EXPECT_IS(stage(1, NULL), OK);
    for (;;)
        task_yield();
}
DIRECT(spinning_and_yielding)
{
    struct msg m;
    struct task_info info = {0};
    if (!scene_stage(scene, &m))
        return;
    scene_go(scene, &m);
    for (int trips = 0; trips < TRIPS && scene_victim_answers(scene); trips++)
        (void)scene_take(scene, &m, clock_now() + NEAR_NS / 20);
    while (!scene->report[0] && info.syscalls < YIELDS_LEAST && task_info(scene->attacker, &info) == OK)
        scene_pause(scene, NEAR_NS / 20);
    if (scene->ended || info.syscalls < YIELDS_LEAST)
        scene_fail(scene, "it called the kernel %llu times", (unsigned long long)info.syscalls);
    (void)task_kill(scene->attacker);
}
