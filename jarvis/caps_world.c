#include "jarvis/caps_world.h"
#include "jarvis/cap_text.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEAST 128u /* and spare places: for what is made while we read, and for parents that nobody holds */
#define MOST 1000000u

static bool nodes_allocate(struct cap_tree *tree, uint64_t wanted)
{
    wanted = wanted < MOST ? wanted + wanted / 8 + LEAST : MOST;
    for (; wanted >= LEAST; wanted /= 2) {
        tree->nodes = malloc(wanted * sizeof tree->nodes[0]);
        tree->capacity = (uint32_t)wanted;
        if (tree->nodes)
            return true;
    }
    return false;
}

/* From handle index 0 on, some at a time. A task that ended meanwhile has none. */
static status_t read_task(handle_t trace, uint32_t task, struct cap_tree *tree)
{
    static struct cap_info caps[32];
    const result_t page = sizeof caps / sizeof caps[0];
    uint64_t first = 0;
    for (result_t n = page; n == page;) {
        n = world_info(trace, INFO_CAPS, (uint64_t)task << 32 | first, caps, sizeof caps);
        if (n < 0)
            return n == ERR_NOT_FOUND ? OK : (status_t)n;
        for (result_t i = 0; i < n; i++)
            cap_tree_add(tree, &caps[i]);
        if (n)
            first = HANDLE_INDEX(caps[n - 1].handle) + 1u;
    }
    return OK;
}

status_t caps_world_read(handle_t trace, struct caps_world *world)
{
    struct object_counts counts;
    *world = (struct caps_world){0};
    result_t n = world_info(trace, INFO_OBJECTS, 0, &counts, sizeof counts);
    if (n < 0)
        return (status_t)n;
    n = tasks_read(trace, &world->tasks);
    if (n < 0)
        return (status_t)n;
    world->task_count = (size_t)n;
    if (!nodes_allocate(&world->tree, counts.capabilities))
        return ERR_NO_MEMORY;
    status_t status = OK;
    for (size_t i = 0; i < world->task_count && status == OK; i++)
        status = read_task(trace, world->tasks[i].id, &world->tree);
    if (status != OK)
        caps_world_free(world);
    else
        cap_tree_build(&world->tree);
    return status;
}

void caps_world_free(struct caps_world *world)
{
    free(world->tree.nodes);
    world->tree = (struct cap_tree){0};
}

size_t caps_world_task(const struct caps_world *world, uint32_t id)
{
    size_t i = 0;
    while (i < world->task_count && world->tasks[i].id != id)
        i++;
    return i;
}

const char *caps_owner_text(char *out, const struct caps_world *world, uint32_t id)
{
    size_t i = caps_world_task(world, id);
    if (!id)
        return strcpy(out, "-");
    snprintf(out, OWNER_TEXT, "%s%s(%u)", i < world->task_count ? world->tasks[i].name : "",
             i < world->task_count ? " " : "", (unsigned)id);
    return out;
}

status_t cap_not_found(struct call *call, const struct caps_world *world, uint64_t id)
{
    struct answer *out = call->out;
    char owner[OWNER_TEXT];
    size_t task = caps_world_task(world, (uint32_t)id);
    uint32_t near = cap_tree_nearest(&world->tree, id);
    if (id <= UINT32_MAX && task < world->task_count) {
        answer_error(
            out, "not_found",
            T(out, "There is no capability %lu; %lu is the number of a task: `caps %s` lists what it holds.",
              "Il n'y a pas de capacité %lu ; %lu est le numéro d'une tâche : « caps %s » montre les siennes."),
            (unsigned long)id, (unsigned long)id, world->tasks[task].name);
        return ERR_NOT_FOUND;
    }
    if (near == CAP_NODE_NONE) {
        answer_error(out, "not_found", T(out, "There is no capability %lu.", "Il n'y a pas de capacité %lu."),
                     (unsigned long)id);
        return ERR_NOT_FOUND;
    }
    const struct cap_node *node = &world->tree.nodes[near];
    answer_error(
        out, "not_found",
        T(out,
          "There is no capability %lu (it ended, or never was). The nearest number is %lu: %s, held by %s.\n"
          "`caps tree` lists where all come from, `caps netsrv` those of a task.",
          "Il n'y a pas de capacité %lu (finie, ou jamais faite). Le numéro le plus proche est %lu : %s, de %s.\n"
          "« caps tree » montre d'où toutes viennent, « caps netsrv » celles d'une tâche."),
        (unsigned long)id, (unsigned long)node->id, cap_type_name(node->type),
        caps_owner_text(owner, world, node->owner));
    return ERR_NOT_FOUND;
}

void caps_say_missing(struct answer *out, const struct caps_world *world)
{
    if (world->tree.missing)
        say(out,
            T(out, "(I have memory for %u capabilities only; %u more are not in this.)\n",
              "(Je n'ai de la mémoire que pour %u capacités ; %u autres manquent ici.)\n"),
            (unsigned)world->tree.count, (unsigned)world->tree.missing);
}
