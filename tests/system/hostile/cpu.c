/* Privileged instructions, and odd ways to enter the kernel. */
#include "tests/system/hostile/attacks.h"

/* ---- an instruction that must fault ---- */

#define INSTRUCTION(name, ...)                                              \
    ATTACK(name)                                                            \
    {                                                                       \
        __asm__ volatile(__VA_ARGS__);                                      \
        return seen("the instruction was executed", 0, __FILE__, __LINE__); \
    }

static uint64_t descriptor[2];

/* A processor faults. QEMU 10's TCG lets everybody execute it, with no caches to lose: then what was written must be there
 * still, and the HLT behind it faults in its place. */
ATTACK(invalidate_caches)
{
    static volatile uint64_t written[512];
    for (uint64_t i = 0; i < 512; i++)
        written[i] = i * 0x9e3779b97f4a7c15ul;
    __asm__ volatile("wbinvd" ::: "memory");
    for (uint64_t i = 0; i < 512; i++)
        EXPECT_IS((int64_t)written[i], (int64_t)(i * 0x9e3779b97f4a7c15ul));
    __asm__ volatile("hlt" ::: "memory");
    return seen("neither WBINVD nor HLT faulted", 0, __FILE__, __LINE__);
}

INSTRUCTION(port_in, "inb $0x64, %%al" ::: "rax")
INSTRUCTION(port_out, "outb %%al, $0x80" ::: "memory")
INSTRUCTION(port_out_of_the_power_port, "movw $0x604, %%dx\n movw $0x2000, %%ax\n outw %%ax, %%dx" ::: "rax", "rdx")
INSTRUCTION(port_string_in, "movw $0x60, %%dx\n leaq %0, %%rdi\n movl $1, %%ecx\n rep insb"
            : "=m"(descriptor)::"rcx", "rdx", "rdi", "memory")
INSTRUCTION(read_msr_efer, "movl $0xc0000080, %%ecx\n rdmsr" ::: "rax", "rcx", "rdx")
INSTRUCTION(write_msr_lstar, "movl $0xc0000082, %%ecx\n xorl %%eax, %%eax\n xorl %%edx, %%edx\n wrmsr" ::
                : "rax", "rcx", "rdx")
INSTRUCTION(write_msr_gs_base, "movl $0xc0000101, %%ecx\n xorl %%eax, %%eax\n xorl %%edx, %%edx\n wrmsr" ::
                : "rax", "rcx", "rdx")
INSTRUCTION(interrupts_off, "cli" ::: "memory")
INSTRUCTION(interrupts_on, "sti" ::: "memory")
INSTRUCTION(halt, "hlt" ::: "memory")
INSTRUCTION(load_gdt, "lgdt %0" ::"m"(descriptor))
INSTRUCTION(load_idt, "lidt %0" ::"m"(descriptor))
INSTRUCTION(load_ldt, "lldt %%ax" ::"a"(0x28))
INSTRUCTION(load_task_register, "ltr %%ax" ::"a"(0x28))
INSTRUCTION(read_cr0, "movq %%cr0, %%rax" ::: "rax")
INSTRUCTION(read_cr3, "movq %%cr3, %%rax" ::: "rax")
INSTRUCTION(write_cr0, "movq %%rax, %%cr0" ::"a"(0x11))
INSTRUCTION(write_cr3, "movq %%rax, %%cr3" ::"a"(0x1000))
INSTRUCTION(write_cr4, "movq %%rax, %%cr4" ::"a"(0))
INSTRUCTION(write_cr8, "movq %%rax, %%cr8" ::"a"(15))
INSTRUCTION(read_debug_register, "movq %%dr7, %%rax" ::: "rax")
INSTRUCTION(write_debug_register, "movq %%rax, %%dr0" ::"a"(0xffffffff80100000ul))
INSTRUCTION(clear_task_switched, "clts" ::: "memory")
INSTRUCTION(load_machine_status, "lmsw %%ax" ::"a"(1))
INSTRUCTION(invalidate_page, "invlpg (%%rax)" ::"a"(0x400000))
INSTRUCTION(swap_gs, "swapgs" ::: "memory")
INSTRUCTION(system_return, "sysretq" ::"c"(0x400000), "r"(0ul))
INSTRUCTION(read_time_stamp, "rdtsc" ::: "rax", "rdx")
INSTRUCTION(read_performance_counter, "rdpmc" ::"c"(0) : "rax", "rdx")
INSTRUCTION(set_extended_control, "xsetbv" ::"a"(7), "c"(0), "d"(0))
INSTRUCTION(virtual_machine_call, "vmcall" ::: "memory")
INSTRUCTION(load_kernel_data_segment, "movw %%ax, %%ds" ::"a"(0x10))
INSTRUCTION(load_kernel_stack_segment, "movw %%ax, %%ss" ::"a"(0x10))
INSTRUCTION(load_task_state_as_data, "movw %%ax, %%es" ::"a"(0x28))
INSTRUCTION(far_return_into_the_kernel, "pushq $0x08\n pushq $0x400000\n lretq" ::: "memory")
INSTRUCTION(interrupt_return_into_the_kernel, "movq %%rsp, %%rax\n pushq $0x10\n pushq %%rax\n pushq $2\n pushq $0x08\n"
                                              "pushq $0x400000\n iretq" ::
                : "rax", "memory")
INSTRUCTION(interrupt_gate_of_the_timer, "int $0x20" ::: "memory")
INSTRUCTION(interrupt_gate_of_linux, "int $0x80" ::: "memory")
INSTRUCTION(interrupt_gate_of_the_double_fault, "int $8" ::: "memory")
INSTRUCTION(interrupt_gate_of_the_nmi, "int $2" ::: "memory")
INSTRUCTION(interrupt_gate_of_the_page_fault, "int $14" ::: "memory")
INSTRUCTION(interrupt_gate_of_the_spurious, "int $0xff" ::: "memory")
INSTRUCTION(breakpoint, "int3" ::: "memory")
INSTRUCTION(undefined_instruction, "ud2" ::: "memory")
INSTRUCTION(division_by_zero, "xorl %%edx, %%edx\n movl $1, %%eax\n xorl %%ecx, %%ecx\n divl %%ecx" ::
                : "rax", "rcx", "rdx")
INSTRUCTION(noncanonical_jump, "jmpq *%%rax" ::"a"(0x8000000000000000ul))
INSTRUCTION(noncanonical_read, "movq (%%rax), %%rax" ::"a"(0x8000000000000000ul))
INSTRUCTION(noncanonical_stack, "movq %%rax, %%rsp\n pushq %%rax" ::"a"(0x8000000000000000ul))
INSTRUCTION(x87_exception_unmasked, "fninit\n pushq $0x340\n fldcw (%%rsp)\n fld1\n fldz\n fdivrp\n fwait" ::: "memory")

/* Every vector by INT n: the gates are the kernel's. Each in turn must fault, so each is a helper. */
static int64_t soft_interrupt(uint64_t vector)
{
    static uint8_t *page;
    MUST(object, memory_create(1, 0));
    MUST(address, memory_map(HANDLE_NONE, (handle_t)object, 0, 0, 1, PROT_READ | PROT_WRITE));
    page = (uint8_t *)address;
    page[0] = 0xcd;
    page[1] = (uint8_t)vector;
    page[2] = 0xc3;
    EXPECT_IS(memory_protect(HANDLE_NONE, (uint64_t)address, 1, PROT_READ | PROT_EXEC), OK);
    ((void (*)(void))page)();
    return seen("a gate let a task in", (int64_t)vector, __FILE__, __LINE__);
}
ATTACK(every_interrupt_gate)
{
    return stage(1, NULL);
}
DIRECT(every_interrupt_gate)
{
    struct msg m;
    if (!scene_stage(scene, &m))
        return;
    for (uint64_t vector = 0; vector < 256; vector += vector < 48 ? 1 : 16)
        scene_spawn(scene, soft_interrupt, vector);
    scene_wait_helpers(scene);
    if (scene->extra_faults != scene->helper_count)
        scene_fail(scene, "%llu of %u faulted", (unsigned long long)scene->extra_faults, scene->helper_count);
    scene->helpers_failed = 0; /* all were ended for their fault */
    scene_go(scene, &m);
}

/* ---- the system call's entry ---- */

ATTACK(system_call_numbers_that_are_none)
{
    for (uint64_t n = SYS_COUNT; n < SYS_COUNT + 300; n++)
        EXPECT_IS(syscall6(n, 1, 2, 3, 4, 5, 6).value, ERR_NOT_SUPPORTED);
    for (unsigned bit = 8; bit < 64; bit++) {
        for (uint64_t n = 0; n < SYS_COUNT; n++)
            EXPECT_IS(syscall6(n | 1ull << bit, 0, 0, 0, 0, 0, 0).value, ERR_NOT_SUPPORTED);
    }
    EXPECT_IS(syscall6(~0ull, 0, 0, 0, 0, 0, 0).value, ERR_NOT_SUPPORTED);
    EXPECT_IS(syscall6(~0ull << 32, 0, 0, 0, 0, 0, 0).value, ERR_NOT_SUPPORTED);
    return HELD;
}

static int64_t call_with_flags(uint64_t flags)
{
    int64_t result;
    __asm__ volatile("pushfq\n orq %1, (%%rsp)\n popfq\n syscall\n pushfq\n andq %2, (%%rsp)\n popfq\n"
                     : "=a"(result)
                     : "r"(flags), "r"(~flags), "a"(SYS_clock_now)
                     : "rcx", "r11", "rdi", "rsi", "rdx", "r8", "r9", "r10", "memory", "cc");
    return result;
}

#define FLAG_DIRECTION (1ul << 10)
#define FLAG_NESTED (1ul << 14)
#define FLAG_ALIGNMENT (1ul << 18)
#define FLAG_IOPL (3ul << 12)
#define FLAG_ID (1ul << 21)

/* With the direction flag up a kernel that relied on it would copy backwards. */
ATTACK(direction_flag_at_entry)
{
    struct msg m;
    int64_t before = call_with_flags(0);
    for (int i = 0; i < 1000; i++)
        EXPECT(call_with_flags(FLAG_DIRECTION) >= before);
    __asm__ volatile("std");
    for (int i = 0; i < 100; i++) {
        m.head = (struct msg_header){.op = OP_PING, .length = 32};
        status_t status = channel_call(clone_cap(CAP_SERVER), &m, DEADLINE_NEVER);
        if (status != OK) {
            __asm__ volatile("cld");
            return seen("channel_call", status, __FILE__, __LINE__);
        }
    }
    __asm__ volatile("cld");
    return HELD;
}

ATTACK(alignment_and_nested_flags_at_entry)
{
    struct msg m = message(OP_PING, 28);
    for (int i = 0; i < 100; i++) {
        EXPECT(call_with_flags(FLAG_ALIGNMENT) > 0);
        EXPECT(call_with_flags(FLAG_ALIGNMENT | FLAG_DIRECTION | FLAG_ID) > 0);
        EXPECT(call_with_flags(FLAG_NESTED) > 0);
    }
    EXPECT_IS(ask(clone_cap(CAP_SERVER), &m), OK);
    return HELD;
}

/* AC stays up while an interrupt comes: with SMAP the handler must not run with it. */
ATTACK(alignment_flag_while_interrupted)
{
    uint64_t end = clock_now() + 3 * NEAR_NS;
    while (clock_now() < end) {
        __asm__ volatile("pushfq\n orq %0, (%%rsp)\n popfq\n movl $200000, %%ecx\n 1: decl %%ecx\n jnz 1b\n"
                         "pushfq\n andq %1, (%%rsp)\n popfq" ::"r"(FLAG_ALIGNMENT),
                         "r"(~FLAG_ALIGNMENT)
                         : "rcx", "memory", "cc");
    }
    return HELD;
}

ATTACK(privilege_bits_of_the_flags)
{
    uint64_t flags;
    __asm__ volatile("pushfq\n orq %1, (%%rsp)\n popfq\n pushfq\n popq %0"
                     : "=r"(flags)
                     : "r"(FLAG_IOPL)
                     : "memory", "cc");
    EXPECT(!(flags & FLAG_IOPL));
    __asm__ volatile("pushfq\n andq $~0x200, (%%rsp)\n popfq\n pushfq\n popq %0" : "=r"(flags) : : "memory", "cc");
    EXPECT(flags & 0x200); /* interrupts stay on */
    EXPECT(call_with_flags(FLAG_IOPL) > 0);
    return HELD;
}

/* A single step over SYSCALL: the trap is the task's, in its own code, never the kernel's. */
ATTACK(trap_flag_at_entry)
{
    __asm__ volatile("pushfq\n orq $0x100, (%%rsp)\n popfq\n syscall\n nop\n nop" ::"a"(SYS_clock_now)
                     : "rcx", "rdx", "rdi", "rsi", "r8", "r9", "r10", "r11", "memory", "cc");
    return seen("no trap came", 0, __FILE__, __LINE__);
}

/* The stack pointer is the task's business: the kernel does not use it. */
ATTACK(wild_stack_pointer_at_entry)
{
    static const uint64_t pointers[] = {0, 8, 0xffffffff80100000ul, 0x8000000000000000ul, ~0ul, USER_TOP};
    for (size_t i = 0; i < 6; i++) {
        int64_t result;
        uint64_t kept;
        __asm__ volatile("movq %%rsp, %%rbx\n movq %3, %%rsp\n syscall\n movq %%rsp, %1\n movq %%rbx, %%rsp"
                         : "=a"(result), "=&r"(kept)
                         : "a"(SYS_clock_now), "r"(pointers[i])
                         : "rbx", "rcx", "rdx", "rdi", "rsi", "r8", "r9", "r10", "r11", "memory");
        EXPECT(result > 0 && kept == pointers[i]);
    }
    return HELD;
}

/* Interrupted with a wild stack pointer: the CPU takes the kernel's stack from the TSS. */
ATTACK(wild_stack_pointer_while_interrupted)
{
    uint64_t end = clock_now() + 3 * NEAR_NS;
    while (clock_now() < end) {
        __asm__ volatile("movq %%rsp, %%rbx\n movq %0, %%rsp\n movl $200000, %%ecx\n 1: decl %%ecx\n jnz 1b\n"
                         "movq %%rbx, %%rsp" ::"r"(0xffffffff80100000ul)
                         : "rbx", "rcx", "memory", "cc");
    }
    return HELD;
}

/* SYSCALL as the very last instruction below the non-canonical hole: SYSRET to what lies behind it must not fault in the
 * kernel (Intel SDM vol. 2, SYSRET: #GP in ring 0 when RCX is not canonical). */
ATTACK(system_call_at_the_last_address)
{
    MUST(object, memory_create(1, 0));
    MUST(address, memory_map(HANDLE_NONE, (handle_t)object, 0, 0, 1, PROT_READ | PROT_WRITE));
    uint8_t *end = (uint8_t *)address + PAGE_SIZE;
    end[-2] = 0x0f;
    end[-1] = 0x05;
    EXPECT_IS(memory_unmap(HANDLE_NONE, (uint64_t)address, 1), OK);
    MUST(top, memory_map(HANDLE_NONE, (handle_t)object, USER_TOP - PAGE_SIZE, 0, 1, PROT_READ | PROT_EXEC));
    __asm__ volatile("jmpq *%0" ::"r"(top + 4094), "a"(SYS_clock_now) : "memory");
    __builtin_unreachable();
}

/* Selectors that are allowed: null and the task's own. GS loses its base; the kernel's must not care. */
ATTACK(segment_registers_changed)
{
    struct msg m = message(OP_PING, 4);
    static const uint16_t selectors[] = {0, 1, 2, 3, 0x1b, 0x1b};
    for (size_t i = 0; i < 6; i++) {
        __asm__ volatile("movw %w0, %%ds\n movw %w0, %%es\n movw %w0, %%fs\n movw %w0, %%gs" ::"r"(selectors[i])
                         : "memory");
        EXPECT(clock_now() > 0);
        EXPECT_IS(ask(clone_cap(CAP_SERVER), &m), OK);
        pause_ns(NEAR_NS / 20);
    }
    return HELD;
}

/* Kernel code asked for as a start address, by who may start a task. */
ATTACK(start_of_a_task_in_the_kernel)
{
    static const uint64_t entries[] = {
        0, 0xfff, USER_TOP, 0x0000800000000000ul, 0x8000000000000000ul, 0xffffffff80100000ul, ~0ul};
    handle_t puppet = cap_named("puppet");
    for (size_t i = 0; i < 7; i++) {
        EXPECT_IS(task_start(puppet, entries[i], 0x400000, 0), ERR_INVALID);
        if (i > 2)
            EXPECT_IS(task_start(puppet, 0x400000, entries[i], 0), ERR_INVALID);
    }
    EXPECT_IS(task_start(puppet, 0x400000, 0x400000, 0), OK); /* nothing is there: it faults */
    EXPECT(task_start(puppet, 0x400000, 0x400000, 0) < 0);    /* once only */
    return HELD;
}

/* 1,000 faults, one after another, each handled by whoever supervises: here the runner ends the helper. */
static int64_t fault_at_once(uint64_t argument)
{
    *(volatile uint64_t *)(argument + 8) = 0;
    return HELD;
}
ATTACK(flood_of_faults)
{
    return stage(1, NULL);
}
DIRECT(flood_of_faults)
{
    struct msg m;
    if (!scene_stage(scene, &m))
        return;
    for (int i = 0; i < 100; i++)
        scene_spawn(scene, fault_at_once, 0);
    scene_wait_helpers(scene);
    if (scene->extra_faults != 100)
        scene_fail(scene, "%llu of 100 faults were reported", (unsigned long long)scene->extra_faults);
    scene->helpers_failed = 0;
    scene_go(scene, &m);
}
