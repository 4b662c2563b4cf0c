#include "jarvis/numa_view.h"
#include "jarvis/tool.h"
#include <string.h>

#define LOOK_EVERY_NS 2000000000ull
#define LOOK_USEFUL_NS 500000000ull

static struct node_info nodes[NODE_INFO_NODES];
static struct cpu_info cpus[VIEW_CPUS];

/* Idle times of some time ago; newest first. */
static struct idle_look {
    uint64_t at_ns, idle_ns[VIEW_CPUS];
    uint32_t count;
} looks[2];

static result_t read_cpus(handle_t trace)
{
    result_t n = world_info(trace, INFO_CPUS, 0, cpus, sizeof cpus);
    return n > VIEW_CPUS ? VIEW_CPUS : n;
}

void numa_view_note(handle_t trace)
{
    uint64_t now = world_now();
    if (looks[0].at_ns && now - looks[0].at_ns < LOOK_EVERY_NS)
        return;
    result_t n = read_cpus(trace);
    if (n <= 0)
        return;
    looks[1] = looks[0];
    looks[0] = (struct idle_look){.at_ns = now, .count = (uint32_t)n};
    for (result_t i = 0; i < n; i++)
        looks[0].idle_ns[i] = cpus[i].idle_ns;
}

/* The newest look that is old enough to compare with; NULL: none, compare with the start. */
static const struct idle_look *look_before(uint64_t now)
{
    for (unsigned i = 0; i < 2; i++)
        if (looks[i].at_ns && now - looks[i].at_ns >= LOOK_USEFUL_NS)
            return &looks[i];
    return NULL;
}

static void view_window(struct numa_view *view)
{
    uint64_t now = world_now();
    const struct idle_look *before = look_before(now);
    view->lately = before && before->count == view->cpu_count;
    view->window_ns = view->lately ? now - before->at_ns : now;
    for (uint32_t i = 0; i < view->cpu_count; i++) {
        uint64_t idle = cpus[i].idle_ns;
        if (view->lately)
            idle = idle > before->idle_ns[i] ? idle - before->idle_ns[i] : 0;
        view->idle_ns[i] = idle < view->window_ns ? idle : view->window_ns;
    }
}

status_t numa_view_read(handle_t trace, struct numa_view *view)
{
    result_t n = world_info(trace, INFO_NODES, 0, nodes, sizeof nodes);
    result_t c = n > 0 ? read_cpus(trace) : 0;
    result_t t = c > 0 ? tasks_read(trace, &view->tasks) : 0;
    result_t worst = n <= 0 ? n : c <= 0 ? c : t;
    if (worst <= 0)
        return worst < 0 ? (status_t)worst : ERR_IO;
    view->nodes = nodes;
    view->cpus = cpus;
    view->node_count = n < NODE_INFO_NODES ? (uint32_t)n : NODE_INFO_NODES;
    view->cpu_count = (uint32_t)c;
    view->task_count = (uint32_t)t;
    view_window(view);
    return OK;
}

const struct task_info *numa_view_task(const struct numa_view *view, uint32_t id)
{
    for (uint32_t i = 0; id && i < view->task_count; i++)
        if (view->tasks[i].id == id)
            return &view->tasks[i];
    return NULL;
}

uint64_t numa_view_online(const struct numa_view *view)
{
    uint64_t online = 0;
    for (uint32_t i = 0; i < view->node_count; i++)
        online |= view->nodes[i].cpus;
    return online;
}

uint32_t numa_view_busy(const struct numa_view *view, uint32_t node)
{
    uint64_t idle = 0, whole = 0;
    for (uint32_t i = 0; i < view->cpu_count; i++) {
        if (view->cpus[i].node != node)
            continue;
        idle += view->idle_ns[i];
        whole += view->window_ns;
    }
    return whole ? 1000 - (uint32_t)((unsigned __int128)idle * 1000 / whole) : 0;
}
