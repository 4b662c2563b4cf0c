/* cap_revoke: ends a capability that a service holds, with everything derived from it. init does it, through the
 * session's capability to init; who says yes has been told before what ends, and whose it is. */
#include "jarvis/cap_text.h"
#include "jarvis/caps_world.h"
#include "jarvis/operations.h"
#include <stdlib.h>
#include <string.h>

/* ---- the order to init ---- */

static status_t order(const struct call *call, const struct cap_node *node, bool only_ask,
                      struct init_cap_revoked *done)
{
    const struct init_cap_revoke ask = {
        .capability_id = node->id, .task_id = node->owner, .handle = node->handle, .only_ask = only_ask};
    return world_call(call->authority->caps[CAP_INIT], INIT_CAP_REVOKE, &ask, sizeof ask, done, sizeof *done);
}

static status_t order_failed(struct call *call, const struct cap_node *node, status_t status)
{
    struct answer *out = call->out;
    unsigned long id = (unsigned long)node->id;
    if (status == ERR_REFUSED)
        answer_error(
            out, "refused",
            T(out,
              "init itself holds capability %lu: all services live from what init holds, so it is never\n"
              "revoked. Revoke one that was derived from it: `caps tree %lu`.",
              "La capacité %lu est à init lui-même : tous les services en vivent, elle n'est jamais révoquée.\n"
              "Révoquez-en une qui en dérive : « caps tree %lu »."),
            id, id);
    else if (status == ERR_NOT_FOUND)
        answer_error(out, "moved",
                     T(out, "Capability %lu ended or went to another task meanwhile; `caps tree %lu` looks again.",
                       "La capacité %lu a fini ou a changé de tâche entre-temps ; « caps tree %lu » regarde encore."),
                     id, id);
    else if (status == ERR_BUSY)
        answer_error(out, "busy", "%s",
                     T(out, "Another capability is being revoked; try again in a moment.",
                       "Une autre capacité est en train d'être révoquée ; réessayez dans un instant."));
    else
        return call_failed(call, CAP_INIT, status);
    return status;
}

/* ---- which one is meant ---- */

static status_t held_by_another(struct call *call, const struct caps_world *world, const struct cap_node *node,
                                const char *name)
{
    char owner[OWNER_TEXT];
    answer_error(call->out, "not_found",
                 T(call->out, "Capability %lu is not held by %s but by %s; `caps %s` lists those of %s.",
                   "La capacité %lu n'est pas à %s mais à %s ; « caps %s » montre celles de %s."),
                 (unsigned long)node->id, name, caps_owner_text(owner, world, node->owner), name, name);
    return ERR_NOT_FOUND;
}

static status_t held_by_nobody(struct call *call, const struct cap_node *node)
{
    answer_error(call->out, "not_held",
                 T(call->out,
                   "Nobody holds capability %lu now (it is in a message, or closed); revoke one above or below it:\n"
                   "`caps tree %lu`.",
                   "Personne ne détient la capacité %lu (elle est dans un message, ou fermée) ; révoquez-en une\n"
                   "au-dessus ou en dessous : « caps tree %lu »."),
                 (unsigned long)node->id, (unsigned long)node->id);
    return ERR_BAD_STATE;
}

/* OK and *found, or an ERR_ value after having said why not. */
static status_t find(struct call *call, const struct caps_world *world, uint32_t *found)
{
    uint32_t id = clause_number(call->request, call->clause, SLOT_cap, 0);
    const char *name = call_slot(call, SLOT_service);
    *found = cap_tree_find(&world->tree, id);
    if (*found == CAP_NODE_NONE)
        return cap_not_found(call, world, id);
    const struct cap_node *node = &world->tree.nodes[*found];
    const struct task_info *holder = name ? task_find(world->tasks, world->task_count, name) : NULL;
    if (!node->owner)
        return held_by_nobody(call, node);
    if (name && (!holder || holder->id != node->owner))
        return held_by_another(call, world, node, name);
    return OK;
}

static status_t world_of(struct call *call, struct caps_world *world, uint32_t *found)
{
    status_t status = caps_world_read(call->authority->caps[CAP_TRACE], world);
    if (status != OK)
        return call_failed(call, CAP_TRACE, status);
    status = find(call, world, found);
    if (status != OK)
        caps_world_free(world);
    return status;
}

/* ---- the question ---- */

static uint32_t count_of(const struct caps_world *world, uint32_t top, uint32_t owner)
{
    uint32_t count = 0;
    for (uint32_t at = top; at != CAP_NODE_NONE; at = cap_tree_next(&world->tree, top, at))
        count += world->tree.nodes[at].owner == owner;
    return count;
}

static void say_whose(struct answer *out, const struct caps_world *world, uint32_t top)
{
    uint32_t nobodys = count_of(world, top, 0);
    unsigned shown = 0;
    for (size_t i = 0; i < world->task_count; i++) {
        uint32_t count = count_of(world, top, world->tasks[i].id);
        if (count)
            say(out, "%s%s %u", shown++ ? ", " : "", world->tasks[i].name, (unsigned)count);
    }
    if (nobodys)
        say(out, T(out, "%sin messages or closed %u", "%sdans des messages ou fermées %u"), shown ? ", " : "",
            (unsigned)nobodys);
}

static void question_json(struct answer *out, const struct caps_world *world, uint32_t top, bool restarts)
{
    struct json json = {.out = out};
    json_open(&json, NULL, '{');
    json_open(&json, "confirm", '{');
    json_string(&json, "tool", "cap_revoke");
    json_number(&json, "capability", world->tree.nodes[top].id);
    json_number(&json, "owner", world->tree.nodes[top].owner);
    json_number(&json, "ends", cap_tree_size(&world->tree, top));
    json_literal(&json, "restarts", restarts ? "true" : "false");
    json_string(&json, "answer", "yes, or no");
    json_close(&json);
    json_close(&json);
    answer_bytes(out, "\n", 1);
}

static void question(struct answer *out, const struct caps_world *world, uint32_t top, bool restarts)
{
    const struct cap_node *node = &world->tree.nodes[top];
    char owner[OWNER_TEXT], rights[CAP_RIGHTS_TEXT];
    size_t task = caps_world_task(world, node->owner);
    const char *name = task < world->task_count ? world->tasks[task].name : "?";
    cap_rights_text(rights, node->type, node->rights);
    say(out,
        T(out, "This ends capability %lu (%s: %s) of %s and what was derived from it. Capabilities that end: %u (",
          "Ceci finit la capacité %lu (%s : %s) de %s et ce qui en dérive. Capacités qui finissent : %u ("),
        (unsigned long)node->id, cap_type_name(node->type), rights, caps_owner_text(owner, world, node->owner),
        (unsigned)cap_tree_size(&world->tree, top));
    say_whose(out, world, top);
    say(out, ").\n");
    if (restarts)
        say(out,
            T(out,
              "%s cannot live without it and starts anew at once; a connection that goes through it ends, connect again.\n",
              "%s ne peut vivre sans elle et redémarre aussitôt ; une connexion qui passe par lui finit, reconnectez-vous.\n"),
            name);
    say(out, "%s", T(out, "Do it? Answer `yes` or `no`.\n", "Le faire ? Répondez `oui` ou `non`.\n"));
}

status_t tool_cap_revoke_ask(struct call *call)
{
    struct caps_world world;
    struct init_cap_revoked told = {0};
    uint32_t top;
    status_t status = world_of(call, &world, &top);
    if (status != OK)
        return status;
    status = order(call, &world.tree.nodes[top], true, &told);
    if (status != OK)
        status = order_failed(call, &world.tree.nodes[top], status);
    else if (call->out->json)
        question_json(call->out, &world, top, told.restarts);
    else
        question(call->out, &world, top, told.restarts);
    caps_world_free(&world);
    return status;
}

/* ---- after the yes ---- */

struct ids {
    uint64_t *list;
    uint32_t count, size; /* count < size when there was no memory for the list */
};

static struct ids ids_below(const struct cap_tree *tree, uint32_t top)
{
    struct ids ids = {.size = cap_tree_size(tree, top)};
    ids.list = malloc(ids.size * sizeof ids.list[0]);
    for (uint32_t at = top; ids.list && at != CAP_NODE_NONE; at = cap_tree_next(tree, top, at))
        ids.list[ids.count++] = tree->nodes[at].id;
    return ids;
}

/* How many of them somebody still holds: looked up anew, and not believed. Or an ERR_ value: it cannot be seen. */
static result_t still_there(const struct call *call, const struct ids *ids)
{
    struct caps_world world;
    uint32_t there = 0;
    status_t status = ids->count < ids->size ? ERR_NO_MEMORY : OK;
    if (status == OK)
        status = caps_world_read(call->authority->caps[CAP_TRACE], &world);
    if (status != OK)
        return status;
    for (uint32_t i = 0; i < ids->count; i++) {
        uint32_t at = cap_tree_find(&world.tree, ids->list[i]);
        there += at != CAP_NODE_NONE && world.tree.nodes[at].owner;
    }
    caps_world_free(&world);
    return there;
}

static void result_json(struct answer *out, uint64_t id, const struct init_cap_revoked *done, result_t there)
{
    struct json json = {.out = out};
    json_open(&json, NULL, '{');
    json_open(&json, "cap_revoke", '{');
    json_number(&json, "capability", id);
    json_number(&json, "ended", done->ended);
    if (there >= 0)
        json_number(&json, "still_there", (uint64_t)there);
    json_literal(&json, "restarts", done->restarts ? "true" : "false");
    json_close(&json);
    json_close(&json);
    answer_bytes(out, "\n", 1);
}

static void say_result(struct call *call, uint64_t id, const struct init_cap_revoked *done, const struct ids *ids)
{
    struct answer *out = call->out;
    result_t there = done->restarts ? ERR_BAD_STATE : still_there(call, ids);
    if (out->json) {
        result_json(out, id, done, there);
    } else if (there > 0) {
        say(out,
            T(out, "Revoked, but %u of %u capabilities are still held: `caps tree %lu`.\n",
              "Révoquée, mais %u de %u capacités sont encore détenues : « caps tree %lu ».\n"),
            (unsigned)there, (unsigned)ids->size, (unsigned long)id);
    } else if (done->restarts) {
        say(out,
            T(out, "Capability %lu is being taken back; its service starts anew: `log` tells.\n",
              "La capacité %lu est reprise ; son service redémarre : « journal » le raconte.\n"),
            (unsigned long)id);
    } else {
        say(out, T(out, "Capability %lu is revoked. Ended: %u%s.\n", "La capacité %lu est révoquée. Finies : %u%s.\n"),
            (unsigned long)id, (unsigned)ids->size,
            there < 0 ? T(out, " (I could not look again whether somebody holds one)",
                          " (je n'ai pas pu revoir si quelqu'un en détient une)")
                      : T(out, "; nobody holds any of them now", " ; plus personne n'en détient aucune"));
    }
}

status_t tool_cap_revoke(struct call *call)
{
    struct caps_world world;
    struct init_cap_revoked done = {0};
    uint32_t top;
    status_t status = world_of(call, &world, &top);
    if (status != OK)
        return status;
    struct cap_node node = world.tree.nodes[top];
    struct ids ids = ids_below(&world.tree, top);
    caps_world_free(&world);
    status = order(call, &node, false, &done);
    if (status != OK)
        status = order_failed(call, &node, status);
    else
        say_result(call, node.id, &done, &ids);
    free(ids.list);
    return status;
}
