/* system_info(trace, kind, index, buffer, bytes) with RIGHT_TRACE_OBSERVE: returns how many records were written
 * (bytes for INFO_LOG, INFO_BOOT_LINE, INFO_CRASH). */
#pragma once
#include <abi/object.h>
#include <abi/task.h>

enum info_kind {
    INFO_SYSTEM = 0,       /* one struct system_info; index unused */
    INFO_TASKS = 1,        /* struct task_info, tasks with id >= index in rising order */
    INFO_CAPS = 2,         /* struct cap_info; index = task id << 32 | first handle index */
    INFO_LOG = 3,          /* log text from byte position index on (position of the first byte kept if that is older) */
    INFO_BOOT_LINE = 4,    /* the boot line's text; it may hold the operator's token: takes root, RIGHT_ROOT_TASK */
    INFO_TRACE = 5,        /* struct trace_record: the last (bytes / record size) events of all CPUs, oldest first */
    INFO_OBJECTS = 6,      /* one struct object_counts: for leak checks */
    INFO_PLATFORM = 7,     /* one struct platform_info (abi/device.h); takes the root capability instead of trace */
    INFO_IOMMU_FAULTS = 8, /* struct iommu_fault (abi/device.h); takes the root capability instead of trace */
    INFO_CRASH = 9,        /* the crash record (abi/crash.h) from its byte `index` on; ERR_NOT_FOUND: there is none */
    INFO_CRASH_CLEAR = 10, /* forgets it, writes nothing, 0; ERR_NOT_FOUND: none. It takes RIGHT_TRACE_CONTROL */
    INFO_TRACE_STATE = 11, /* one struct trace_state */
    INFO_CPUS = 12,        /* struct cpu_info, from CPU `index` on */
    INFO_NODES = 13,       /* struct node_info, from node `index` on */
};

struct trace_state {
    uint64_t events, lost; /* recorded since boot, and overwritten since, on all CPUs */
    uint64_t packets;      /* that the rings hold, of TRACE_PACKET_SIZE */
    uint32_t mask;         /* TRACE_CLASS_ that are recorded */
    uint32_t only_count;   /* tasks chosen by TRACE_CONTROL_ONLY; 0: all */
    uint32_t only[8];      /* their ids */
    uint8_t uuid[16];      /* this boot's trace: as in each packet */
};

#define SYSTEM_VERSION_MAX 32
struct system_info {
    char version[SYSTEM_VERSION_MAX];
    uint64_t uptime_ns, boot_to_user_ns; /* kernel entry to init's first instruction */
    uint64_t memory_bytes, free_bytes, kernel_bytes;
    uint32_t cpu_count, task_count;
    uint64_t idle_ns; /* summed over CPUs */
    uint64_t context_switches, syscalls, interrupts, page_faults, ipc_messages;
    uint64_t trace_events, trace_lost;
    uint64_t tsc_hz, log_end; /* log_end: position after the newest byte */
    char cpu_model[48];
};

struct cpu_info {
    uint32_t id, apic_id, node; /* id: 0 .. cpu_count - 1 */
    uint32_t task;              /* whom it runs; 0: nobody */
    uint64_t idle_ns, switches, interrupts, messages;
    uint64_t ipis; /* sent */
    /* tasks that came here: taken over from a CPU of this node, of another one, and moved in any way, these included */
    uint64_t steals_near, steals_far, migrations;
    uint64_t lock_waits, lock_waited_ns, lock_held_ns; /* the kernel lock; held only counted with several CPUs */
};

#define NODE_INFO_NODES 8
struct node_info {
    uint32_t id;                    /* 0 .. node_count - 1; 0 is the boot CPU's */
    uint32_t cpu_count, task_count; /* CPUs online; tasks at home here */
    uint32_t node_count;
    uint64_t cpus;                    /* a bit each */
    uint64_t total_pages, free_pages; /* its memory, what the kernel took at the start, before all else, apart */
    /* in use by tasks at home here, the kernel and its CPUs here among them; and by tasks at home elsewhere */
    uint64_t local_pages, remote_pages;
    uint64_t local_allocations, remote_allocations; /* pages since boot for tasks at home here: from here, elsewhere */
    uint8_t distance[NODE_INFO_NODES];              /* to each node; 10: itself, 20: twice as far */
};

struct object_counts {
    uint64_t free_pages, capabilities;
    uint64_t objects[16]; /* by enum object_type */
};

struct trace_record {
    uint64_t sequence, timestamp_ns;
    uint16_t event, cpu, words, reserved;
    uint32_t reserved2[2]; /* no hole for the compiler to leave as it was */
    uint64_t payload[3];
};
