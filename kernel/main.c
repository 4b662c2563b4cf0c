/* The kernel: set up the machine, start init, schedule. Everything else is init's business. */
#include "kernel/init_task.h"
#include "kernel/memory/frame.h"
#include "kernel/sched/sched.h"
#include "kernel/trace/trace.h"
#include "kernel/version.h"
#include "kernel/x86/log.h"
#include "kernel/x86/panic.h"
#include "kernel/x86/platform.h"
#include "kernel/x86/smp.h"

extern uint64_t boot_to_user_ns; /* info.c */

#define TRACE_SHARE 96u /* of the free memory */
#define TRACE_PACKETS_MIN 16u
#define TRACE_PACKETS_MAX 1024u

/* How long a reader may be away before it loses events: 200,000 a second, 24 bytes each, fill 2 MiB in 0.4 s. A power of
 * two for each CPU: 512 packets with 256 MiB, and the fewest where memory is scarce. */
static uint32_t trace_packets(void)
{
    uint64_t share = frame_free_count() / TRACE_SHARE / smp_expected();
    uint32_t packets = TRACE_PACKETS_MAX;
    while (packets > share && packets > TRACE_PACKETS_MIN)
        packets /= 2;
    return packets;
}

_Noreturn void kernel_main(uint32_t magic, uint64_t info_physical)
{
    platform_init(magic, info_physical);
    sched_init_cpu(&cpus[0]);
    uint32_t packets = trace_packets();
    trace_init_cpu(&cpus[0], packets);
    trace_cpu_node(&cpus[0]);
    smp_start(packets);
    sched_machine_start();
    klog(KLOG_INFO, "version %s, %lu MiB free, %u CPU%s", TRUSTOS_VERSION, frame_free_count() * PAGE_SIZE >> 20,
         cpu_count, cpu_count == 1 ? "" : "s");
    sched_panic_when_idle = panic_test_wanted();
    init_task_create();
    boot_to_user_ns = clock_ns();
    sched_dispatch();
}
