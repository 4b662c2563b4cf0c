#include "jarvis/cap_tree.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void cap_tree_add(struct cap_tree *tree, const struct cap_info *info)
{
    if (tree->count == tree->capacity) {
        tree->missing++;
        return;
    }
    tree->nodes[tree->count++] = (struct cap_node){.id = info->id,
                                                   .parent_id = info->parent_id,
                                                   .badge = info->badge,
                                                   .rights = info->rights,
                                                   .owner = info->owner_task_id,
                                                   .handle = info->handle,
                                                   .type = info->type};
}

static int by_id(const void *left, const void *right)
{
    const struct cap_node *a = left, *b = right;
    return (a->id > b->id) - (a->id < b->id);
}

/* Sorted, and each id once: a capability that was handed on while the tables were read is in two of them. */
static void sort(struct cap_tree *tree)
{
    uint32_t kept = 0;
    if (tree->count)
        qsort(tree->nodes, tree->count, sizeof tree->nodes[0], by_id);
    for (uint32_t i = 0; i < tree->count; i++)
        if (kept == 0 || tree->nodes[i].id != tree->nodes[kept - 1].id)
            tree->nodes[kept++] = tree->nodes[i];
    tree->count = kept;
}

/* The first node whose id is not below `id`; count when all are. */
static uint32_t lower_bound(const struct cap_tree *tree, uint32_t count, uint64_t id)
{
    uint32_t low = 0, high = count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (tree->nodes[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static uint32_t find_among(const struct cap_tree *tree, uint32_t count, uint64_t id)
{
    uint32_t at = lower_bound(tree, count, id);
    return at < count && tree->nodes[at].id == id ? at : CAP_NODE_NONE;
}

uint32_t cap_tree_find(const struct cap_tree *tree, uint64_t id)
{
    return find_among(tree, tree->count, id);
}

uint32_t cap_tree_nearest(const struct cap_tree *tree, uint64_t id)
{
    uint32_t at = lower_bound(tree, tree->count, id);
    if (tree->count == 0)
        return CAP_NODE_NONE;
    if (at == tree->count || (at && id - tree->nodes[at - 1].id < tree->nodes[at].id - id))
        at--;
    return at;
}

static bool has_ghost(const struct cap_tree *tree, uint32_t first, uint64_t id)
{
    for (uint32_t i = tree->count; i-- > first;)
        if (tree->nodes[i].id == id)
            return true;
    return false;
}

/* A node for each parent that nobody holds. */
static void add_ghosts(struct cap_tree *tree)
{
    uint32_t known = tree->count;
    for (uint32_t i = 0; i < known && tree->count < tree->capacity; i++) {
        uint64_t parent = tree->nodes[i].parent_id;
        if (parent == 0 || parent >= tree->nodes[i].id || find_among(tree, known, parent) != CAP_NODE_NONE ||
            has_ghost(tree, known, parent))
            continue;
        tree->nodes[tree->count++] = (struct cap_node){.id = parent, .type = OBJECT_NONE};
    }
    if (tree->count > known)
        sort(tree);
}

/* From the last to the first, so that siblings stand by rising id. */
static void link(struct cap_tree *tree)
{
    for (uint32_t i = 0; i < tree->count; i++)
        tree->nodes[i].up = tree->nodes[i].down = tree->nodes[i].next = CAP_NODE_NONE;
    for (uint32_t i = tree->count; i-- > 0;) {
        struct cap_node *node = &tree->nodes[i];
        uint32_t up = node->parent_id < node->id ? cap_tree_find(tree, node->parent_id) : CAP_NODE_NONE;
        node->up = up;
        if (up == CAP_NODE_NONE)
            continue;
        node->next = tree->nodes[up].down;
        tree->nodes[up].down = i;
    }
}

void cap_tree_build(struct cap_tree *tree)
{
    sort(tree);
    add_ghosts(tree);
    link(tree);
}

uint32_t cap_tree_next(const struct cap_tree *tree, uint32_t top, uint32_t at)
{
    if (tree->nodes[at].down != CAP_NODE_NONE)
        return tree->nodes[at].down;
    for (; at != top; at = tree->nodes[at].up)
        if (tree->nodes[at].next != CAP_NODE_NONE)
            return tree->nodes[at].next;
    return CAP_NODE_NONE;
}

uint32_t cap_tree_size(const struct cap_tree *tree, uint32_t top)
{
    uint32_t size = 0;
    for (uint32_t at = top; at != CAP_NODE_NONE; at = cap_tree_next(tree, top, at))
        size++;
    return size;
}

static uint32_t depth_below(const struct cap_tree *tree, uint32_t top, uint32_t at)
{
    uint32_t depth = 0;
    for (; at != top; at = tree->nodes[at].up)
        depth++;
    return depth;
}

const char *cap_tree_branch(char *out, const struct cap_tree *tree, uint32_t top, uint32_t at)
{
    uint32_t depth = depth_below(tree, top, at), level = depth, n = 0;
    uint32_t depth_shown = depth < CAP_TREE_DRAWN ? depth : CAP_TREE_DRAWN;
    const char *parts[CAP_TREE_DRAWN];
    out[0] = 0;
    for (uint32_t i = at; i != top; i = tree->nodes[i].up, level--) {
        bool more = tree->nodes[i].next != CAP_NODE_NONE;
        uint32_t column =
            level < CAP_TREE_DRAWN ? level : CAP_TREE_DRAWN; /* the node's own line ends in the last one */
        if (i == at || level < depth_shown)
            parts[column - 1] = i == at ? (more ? "├── " : "└── ") : more ? "│   " : "    ";
    }
    for (uint32_t i = 0; i < depth_shown; i++)
        n += (uint32_t)sprintf(out + n, "%s", parts[i]);
    if (depth > CAP_TREE_DRAWN)
        sprintf(out + n, "[%u] ", depth);
    return out;
}
