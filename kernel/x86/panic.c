/* The end: what the machine was doing, on the serial port and in the log's ring, and then nothing more. The text is a
 * promise (../shared/design/trace.md; tests/system checks it). Nothing here takes memory or trusts a pointer. */
#include "kernel/sched/task.h"
#include "kernel/trace/trace.h"
#include "kernel/x86/apic.h"
#include "kernel/x86/asm.h"
#include "kernel/x86/log.h"
#include "kernel/x86/paging.h"
#include "kernel/x86/symbols.h"

#define TRACE_EVENTS_SHOWN 32
#define FRAMES_SHOWN 32

static uint32_t panic_depth;

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
    char line[320];
    __builtin_va_list args;
    __builtin_va_start(args, format);
    int length = kvsnprintf(line, sizeof(line), format, args);
    __builtin_va_end(args);
    klog_raw(line, length < (int)sizeof(line) ? (size_t)length : sizeof(line) - 1);
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

static void dump_task(void)
{
    bool has_gs = msr_read(MSR_GS_BASE) == (uint64_t)&cpus[0] ||
                  (msr_read(MSR_GS_BASE) > (uint64_t)&cpus[0] && msr_read(MSR_GS_BASE) < (uint64_t)&cpus[CPU_MAX]);
    const struct task *task = has_gs ? cpu_this()->current : NULL;
    if (task && task->object)
        say("cpu %u task %u (%.16s)\n", cpu_this()->id, task_id(task), task->name);
    else
        say("cpu %u task none\n", has_gs ? cpu_this()->id : 0);
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

/* A panic while panicking: what was said has to do. Another CPU's NMI ends here too, silently. */
static void panic_again(void)
{
    static const char again[] = "=== PANIC WHILE PANICKING ===\n=== SYSTEM HALTED ===\n";
    if (panic_depth == 2)
        klog_raw(again, sizeof(again) - 1);
    cpu_halt_forever();
}

/* For a panic without a trap: the caller's place and this CPU's flags. */
static void registers_here(struct trap_frame *regs, uint64_t address, uint64_t frame)
{
    *regs = (struct trap_frame){.rip = address, .rbp = frame, .rsp = frame, .cs = SELECTOR_KERNEL_CODE};
    __asm__ volatile("pushfq; popq %0" : "=r"(regs->rflags));
}

_Noreturn void panic(const struct trap_frame *regs, const char *format, ...)
{
    static char text[240];
    static struct trap_frame here;
    __asm__ volatile("cli");
    if (++panic_depth > 1)
        panic_again();
    apic_stop_others();
    __builtin_va_list args;
    __builtin_va_start(args, format);
    kvsnprintf(text, sizeof(text), format, args);
    __builtin_va_end(args);
    say("\n=== KERNEL PANIC: %s ===\n", text);
    dump_trace();
    bool trapped = regs != NULL;
    if (!trapped) {
        const uint64_t *frame = __builtin_frame_address(0);
        registers_here(&here, frame[1], frame[0]);
        regs = &here;
    }
    dump_registers(regs);
    dump_task();
    dump_backtrace(regs->rip, regs->rbp, !trapped);
    say("=== SYSTEM HALTED ===\n");
    cpu_halt_forever();
}
