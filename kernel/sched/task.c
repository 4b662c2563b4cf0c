#include "kernel/sched/task.h"
#include "kernel/init_task.h"
#include "kernel/memory/frame.h"
#include "kernel/memory/memory_object.h"
#include "kernel/memory/slab.h"
#include "kernel/sched/fpu.h"
#include "kernel/sched/sched.h"
#include "kernel/trace/trace.h"
#include "kernel/x86/log.h"
#include "kernel/x86/paging.h"
#include "kernel/x86/platform.h"

struct task *task_slots[TASKS_MAX];
uint32_t task_count, task_homes[NUMA_NODES_MAX];

#define RFLAGS_USER 0x202ul /* interrupts on */

struct task *task_of_cap(const struct cap *cap)
{
    return ((struct task_object *)cap->object)->task;
}

struct task *task_of_report(struct link *report_link)
{
    return LIST_OWNER(report_link, struct task, report_link);
}

/* ---- birth ---- */

static status_t task_slot_take(struct task *task)
{
    static uint32_t next;
    for (uint32_t i = 0; i < TASKS_MAX; i++, next++) {
        if (task_slots[next % TASKS_MAX])
            continue;
        task->index = next++ % TASKS_MAX;
        task_slots[task->index] = task;
        task_count++;
        task_homes[task->account->node]++;
        return OK;
    }
    return ERR_TABLE_FULL;
}

static void task_links_init(struct task *task)
{
    list_init(&task->server_link);
    list_init(&task->callers);
    list_init(&task->run_link);
    list_init(&task->reaping.link);
    list_init(&task->timer.link);
    list_init(&task->mappings);
    list_init(&task->report_link);
    list_init(&task->slot.link);
    task->timer.deadline_ns = DEADLINE_NEVER;
    task->slot.caller = task;
}

static status_t task_object_attach(struct task *task)
{
    status_t status;
    struct task_object *object = (struct task_object *)object_create(OBJECT_TASK, task->account, &status);
    if (!object)
        return status;
    object->task = task;
    task->object = &object->object;
    task->id = (uint32_t)object->object.id;
    return OK;
}

static uint64_t syscalls_of_the_dead;

uint64_t task_syscalls_total(void)
{
    uint64_t total = syscalls_of_the_dead;
    for (uint32_t i = 0; i < TASKS_MAX; i++)
        total += task_slots[i] ? task_slots[i]->syscalls : 0;
    return total;
}

/* Undoes what task_new had done so far, in reverse; each step knows whether it happened. */
static void task_free(struct task *task)
{
    syscalls_of_the_dead += task->syscalls;
    struct page_source source = account_page_source(task->account);
    uint64_t budget = UINT64_MAX;
    if (task->root)
        (void)paging_root_destroy(task->root, &source, &budget);
    if (task->object) {
        ((struct task_object *)task->object)->task = NULL;
        object_unref(task->object);
    }
    if (task_slots[task->index] == task) {
        task_slots[task->index] = NULL;
        task_count--;
        task_homes[task->account->node]--;
    }
    struct account *account = task->account;
    slab_free(task);
    account_drop(account);
}

void task_discard(struct task *task)
{
    uint32_t budget = UINT32_MAX;
    cap_table_clear(&task->table, &budget);
    if (task->supervisor)
        cap_close(task->supervisor);
    task_free(task);
}

/* ---- where it lives ---- */

static uint32_t home_choose(uint64_t affinity, uint64_t frames, uint32_t creator_node)
{
    struct node_load loads[NUMA_NODES_MAX];
    if (sched_machine.node_count == 1)
        return 0;
    for (uint32_t node = 0; node < sched_machine.node_count; node++)
        loads[node] = (struct node_load){.free_frames = frame_node(node).free, .tasks = task_homes[node]};
    return placement_home(&sched_machine, loads, affinity, frames, creator_node);
}

/* Its first one: those at home in a node begin on its CPUs in turn. */
static uint32_t cpu_of_home(uint64_t affinity, uint32_t home)
{
    uint64_t cpus = affinity & sched_machine.node_cpus[home], left = cpus;
    for (uint32_t turn = task_homes[home]; turn; turn--) {
        left &= left - 1;
        left = left ? left : cpus;
    }
    return (uint32_t)__builtin_ctzl(left);
}

static status_t task_build(struct task *task)
{
    struct page_source source = account_page_source(task->account);
    status_t status = task_object_attach(task);
    if (!status)
        status = task_slot_take(task);
    if (!status)
        status = cap_table_init(&task->table, task->account, task);
    if (status)
        return status;
    task->root = paging_root_create(&source);
    return task->root ? OK : source.status;
}

status_t task_new(const struct task_create_args *args, struct account *parent, struct cap *supervisor,
                  struct task **made)
{
    struct account *account;
    status_t status = account_create(parent, (uint64_t)args->quota_pages * PAGE_SIZE, &account);
    if (status)
        return status;
    uint64_t affinity = (args->affinity ? args->affinity : ~0ul) & sched_machine.online;
    account->task_id = (uint32_t)object_id_next(); /* task_object_attach's; pages are taken before */
    account->node = home_choose(affinity, args->quota_pages, parent->node);
    struct task *task = slab_alloc(account, SLAB_CLASS(struct task), &status);
    if (!task) {
        account_drop(account);
        return status;
    }
    *task = (struct task){0};
    task_links_init(task);
    task->account = account;
    task->priority = args->priority;
    task->affinity = affinity;
    task->cpu = cpu_of_home(affinity, account->node);
    task->state = TASK_NEW;
    __builtin_memcpy(task->name, args->name, TASK_NAME_MAX);
    status = task_build(task);
    if (status) {
        task_discard(task);
        return status;
    }
    task->supervisor = supervisor;
    if (supervisor)
        supervisor->holder = &task->supervisor;
    *made = task;
    return OK;
}

void task_begin(struct task *task, uint64_t entry, uint64_t stack_top, uint64_t argument)
{
    task->context = (struct context){.rip = entry, .rflags = RFLAGS_USER, .rsp = stack_top, .rdi = argument, .full = 1};
    task->state = TASK_READY;
    task->started_ns = clock_ns();
    TRACE1_WITH(task_id(task), TASK, TaskStart, TRACE_WORD(task_id(task), task_id(task_this())));
    trace_task_name(task);
    balance_ready(task);
}

/* ---- waiting ends from outside ---- */

static void wait_unhook(struct task *task)
{
    switch (task->state) {
    case TASK_RECEIVING:
        if (task->wait.channel->receiver == task)
            task->wait.channel->receiver = NULL;
        break;
    case TASK_CALLING: channel_call_leaves(&task->slot); break;
    case TASK_REPLYING:
        task->call_sequence++; /* a late answer finds no caller */
        list_remove(&task->server_link);
        task->server = NULL;
        break;
    default: break;
    }
}

void task_wait_cancel(struct task *task, status_t status)
{
    wait_unhook(task);
    task_wake(task, status);
}

/* ---- reports to the supervisor ---- */

/* Where its reports go; NULL: nobody is left to read them. */
static struct channel *task_reports_to(const struct task *task)
{
    struct channel *channel = task->supervisor ? (struct channel *)task->supervisor->object : NULL;
    return channel && !channel->closed ? channel : NULL;
}

static void task_report(struct task *task, struct channel *channel)
{
    if (!list_empty(&task->report_link))
        return;
    list_push_back(&channel->exits, &task->report_link);
    channel->news |= NEWS_EXITS;
    channel_wake_receiver(channel);
}

void task_stop_for_fault(struct task *task, const struct msg_fault *fault)
{
    task->fault = *fault;
    task->state = TASK_FAULTED;
    TRACE2_WITH(task_id(task), FAULT, UserFault, fault->ip, TRACE_WORD(task_id(task), fault->vector));
    struct channel *channel = task->account->parent->held ? task_reports_to(task) : NULL;
    if (channel)
        task_report(task, channel);
    else
        task_end(task, -1, true); /* nobody is left to look at it, or to answer for it */
}

static void task_last_step(struct task *task)
{
    if (task->supervisor)
        cap_close(task->supervisor); /* clears task->supervisor */
    task_free(task);
}

/* The report was delivered, or nobody is left to read it. */
void task_report_dropped(struct link *report_link)
{
    struct task *task = task_of_report(report_link);
    if (task->state == TASK_DEAD && task->dead_reported)
        task_last_step(task);
    else if (task->state == TASK_FAULTED && !task_reports_to(task))
        task_end(task, -1, true);
}

/* ---- death ---- */

static void callers_release(struct task *server)
{
    while (!list_empty(&server->callers)) {
        struct task *caller = LIST_OWNER(server->callers.next, struct task, server_link);
        task_wait_cancel(caller, ERR_PEER_DIED);
    }
}

static bool task_reap(struct chore *chore, uint32_t *budget);

void task_end(struct task *task, int64_t code, bool killed)
{
    if (task->state == TASK_DEAD)
        return;
    if (task == init_task)
        panic(NULL, "init ended (code %ld, last ip 0x%lx, fault %u at 0x%lx)", code, task->fault.ip, task->fault.vector,
              task->fault.address);
    sched_evict(task);
    wait_unhook(task);
    sched_remove(task);
    list_remove(&task->report_link); /* a fault that nobody read yet gives way to the end */
    task->state = TASK_DEAD;
    task->finish = NULL;
    task->exit_code = code;
    task->killed = killed;
    TRACE1_WITH(task_id(task), TASK, TaskExit, TRACE_WORD(task_id(task), (uint32_t)code));
    callers_release(task);
    slot_drop_caps(&task->slot);
    ((struct task_object *)task->object)->task = NULL;
    chore_add(&task->reaping, task_reap, task->priority);
}

/* Leaves the address space if a CPU still has it loaded. */
static void task_leave_root(const struct task *task)
{
    struct cpu *cpu = cpu_this();
    if (cpu->user_root == task->root) {
        cpu->user_root = paging_kernel_root;
        paging_load(paging_kernel_root);
    }
}

#define TABLES_A_STEP 256

static bool task_give_memory(struct task *task, uint32_t *budget)
{
    struct page_source source = account_page_source(task->account);
    uint64_t tables = TABLES_A_STEP;
    if (task->making)
        object_unref(&task->making->object);
    task->making = NULL;
    if (!mappings_clear(task, budget))
        return false;
    fpu_task_ended(task);
    task_leave_root(task);
    return paging_root_destroy(task->root, &source, &tables);
}

/* A task answers for those that it made and that do not run: they could hold each other's capabilities, and live for
 * ever. task_end() only queues them: no recursion. */
static void idle_children_end(const struct task *creator)
{
    for (uint32_t i = 0; i < TASKS_MAX; i++) {
        struct task *child = task_slots[i];
        if (child && child->account->parent == creator->account &&
            (child->state == TASK_NEW || child->state == TASK_FAULTED))
            task_end(child, -1, true);
    }
}

/* A step of taking back what a dead task holds; at the end its supervisor hears of it. */
static bool task_reap(struct chore *chore, uint32_t *budget)
{
    struct task *task = LIST_OWNER(chore, struct task, reaping);
    sched_leave(task);
    if (!cap_table_clear(&task->table, budget) || !task_give_memory(task, budget))
        return false;
    task->root = 0;
    idle_children_end(task);
    task->dead_reported = true;
    struct channel *channel = task_reports_to(task);
    if (channel)
        task_report(task, channel);
    else
        task_last_step(task);
    return true;
}

void task_unnamed(struct object *object)
{
    struct task *task = ((struct task_object *)object)->task;
    if (task && (task->state == TASK_NEW || task->state == TASK_FAULTED))
        task_end(task, -1, true);
}
