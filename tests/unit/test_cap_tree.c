/* The tree that Jarvis draws: shapes, orphans, twice-read capabilities, ids that lie, and ten thousand of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "init/revoke.h"
#include "jarvis/cap_text.h"
#include "jarvis/cap_tree.h"
#include <proto/init.h>

#define ROOM 20000u
static struct cap_node nodes[ROOM];
static struct cap_tree tree;

static int fresh(void **state)
{
    (void)state;
    tree = (struct cap_tree){.nodes = nodes, .capacity = ROOM};
    return 0;
}

static void add(uint64_t id, uint64_t parent)
{
    const struct cap_info info = {.id = id, .parent_id = parent, .type = OBJECT_CHANNEL, .owner_task_id = 9};
    cap_tree_add(&tree, &info);
}

/* The whole drawing below `id`, a node a line. */
static const char *drawn(uint64_t id)
{
    static char text[65536];
    char branch[CAP_BRANCH_TEXT];
    size_t n = 0;
    uint32_t top = cap_tree_find(&tree, id);
    assert_int_not_equal(top, CAP_NODE_NONE);
    text[0] = 0;
    for (uint32_t at = top; at != CAP_NODE_NONE; at = cap_tree_next(&tree, top, at))
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%lu%s\n", cap_tree_branch(branch, &tree, top, at),
                              (unsigned long)tree.nodes[at].id, tree.nodes[at].type == OBJECT_NONE ? "?" : "");
    return text;
}

static void a_tree_has_the_shape_that_the_parents_tell(void **state)
{
    (void)state;
    static const uint64_t pairs[][2] = {{9, 2}, {3, 2}, {2, 0}, {5, 3}, {4, 3}, {7, 5}, {30, 0}};
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
        add(pairs[i][0], pairs[i][1]);
    cap_tree_build(&tree);
    assert_string_equal(drawn(2), "2\n"
                                  "├── 3\n"
                                  "│   ├── 4\n"
                                  "│   └── 5\n"
                                  "│       └── 7\n"
                                  "└── 9\n");
    assert_string_equal(drawn(3), "3\n├── 4\n└── 5\n    └── 7\n");
    assert_string_equal(drawn(7), "7\n");
    assert_string_equal(drawn(30), "30\n");
    assert_int_equal(cap_tree_size(&tree, cap_tree_find(&tree, 2)), 6);
}

static void a_parent_that_nobody_holds_stands_with_all_its_children(void **state)
{
    (void)state;
    add(20, 10);
    add(25, 10);
    add(26, 25);
    add(40, 39);
    cap_tree_build(&tree);
    assert_string_equal(drawn(10), "10?\n├── 20\n└── 25\n    └── 26\n");
    assert_string_equal(drawn(39), "39?\n└── 40\n");
    assert_int_equal(tree.count, 6);
}

static void without_room_for_lost_parents_their_children_are_roots(void **state)
{
    (void)state;
    tree.capacity = 3;
    add(20, 10);
    add(21, 11);
    add(22, 12);
    add(23, 0);
    cap_tree_build(&tree);
    assert_int_equal(tree.missing, 1);
    assert_int_equal(tree.count, 3);
    for (uint32_t i = 0; i < tree.count; i++)
        assert_int_equal(tree.nodes[i].up, CAP_NODE_NONE);
}

static void a_capability_that_moved_while_the_tables_were_read_counts_once(void **state)
{
    (void)state;
    add(1, 0);
    add(2, 1);
    add(2, 1);
    add(1, 0);
    cap_tree_build(&tree);
    assert_string_equal(drawn(1), "1\n└── 2\n");
}

static void records_that_name_each_other_as_parent_make_no_circle(void **state)
{
    (void)state;
    add(5, 6);
    add(6, 5);
    add(7, 7);
    add(8, UINT64_MAX);
    cap_tree_build(&tree);
    assert_string_equal(drawn(5), "5\n└── 6\n");
    assert_string_equal(drawn(7), "7\n");
    assert_string_equal(drawn(8), "8\n");
}

static void any_records_make_a_forest_in_which_each_stands_once(void **state)
{
    (void)state;
    unsigned seed = 3;
    for (unsigned round = 0; round < 200; round++) {
        fresh(state);
        uint32_t seen = 0;
        for (unsigned i = 0; i < 60; i++) {
            seed = seed * 1103515245 + 12345;
            add(seed / 65536 % 50 + 1, seed / 7 % 60);
        }
        cap_tree_build(&tree);
        for (uint32_t i = 0; i < tree.count; i++)
            if (tree.nodes[i].up == CAP_NODE_NONE)
                seen += cap_tree_size(&tree, i);
            else
                assert_true(tree.nodes[i].up < i);
        assert_int_equal(seen, tree.count);
    }
}

static void ten_thousand_in_one_chain_and_ten_thousand_siblings_are_walked(void **state)
{
    (void)state;
    char branch[CAP_BRANCH_TEXT];
    for (uint64_t id = 10000; id >= 1; id--)
        add(id, id - 1);
    cap_tree_build(&tree);
    assert_int_equal(cap_tree_size(&tree, 0), 10000);
    cap_tree_branch(branch, &tree, 0, 9999);
    assert_non_null(strstr(branch, "└── [9999] "));
    assert_true(strlen(branch) < CAP_BRANCH_TEXT);
    fresh(state);
    for (uint64_t id = 1; id <= 10000; id++)
        add(id, id > 1);
    cap_tree_build(&tree);
    assert_int_equal(cap_tree_size(&tree, 0), 10000);
    assert_string_equal(cap_tree_branch(branch, &tree, 0, 5000), "├── ");
    assert_string_equal(cap_tree_branch(branch, &tree, 0, 9999), "└── ");
}

static void the_nearest_number_is_found(void **state)
{
    (void)state;
    assert_int_equal(cap_tree_nearest(&tree, 5), CAP_NODE_NONE);
    add(10, 0);
    add(20, 0);
    cap_tree_build(&tree);
    assert_int_equal(tree.nodes[cap_tree_nearest(&tree, 1)].id, 10);
    assert_int_equal(tree.nodes[cap_tree_nearest(&tree, 14)].id, 10);
    assert_int_equal(tree.nodes[cap_tree_nearest(&tree, 16)].id, 20);
    assert_int_equal(tree.nodes[cap_tree_nearest(&tree, UINT64_MAX)].id, 20);
}

static void rights_have_words_and_none_is_swallowed(void **state)
{
    (void)state;
    char text[CAP_RIGHTS_TEXT];
    assert_string_equal(cap_rights_text(text, OBJECT_CHANNEL, RIGHT_CHANNEL_SEND | SERVICE_READ | 0x4100),
                        "send READ 0x4100");
    assert_string_equal(cap_rights_text(text, OBJECT_CHANNEL, RIGHT_CHANNEL_SEND | RIGHTS_SERVICE), "send ALL");
    assert_string_equal(cap_rights_text(text, OBJECT_MEMORY, RIGHTS_ALL), "read write exec pin mint transfer");
    assert_string_equal(cap_rights_text(text, OBJECT_IRQ, 0), "");
    for (unsigned type = 0; type < OBJECT_TYPE_COUNT + 3; type++)
        for (uint32_t bits = 0; bits < 0x10000; bits++)
            assert_true(strlen(cap_rights_text(text, type, 0xfffe0000 | (bits ^ 0x8000))) < CAP_RIGHTS_TEXT - 1);
}

/* What init does with the service that loses a capability (init/revoke.h). */
static void a_service_starts_anew_when_it_loses_what_it_lives_from(void **state)
{
    (void)state;
    struct cap_info cap = {.type = OBJECT_DMA, .rights = RIGHT_DMA_PIN};
    assert_int_equal(revoke_way_of(&cap, false, 3), REVOKE_BY_RESTART);
    cap.type = OBJECT_IRQ;
    assert_int_equal(revoke_way_of(&cap, false, 3), REVOKE_BY_RESTART);
    cap.type = OBJECT_MEMORY;
    assert_int_equal(revoke_way_of(&cap, false, 3), REVOKE_ONLY);
    cap = (struct cap_info){.type = OBJECT_CHANNEL, .rights = RIGHT_CHANNEL_SEND, .badge = 3};
    assert_int_equal(revoke_way_of(&cap, false, 3), REVOKE_ONLY);
    assert_int_equal(revoke_way_of(&cap, true, 3), REVOKE_AND_RESTART);
    cap.badge = INIT_SESSION_BADGE | 3; /* a session's, not the service's own */
    assert_int_equal(revoke_way_of(&cap, true, 3), REVOKE_ONLY);
    cap.badge = 0xf1000050; /* a client's scope, moved to netsrv */
    assert_int_equal(revoke_way_of(&cap, true, 2), REVOKE_ONLY);
    cap.rights |= RIGHT_CHANNEL_RECV;
    assert_int_equal(revoke_way_of(&cap, false, 3), REVOKE_AND_RESTART);
    cap = (struct cap_info){.type = OBJECT_SIGNAL, .rights = RIGHT_SIGNAL_BIND};
    assert_int_equal(revoke_way_of(&cap, false, 3), REVOKE_AND_RESTART);
    cap.rights = RIGHT_SIGNAL_RAISE;
    assert_int_equal(revoke_way_of(&cap, false, 3), REVOKE_ONLY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_tree_has_the_shape_that_the_parents_tell, fresh),
        cmocka_unit_test_setup(a_parent_that_nobody_holds_stands_with_all_its_children, fresh),
        cmocka_unit_test_setup(without_room_for_lost_parents_their_children_are_roots, fresh),
        cmocka_unit_test_setup(a_capability_that_moved_while_the_tables_were_read_counts_once, fresh),
        cmocka_unit_test_setup(records_that_name_each_other_as_parent_make_no_circle, fresh),
        cmocka_unit_test_setup(any_records_make_a_forest_in_which_each_stands_once, fresh),
        cmocka_unit_test_setup(ten_thousand_in_one_chain_and_ten_thousand_siblings_are_walked, fresh),
        cmocka_unit_test_setup(the_nearest_number_is_found, fresh),
        cmocka_unit_test_setup(rights_have_words_and_none_is_swallowed, fresh),
        cmocka_unit_test_setup(a_service_starts_anew_when_it_loses_what_it_lives_from, fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
