/* A machine of many CPUs in simulated time, whose scheduler is kernel/sched/placement.c and runq.h and follows the rules in
 * placement.h. Tasks run and sleep for random times and wake each other; CPUs sleep, get IPIs after a while, and are inside
 * the kernel for a while. After each event everything that must hold is looked at (sim_check). */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "kernel/sched/placement.h"
#include "kernel/sched/runq.h"

#define SIM_TASKS_MAX 1024
#define SIM_NEVER UINT64_MAX
#define SIM_SLICE_NS 10000000ul
#define SIM_IPI_NS_MAX 3000u
#define SIM_KERNEL_NS_MAX 500u

enum sim_state { SIM_SLEEPS, SIM_WAITS, SIM_RUNS };

struct sim_task {
    struct link link;
    struct sched_task placed; /* last_cpu: also in whose queue it waits */
    enum sim_state state;
    bool stolen;                                                 /* just now */
    uint64_t run_ns_min, run_ns_max, sleep_ns_min, sleep_ns_max; /* run_ns_max 0: it never sleeps */
    uint32_t partner;                           /* whom it wakes before it sleeps; SIM_TASKS_MAX: nobody */
    uint64_t slice_left_ns;                     /* when it was interrupted */
    uint64_t left_ns, due_ns;                   /* of this run; when it wakes */
    uint64_t ready_ns, queued_ns, neglected_ns; /* since when it waits, in this queue, and while somebody idles */
    uint64_t ran_ns, first_ran_ns;
};

struct sim_cpu {
    struct runq runq;
    struct sim_task *current;                                   /* NULL: idle */
    uint64_t since_ns, ipi_ns, leave_ns, slice_ns, patience_ns; /* leave_ns: inside the kernel until then */
    bool slice_over;
};

struct sim_figures {
    uint64_t wakes, by_reason[PLACEMENT_WAITS + 1], wakes_across, ipis;
    uint64_t steals, steals_across; /* and what was handed on because it was overdue */
    uint64_t runs, runs_at_home_ns, runs_ns;
    uint64_t neglected_ns; /* longest that a task waited while a CPU where it might have run was idle */
    uint64_t noticed_ns;   /* longest from being chosen for a CPU to being noticed there */
};

struct sim {
    struct sched_machine machine;
    struct sched_view view;
    struct sim_cpu cpus[PLACEMENT_CPUS_MAX];
    struct sim_task tasks[SIM_TASKS_MAX];
    struct sim_task *heap[SIM_TASKS_MAX]; /* sleeping, first due first */
    uint32_t task_count, heap_count;
    uint64_t now_ns, random;
    bool check;
    struct sim_figures figures;
};

void sim_init(struct sim *sim, const struct numa *numa, uint32_t cpu_count, const uint8_t *node_of, uint64_t seed);
uint32_t sim_random(struct sim *sim, uint32_t below);
struct sim_task *sim_task_add(struct sim *sim, uint32_t priority, uint64_t affinity, uint32_t home);
void sim_run(struct sim *sim, uint64_t until_ns);
