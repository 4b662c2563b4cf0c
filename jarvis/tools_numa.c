/* numa: nodes, their CPUs and memory, and who lives where; with a task's name: where that one lives. */
#include "jarvis/json_writer.h"
#include "jarvis/numa_view.h"
#include "jarvis/tool.h"
#include <stdio.h>
#include <string.h>

/* ---- JSON ---- */

static void json_bits(struct json *json, const char *key, uint64_t bits)
{
    json_open(json, key, '[');
    for (; bits; bits &= bits - 1)
        json_number(json, NULL, (uint64_t)__builtin_ctzll(bits));
    json_close(json);
}

static void json_cpu(struct json *json, const struct numa_view *view, uint32_t at)
{
    const struct cpu_info *cpu = &view->cpus[at];
    const struct {
        const char *key;
        uint64_t value;
    } rows[] = {{"cpu", cpu->id},
                {"apic_id", cpu->apic_id},
                {"task", cpu->task},
                {"idle_ns", cpu->idle_ns},
                {"window_idle_ns", view->idle_ns[at]},
                {"switches", cpu->switches},
                {"interrupts", cpu->interrupts},
                {"messages", cpu->messages},
                {"ipis", cpu->ipis},
                {"steals_near", cpu->steals_near},
                {"steals_far", cpu->steals_far},
                {"migrations", cpu->migrations},
                {"lock_waits", cpu->lock_waits},
                {"lock_waited_ns", cpu->lock_waited_ns},
                {"lock_held_ns", cpu->lock_held_ns}};
    json_open(json, NULL, '{');
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        json_number(json, rows[i].key, rows[i].value);
    json_close(json);
}

static void json_task(struct json *json, const struct task_info *task)
{
    json_open(json, NULL, '{');
    json_number(json, "id", task->id);
    json_string(json, "name", task->name);
    json_number(json, "priority", task->priority);
    json_number(json, "cpu", task->cpu);
    json_number(json, "memory_bytes", (uint64_t)task->used_pages * PAGE_SIZE);
    json_bits(json, "affinity", task->affinity);
    json_close(json);
}

static void json_node_figures(struct json *json, const struct numa_view *view, const struct node_info *node)
{
    json_number(json, "node", node->id);
    json_number(json, "total_bytes", node->total_pages * PAGE_SIZE);
    json_number(json, "free_bytes", node->free_pages * PAGE_SIZE);
    json_number(json, "near_bytes", node->local_pages * PAGE_SIZE);
    json_number(json, "others_bytes", node->remote_pages * PAGE_SIZE);
    json_number(json, "local_allocations", node->local_allocations);
    json_number(json, "remote_allocations", node->remote_allocations);
    json_number(json, "busy_permille", numa_view_busy(view, node->id));
    json_open(json, "distances", '[');
    for (uint32_t i = 0; i < view->node_count; i++)
        json_number(json, NULL, node->distance[i]);
    json_close(json);
}

static void json_node(struct json *json, const struct numa_view *view, const struct node_info *node)
{
    json_open(json, NULL, '{');
    json_node_figures(json, view, node);
    json_open(json, "cpus", '[');
    for (uint32_t i = 0; i < view->cpu_count; i++)
        if (view->cpus[i].node == node->id)
            json_cpu(json, view, i);
    json_close(json);
    json_open(json, "tasks", '[');
    for (uint32_t i = 0; i < view->task_count; i++)
        if (view->tasks[i].home_node == node->id)
            json_task(json, &view->tasks[i]);
    json_close(json);
    json_close(json);
}

static void numa_json(struct answer *out, const struct numa_view *view)
{
    char notes[NUMA_NOTES_MAX][NUMA_NOTE_TEXT];
    unsigned count = numa_notes(notes, view, out->language);
    struct json json = {.out = out};
    json_open(&json, NULL, '{');
    json_open(&json, "numa", '{');
    json_number(&json, "window_ns", view->window_ns);
    json_open(&json, "notes", '[');
    for (unsigned i = 0; i < count; i++)
        json_string(&json, NULL, notes[i]);
    json_close(&json);
    json_open(&json, "nodes", '[');
    for (uint32_t i = 0; i < view->node_count; i++)
        json_node(&json, view, &view->nodes[i]);
    while (json.depth)
        json_close(&json);
    answer_bytes(out, "\n", 1);
}

/* ---- one task ---- */

static void say_task(struct answer *out, const struct numa_view *view, const struct task_info *task)
{
    char list[BITS_TEXT];
    uint64_t online = numa_view_online(view);
    bool all = (task->affinity & online) == online;
    say(out,
        T(out, "%s (task %u) is at home on node %u, last ran on CPU %u and may run on %s%s.\n",
          "%s (tâche %u) est chez elle sur le nœud %u, a tourné en dernier sur le CPU %u et peut tourner sur %s%s.\n"),
        task->name, task->id, task->home_node, task->cpu,
        all ? T(out, "all CPUs", "tous les CPU") : T(out, "CPU ", "le CPU "),
        all ? "" : bits_text(list, task->affinity));
}

static status_t show_task(struct call *call, const struct numa_view *view, const char *which)
{
    const struct task_info *task = task_find(view->tasks, view->task_count, which);
    struct json json = {.out = call->out};
    if (!task)
        return task_not_found(call, which);
    say_task(call->out, view, task);
    if (!call->out->json)
        return OK;
    json_open(&json, NULL, '{');
    json_open(&json, "numa", '{');
    json_number(&json, "node", task->home_node);
    json_open(&json, "tasks", '[');
    json_task(&json, task);
    while (json.depth)
        json_close(&json);
    answer_bytes(call->out, "\n", 1);
    return OK;
}

status_t tool_numa(struct call *call)
{
    struct numa_view view;
    const char *which = call_slot(call, SLOT_task);
    status_t status = numa_view_read(call->authority->caps[CAP_TRACE], &view);
    if (status != OK)
        return call_failed(call, CAP_TRACE, status);
    if (which)
        return show_task(call, &view, which);
    if (call->out->json)
        numa_json(call->out, &view);
    else
        numa_draw(call->out, &view);
    return OK;
}
