/* kernel/cap: large trees of awkward shapes, which cost what they should and leave nothing. */
#include "kernel/memory/slab.h"
#include "tests/unit/host_machine.h"

#define MANY 100000
#define REVOKE_BUDGET 256 /* kernel/cap/cap_calls.c */

static struct task *t, *u; /* u holds what t derived, where two accounts are wanted */
static handle_t memory, top;
static handle_t spine[MANY], teeth[MANY];
static uint64_t before;

static int setup(void **state)
{
    machine_setup(state);
    t = machine_task("t", 10, 1 << 14, HANDLE_NONE);
    u = machine_task("u", 10, 1 << 14, HANDLE_NONE);
    memory = (handle_t)SYS(t, memory_create, 1, 0);
    top = (handle_t)SYS(t, cap_mint, memory, RIGHTS_ALL, 0);
    before = cap_total;
    return 0;
}

static handle_t mint(handle_t source)
{
    int64_t made = SYS(t, cap_mint, source, RIGHTS_ALL, 0);
    assert_true(made > 0);
    return (handle_t)made;
}

static handle_t give(struct task *to, handle_t handle)
{
    struct cap *cap = machine_cap(t, handle);
    assert_int_equal(cap_install(&to->table, &cap), OK);
    return cap->handle;
}

static void close_all(struct task *task, const handle_t *handles, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(SYS(task, cap_close, handles[i]), OK);
}

/* No entry does more than its budget, and all together no more than four units for each: itself and a dead node, taken and moved. */
static void revoke_all_below_top(unsigned nodes)
{
    unsigned entries = 1;
    for (; SYS(t, cap_revoke, top) == ERR_RESTARTED; entries++)
        assert_true(entries < nodes);
    assert_in_range(entries, nodes / REVOKE_BUDGET, 4 * nodes / REVOKE_BUDGET + 2);
    assert_null(machine_cap(t, top)->first_child);
    assert_int_equal(cap_total, before);
}

static void nodes_are_gone(void)
{
    const struct cap *cap = machine_cap(t, top);
    assert_null(cap->first_child);
    assert_ptr_equal(cap->parent, machine_cap(t, memory));
    assert_null(cap->next);
    assert_int_equal(cap_total, before);
}

/* A spine, and at each of its nodes one tooth: `count` of each. The teeth are u's where `shared`. */
static void comb(unsigned count, bool shared)
{
    for (unsigned i = 0; i < count; i++) {
        spine[i] = mint(i ? spine[i - 1] : top);
        teeth[i] = mint(spine[i]);
        if (shared)
            teeth[i] = give(u, teeth[i]);
    }
    assert_int_equal(cap_total, before + 2 * count);
}

static void a_comb_is_revoked_in_bounded_steps(void **state)
{
    (void)state;
    comb(MANY / 2, false);
    revoke_all_below_top(MANY);
}

/* Every closed node of the spine stays as a dead one, below each other, for each holds a tooth and the rest. */
static void a_comb_without_its_spine_is_revoked_in_bounded_steps(void **state)
{
    (void)state;
    comb(MANY / 2, true);
    close_all(t, spine, MANY / 2);
    assert_int_equal(cap_total, before + MANY / 2);
    revoke_all_below_top(MANY / 2);
    assert_int_equal(u->table.count, 0);
}

static void the_teeth_hold_the_spine_together_until_they_are_closed(void **state)
{
    (void)state;
    comb(MANY / 2, true);
    close_all(t, spine, MANY / 2);
    const struct cap *last = machine_cap(u, teeth[MANY / 2 - 1]);
    assert_true(cap_parent_id(last) != machine_cap(t, memory)->id);
    close_all(u, teeth, MANY / 2); /* from the top */
    nodes_are_gone();
    comb(MANY / 2, true);
    close_all(t, spine, MANY / 2);
    for (unsigned i = MANY / 2; i-- > 0;) /* from the bottom */
        close_all(u, &teeth[i], 1);
    nodes_are_gone();
}

static void what_the_dead_left_in_the_tree_goes_with_the_last_child(void **state)
{
    (void)state;
    int64_t used = machine_root->account->used_bytes;
    struct task *middle = machine_task("middle", 10, 1 << 13, HANDLE_NONE);
    handle_t held = give(middle, mint(top));
    for (unsigned i = 0; i < 20000; i++) {
        int64_t child = SYS(middle, cap_mint, held, RIGHTS_ALL, 0), other = SYS(middle, cap_mint, held, RIGHTS_ALL, 0);
        struct cap *cap = machine_cap(middle, (handle_t)other);
        assert_int_equal(cap_install(&u->table, &cap), OK);
        teeth[i] = cap->handle;
        held = (handle_t)child;
    }
    SYS(machine_root, task_kill, machine_handle(middle));
    handle_t remains = machine_handle(middle);
    machine_idle();
    assert_int_equal(SYS(machine_root, cap_close, remains), OK);
    assert_int_equal(cap_total, before + 20000);
    close_all(u, teeth, 20000);
    nodes_are_gone();
    assert_int_equal(machine_root->account->used_bytes, used);
}

static void a_star_loses_its_middle_at_once_and_is_still_revoked(void **state)
{
    (void)state;
    handle_t middle = mint(top);
    for (unsigned i = 0; i < MANY; i++)
        spine[i] = mint(middle);
    assert_int_equal(SYS(t, cap_close, middle), OK); /* one entry: nothing is moved */
    assert_int_equal(cap_total, before + MANY);
    struct cap_info info;
    assert_int_equal(SYS(t, cap_info, spine[MANY / 2], P(&info)), OK);
    assert_true(info.parent_id == machine_cap(t, top)->id);
    revoke_all_below_top(MANY);
}

/* Taken to and fro, it leaves one dead node at most, whoever paid for it on the way. */
static void moving_a_capability_with_children_leaves_one_dead_node(void **state)
{
    (void)state;
    handle_t moved = mint(top);
    spine[0] = mint(moved);
    spine[1] = mint(moved);
    struct cap *cap = machine_cap(t, moved);
    for (unsigned i = 0; i < 1000; i++) {
        assert_int_equal(cap_install(i % 2 ? &t->table : &u->table, &cap), OK);
        assert_non_null(cap->first_child);
        assert_null(cap->first_child->object);
        assert_null(cap->first_child->next);
        assert_ptr_equal(machine_cap(t, spine[0])->parent, cap->first_child);
    }
    assert_int_equal(u->table.count, 0);
    assert_int_equal(SYS(t, cap_revoke, cap->handle), OK);
    assert_null(cap->first_child);
    assert_int_equal(SYS(t, cap_close, cap->handle), OK);
    nodes_are_gone();
}

/* A chain handed over node by node, deepest first and topmost first: who descends from whom stays. */
static void a_chain_that_changes_hands_stays_a_chain(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < 5000; i++)
            spine[i] = mint(i ? spine[i - 1] : top);
        for (unsigned i = 0; i < 5000; i++) {
            unsigned at = round ? i : 4999 - i;
            spine[at] = give(u, spine[at]);
        }
        for (unsigned i = 1; i < 5000; i++)
            assert_ptr_equal(machine_cap(u, spine[i])->parent, machine_cap(u, spine[i - 1]));
        assert_int_equal(SYS(u, cap_revoke, spine[4900]), OK);
        assert_int_equal(cap_total, before + 4901);
        revoke_all_below_top(4901);
    }
}

/* The longest steps that somebody else can cause: a dead node's children are many, and each step stops on the way. */
static void a_revoke_that_stops_anywhere_loses_nobody(void **state)
{
    (void)state;
    for (uint32_t budget = 1; budget < 40; budget++) {
        handle_t middle = mint(top), lower = mint(middle);
        for (unsigned i = 0; i < 10; i++)
            spine[i] = mint(i % 2 ? middle : lower);
        struct cap *cap = machine_cap(t, top);
        uint32_t left = budget, removed = 0;
        bool done = cap_revoke(cap, &left, &removed);
        assert_int_equal(cap_total, before + 12 - removed);
        assert_int_equal(done, removed == 12);
        uint32_t there = 0;
        for (unsigned i = 0; i < 10; i++) {
            const struct cap *child = cap_find(&t->table, spine[i]);
            there += !!child;
            for (; child && child != cap; child = child->parent)
                assert_non_null(child->parent); /* still below */
        }
        there += cap_find(&t->table, middle) ? 1 : 0;
        there += cap_find(&t->table, lower) ? 1 : 0;
        assert_int_equal(there, 12 - removed);
        while (SYS(t, cap_revoke, top) == ERR_RESTARTED) {}
        nodes_are_gone();
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, machine_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_comb_is_revoked_in_bounded_steps),
        TEST(a_comb_without_its_spine_is_revoked_in_bounded_steps),
        TEST(the_teeth_hold_the_spine_together_until_they_are_closed),
        TEST(what_the_dead_left_in_the_tree_goes_with_the_last_child),
        TEST(a_star_loses_its_middle_at_once_and_is_still_revoked),
        TEST(moving_a_capability_with_children_leaves_one_dead_node),
        TEST(a_chain_that_changes_hands_stays_a_chain),
        TEST(a_revoke_that_stops_anywhere_loses_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
