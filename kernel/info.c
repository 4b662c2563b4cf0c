/* system_info: what the kernel tells of itself, one function a kind; and the log, trace and power calls. */
#include "kernel/irq/device.h"
#include "kernel/irq/iommu.h"
#include "kernel/memory/frame.h"
#include "kernel/memory/memory.h"
#include "kernel/sched/sched.h"
#include "kernel/syscall.h"
#include "kernel/trace/trace.h"
#include "kernel/version.h"
#include "kernel/x86/boot_info.h"
#include "kernel/x86/crash_record.h"
#include "kernel/x86/log.h"
#include "kernel/x86/platform.h"
#include "kernel/x86/user.h"
#include <abi/info.h>

void task_describe(const struct task *task, struct task_info *info);
void cap_describe(const struct cap *cap, struct cap_info *info);
void cpu_describe(const struct cpu *cpu, struct cpu_info *info);
void node_describe(uint32_t node, struct node_info *info);
uint64_t boot_to_user_ns; /* main.c sets it when init starts */

/* Where a record goes, and how many have gone there. */
struct sink {
    uint8_t *user;
    uint64_t bytes, count;
};

static status_t sink_put(struct sink *sink, const void *record, uint64_t bytes)
{
    if (bytes > sink->bytes)
        return ERR_TOO_LONG;
    status_t status = user_copy_out(sink->user, record, bytes);
    sink->user += bytes;
    sink->bytes -= bytes;
    sink->count += !status;
    return status;
}

static struct syscall_result sink_result(const struct sink *sink, status_t status)
{
    return status && !sink->count ? syscall_status(status) : syscall_value(sink->count);
}

static struct syscall_result info_system(struct sink *sink, uint64_t index)
{
    (void)index;
    uint64_t lost, events = trace_total(&lost);
    struct system_info info = {.uptime_ns = clock_ns(),
                               .boot_to_user_ns = boot_to_user_ns,
                               .memory_bytes = frame_total_count() * PAGE_SIZE + memory_kernel_bytes(),
                               .free_bytes = frame_free_count() * PAGE_SIZE,
                               .kernel_bytes = memory_kernel_bytes(),
                               .cpu_count = cpu_count,
                               .task_count = task_count,
                               .trace_events = events,
                               .trace_lost = lost,
                               .tsc_hz = clock_tsc_hz,
                               .log_end = klog_end()};
    __builtin_memcpy(info.version, TRUSTOS_VERSION, sizeof TRUSTOS_VERSION);
    __builtin_memcpy(info.cpu_model, cpu_model, sizeof info.cpu_model);
    info.syscalls = task_syscalls_total();
    for (uint32_t i = 0; i < cpu_count; i++) {
        info.idle_ns += clock_ns_of_ticks(sched_idle_tsc(i));
        info.context_switches += cpus[i].switches;
        info.interrupts += cpus[i].interrupts;
        info.page_faults += cpus[i].page_faults;
        info.ipc_messages += cpus[i].messages;
    }
    return sink_result(sink, sink_put(sink, &info, sizeof info));
}

/* Ids rise with creation but slots are reused: the next higher id is searched for each record. */
static struct task *task_next_id(uint64_t from)
{
    struct task *best = NULL;
    for (uint32_t i = 0; i < TASKS_MAX; i++) {
        struct task *task = task_slots[i];
        if (task && task_id(task) >= from && (!best || task_id(task) < task_id(best)))
            best = task;
    }
    return best;
}

static struct syscall_result info_tasks(struct sink *sink, uint64_t index)
{
    status_t status = OK;
    struct task *task = task_next_id(index);
    for (; task && sink->bytes >= sizeof(struct task_info) && !status; task = task_next_id(task_id(task) + 1ul)) {
        struct task_info info;
        task_describe(task, &info);
        status = sink_put(sink, &info, sizeof info);
    }
    return sink_result(sink, status);
}

static struct syscall_result info_caps(struct sink *sink, uint64_t index)
{
    struct task *task = task_next_id(index >> 32);
    if (!task || task_id(task) != index >> 32)
        return syscall_status(ERR_NOT_FOUND);
    const struct cap_table *table = &task->table;
    status_t status = OK;
    for (uint64_t i = index & 0xffffffff; i < table->page_count * CAP_ENTRIES_PER_PAGE && !status; i++) {
        const struct cap *cap = cap_at(table, i);
        struct cap_info info;
        if (!cap)
            continue;
        if (sink->bytes < sizeof info)
            break;
        cap_describe(cap, &info);
        status = sink_put(sink, &info, sizeof info);
    }
    return sink_result(sink, status);
}

static struct syscall_result info_cpus(struct sink *sink, uint64_t index)
{
    status_t status = OK;
    for (uint64_t i = index; i < cpu_count && sink->bytes >= sizeof(struct cpu_info) && !status; i++) {
        struct cpu_info info;
        cpu_describe(&cpus[i], &info);
        status = sink_put(sink, &info, sizeof info);
    }
    return sink_result(sink, status);
}

static struct syscall_result info_nodes(struct sink *sink, uint64_t index)
{
    status_t status = OK;
    uint64_t count = sched_machine.node_count;
    for (uint64_t i = index; i < count && sink->bytes >= sizeof(struct node_info) && !status; i++) {
        struct node_info info;
        node_describe((uint32_t)i, &info);
        status = sink_put(sink, &info, sizeof info);
    }
    return sink_result(sink, status);
}

static struct syscall_result info_log(struct sink *sink, uint64_t index)
{
    char text[256];
    uint64_t done = 0;
    status_t status = OK;
    while (sink->bytes && !status) {
        size_t n = klog_read(&index, text, sink->bytes < sizeof text ? sink->bytes : sizeof text);
        if (!n)
            break;
        status = sink_put(sink, text, n);
        done += n;
    }
    return status ? syscall_status(status) : (struct syscall_result){(int64_t)done, index};
}

static struct syscall_result info_boot_line(struct sink *sink, uint64_t index)
{
    (void)index;
    size_t length = 0;
    while (length < sizeof boot_info.boot_line && boot_info.boot_line[length])
        length++;
    if (length > sink->bytes)
        return syscall_status(ERR_TOO_LONG);
    status_t status = user_copy_out(sink->user, boot_info.boot_line, length);
    return status ? syscall_status(status) : syscall_value(length);
}

#define TRACE_INFO_MAX 256

static struct syscall_result info_trace(struct sink *sink, uint64_t index)
{
    (void)index;
    static struct trace_record records[TRACE_INFO_MAX]; /* the kernel lock guards it */
    size_t max = sink->bytes / sizeof records[0];
    size_t count = trace_last(records, max < TRACE_INFO_MAX ? max : TRACE_INFO_MAX);
    status_t status = OK;
    for (size_t i = 0; i < count && !status; i++)
        status = sink_put(sink, &records[i], sizeof records[i]);
    return sink_result(sink, status);
}

static struct syscall_result info_trace_state(struct sink *sink, uint64_t index)
{
    (void)index;
    struct trace_state state = {.mask = trace_mask, .only_count = trace_only_count};
    _Static_assert(sizeof state.only == sizeof trace_only, "room for all");
    __builtin_memcpy(state.only, trace_only, trace_only_count * sizeof trace_only[0]);
    state.events = trace_total(&state.lost);
    __builtin_memcpy(state.uuid, trace_uuid, sizeof state.uuid);
    for (uint32_t i = 0; i < cpu_count; i++)
        state.packets += trace_rings[i].packet_count;
    return sink_result(sink, sink_put(sink, &state, sizeof state));
}

static struct syscall_result info_objects(struct sink *sink, uint64_t index)
{
    (void)index;
    struct object_counts counts = {.free_pages = frame_free_count(), .capabilities = cap_total};
    for (unsigned i = 0; i < OBJECT_TYPE_COUNT; i++)
        counts.objects[i] = object_counts[i];
    return sink_result(sink, sink_put(sink, &counts, sizeof counts));
}

static struct syscall_result info_platform(struct sink *sink, uint64_t index)
{
    (void)index;
    return sink_result(sink, sink_put(sink, &platform, sizeof platform));
}

static struct syscall_result info_iommu_faults(struct sink *sink, uint64_t index)
{
    struct iommu_fault fault;
    status_t status = OK;
    for (; sink->bytes >= sizeof fault && !status && iommu_fault_read(index, &fault); index = fault.sequence + 1)
        status = sink_put(sink, &fault, sizeof fault);
    iommu_faults_seen();
    return sink_result(sink, status);
}

static struct syscall_result info_crash(struct sink *sink, uint64_t index)
{
    const struct crash_head *head = crash_record();
    if (!head)
        return syscall_status(ERR_NOT_FOUND);
    uint64_t left = index < head->bytes ? head->bytes - index : 0;
    uint64_t bytes = sink->bytes < left ? sink->bytes : left;
    status_t status = sink_put(sink, (const uint8_t *)head + (head->bytes - left), bytes);
    return status ? syscall_status(status) : syscall_value(bytes);
}

static struct syscall_result info_crash_clear(struct sink *sink, uint64_t index)
{
    (void)sink, (void)index;
    return syscall_status(crash_record_clear() ? OK : ERR_NOT_FOUND);
}

static const struct {
    struct syscall_result (*tell)(struct sink *sink, uint64_t index);
    enum object_type type;
    uint32_t right;
} info_kinds[] = {
    [INFO_SYSTEM] = {info_system, OBJECT_TRACE, RIGHT_TRACE_OBSERVE},
    [INFO_TASKS] = {info_tasks, OBJECT_TRACE, RIGHT_TRACE_OBSERVE},
    [INFO_CAPS] = {info_caps, OBJECT_TRACE, RIGHT_TRACE_OBSERVE},
    [INFO_LOG] = {info_log, OBJECT_TRACE, RIGHT_TRACE_OBSERVE},
    [INFO_BOOT_LINE] = {info_boot_line, OBJECT_ROOT, RIGHT_ROOT_TASK},
    [INFO_TRACE] = {info_trace, OBJECT_TRACE, RIGHT_TRACE_OBSERVE},
    [INFO_OBJECTS] = {info_objects, OBJECT_TRACE, RIGHT_TRACE_OBSERVE},
    [INFO_PLATFORM] = {info_platform, OBJECT_ROOT, RIGHT_ROOT_DEVICE},
    [INFO_IOMMU_FAULTS] = {info_iommu_faults, OBJECT_ROOT, RIGHT_ROOT_DEVICE},
    [INFO_CRASH] = {info_crash, OBJECT_TRACE, RIGHT_TRACE_OBSERVE},
    [INFO_CRASH_CLEAR] = {info_crash_clear, OBJECT_TRACE, RIGHT_TRACE_CONTROL},
    [INFO_TRACE_STATE] = {info_trace_state, OBJECT_TRACE, RIGHT_TRACE_OBSERVE},
    [INFO_CPUS] = {info_cpus, OBJECT_TRACE, RIGHT_TRACE_OBSERVE},
    [INFO_NODES] = {info_nodes, OBJECT_TRACE, RIGHT_TRACE_OBSERVE},
};

struct syscall_result sys_system_info(uint64_t handle, uint64_t kind, uint64_t index, uint64_t buffer, uint64_t bytes)
{
    struct cap *cap;
    if (kind >= sizeof info_kinds / sizeof info_kinds[0])
        return syscall_status(ERR_INVALID);
    status_t status =
        cap_check(&task_this()->table, (handle_t)handle, info_kinds[kind].type, info_kinds[kind].right, &cap);
    if (status)
        return syscall_status(status);
    struct sink sink = {.user = (uint8_t *)buffer, .bytes = bytes};
    return info_kinds[kind].tell(&sink, index);
}

/* ---- log, trace, power ---- */

#define LOG_TEXT_MAX 240

static status_t trace_check(uint64_t handle, uint32_t right)
{
    struct cap *cap;
    return cap_check(&task_this()->table, (handle_t)handle, OBJECT_TRACE, right, &cap);
}

struct syscall_result sys_log_write(uint64_t trace, uint64_t level, uint64_t text, uint64_t length)
{
    struct task *task = task_this();
    char line[LOG_TEXT_MAX];
    status_t status = trace_check(trace, RIGHT_TRACE_EMIT);
    if (!status && level > KLOG_SECRET)
        status = ERR_INVALID;
    if (!status && length > sizeof line)
        status = ERR_TOO_LONG;
    if (!status)
        status = user_copy_in(line, (const void *)text, length);
    if (status)
        return syscall_status(status);
    klog_text((enum klog_level)level, task->name, line, length);
    return syscall_status(OK);
}

struct syscall_result sys_trace_emit(uint64_t trace, uint64_t event, uint64_t low, uint64_t value)
{
    status_t status = trace_check(trace, RIGHT_TRACE_EMIT);
    if (!status && (event >= TRACE_EVENT_COUNT || trace_event_class((uint16_t)event) != TRACE_CLASS_USER))
        status = ERR_INVALID;
    if (!status && TRACE_ON(USER, 0))
        trace_record((uint16_t)event, 2, TRACE_WORD(task_id(task_this()), low), value);
    return syscall_status(status);
}

struct syscall_result sys_trace_read(uint64_t trace, uint64_t cpu, uint64_t sequence, uint64_t buffer, uint64_t bytes)
{
    status_t status = trace_check(trace, RIGHT_TRACE_OBSERVE);
    if (!status && cpu >= cpu_count)
        status = ERR_INVALID;
    if (!status && bytes < TRACE_PACKET_SIZE)
        status = ERR_TOO_LONG;
    if (status)
        return syscall_status(status);
    struct trace_copy copy = {.put = user_copy_out, .to = (uint8_t *)buffer};
    result_t result = trace_copy_packet((uint32_t)cpu, sequence, &copy);
    return (struct syscall_result){result, copy.second};
}

static result_t control_mask(uint64_t value)
{
    uint32_t old = trace_mask;
    trace_mask_set((uint32_t)value);
    return old;
}
static result_t control_announce(uint64_t value)
{
    (void)value;
    trace_announce();
    return OK;
}
static result_t control_only(uint64_t value)
{
    if (value)
        return trace_only_add(value);
    trace_only_clear();
    return OK;
}

static const struct {
    result_t (*change)(uint64_t value);
    uint32_t right;
} trace_controls[] = {
    [TRACE_CONTROL_MASK] = {control_mask, RIGHT_TRACE_CONTROL},
    [TRACE_CONTROL_ANNOUNCE] = {control_announce, RIGHT_TRACE_OBSERVE},
    [TRACE_CONTROL_ONLY] = {control_only, RIGHT_TRACE_CONTROL},
};

struct syscall_result sys_trace_control(uint64_t trace, uint64_t value, uint64_t op)
{
    bool known = op < sizeof trace_controls / sizeof trace_controls[0];
    status_t status = trace_check(trace, known ? trace_controls[op].right : RIGHT_TRACE_CONTROL);
    if (!status && !known)
        status = ERR_INVALID;
    return status ? syscall_status(status) : (struct syscall_result){trace_controls[op].change(value), 0};
}

struct syscall_result sys_power_control(uint64_t power, uint64_t action)
{
    struct cap *cap;
    status_t status = cap_check(&task_this()->table, (handle_t)power, OBJECT_POWER, RIGHT_POWER_USE, &cap);
    if (!status && action > POWER_REBOOT)
        status = ERR_INVALID;
    if (status)
        return syscall_status(status);
    klog(KLOG_INFO, "%s, as %s asks", action == POWER_OFF ? "power off" : "reboot", task_this()->name);
    if (action == POWER_OFF)
        cpu_power_off();
    cpu_reboot();
}
