/* The kernel: set up the machine, start init, schedule. Everything else is init's business. */
#include "kernel/init_task.h"
#include "kernel/memory/frame.h"
#include "kernel/sched/sched.h"
#include "kernel/trace/trace.h"
#include "kernel/version.h"
#include "kernel/x86/log.h"
#include "kernel/x86/panic.h"
#include "kernel/x86/platform.h"

extern uint64_t boot_to_user_ns; /* info.c */

/* 1 MiB of flight recorder on a machine that has room; 64 KiB where memory is scarce. */
static uint32_t trace_packets(void)
{
    uint64_t frames = frame_free_count();
    return frames > 32768 ? 256 : frames > 16384 ? 64 : 16;
}

_Noreturn void kernel_main(uint32_t magic, uint64_t info_physical)
{
    platform_init(magic, info_physical);
    sched_init_cpu(&cpus[0]);
    trace_init_cpu(&cpus[0], trace_packets());
    klog(KLOG_INFO, "version %s, %lu MiB free, %u CPU", TRUSTOS_VERSION, frame_free_count() * PAGE_SIZE >> 20,
         cpu_count);
    sched_panic_when_idle = panic_test_wanted();
    init_task_create();
    boot_to_user_ns = clock_ns();
    sched_dispatch();
}
