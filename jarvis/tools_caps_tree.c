/* caps_tree: one capability, where it comes from and what was derived from it; without a number, all roots. */
#include "jarvis/cap_text.h"
#include "jarvis/caps_world.h"
#include <stdio.h>
#include <string.h>

#define LINES_SHOWN 100u
#define PATH_SHOWN 8u /* ancestors named; the middle of a longer path is counted */

static const struct cap_node *node_at(const struct caps_world *world, uint32_t at)
{
    return &world->tree.nodes[at];
}

/* What stands for a capability that nobody holds. */
static const char *type_words(const struct answer *out, const struct cap_node *node)
{
    return node->type != OBJECT_NONE ? cap_type_name(node->type)
                                     : T(out, "(in a message, or closed)", "(dans un message, ou fermée)");
}

/* ---- the path above ---- */

static uint32_t depth_of(const struct cap_tree *tree, uint32_t at)
{
    uint32_t depth = 0;
    for (; tree->nodes[at].up != CAP_NODE_NONE; at = tree->nodes[at].up)
        depth++;
    return depth;
}

static uint32_t climb(const struct cap_tree *tree, uint32_t at, uint32_t steps)
{
    while (steps--)
        at = tree->nodes[at].up;
    return at;
}

static bool on_long_paths_middle(uint32_t level, uint32_t depth)
{
    return depth > PATH_SHOWN && level >= PATH_SHOWN / 2 && level < depth - PATH_SHOWN / 2;
}

static void say_path(struct answer *out, const struct caps_world *world, uint32_t top)
{
    char owner[OWNER_TEXT];
    uint32_t depth = depth_of(&world->tree, top);
    if (!depth) {
        say(out, "%s", T(out, "It is a root: derived from nothing.\n", "C'est une racine : elle ne dérive de rien.\n"));
        return;
    }
    say(out, "%s", T(out, "It comes from: ", "Elle vient de : "));
    for (uint32_t level = 0; level < depth; level++) {
        const struct cap_node *node = node_at(world, climb(&world->tree, top, depth - level));
        if (on_long_paths_middle(level, depth)) {
            level = depth - PATH_SHOWN / 2 - 1;
            say(out, "... (%u) -> ", depth - PATH_SHOWN);
            continue;
        }
        say(out, "%lu %s", (unsigned long)node->id, type_words(out, node));
        if (node->owner)
            say(out, T(out, " of %s", " de %s"), caps_owner_text(owner, world, node->owner));
        say(out, " -> ");
    }
    say(out, "%lu\n", (unsigned long)node_at(world, top)->id);
}

/* ---- the tree below ---- */

static void tree_row(struct sheet *sheet, const struct caps_world *world, uint32_t top, uint32_t at,
                     struct cap_legend *legend)
{
    const struct cap_node *node = node_at(world, at);
    char branch[CAP_BRANCH_TEXT], rights[CAP_RIGHTS_TEXT], badge[UNIT_TEXT], owner[OWNER_TEXT];
    cap_tree_branch(branch, &world->tree, top, at);
    put_format(sheet, "%s%lu %s", branch, (unsigned long)node->id, type_words(sheet->out, node));
    put_text(sheet, node->type ? cap_rights_text(rights, node->type, node->rights) : "");
    put_text(sheet, node->type ? cap_badge_text(badge, node->badge) : "");
    put_text(sheet, node->type ? caps_owner_text(owner, world, node->owner) : "-");
    cap_legend_note(legend, node->type, node->rights);
}

static void say_tree(struct answer *out, const struct caps_world *world, uint32_t top)
{
    static const struct column columns[] = {{"capability", "Capability", "Capacité", false},
                                            {"rights", "Rights", "Droits", false},
                                            {"badge", "Badge", "Badge", true},
                                            {"owner", "Owner", "Tâche", false}};
    struct cap_legend legend = {{0}};
    uint32_t size = cap_tree_size(&world->tree, top), shown = 0;
    struct sheet *sheet = sheet_table(out, "caps_tree", columns, sizeof columns / sizeof columns[0]);
    for (uint32_t at = top; at != CAP_NODE_NONE && shown < LINES_SHOWN; shown++) {
        tree_row(sheet, world, top, at, &legend);
        at = cap_tree_next(&world->tree, top, at);
    }
    sheet_end(sheet);
    if (size > shown)
        say(out, T(out, "... and %u more.\n", "… et %u de plus.\n"), size - shown);
    cap_legend_say(&legend, out);
}

static void say_head(struct answer *out, const struct caps_world *world, uint32_t top)
{
    char owner[OWNER_TEXT];
    const struct cap_node *node = node_at(world, top);
    uint32_t below = cap_tree_size(&world->tree, top) - 1;
    say(out,
        T(out, "Capability %lu, %s, is held by %s; derived from it: %u.\n",
          "La capacité %lu, %s, est à %s ; dérivées d'elle : %u.\n"),
        (unsigned long)node->id, type_words(out, node), caps_owner_text(owner, world, node->owner), (unsigned)below);
}

/* ---- the same in JSON: a list, parents first ---- */

static void node_json(struct json *json, const struct caps_world *world, uint32_t at)
{
    const struct cap_node *node = node_at(world, at);
    char rights[CAP_RIGHTS_TEXT];
    size_t task = caps_world_task(world, node->owner);
    json_open(json, NULL, '{');
    json_number(json, "id", node->id);
    json_number(json, "parent", node->parent_id);
    json_string(json, "type", cap_type_name(node->type));
    json_string(json, "rights", cap_rights_text(rights, node->type, node->rights));
    json_number(json, "badge", node->badge);
    json_number(json, "owner", node->owner);
    json_string(json, "task", task < world->task_count ? world->tasks[task].name : "");
    json_close(json);
}

static void tree_json(struct answer *out, const struct caps_world *world, uint32_t top)
{
    struct json json = {.out = out};
    uint32_t shown = 0;
    json_open(&json, NULL, '{');
    json_open(&json, "caps_tree", '{');
    json_number(&json, "id", node_at(world, top)->id);
    json_number(&json, "size", cap_tree_size(&world->tree, top));
    json_open(&json, "path", '[');
    for (uint32_t depth = depth_of(&world->tree, top), i = depth; i > 0 && depth - i < LINES_SHOWN; i--)
        json_number(&json, NULL, node_at(world, climb(&world->tree, top, i))->id);
    json_close(&json);
    json_open(&json, "caps", '[');
    for (uint32_t at = top; at != CAP_NODE_NONE && shown < LINES_SHOWN; shown++) {
        node_json(&json, world, at);
        at = cap_tree_next(&world->tree, top, at);
    }
    while (json.depth)
        json_close(&json);
    answer_bytes(out, "\n", 1);
}

/* ---- all roots ---- */

static uint32_t held_by(const struct caps_world *world, uint32_t top, uint32_t owner)
{
    uint32_t count = 0;
    for (uint32_t at = top; at != CAP_NODE_NONE; at = cap_tree_next(&world->tree, top, at))
        count += node_at(world, at)->owner == owner;
    return count;
}

static void root_row(struct sheet *sheet, const struct caps_world *world, uint32_t at, struct cap_legend *legend)
{
    const struct cap_node *node = node_at(world, at);
    char rights[CAP_RIGHTS_TEXT], owner[OWNER_TEXT];
    put_number(sheet, node->id);
    put_text(sheet, type_words(sheet->out, node));
    put_text(sheet, cap_rights_text(rights, node->type, node->rights));
    put_text(sheet, caps_owner_text(owner, world, node->owner));
    put_number(sheet, cap_tree_size(&world->tree, at) - 1);
    cap_legend_note(legend, node->type, node->rights);
}

/* only: NULL, or the task that must hold something of the tree */
static void say_roots(struct answer *out, const struct caps_world *world, const struct task_info *only)
{
    static const struct column columns[] = {{"id", "Root", "Racine", true},
                                            {"type", "Type", "Type", false},
                                            {"rights", "Rights", "Droits", false},
                                            {"owner", "Owner", "Tâche", false},
                                            {"derived", "Derived from it", "En dérivent", true}};
    struct cap_legend legend = {{0}};
    uint32_t roots = 0, held = 0;
    struct sheet *sheet = sheet_table(out, "caps_tree", columns, sizeof columns / sizeof columns[0]);
    for (uint32_t i = 0; i < world->tree.count; i++) {
        held += node_at(world, i)->type != OBJECT_NONE;
        if (node_at(world, i)->up != CAP_NODE_NONE || (only && !held_by(world, i, only->id)))
            continue;
        if (roots++ < LINES_SHOWN)
            root_row(sheet, world, i, &legend);
    }
    if (only)
        say(out, T(out, "%s holds something of %u trees:\n", "%s détient quelque chose de %u arbres :\n"), only->name,
            (unsigned)roots);
    else
        say(out,
            T(out, "%u capabilities in %u trees; `caps tree ID` draws one.\n",
              "%u capacités en %u arbres ; « caps tree N° » en dessine un.\n"),
            (unsigned)held, (unsigned)roots);
    sheet_end(sheet);
    if (roots > LINES_SHOWN)
        say(out, T(out, "... and %u more.\n", "… et %u de plus.\n"), (unsigned)(roots - LINES_SHOWN));
    cap_legend_say(&legend, out);
}

/* ---- the tool ---- */

static status_t show_one(struct call *call, const struct caps_world *world)
{
    uint32_t id = clause_number(call->request, call->clause, SLOT_cap, 0);
    uint32_t top = cap_tree_find(&world->tree, id);
    if (top == CAP_NODE_NONE)
        return cap_not_found(call, world, id);
    if (call->out->json) {
        tree_json(call->out, world, top);
        return OK;
    }
    say_head(call->out, world, top);
    say_path(call->out, world, top);
    say_tree(call->out, world, top);
    return OK;
}

static status_t show_roots(struct call *call, const struct caps_world *world)
{
    const char *name = call_slot(call, SLOT_service);
    const struct task_info *only = name ? task_find(world->tasks, world->task_count, name) : NULL;
    if (name && !only) {
        answer_error(call->out, "not_found",
                     T(call->out, "There is no task and no capability \"%s\"; `tasks` and `caps tree` list them.",
                       "Il n'y a ni tâche ni capacité « %s » ; « tâches » et « caps tree » les montrent."),
                     name);
        return ERR_NOT_FOUND;
    }
    say_roots(call->out, world, only);
    return OK;
}

status_t tool_caps_tree(struct call *call)
{
    struct caps_world world;
    status_t status = caps_world_read(call->authority->caps[CAP_TRACE], &world);
    if (status != OK)
        return call_failed(call, CAP_TRACE, status);
    status = call_slot(call, SLOT_cap) ? show_one(call, &world) : show_roots(call, &world);
    caps_say_missing(call->out, &world);
    caps_world_free(&world);
    return status;
}
