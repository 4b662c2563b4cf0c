/* What was derived from what, rebuilt from the kernel's table of capabilities (struct cap_info of all tasks).
 *
 * Pure: no system call. The records were read one task after another while the system ran, so some may be there twice or
 * not at all; whatever they say, the result is a forest: a parent's id is always the smaller one (it was made before), and
 * a record that says otherwise stands as a root. A parent that no record names (it lies in a message, or was closed and
 * left children behind) gets a node of its own, with type OBJECT_NONE, as long as there is room. */
#pragma once
#include <abi/object.h>

#define CAP_NODE_NONE UINT32_MAX

struct cap_node {
    uint64_t id, parent_id, badge;
    uint32_t rights, owner; /* owner: task id; 0 when in nobody's table */
    handle_t handle;
    uint32_t up, down, next; /* parent, first child, next sibling; CAP_NODE_NONE: none */
    uint32_t type;
};

struct cap_tree {
    struct cap_node *nodes; /* by rising id once built */
    uint32_t count, capacity;
    uint32_t missing; /* records that found no room */
};

void cap_tree_add(struct cap_tree *tree, const struct cap_info *info);
void cap_tree_build(struct cap_tree *tree);

uint32_t cap_tree_find(const struct cap_tree *tree, uint64_t id);    /* CAP_NODE_NONE: not there */
uint32_t cap_tree_nearest(const struct cap_tree *tree, uint64_t id); /* … only when the tree is empty */
/* The next one after `at` below `top`, parents first; CAP_NODE_NONE at the end. */
uint32_t cap_tree_next(const struct cap_tree *tree, uint32_t top, uint32_t at);
uint32_t cap_tree_size(const struct cap_tree *tree, uint32_t top); /* itself and all below */

/* The lines before a node's name, as the Unix command `tree` draws them; below CAP_TREE_DRAWN levels the depth stands in
 * numbers. out has CAP_BRANCH_TEXT bytes; returns it. */
#define CAP_TREE_DRAWN 12
#define CAP_BRANCH_TEXT 192
const char *cap_tree_branch(char *out, const struct cap_tree *tree, uint32_t top, uint32_t at);
