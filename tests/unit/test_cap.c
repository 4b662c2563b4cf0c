/* kernel/cap: handles, the derivation tree, revocation in steps, and who pays; against a simple model too. */
#include "kernel/memory/slab.h"
#include "tests/unit/host_machine.h"

#define MEMORY_RIGHTS (RIGHTS_ALL & ~RIGHTS_SERVICE)

static struct task *t;
static handle_t memory; /* t's: the root of a tree */

static int setup(void **state)
{
    machine_setup(state);
    t = machine_task("t", 10, 1 << 14, HANDLE_NONE);
    memory = (handle_t)SYS(t, memory_create, 1, 0);
    return 0;
}

static handle_t mint(handle_t source)
{
    int64_t made = SYS(t, cap_mint, source, RIGHTS_ALL, 0);
    assert_true(made > 0);
    return (handle_t)made;
}

static uint32_t revoke(handle_t handle)
{
    uint32_t entries = 1;
    while (SYS(t, cap_revoke, handle) == ERR_RESTARTED)
        entries++;
    return entries;
}

static void rights_only_shrink(void **state)
{
    (void)state;
    int64_t weak = SYS(t, cap_mint, memory, RIGHT_MEMORY_READ | RIGHT_MINT, 0);
    int64_t child = SYS(t, cap_mint, (uint64_t)weak, RIGHTS_ALL, 0);
    assert_int_equal(machine_cap(t, (handle_t)child)->rights, RIGHT_MEMORY_READ | RIGHT_MINT);
    int64_t end = SYS(t, cap_mint, memory, RIGHT_MEMORY_READ, 0);
    assert_int_equal(SYS(t, cap_mint, (uint64_t)end, RIGHTS_ALL, 0), ERR_NO_RIGHT);
    int64_t marked = SYS(t, cap_mint, memory, RIGHTS_ALL, 1ul << 40);
    assert_int_equal(SYS(t, cap_mint, (uint64_t)marked, RIGHTS_ALL, 5), ERR_NO_RIGHT);
    struct cap_info info;
    assert_int_equal(SYS(t, cap_info, (uint64_t)SYS(t, cap_mint, (uint64_t)marked, RIGHTS_ALL, 0), P(&info)), OK);
    assert_true(info.badge == 1ul << 40);
    assert_int_equal(info.owner_task_id, task_id(t));
}

static void a_handle_is_stale_once_its_place_is_used_again(void **state)
{
    handle_t seen[300];
    (void)state;
    for (unsigned i = 0; i < 300; i++) {
        seen[i] = mint(memory);
        assert_int_equal(SYS(t, cap_close, seen[i]), OK);
        assert_int_equal(SYS(t, cap_close, seen[i]), ERR_BAD_HANDLE);
    }
    handle_t now = mint(memory);
    for (unsigned i = 0; i < 300; i++)
        assert_null(cap_find(&t->table, seen[i]));
    assert_non_null(cap_find(&t->table, now));
    for (uint32_t i = 0; i < CAP_ENTRIES_PER_PAGE; i++) /* the generation comes round, past 0 */
        if (!cap_at(&t->table, i))
            t->table.pages[0][i].next_handle = i | 0x7fffu << HANDLE_INDEX_BITS;
    for (unsigned i = 0; i < 3 * CAP_ENTRIES_PER_PAGE; i++) {
        SYS(t, cap_close, now);
        now = mint(memory);
        assert_int_not_equal(HANDLE_GENERATION(now), 0);
    }
    static const handle_t nothing[] = {0, 1, 2u << 17, 0x1ffff, 0x1fffe, 0xfffff, 0xffffffff, 0xfff00000, 0xfffe0001};
    for (unsigned i = 0; i < sizeof nothing / sizeof nothing[0]; i++)
        assert_null(cap_find(&t->table, nothing[i]));
}

static void closing_hands_the_children_to_the_grandparent(void **state)
{
    (void)state;
    handle_t child = mint(memory), grandchild = mint(child), other = mint(child);
    assert_int_equal(SYS(t, cap_close, child), OK);
    assert_int_equal(cap_parent_id(machine_cap(t, grandchild)), machine_cap(t, memory)->id);
    assert_int_equal(cap_parent_id(machine_cap(t, other)), machine_cap(t, memory)->id);
    assert_int_equal(SYS(t, cap_close, memory), OK);
    assert_int_equal(cap_parent_id(machine_cap(t, grandchild)), 0);
    assert_int_equal(cap_parent_id(machine_cap(t, other)), 0);
    assert_int_equal(revoke(grandchild), 1);
    assert_non_null(cap_find(&t->table, other));
}

static void revoke_takes_all_below_and_nothing_else(void **state)
{
    (void)state;
    handle_t a = mint(memory), b = mint(memory), a1 = mint(a), a2 = mint(a1), b1 = mint(b);
    revoke(a);
    assert_non_null(cap_find(&t->table, a));
    assert_null(cap_find(&t->table, a1));
    assert_null(cap_find(&t->table, a2));
    assert_non_null(cap_find(&t->table, b1));
}

#define MANY 100000
#define CAPS_A_PAGE ((PAGE_SIZE - 64) / sizeof(struct cap))

static void large_tree(bool chain, unsigned entries_most)
{
    uint64_t before = cap_total, used;
    handle_t top = mint(memory), last = top;
    SYS(t, cap_close, mint(top)); /* the table and slabs as they will be */
    used = t->account->used_bytes;
    for (unsigned i = 0; i < MANY; i++)
        last = mint(chain ? last : top);
    uint64_t pages = t->table.page_count;
    assert_int_equal(cap_total, before + 1 + MANY);
    assert_int_equal(SYS(t, cap_revoke, top), ERR_RESTARTED); /* it stops, and goes on */
    unsigned entries = revoke(top);
    assert_in_range(entries, 100, entries_most);
    assert_int_equal(cap_total, before + 1);
    assert_null(cap_find(&t->table, last));
    assert_int_equal(t->account->used_bytes, used + (pages - 1) * PAGE_SIZE);
    assert_int_equal(t->table.count, 2);
}

static void a_chain_of_100000(void **state)
{
    (void)state;
    large_tree(true, 1000);
}

static void a_star_of_100000(void **state)
{
    (void)state;
    large_tree(false, 1000);
}

/* A dead node stays for the children, and goes with the last but one of them. */
static void closing_the_middle_of_a_star_is_one_step(void **state)
{
    (void)state;
    handle_t middle = mint(memory), children[1000];
    struct cap *node = machine_cap(t, middle);
    uint64_t total = cap_total;
    for (unsigned i = 0; i < 1000; i++)
        children[i] = mint(middle);
    assert_int_equal(SYS(t, cap_close, middle), OK);
    assert_null(cap_find(&t->table, middle));
    assert_ptr_equal(machine_cap(t, memory)->first_child, node);
    for (unsigned i = 0; i < 999; i++) {
        assert_ptr_equal(machine_cap(t, children[i])->parent, node);
        assert_int_equal(cap_parent_id(machine_cap(t, children[i])), machine_cap(t, memory)->id);
        assert_int_equal(SYS(t, cap_close, children[i]), OK);
    }
    assert_ptr_equal(machine_cap(t, children[999])->parent, machine_cap(t, memory));
    assert_int_equal(cap_total, total);
    assert_int_equal(revoke(memory), 1);
    assert_null(cap_find(&t->table, children[999]));
}

/* The revoker ends between two steps: what was half ended must not stay, and what lay below goes to the grandparent. */
static void a_revoke_that_nobody_goes_on_with_leaves_a_whole_tree(void **state)
{
    (void)state;
    struct task *revoker = machine_task("revoker", 10, 256, HANDLE_NONE);
    handle_t source = (handle_t)SYS(machine_root, memory_create, 1, 0);
    handle_t top = machine_grant(revoker, source, MEMORY_RIGHTS, 0);
    struct cap *child;
    assert_int_equal(cap_derive(machine_cap(revoker, top), MEMORY_RIGHTS, 0, t->account, &child), OK);
    assert_int_equal(cap_install(&t->table, &child), OK);
    handle_t chain = child->handle;
    handle_t leaves[1000];
    for (unsigned i = 0; i < 1000; i++)
        leaves[i] = mint(chain);
    uint64_t total = cap_total;
    assert_int_equal(SYS(revoker, cap_revoke, top), ERR_RESTARTED);
    assert_null(cap_find(&t->table, chain)); /* dead from the first step on */
    SYS(machine_root, task_kill, machine_handle(revoker));
    machine_idle();
    assert_int_equal(cap_total, total - 2); /* the revoker's and the chain */
    for (unsigned i = 0; i < 1000; i++)
        if (cap_find(&t->table, leaves[i]))
            assert_int_equal(cap_parent_id(machine_cap(t, leaves[i])), machine_cap(machine_root, source)->id);
    assert_int_equal(SYS(machine_root, cap_revoke, source), ERR_RESTARTED);
    while (SYS(machine_root, cap_revoke, source) == ERR_RESTARTED) {}
    assert_null(machine_cap(machine_root, source)->first_child);
}

static void one_on_its_way_forgets_its_holder(void **state)
{
    struct cap *holder = NULL, *child;
    (void)state;
    uint64_t used = t->account->used_bytes;
    assert_int_equal(cap_derive(machine_cap(t, memory), RIGHTS_ALL, 0, t->account, &child), OK);
    child->holder = &holder;
    holder = child;
    revoke(memory);
    assert_null(holder);
    assert_int_equal(t->account->used_bytes, used);
}

static void a_full_quota_refuses_and_a_full_table_too(void **state)
{
    (void)state;
    handle_t child = mint(memory);
    uint64_t limit = t->account->limit_bytes, used = t->account->used_bytes;
    handle_t filler[CAPS_A_PAGE];
    unsigned fillers = 0;
    for (; t->account->used_bytes == used; fillers++)
        filler[fillers] = mint(child); /* the last one began a page */
    SYS(t, cap_close, filler[--fillers]);
    t->account->limit_bytes = used + PAGE_SIZE - 1;
    assert_int_equal(SYS(t, cap_mint, memory, RIGHTS_ALL, 0), ERR_QUOTA);
    assert_int_equal(t->account->used_bytes, used);
    t->account->limit_bytes = used + PAGE_SIZE; /* exactly enough */
    handle_t last = mint(memory);
    assert_int_equal(SYS(t, cap_close, last), OK);
    t->account->limit_bytes = limit;
    for (uint32_t i = t->table.count; i < CAP_TABLE_PAGES * CAP_ENTRIES_PER_PAGE; i++)
        mint(child);
    assert_int_equal(SYS(t, cap_mint, memory, RIGHTS_ALL, 0), ERR_TABLE_FULL);
    assert_int_equal(SYS(t, channel_create, 1, 1), ERR_TABLE_FULL);
    assert_int_equal(SYS(t, memory_create, 1, 0), ERR_TABLE_FULL);
    assert_int_equal(SYS(t, signal_create), ERR_TABLE_FULL);
    assert_int_equal(object_counts[OBJECT_CHANNEL] + object_counts[OBJECT_SIGNAL], 0);
    assert_int_equal(object_counts[OBJECT_MEMORY], 1);
}

/* ---- the model: an array of parents ---- */

#define NODES 3000

static struct {
    handle_t handle; /* 0: none */
    struct task *owner;
    int parent; /* -1: a root */
} nodes[NODES];
static struct task *owners[3];

static bool is_below(int node, int top)
{
    for (node = nodes[node].parent; node >= 0; node = nodes[node].parent)
        if (node == top)
            return true;
    return false;
}

static void model_close(int node)
{
    for (int i = 0; i < NODES; i++)
        if (nodes[i].handle && nodes[i].parent == node)
            nodes[i].parent = nodes[node].parent;
    nodes[node].handle = HANDLE_NONE;
}

static void model_revoke(int node)
{
    static bool gone[NODES];
    for (int i = 0; i < NODES; i++)
        gone[i] = nodes[i].handle && is_below(i, node);
    for (int i = 0; i < NODES; i++)
        if (gone[i])
            nodes[i].handle = HANDLE_NONE;
}

/* Past the dead nodes, each of which must hold two children together. */
static const struct cap *live_parent(const struct cap *cap)
{
    for (cap = cap->parent; cap && !cap->object; cap = cap->parent)
        assert_true(cap->first_child && cap->first_child->next && !cap->table && !cap->holder);
    return cap;
}

static void compare(void)
{
    uint32_t count[3] = {0};
    for (int i = 0; i < NODES; i++) {
        if (!nodes[i].handle)
            continue;
        const struct cap *cap = machine_cap(nodes[i].owner, nodes[i].handle);
        const struct cap *parent =
            nodes[i].parent < 0 ? NULL : machine_cap(nodes[nodes[i].parent].owner, nodes[nodes[i].parent].handle);
        assert_ptr_equal(live_parent(cap), parent);
        assert_ptr_equal(slab_account(cap), nodes[i].owner->account);
        for (unsigned o = 0; o < 3; o++)
            count[o] += nodes[i].owner == owners[o];
    }
    for (unsigned o = 0; o < 3; o++)
        assert_int_equal(owners[o]->table.count, count[o] + (o == 0)); /* setup's `memory` */
}

static void step(void)
{
    int at = rand() % NODES, from = rand() % NODES;
    struct task *owner = owners[rand() % 3];
    if (!nodes[at].handle && (rand() % 8 == 0 || !nodes[from].handle)) {
        int64_t made = rand() & 1 ? SYS(owner, memory_create, 1, 0) : SYS(owner, signal_create);
        assert_true(made > 0);
        nodes[at].handle = (handle_t)made;
        nodes[at].owner = owner;
        nodes[at].parent = -1;
    } else if (!nodes[at].handle) {
        struct cap *child;
        assert_int_equal(cap_derive(machine_cap(nodes[from].owner, nodes[from].handle), RIGHTS_ALL, 0,
                                    nodes[from].owner->account, &child),
                         OK);
        assert_int_equal(cap_install(&owner->table, &child), OK); /* as a message would: another account pays */
        nodes[at].handle = child->handle;
        nodes[at].owner = owner;
        nodes[at].parent = from;
    } else if (rand() % 20 == 0) {
        while (SYS(nodes[at].owner, cap_revoke, nodes[at].handle) == ERR_RESTARTED) {}
        model_revoke(at);
    } else if (rand() % 3 == 0) {
        while (SYS(nodes[at].owner, cap_close, nodes[at].handle) == ERR_RESTARTED) {}
        model_close(at);
    } else if (rand() & 1) { /* moves to another task; its place in the tree stays */
        struct cap *cap = machine_cap(nodes[at].owner, nodes[at].handle);
        cap_remove(cap);
        assert_int_equal(cap_install(&owner->table, &cap), OK);
        nodes[at].owner = owner;
        nodes[at].handle = cap->handle;
    }
}

static void random_sequences_agree_with_the_model(void **state)
{
    (void)state;
    owners[0] = t;
    owners[1] = machine_task("u", 10, 1 << 14, HANDLE_NONE);
    owners[2] = machine_task("v", 10, 1 << 14, HANDLE_NONE);
    memset(nodes, 0, sizeof nodes);
    srand(11);
    for (unsigned i = 0; i < 100000; i++) {
        step();
        if (i % 2000 == 0)
            compare();
    }
    compare();
    for (int i = 0; i < NODES; i++)
        if (nodes[i].handle)
            assert_int_not_equal(SYS(nodes[i].owner, cap_close, nodes[i].handle), ERR_BAD_HANDLE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, machine_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(rights_only_shrink),
        TEST(a_handle_is_stale_once_its_place_is_used_again),
        TEST(closing_hands_the_children_to_the_grandparent),
        TEST(revoke_takes_all_below_and_nothing_else),
        TEST(a_chain_of_100000),
        TEST(a_star_of_100000),
        TEST(closing_the_middle_of_a_star_is_one_step),
        TEST(a_revoke_that_nobody_goes_on_with_leaves_a_whole_tree),
        TEST(one_on_its_way_forgets_its_holder),
        TEST(a_full_quota_refuses_and_a_full_table_too),
        TEST(random_sequences_agree_with_the_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
