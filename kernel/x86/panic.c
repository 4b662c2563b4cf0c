/* The end: what the machine was doing, on the serial port, in the log's ring and in the crash record; then the machine
 * starts again, halts or goes off, as the boot option panic= says. The text is a promise (../shared/design/trace.md;
 * tests/system checks it). Nothing here takes memory or trusts a pointer. */
#include <abi/boot_options.h>
#include "kernel/sched/task.h"
#include "kernel/trace/trace.h"
#include "kernel/x86/apic.h"
#include "kernel/x86/asm.h"
#include "kernel/x86/crash_record.h"
#include "kernel/x86/log.h"
#include "kernel/x86/paging.h"
#include "kernel/x86/panic.h"
#include "kernel/x86/symbols.h"

#define TRACE_EVENTS_SHOWN 32
#define FRAMES_SHOWN 32

#define REBOOT_SECONDS 5
#define PORT_READS_PER_SECOND 1000000u /* where the clock does not run yet: an ISA port takes about a microsecond */

static uint32_t panic_depth;
static const struct cpu *panic_cpu; /* who panicked first */
static void *record;                /* the crash record being written; NULL: none */
static bool test_wanted, test_twice;
static void end_wait_reboot(void);

static const struct panic_action {
    const char *name;
    void (*end)(void);         /* after the text */
    void (*end_at_once)(void); /* when the panic panics */
} actions[] = {{"reboot", end_wait_reboot, cpu_reboot},
               {"halt", cpu_halt_forever, cpu_halt_forever},
               {"off", cpu_power_off, cpu_power_off}};
enum { ACTION_REBOOT, ACTION_HALT, ACTION_COUNT = sizeof(actions) / sizeof(actions[0]) };
static const struct panic_action *action = &actions[ACTION_HALT];

static void action_from(const char *line)
{
    size_t length;
    const char *value = boot_option(line, "panic", &length);
    action = &actions[ACTION_REBOOT];
    for (size_t i = 0; value && i < ACTION_COUNT; i++) {
        if (!boot_word_is(value, length, actions[i].name))
            continue;
        action = &actions[i];
        return;
    }
    if (value)
        klog(KLOG_WARNING, "panic=%.*s is none of reboot, halt, off: reboot", length > 40 ? 40 : (int)length, value);
}

void panic_init(const char *boot_line)
{
    size_t length;
    action_from(boot_line);
    const char *test = boot_option(boot_line, "panictest", &length);
    test_twice = test && boot_word_is(test, length, "twice");
    bool once = test && (test_twice || boot_word_is(test, length, "once"));
    test_wanted = test && !(once && crash_record());
}

bool panic_test_wanted(void)
{
    return test_wanted;
}

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
    char line[320];
    __builtin_va_list args;
    __builtin_va_start(args, format);
    int length = kvsnprintf(line, sizeof(line), format, args);
    __builtin_va_end(args);
    size_t bytes = length < (int)sizeof(line) ? (size_t)length : sizeof(line) - 1;
    klog_raw(line, bytes);
    if (record)
        crash_record_text(record, line, bytes);
}

static void dump_trace(void)
{
    static struct trace_record records[TRACE_EVENTS_SHOWN];
    say("=== TRACE DUMP (last %d events) ===\n", TRACE_EVENTS_SHOWN);
    size_t count = trace_last(records, TRACE_EVENTS_SHOWN);
    for (size_t i = 0; i < count; i++)
        say("[%10lu][CPU%u] %s payload=0x%lx\n", records[i].sequence, records[i].cpu,
            trace_event_name(records[i].event), records[i].words ? records[i].payload[0] : 0);
    say("=== END TRACE DUMP ===\n");
}

static void dump_registers(const struct trap_frame *r)
{
    say("vector %lu error 0x%lx\n", r->vector, r->error_code);
    say("rip %016lx cs %04lx rflags %08lx\n", r->rip, r->cs, r->rflags);
    say("rsp %016lx ss %04lx\n", r->rsp, r->ss);
    say("rax %016lx rbx %016lx rcx %016lx rdx %016lx\n", r->rax, r->rbx, r->rcx, r->rdx);
    say("rsi %016lx rdi %016lx rbp %016lx r8  %016lx\n", r->rsi, r->rdi, r->rbp, r->r8);
    say("r9  %016lx r10 %016lx r11 %016lx r12 %016lx\n", r->r9, r->r10, r->r11, r->r12);
    say("r13 %016lx r14 %016lx r15 %016lx\n", r->r13, r->r14, r->r15);
    say("cr0 %016lx cr2 %016lx cr3 %016lx cr4 %016lx\n", cr0_read(), cr2_read(), cr3_read(), cr4_read());
}

/* This CPU's, when GS is the kernel's. */
static const struct cpu *cpu_here(void)
{
    uint64_t gs = msr_read(MSR_GS_BASE);
    return gs >= (uint64_t)&cpus[0] && gs < (uint64_t)&cpus[CPU_MAX] ? cpu_this() : NULL;
}

static void dump_task(void)
{
    const struct cpu *cpu = cpu_here();
    const struct task *task = cpu ? cpu->current : NULL;
    if (task && task->object)
        say("cpu %u task %u (%.16s)\n", cpu->id, task_id(task), task->name);
    else
        say("cpu %u task none\n", cpu ? cpu->id : 0);
}

/* A return address may lie past the end of its function, when the call never returns: the name is that of the byte before. */
static void say_frame(unsigned number, uint64_t address, bool is_return)
{
    uint64_t offset = 0;
    const char *name = symbol_of(address - is_return, &offset);
    offset += is_return;
    if (name)
        say("  #%u 0x%016lx %s+0x%lx\n", number, address, name, offset);
    else
        say("  #%u 0x%016lx\n", number, address);
}

/* By frame pointers. Each is checked before it is followed: aligned, mapped, and above the one before it. */
static void dump_backtrace(uint64_t address, uint64_t frame, bool is_return)
{
    say("backtrace:\n");
    for (unsigned number = 0; address && number < FRAMES_SHOWN; number++) {
        say_frame(number, address, is_return || number);
        if (!paging_kernel_readable(frame) || !paging_kernel_readable(frame + 8))
            return;
        uint64_t next = ((const uint64_t *)frame)[0];
        address = ((const uint64_t *)frame)[1];
        frame = next > frame ? next : 0;
    }
}

/* ---- The record, and what comes after ------------------------------------------------------------------------------- */

static void record_packets(void)
{
    static uint8_t packet[TRACE_PACKET_SIZE];
    const struct cpu *cpu = cpu_here();
    if (!cpu)
        return;
    uint64_t open = trace_rings[cpu->id].open_sequence;
    for (uint64_t n = open < CRASH_PACKETS_MAX ? 0 : open + 1 - CRASH_PACKETS_MAX; n <= open; n++) {
        result_t bytes = trace_copy_whole(cpu->id, n, packet);
        if (bytes > 0)
            crash_record_packet(record, packet, (size_t)bytes);
    }
}

/* Whole, or as far as it came when the panic panicked: without packets then. */
static void record_close(bool whole)
{
    struct crash_head *head = record;
    if (!head)
        return;
    if (whole)
        record_packets();
    record = NULL;
    crash_record_seal(head);
}

static void end_wait_reboot(void)
{
    say("=== REBOOT IN %d s ===\n", REBOOT_SECONDS);
    uint64_t start = clock_ns();
    for (uint32_t i = 0;
         clock_mult ? clock_ns() - start < REBOOT_SECONDS * 1000000000ul : i < REBOOT_SECONDS * PORT_READS_PER_SECOND;
         i++)
        in8(0x80);
    cpu_reboot();
}

/* A panic while panicking: what was said has to do, and the machine ends at once. When even that panics, it stands still
 * (a fault in the handler of that fault resets the processor by itself). Another CPU's NMI ends here too, silently. */
static void panic_again(void)
{
    static const char again[] = "=== PANIC WHILE PANICKING ===\n=== SYSTEM HALTED ===\n";
    if (panic_depth > 2 || cpu_here() != panic_cpu)
        cpu_halt_forever();
    klog_raw(again, sizeof(again) - 1);
    record_close(false);
    action->end_at_once();
    cpu_halt_forever();
}

/* For a panic without a trap: the caller's place and this CPU's flags. */
static void registers_here(struct trap_frame *regs, uint64_t address, uint64_t frame)
{
    *regs = (struct trap_frame){.rip = address, .rbp = frame, .rsp = frame, .cs = SELECTOR_KERNEL_CODE};
    __asm__ volatile("pushfq; popq %0" : "=r"(regs->rflags));
}

static void record_open(const char *why)
{
    record = crash_area();
    if (record)
        crash_record_begin(record, why, clock_ns());
}

/* All that is told. `regs` NULL: a panic without a trap, in the frame `caller`. */
static void dump(const struct trap_frame *regs, const uint64_t *caller)
{
    static struct trap_frame here;
    bool trapped = regs != NULL;
    dump_trace();
    if (!trapped) {
        registers_here(&here, caller[1], caller[0]);
        regs = &here;
    }
    dump_registers(regs);
    dump_task();
    if (test_twice)
        panic(NULL, "panictest=twice on the boot line");
    dump_backtrace(regs->rip, regs->rbp, !trapped);
}

_Noreturn void panic(const struct trap_frame *regs, const char *format, ...)
{
    static char text[CRASH_WHY_MAX];
    __asm__ volatile("cli");
    if (++panic_depth > 1)
        panic_again();
    panic_cpu = cpu_here();
    apic_stop_others();
    __builtin_va_list args;
    __builtin_va_start(args, format);
    kvsnprintf(text, sizeof(text), format, args);
    __builtin_va_end(args);
    say("\n");
    record_open(text);
    say("=== KERNEL PANIC: %s ===\n", text);
    dump(regs, __builtin_frame_address(0));
    say("=== SYSTEM HALTED ===\n");
    record_close(true);
    action->end();
    cpu_halt_forever();
}
