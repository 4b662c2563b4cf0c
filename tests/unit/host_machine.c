#include <asm/prctl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>
#include "kernel/irq/device.h"
#include "kernel/memory/frame.h"
#include "kernel/memory/memory.h"
#include "kernel/sched/balance.h"
#include "kernel/syscall.h"
#include "kernel/trace/trace.h"
#include "kernel/x86/crash_record.h"
#include "kernel/x86/boot_info.h"
#include "kernel/x86/log.h"
#include "kernel/x86/paging_private.h"
#include "kernel/x86/platform.h"
#include "kernel/x86/user.h"
#include "tests/unit/host_machine.h"

struct task *machine_root, *init_task;
uint64_t machine_now_ns, machine_armed_ns;
bool machine_ticks;
handle_t machine_root_handle, machine_trace_handle;
static jmp_buf leave;
static struct account *all_memory;
static struct task *idle;
extern void *const syscall_table[SYS_COUNT];

/* ---- the CPU ---- */

struct cpu cpus[CPU_MAX];
uint32_t cpu_count = 1;
char cpu_model[48];
uint64_t paging_nx = PTE_NX;

struct extable_entry {
    uint64_t fault_ip, fixup_ip;
};
extern const struct extable_entry extable_start[], extable_end[];

/* Length of a privileged instruction: mov to and from control registers, invlpg, clts; 0: it is none. */
static unsigned privileged_length(const uint8_t *code)
{
    unsigned rex = (code[0] & 0xf0) == 0x40;
    const uint8_t *c = code + rex;
    if (c[0] != 0x0f)
        return 0;
    if (c[1] == 0x06)
        return rex + 2;
    if (c[1] == 0x20 || c[1] == 0x22)
        return rex + 3;
    if (c[1] != 0x01)
        return 0;
    return rex + 3 + ((c[2] & 7) == 4) + (c[2] >> 6 == 1 ? 1 : 0);
}

static void on_fault(int signal, siginfo_t *info, void *context)
{
    greg_t *rip = &((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
    (void)info;
    for (const struct extable_entry *e = extable_start; e < extable_end; e++) {
        if (e->fault_ip != (uint64_t)*rip)
            continue;
        *rip = (greg_t)e->fixup_ip;
        return;
    }
    unsigned length = privileged_length((const uint8_t *)*rip);
    *rip += length;
    if (!length) {
        fprintf(stderr, "fault at %p, address %p\n", (void *)*rip, info->si_addr);
        struct sigaction plain = {.sa_handler = SIG_DFL};
        sigaction(signal, &plain, NULL);
    }
}

/* cmocka takes these signals at each test's start, so every way into the kernel takes them back. */
static void faults_are_ours(void)
{
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER};
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
}

static void cpu_start(void)
{
    cpus[0] = (struct cpu){.self = &cpus[0], .timer_armed_ns = UINT64_MAX};
    syscall(SYS_arch_prctl, ARCH_SET_GS, &cpus[0]);
    faults_are_ours();
}

static status_t copy_bytes(uint8_t *to, const uint8_t *from, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        uint8_t byte;
        USER_LOAD(byte, &from[i], fault);
        USER_STORE(byte, &to[i], fault);
    }
    return OK;
fault:
    return ERR_FAULT;
}
status_t user_copy_in_raw(void *to, const void *from, size_t bytes)
{
    return copy_bytes(to, from, bytes);
}
status_t user_copy_out_raw(void *to, const void *from, size_t bytes)
{
    return copy_bytes(to, from, bytes);
}

/* ---- entry.asm ---- */

void task_resume(struct task *task)
{
    assert_ptr_equal(task, cpus[0].current);
    longjmp(leave, 1);
}
void task_resume_short(struct task *task, int64_t value, uint64_t second)
{
    task->context.rax = (uint64_t)value;
    task->context.rdx = second;
    task_resume(task);
}
void sched_dispatch(void)
{
    sched_loop();
}
void cpu_idle_wait(void)
{
    longjmp(leave, 1);
}
/* An interrupt here looks at who runs: never at a task that was just taken apart. */
void preempt_window(void)
{
    assert_true(cpus[0].current == idle || machine_alive(cpus[0].current));
}

/* ---- what stands for the devices ---- */

struct boot_info boot_info;
struct platform_info platform;
uint64_t clock_tsc_hz = 1000000000, clock_mult = 1ul << 32, clock_tsc_start;

uint64_t clock_ns(void)
{
    return machine_ticks ? clock_of_tsc(rdtsc()) : machine_now_ns;
}
void apic_timer_arm(uint64_t deadline_ns)
{
    machine_armed_ns = cpus[0].timer_armed_ns = deadline_ns;
}
void serial_write(const char *text, size_t length)
{
    (void)text, (void)length;
}
void random_fill(void *buffer, size_t bytes)
{
    memset(buffer, 0x5a, bytes);
}
struct kernel_inside kernel_inside[CPU_MAX];
void cpu_ask(struct cpu *cpu, uint32_t what)
{
    (void)cpu, (void)what;
    abort(); /* there is one CPU */
}
void cpu_interrupt(const struct cpu *cpu, enum trace_ipi_reason reason)
{
    (void)cpu, (void)reason;
}
void kernel_lock_let_pass(struct cpu *cpu)
{
    (void)cpu;
}
void fpu_set_trap(struct cpu *cpu, bool on)
{
    cpu->fpu_trapping = on;
}
void fpu_forget(struct cpu *cpu)
{
    cpu->fpu_trapping = true;
}
void fpu_task_ended(struct task *task)
{
    (void)task;
}
uint64_t memory_kernel_bytes(void)
{
    return 0;
}
void cpu_power_off(void)
{
    abort();
}
void cpu_reboot(void)
{
    abort();
}
const struct crash_head *crash_record(void)
{
    return NULL;
}
bool crash_record_clear(void)
{
    return false;
}
bool memory_is_ram(uint64_t physical, uint64_t bytes)
{
    return physical < 1ul << 30 && bytes;
}

/* ---- running tasks ---- */

bool machine_alive(const struct task *task)
{
    for (uint32_t i = 0; i < TASKS_MAX; i++)
        if (task_slots[i] == task)
            return true;
    return false;
}

static bool went_on(const struct task *task)
{
    return machine_alive(task) && task->state == TASK_READY && !task->finish;
}

static void current_steps_back(struct cpu *cpu)
{
    struct task *current = cpu->current;
    if (machine_alive(current) && current->state == TASK_READY && list_empty(&current->run_link))
        runq_push_front(&cpu->runq, &current->run_link, current->priority);
}

void machine_run(struct task *task)
{
    struct cpu *cpu = &cpus[0];
    faults_are_ours();
    assert_true(machine_alive(task));
    assert_int_equal(task->state, TASK_READY);
    if (cpu->current != task) {
        current_steps_back(cpu);
        runq_remove(&cpu->runq, &task->run_link, task->priority);
        sched_switch_to(cpu, task);
    } else if (!list_empty(&task->run_link)) {
        runq_remove(&cpu->runq, &task->run_link, task->priority);
    }
    cpu->resched = 0;
    void (*finish)(struct task *) = task->finish;
    task->finish = NULL;
    if (finish && !setjmp(leave))
        finish(task);
}

int64_t machine_syscall(struct task *task, enum syscall_number number, const uint64_t a[6])
{
    machine_run(task);
    if (!setjmp(leave)) {
        struct syscall_result (*handler)(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t);
        handler = (typeof(handler))syscall_table[number];
        struct syscall_result result = handler(a[0], a[1], a[2], a[3], a[4], a[5]);
        task->context.rax = (uint64_t)result.value;
        task->context.rdx = result.second;
        if (cpus[0].resched)
            sched_preempt();
    }
    return went_on(task) ? (int64_t)task->context.rax : BLOCKED;
}

int64_t machine_answer(struct task *task)
{
    if (machine_alive(task) && task->state == TASK_READY && task->finish)
        machine_run(task);
    return went_on(task) ? (int64_t)task->context.rax : BLOCKED;
}

/* The real loop chooses; whoever runs is taken off again until only the dying are left, and then they end. */
void machine_idle(void)
{
    struct cpu *cpu = &cpus[0];
    static struct link *kept[TASKS_MAX];
    static unsigned count;
    faults_are_ours();
    current_steps_back(cpu);
    sched_switch_to(cpu, idle);
    do {
        if (!setjmp(leave))
            sched_loop();
        if (cpu->current != idle)
            kept[count++] = &cpu->current->run_link;
    } while (cpu->current != idle);
    while (count) {
        struct task *task = LIST_OWNER(kept[--count], struct task, run_link);
        runq_push_front(&cpu->runq, &task->run_link, task->priority);
    }
}

void machine_pass(uint64_t ns)
{
    machine_now_ns += ns;
    sched_timer_interrupt();
}

void machine_return(void)
{
    faults_are_ours();
    if (cpus[0].resched && !setjmp(leave))
        sched_preempt();
}

/* ---- making tasks ---- */

struct cap *machine_cap(struct task *task, handle_t handle)
{
    struct cap *cap = cap_find(&task->table, handle);
    assert_non_null(cap);
    return cap;
}

static handle_t root_names(enum object_type type)
{
    status_t status;
    struct object *object = object_create(type, machine_root->account, &status);
    struct cap *cap = cap_create(object, RIGHTS_ALL & ~RIGHTS_SERVICE, machine_root->account, &status);
    object_unref(object);
    assert_int_equal(cap_install(&machine_root->table, &cap), OK);
    return cap->handle;
}

/* The scheduler has one CPU; where tasks are at home is decided for a machine of `nodes` nodes of `node_cpus` CPUs each. */
static void nodes_make(uint32_t node_count, uint32_t node_cpus, const uint64_t *pages)
{
    uint8_t node_of[CPU_MAX];
    numa_one_node(&numa);
    numa.node_count = node_count;
    for (uint32_t node = 0; node < node_count; node++)
        for (uint32_t to = 0; to < node_count; to++)
            numa.distance[node][to] = node == to ? NUMA_DISTANCE_SELF : NUMA_DISTANCE_UNKNOWN;
    numa_orders(&numa);
    for (uint32_t cpu = 0; cpu < node_count * node_cpus; cpu++)
        node_of[cpu] = (uint8_t)(cpu / node_cpus);
    sched_machine_init(&sched_machine, &numa, node_count * node_cpus, node_of);
    machine_nodes_fill(pages, node_count);
}

static int setup_with(uint32_t node_count, uint32_t node_cpus, const uint64_t *pages)
{
    struct task_create_args args = {.name = "root", .priority = 24, .quota_pages = 1 << 18};
    cpu_start();
    machine_armed_ns = UINT64_MAX;
    sched_init_cpu(&cpus[0]);
    nodes_make(node_count, node_cpus, pages);
    idle = cpus[0].current;
    paging_kernel_root = frame_alloc_zeroed(0, 0);
    trace_init_cpu(&cpus[0], 2);
    assert_int_equal(account_create(NULL, 2ul << 30, &all_memory), OK);
    assert_int_equal(task_new(&args, all_memory, NULL, &machine_root), OK);
    task_begin(machine_root, 0x1000, 0x2000, 0);
    machine_root_handle = root_names(OBJECT_ROOT);
    machine_trace_handle = root_names(OBJECT_TRACE);
    return 0;
}

int machine_setup(void **state)
{
    static const uint64_t pages = 1 << 20;
    (void)state;
    return setup_with(1, 1, &pages);
}

int machine_setup_nodes(void **state)
{
    static const uint64_t pages[MACHINE_NODES] = {4096, 4096, 4096, 4096};
    (void)state;
    return setup_with(MACHINE_NODES, MACHINE_NODE_CPUS, pages);
}

int machine_teardown(void **state)
{
    (void)state;
    faults_are_ours();
    machine_frames_left = -1;
    machine_root = NULL;
    for (uint32_t i = 0; i < TASKS_MAX; i++)
        if (task_slots[i] && task_slots[i]->state != TASK_DEAD)
            task_end(task_slots[i], -1, true);
    machine_idle();
    assert_int_equal(task_count, 0);
    assert_int_equal(cap_total, 0);
    for (unsigned type = 0; type < OBJECT_TYPE_COUNT; type++)
        assert_int_equal(object_counts[type], 0);
    assert_int_equal(all_memory->used_bytes, 0);
    frame_free(paging_kernel_root, 0);
    frame_free(virt_to_phys(trace_rings[0].packets), 1);
    trace_rings[0] = (struct trace_ring){0};
    assert_int_equal(machine_frames_out, 0);
    return 0;
}

struct task *machine_task_new(const char *name, uint32_t priority, uint32_t quota_pages, handle_t supervisor,
                              handle_t *handle)
{
    struct task_create_args args = {
        .priority = priority, .quota_pages = quota_pages, .supervisor = supervisor, .root = machine_root_handle};
    strcpy(args.name, name);
    int64_t result = SYS(machine_root, task_create, P(&args));
    assert_true(result > 0);
    *handle = (handle_t)result;
    return task_of_cap(machine_cap(machine_root, *handle));
}

struct task *machine_task(const char *name, uint32_t priority, uint32_t quota_pages, handle_t supervisor)
{
    handle_t handle;
    struct task *task = machine_task_new(name, priority, quota_pages, supervisor, &handle);
    SYS(machine_root, task_start, handle, 0x1000, 0x2000, 0);
    assert_int_equal(task->state, TASK_READY);
    return task;
}

handle_t machine_handle(const struct task *task)
{
    const struct cap_table *table = &machine_root->table;
    for (uint32_t i = 0; i < table->page_count * CAP_ENTRIES_PER_PAGE; i++) {
        const struct cap *cap = cap_at(table, i);
        if (cap && cap->object == task->object)
            return cap->handle;
    }
    fail_msg("the root task has no capability of %s", task->name);
    return HANDLE_NONE;
}

handle_t machine_grant(struct task *to, handle_t source, uint32_t rights, uint64_t badge)
{
    int64_t result = SYS(machine_root, task_grant, machine_handle(to), source, rights, badge);
    assert_true(result > 0);
    return (handle_t)result;
}

handle_t machine_channel(struct task *owner, uint32_t slots, uint32_t credit)
{
    int64_t result = SYS(owner, channel_create, slots, credit);
    assert_true(result > 0);
    return (handle_t)result;
}
