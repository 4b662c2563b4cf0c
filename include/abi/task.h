/* Creating and looking at tasks. */
#pragma once
#include <abi/types.h>

#define TASK_NAME_MAX 16
#define TASK_PRIORITIES 32 /* 0 lowest .. 31 most urgent */

/* task_create: the new task has an empty address space and table, and does not run before task_start. */
struct task_create_args {
    char name[TASK_NAME_MAX]; /* ends in 0; letters, digits, '-', '_' */
    uint32_t priority;        /* at most the creator's own */
    uint32_t quota_pages;     /* taken out of the creator's quota until the task is gone */
    handle_t supervisor; /* channel (SEND) that gets MSG_FAULT and MSG_EXIT; the badge it carries comes with them */
    handle_t root;       /* root capability with RIGHT_ROOT_TASK */
    uint64_t affinity;   /* the CPUs where it may run, a bit each; 0: all. ERR_NOT_FOUND when none of them is online */
};

enum task_state {
    TASK_NEW = 0,
    TASK_READY,     /* in the run queue or running */
    TASK_RECEIVING, /* waits for messages and signals */
    TASK_CALLING,   /* its call lies in a queue */
    TASK_REPLYING,  /* its call was taken; waits for the answer */
    TASK_FAULTED,   /* stands still for its supervisor */
    TASK_DEAD,
};

struct task_info {
    uint32_t id; /* unique since boot; never used again */
    uint32_t state, priority, cpu;
    uint64_t cpu_time_ns, started_ns;
    uint32_t quota_pages, used_pages; /* used: everything charged to it, page tables and kernel
                                         objects included, quotas given on to other tasks not */
    uint32_t capabilities, switches;
    uint64_t syscalls;
    uint64_t affinity; /* CPUs, a bit each */
    uint32_t home_node, reserved;
    char name[TASK_NAME_MAX];
};

/* What a task finds at start: rdi = address of this struct (one read-only page), rsi = 0. The creator writes it. */
#define TASK_START_MAGIC 0x54534f54u
#define TASK_START_CAPS 32
struct task_start_cap {
    char name[12]; /* as the manifest calls it: "trace", "self", "init", "netsrv", … ends in 0 */
    handle_t handle;
};
struct task_start_info {
    uint32_t magic, cap_count;
    char boot_options[512]; /* the machine's boot line, ends in 0 */
    char task_name[TASK_NAME_MAX];
    uint64_t module_address, module_size; /* init only: the service archive, mapped read-only; else 0 */
    struct task_start_cap caps[TASK_START_CAPS];
};
