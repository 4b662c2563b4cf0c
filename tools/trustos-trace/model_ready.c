/* When tasks are ready, and in which CPU's queue they wait. */
#include <stdio.h>
#include <stdlib.h>
#include "model_parts.h"

struct model_task *model_task_of(struct model *model, uint32_t task)
{
    return table_get(&model->tasks, task, 0, 0);
}

static void stay_add(struct model_task *task, uint32_t cpu, uint64_t now)
{
    if (task->stay_count == task->stay_room) {
        task->stay_room = task->stay_room ? 2 * task->stay_room : 2;
        task->stays = realloc(task->stays, task->stay_room * sizeof *task->stays);
        if (!task->stays) {
            fputs("trustos-trace: out of memory\n", stderr);
            exit(1);
        }
    }
    task->stays[task->stay_count++] = (struct model_stay){.cpu = cpu, .from_ns = now};
}

/* It waited in the last queue until now, whatever that was. */
static void stay_was(struct model_task *task, uint32_t cpu)
{
    if (task->stay_count && task->stays[task->stay_count - 1].cpu == MODEL_UNKNOWN)
        task->stays[task->stay_count - 1].cpu = cpu;
}

void model_ready_begin(struct model_task *task, uint64_t now)
{
    task->is_ready = true;
    task->ready_ns = now;
    task->stay_count = 0;
    stay_add(task, task->has_cpu ? task->cpu : MODEL_UNKNOWN, now);
}

void model_ready_end(struct model *model, uint32_t id, uint32_t cpu, uint64_t now)
{
    struct model_task *task = model_task_of(model, id);
    struct model_ready ready = {
        .task = id, .cpu = cpu, .ran = cpu != MODEL_UNKNOWN, .from_ns = task->ready_ns, .to_ns = now};
    if (!task->is_ready || now < task->ready_ns)
        return;
    stay_was(task, cpu);
    ready.stays = task->stays;
    ready.stay_count = task->stay_count;
    task->is_ready = false;
    EMIT(model, on_ready, &ready);
}

/* It is left before or after Migrate says where to: a task that makes way still runs then. */
void model_move_end(struct model *model, struct model_task *task, uint32_t cpu, uint64_t now)
{
    task->migrate.to_ns = now > task->migrate.from_ns ? now : task->migrate.from_ns;
    task->migrate.left_ns = task->left_cpu == task->migrate.from_cpu ? task->left_ns : 0;
    task->migrate.ran = cpu == task->migrate.to_cpu;
    if (task->is_moving)
        EMIT(model, on_migrate, &task->migrate);
    task->is_moving = false;
}

void model_move_begin(struct model_task *task, const struct model_migrate *migrate)
{
    task->migrate = *migrate;
    stay_was(task, migrate->from_cpu);
    if (task->is_ready)
        stay_add(task, migrate->to_cpu, migrate->from_ns);
    task->is_moving = task->has_cpu = true;
    task->cpu = migrate->to_cpu;
}
