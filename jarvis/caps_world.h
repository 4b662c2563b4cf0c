/* All capabilities that lie in some task's table, and whose they are, as the kernel tells them to a capability with
 * OBSERVE. Read one task after another: what moves meanwhile may be there twice or not at all. */
#pragma once
#include "jarvis/cap_tree.h"
#include "jarvis/tool.h"

struct caps_world {
    struct cap_tree tree;
    const struct task_info *tasks; /* valid until the next tasks_read */
    size_t task_count;
};

/* OK and *world, to be freed; or an ERR_ value and nothing to free. What finds no memory is counted in tree.missing. */
status_t caps_world_read(handle_t trace, struct caps_world *world) MUST_CHECK;
void caps_world_free(struct caps_world *world);
/* The index of a task in world->tasks; task_count: it is gone. */
size_t caps_world_task(const struct caps_world *world, uint32_t id);

#define OWNER_TEXT 40
/* "netsrv (14)"; "-" for 0; "(14)" for a task that ended meanwhile. out has OWNER_TEXT bytes; returns it. */
const char *caps_owner_text(char *out, const struct caps_world *world, uint32_t id);

/* Says that there is no such capability, and what is near. Returns ERR_NOT_FOUND. */
status_t cap_not_found(struct call *call, const struct caps_world *world, uint64_t id);
/* A sentence when something found no room. */
void caps_say_missing(struct answer *out, const struct caps_world *world);
