/* Forged, stale and foreign handles. */
#include "tests/system/hostile/attacks.h"

static bool is_own(handle_t handle)
{
    for (size_t i = 0; i < task_start_info->cap_count; i++) {
        if (clone_cap(i) == handle)
            return true;
    }
    return false;
}

static bool names_something(handle_t handle)
{
    struct cap_info info;
    return cap_info(handle, &info) == OK;
}

ATTACK(forged_handle_indices)
{
    for (uint32_t index = 0; index < 1u << HANDLE_INDEX_BITS; index += index < 4096 ? 1 : 257) {
        for (uint32_t generation = 0; generation < 3; generation++) {
            handle_t handle = index | generation << HANDLE_INDEX_BITS;
            EXPECT(is_own(handle) == names_something(handle));
        }
    }
    return HELD;
}

ATTACK(forged_handle_generations)
{
    for (size_t i = 0; i < ATTACKER_CAPS; i++) {
        for (uint32_t generation = 0; generation < 4096; generation++) {
            handle_t handle = HANDLE_INDEX(clone_cap(i)) | generation << HANDLE_INDEX_BITS;
            EXPECT(is_own(handle) == names_something(handle));
        }
    }
    return HELD;
}

ATTACK(forged_random_handles)
{
    for (int i = 0; i < 1000; i++) {
        handle_t handles[64];
        EXPECT_IS(random_bytes(handles, sizeof handles), OK);
        for (int k = 0; k < 64; k++) {
            if (is_own(handles[k]))
                continue;
            EXPECT_IS(cap_mint(handles[k], RIGHTS_ALL, 0), ERR_BAD_HANDLE);
            EXPECT_IS(cap_close(handles[k]), ERR_BAD_HANDLE);
        }
    }
    return HELD;
}

/* Every call that takes a handle first, given one that names nothing. */
static int64_t refused_everywhere(handle_t handle)
{
    struct msg m;
    uint64_t signals;
    struct cap_info cap;
    struct task_info task;
    m = message(OP_PING, 4);
    EXPECT_IS(channel_call(handle, &m, DEADLINE_NEVER), ERR_BAD_HANDLE);
    EXPECT_IS(channel_send(handle, &m, 1), ERR_BAD_HANDLE);
    EXPECT_IS(channel_recv(handle, &m, 1, &signals, DEADLINE_NOW), ERR_BAD_HANDLE);
    EXPECT_IS(channel_reply_recv(handle, &m, 1, &m, 1, &signals, DEADLINE_NOW), ERR_BAD_HANDLE);
    EXPECT_IS(signal_raise(handle, 1), ERR_BAD_HANDLE);
    EXPECT_IS(signal_bind(handle, handle), ERR_BAD_HANDLE);
    EXPECT_IS(cap_mint(handle, RIGHTS_ALL, 0), ERR_BAD_HANDLE);
    EXPECT_IS(cap_revoke(handle), ERR_BAD_HANDLE);
    EXPECT_IS(cap_close(handle), ERR_BAD_HANDLE);
    EXPECT_IS(cap_info(handle, &cap), ERR_BAD_HANDLE);
    EXPECT_IS(memory_map(HANDLE_NONE, handle, 0, 0, 1, PROT_READ), ERR_BAD_HANDLE);
    EXPECT_IS(irq_ack(handle), ERR_BAD_HANDLE);
    EXPECT_IS(irq_bind(handle, handle, 0), ERR_BAD_HANDLE);
    EXPECT_IS(ioport_read(handle, 0, 1), ERR_BAD_HANDLE);
    EXPECT_IS(ioport_write(handle, 0, 1, 0), ERR_BAD_HANDLE);
    EXPECT_IS(trace_emit(handle, TRACE_UserEvent, 1, 1), ERR_BAD_HANDLE);
    EXPECT_IS(power_control(handle, POWER_OFF), ERR_BAD_HANDLE);
    if (handle == HANDLE_NONE)
        return HELD; /* for these it is the caller itself */
    EXPECT_IS(task_kill(handle), ERR_BAD_HANDLE);
    EXPECT_IS(task_info(handle, &task), ERR_BAD_HANDLE);
    EXPECT_IS(task_start(handle, USER_BASE, USER_BASE, 0), ERR_BAD_HANDLE);
    EXPECT_IS(task_grant(handle, clone_cap(CAP_CLIENT), RIGHTS_ALL, 0), ERR_BAD_HANDLE);
    EXPECT_IS(memory_unmap(handle, USER_BASE, 1), ERR_BAD_HANDLE);
    return HELD;
}

ATTACK(no_handle_at_all)
{
    return refused_everywhere(HANDLE_NONE);
}

ATTACK(stale_handle_after_close)
{
    MUST(signal, signal_create());
    MUST(channel, channel_create(4, 4));
    EXPECT_IS(cap_close((handle_t)signal), OK);
    EXPECT_IS(cap_close((handle_t)channel), OK);
    int64_t result = refused_everywhere((handle_t)signal);
    return result ? result : refused_everywhere((handle_t)channel);
}

ATTACK(stale_handle_after_reuse)
{
    MUST(old, signal_create());
    for (int i = 0; i < 100; i++) {
        EXPECT_IS(cap_close((handle_t)old), OK);
        MUST(channel, channel_create(4, 4));
        EXPECT(channel != old);
        if (HANDLE_INDEX(channel) == HANDLE_INDEX(old))
            TRY(refused_everywhere((handle_t)old));
        EXPECT_IS(cap_close((handle_t)channel), OK);
        MUST(next, signal_create());
        EXPECT(next != old && next != channel);
        old = next;
    }
    return HELD;
}

ATTACK(double_close)
{
    MUST(one, signal_create());
    EXPECT_IS(cap_close((handle_t)one), OK);
    EXPECT_IS(cap_close((handle_t)one), ERR_BAD_HANDLE);
    MUST(two, signal_create()); /* likely where the first was */
    EXPECT_IS(cap_close((handle_t)one), ERR_BAD_HANDLE);
    EXPECT_IS(signal_raise((handle_t)two, 1), OK);
    return HELD;
}

ATTACK(handle_of_a_sent_capability)
{
    MUST(signal, signal_create());
    struct msg m = message(OP_TAKE, 0);
    m.head.cap_count = 1;
    m.head.caps[0] = (handle_t)signal;
    EXPECT_IS(ask(clone_cap(CAP_CLIENT), &m), OK);
    return refused_everywhere((handle_t)signal);
}

/* The victim's table has its receive right, signal and memory at handles that are easy to guess. */
ATTACK(handle_of_another_task)
{
    struct msg m;
    uint64_t signals;
    for (handle_t index = 0; index < 64; index++) {
        for (handle_t generation = 1; generation < 4; generation++) {
            handle_t handle = index | generation << HANDLE_INDEX_BITS;
            result_t got = channel_recv(handle, &m, 1, &signals, DEADLINE_NOW);
            EXPECT(got == ERR_BAD_HANDLE || got == ERR_WRONG_TYPE || got == ERR_NO_RIGHT);
        }
    }
    return HELD;
}

/* A handle has 32 bits; what is above them in the register is not part of it and must not reach anything either. */
ATTACK(handle_with_dirty_upper_bits)
{
    MUST(signal, signal_create());
    for (unsigned bit = 32; bit < 64; bit++) {
        uint64_t dirty = (uint64_t)signal | 1ull << bit;
        int64_t raised = syscall3(SYS_signal_raise, dirty, 1, 0).value;
        EXPECT(raised == OK || raised == ERR_BAD_HANDLE || raised == ERR_INVALID);
        int64_t nothing = syscall3(SYS_cap_close, 1ull << bit, 0, 0).value;
        EXPECT(nothing == ERR_BAD_HANDLE || nothing == ERR_INVALID);
    }
    return HELD;
}

/* ---- a capability of each type, given to each call that wants another ---- */

struct typed_call {
    uint32_t type;
    int64_t (*call)(handle_t handle);
};

static uint64_t scratch_signals;
static int64_t by_call(handle_t h)
{
    return channel_call(h, scratch.batch, 1);
}
static int64_t by_send(handle_t h)
{
    return channel_send(h, scratch.batch, 1);
}
static int64_t by_recv(handle_t h)
{
    return channel_recv(h, scratch.batch, 1, &scratch_signals, DEADLINE_NOW);
}
static int64_t by_raise(handle_t h)
{
    return signal_raise(h, 1);
}
static int64_t by_bind(handle_t h)
{
    return signal_bind(h, h);
}
static int64_t by_map(handle_t h)
{
    return memory_map(HANDLE_NONE, h, 0, 0, 1, PROT_READ);
}
static int64_t by_kill(handle_t h)
{
    return task_kill(h);
}
static int64_t by_start(handle_t h)
{
    return task_start(h, USER_BASE, USER_BASE, 0);
}
static int64_t by_ack(handle_t h)
{
    return irq_ack(h);
}
static int64_t by_irq_bind(handle_t h)
{
    return irq_bind(h, h, 0);
}
static int64_t by_port(handle_t h)
{
    return ioport_read(h, 0, 1);
}
static int64_t by_pin(handle_t h)
{
    return dma_pin(h, h, 0, 1, scratch.words);
}
static int64_t by_emit(handle_t h)
{
    return trace_emit(h, TRACE_UserEvent, 0, 0);
}
static int64_t by_log(handle_t h)
{
    return log_write(h, LOG_INFO, "x", 1);
}
static int64_t by_control(handle_t h)
{
    return trace_control(h, 0);
}
static int64_t by_observe(handle_t h)
{
    return system_info(h, INFO_SYSTEM, 0, scratch.bytes, PAGE_SIZE);
}
static int64_t by_power(handle_t h)
{
    return power_control(h, POWER_OFF);
}
static int64_t by_root(handle_t h)
{
    return ioport_create(h, 0x80, 1);
}
static int64_t by_dma_create(handle_t h)
{
    return dma_create(h, 1);
}

static const struct typed_call typed_calls[] = {
    {OBJECT_CHANNEL, by_call}, {OBJECT_CHANNEL, by_send}, {OBJECT_CHANNEL, by_recv},    {OBJECT_SIGNAL, by_raise},
    {OBJECT_SIGNAL, by_bind},  {OBJECT_MEMORY, by_map},   {OBJECT_TASK, by_kill},       {OBJECT_TASK, by_start},
    {OBJECT_IRQ, by_ack},      {OBJECT_IRQ, by_irq_bind}, {OBJECT_IOPORT, by_port},     {OBJECT_DMA, by_pin},
    {OBJECT_TRACE, by_emit},   {OBJECT_TRACE, by_log},    {OBJECT_TRACE, by_control},   {OBJECT_TRACE, by_observe},
    {OBJECT_POWER, by_power},  {OBJECT_ROOT, by_root},    {OBJECT_ROOT, by_dma_create},
};

ATTACK(wrong_type_everywhere)
{
    for (size_t i = 0; i < task_start_info->cap_count; i++) {
        struct cap_info info;
        EXPECT_IS(cap_info(clone_cap(i), &info), OK);
        for (size_t k = 0; k < sizeof typed_calls / sizeof typed_calls[0]; k++) {
            if (typed_calls[k].type != info.type)
                EXPECT_IS(typed_calls[k].call(clone_cap(i)), ERR_WRONG_TYPE);
        }
    }
    return HELD;
}
