/* The task control block: one address space, one thread of control, one capability table, one memory quota.
 *
 * The kernel is event-driven: a task that waits keeps no kernel stack. What is left of its system call is `finish`,
 * a function that the scheduler runs in the task's own address space just before the task goes on.
 * Rules
 *  - Kernel lock held, interrupts off.
 *  - `context` holds the user registers whenever the task is not the one running. */
#pragma once
#include "kernel/ipc/channel.h"
#include "kernel/list.h"
#include "kernel/memory/numa.h"
#include "kernel/sched/timerq.h"
#include "kernel/x86/cpu.h"
#include "kernel/x86/trap.h"
#include <abi/task.h>

/* The assembler files know these offsets (kernel/x86/offsets.inc). */
struct context {
    uint64_t rip, rflags, rsp;                /*   0   8  16 */
    uint64_t rbx, rbp, r12, r13, r14, r15;    /*  24 .. 64   */
    uint64_t rax, rdx;                        /*  72  80: the system call's answer */
    uint64_t full;                            /*  88: 1: the registers below count too, leave with IRET */
    uint64_t rcx, rsi, rdi, r8, r9, r10, r11; /*  96 .. 144  */
};

/* Where the message buffers of a waiting call or recv lie in its own memory. */
struct ipc_wait {
    struct msg *msgs;
    uint32_t capacity;
    handle_t handle;         /* receiving through */
    struct channel *channel; /* valid while TASK_RECEIVING: a closing channel wakes its receiver */
};

struct task {
    struct context context;            /* first: entry.asm */
    uint64_t root;                     /* physical address of the page tables */
    void (*finish)(struct task *task); /* what is left of a blocked system call; NULL: nothing */
    uint32_t state;                    /* enum task_state */
    uint32_t priority;
    status_t wake_status; /* why it was woken: OK, or the error that its call answers */
    uint32_t index;       /* in task_slots[], low half of its reply token */
    uint32_t id;          /* of its object, for the trace */

    /* IPC as a caller */
    uint32_t call_sequence;  /* high half of the reply token: changes at each call */
    struct task *server;     /* TASK_REPLYING: who owes us an answer */
    struct link server_link; /* in server->callers */
    struct slot slot;        /* our call on its way, then its answer on its way back */
    /* IPC as a receiver */
    struct ipc_wait wait;
    struct link callers; /* tasks in TASK_REPLYING that wait for us */

    /* scheduling */
    struct link run_link;     /* in the run queue */
    struct timer_entry timer; /* in the timer queue while it waits with a deadline; else that is DEADLINE_NEVER, save
                                 between wake-up and finish */
    uint64_t queued_ns;       /* when it came into its run queue; only kept with several CPUs */
    uint64_t slice_left_ns;   /* of one that made way for a more urgent task in the middle of its slice; else 0 */
    uint64_t cpu_time_tsc, switched_in_tsc, started_ns;
    uint32_t cpu, switches; /* cpu: where it runs or ran last */
    uint64_t affinity;      /* the CPUs where it may run; never 0. Its home node is its account's */
    uint64_t syscalls;

    struct cap_table table;
    struct account *account;
    struct link mappings; /* sorted by address */
    uint32_t mapping_count;
    struct memory *making; /* memory_create has begun it; referenced */
    void *fpu;             /* 512 bytes, FXSAVE; NULL: never used the FPU */
    uint32_t fpu_cpu;      /* whose registers had it last */

    /* the end */
    struct object *object;   /* the TASK object; we hold a reference while alive */
    struct cap *supervisor;  /* SEND; charged to our creator; NULL: nobody */
    struct link report_link; /* in the supervisor channel's exits */
    bool fault_reported, dead_reported, killed, reserved;
    int64_t exit_code;
    struct msg_fault fault;
    struct chore reaping;
    char name[TASK_NAME_MAX];
};

struct task_object {
    struct object object;
    struct task *task; /* NULL once it is gone */
};

#define TASKS_MAX 1024
extern struct task *task_slots[TASKS_MAX];
extern uint32_t task_count;
extern uint32_t task_homes[NUMA_NODES_MAX]; /* of these, how many are at home where */

static inline uint32_t task_id(const struct task *task)
{
    return task->id;
}

/* ---- task.c ---- */
uint64_t task_syscalls_total(void); /* of all tasks since boot, also those that are gone */
status_t task_new(const struct task_create_args *args, struct account *parent, struct cap *supervisor,
                  struct task **task);
void task_discard(struct task *task); /* one that task_new made and nobody has named */
void task_begin(struct task *task, uint64_t entry, uint64_t stack_top, uint64_t argument);
/* Ends a task wherever it is; what it holds is taken back in steps (task_reap). The current task must go to
 * sched_dispatch() afterwards. */
void task_end(struct task *task, int64_t code, bool killed);
void task_stop_for_fault(struct task *task, const struct msg_fault *fault);
struct task *task_of_cap(const struct cap *cap);
void task_unnamed(struct object *object);           /* nobody can start or end it any more */
void task_report_dropped(struct link *report_link); /* the supervisor is gone */
struct task *task_of_report(struct link *report_link);
struct task *task_current_caller(struct task *server, uint32_t token);

/* ---- sched.c ---- */
void task_wake(struct task *task, status_t status); /* a waiting task becomes ready; finish sees wake_status */
/* The current task waits from now on: state and finish are set here. deadline DEADLINE_NEVER: no timer. */
void task_block(struct task *task, enum task_state state, const struct channel *channel, void (*finish)(struct task *),
                uint64_t deadline_ns);
_Noreturn void sched_dispatch(void);  /* run whoever is next; from any system call that does not return */
void sched_remove(struct task *task); /* take out of run queue and timers, whatever its state */
void sched_switch_to(struct cpu *cpu, struct task *next); /* registers' owner, address space, accounting, trace */
void sched_timer_interrupt(void);
void sched_init_cpu(struct cpu *cpu);
void sched_yield(struct task *task);
void sched_no_hurry(void);
_Noreturn void task_resume(struct task *task); /* entry.asm */

static inline struct task *task_this(void)
{
    struct task *task;
    __asm__ volatile("mov %%gs:8, %0" : "=r"(task));
    return task;
}
