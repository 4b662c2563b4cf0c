/* What is made through capabilities ends with them: random sequences of map, protect, unmap, bindings of signals and
 * interrupts, mint, move, close, revoke and death, against a model of what each task may touch. The page tables have the
 * last word: paging_lookup() of every page. USE_MODEL_SEED and USE_MODEL_STEPS repeat or lengthen a run. */
#include "kernel/irq/device.h"
#include "kernel/ipc/channel.h"
#include "kernel/x86/paging.h"
#include "tests/unit/host_machine.h"

#define TASKS 3
#define NODES 240
#define OBJECTS 40
#define PLACES 12 /* where a task maps */
#define PAGES_MOST 300
#define IRQS_MOST 6
#define NOBODY (-1)
#define AT(place) (0x20000000ul + (uint64_t)(place)*0x1000000ul)

static struct node {
    bool there;
    int owner, parent, object;
    handle_t handle;
    uint32_t rights;
} nodes[NODES];

static struct thing_object {
    bool there;
    enum object_type type;
    uint32_t pages;
    struct object *object; /* to look at while `there` */
    uint64_t frames[PAGES_MOST];
} objects[OBJECTS];

/* Through whom something was made: who has it now, and whether that one inherited it. NOBODY: it stays until its own end. */
struct through {
    int node;
    bool inherited;
};
static struct thing {
    bool there;
    struct through through[2];
    unsigned throughs;
    int object, signal; /* signal: of an interrupt's binding */
    uint32_t pages, first, protection, most;
} maps[TASKS][PLACES], binds[TASKS] /* a signal to the task's channel */, irq_binds[OBJECTS];

static struct task *tasks[TASKS];
static handle_t inboxes[TASKS];

/* ---- the model ---- */

static void for_all_things(void (*act)(struct thing *thing, int node), int node)
{
    for (int i = 0; i < TASKS * PLACES; i++)
        if (maps[i / PLACES][i % PLACES].there)
            act(&maps[i / PLACES][i % PLACES], node);
    for (int i = 0; i < TASKS; i++)
        if (binds[i].there)
            act(&binds[i], node);
    for (int i = 0; i < OBJECTS; i++)
        if (irq_binds[i].there)
            act(&irq_binds[i], node);
}

static void hand_to_parent(struct thing *thing, int node)
{
    for (unsigned i = 0; i < thing->throughs; i++)
        if (thing->through[i].node == node)
            thing->through[i] = (struct through){nodes[node].parent, true};
}

static void end_inherited(struct thing *thing, int node)
{
    for (unsigned i = 0; i < thing->throughs; i++)
        if (thing->through[i].node == node && thing->through[i].inherited)
            thing->there = false;
}

static void end_own(struct thing *thing, int node)
{
    for (unsigned i = 0; i < thing->throughs; i++)
        if (thing->through[i].node == node)
            thing->there = false;
}

/* An object goes with its last name and the last thing made of it; an interrupt's binding with the last name already. */
static bool object_is_named(int object)
{
    for (int i = 0; i < NODES; i++)
        if (nodes[i].there && nodes[i].object == object)
            return true;
    return false;
}
static bool object_is_used(int object)
{
    for (int i = 0; i < TASKS * PLACES; i++)
        if (maps[i / PLACES][i % PLACES].there && maps[i / PLACES][i % PLACES].object == object)
            return true;
    for (int i = 0; i < TASKS; i++)
        if (binds[i].there && binds[i].object == object)
            return true;
    for (int i = 0; i < OBJECTS; i++)
        if (irq_binds[i].there && irq_binds[i].signal == object)
            return true;
    return false;
}
static void objects_end(void)
{
    for (int i = 0; i < OBJECTS; i++)
        if (objects[i].there && objects[i].type == OBJECT_IRQ && !object_is_named(i)) {
            irq_binds[i].there = false;
            objects[i].there = false;
        }
    for (int i = 0; i < OBJECTS; i++)
        if (objects[i].there && !object_is_named(i) && !object_is_used(i))
            objects[i].there = false;
}

static void model_close(int node)
{
    for_all_things(hand_to_parent, node);
    for (int i = 0; i < NODES; i++)
        if (nodes[i].there && nodes[i].parent == node)
            nodes[i].parent = nodes[node].parent;
    nodes[node].there = false;
}

static bool is_below(int node, int top)
{
    for (node = nodes[node].parent; node != NOBODY; node = nodes[node].parent)
        if (node == top)
            return true;
    return false;
}

/* Each that is below leaves what was made through it to its parent, and in the end `top` has it all. */
static void model_revoke(int top)
{
    for (int i = 0; i < NODES; i++)
        if (nodes[i].there && is_below(i, top))
            model_close(i);
    for_all_things(end_inherited, top);
}

/* ---- the comparison ---- */

static void compare_place(int t, int place)
{
    const struct thing *map = &maps[t][place];
    uint32_t count = map->there ? map->pages : PAGES_MOST;
    for (uint32_t page = 0; page < count; page++) {
        uint64_t physical;
        uint32_t protection;
        bool there = paging_lookup(tasks[t]->root, AT(place) + page * PAGE_SIZE, &physical, &protection);
        assert_int_equal(there, map->there);
        if (!there)
            continue;
        assert_int_equal(protection, map->protection | PROT_READ); /* the CPU has no other */
        assert_true(physical == objects[map->object].frames[map->first + page]);
    }
}

static void compare_task(int t)
{
    uint32_t mapped = 0, held = 1; /* its inbox */
    for (int i = 0; i < PLACES; i++) {
        compare_place(t, i);
        mapped += maps[t][i].there;
    }
    for (int i = 0; i < NODES; i++)
        held += nodes[i].there && nodes[i].owner == t;
    assert_int_equal(tasks[t]->mapping_count, mapped);
    assert_int_equal(tasks[t]->table.count, held);
    const struct channel *inbox = (const struct channel *)machine_cap(tasks[t], inboxes[t])->object;
    assert_ptr_equal(inbox->signal, binds[t].there ? objects[binds[t].object].object : NULL);
}

static void compare(void)
{
    uint64_t counts[OBJECT_TYPE_COUNT] = {0};
    objects_end();
    machine_idle();
    for (int t = 0; t < TASKS; t++)
        compare_task(t);
    for (int i = 0; i < OBJECTS; i++) {
        counts[objects[i].type] += objects[i].there;
        if (objects[i].there && objects[i].type == OBJECT_IRQ)
            assert_ptr_equal(((const struct irq *)objects[i].object)->signal,
                             irq_binds[i].there ? objects[irq_binds[i].signal].object : NULL);
    }
    assert_int_equal(object_counts[OBJECT_MEMORY], counts[OBJECT_MEMORY]);
    assert_int_equal(object_counts[OBJECT_SIGNAL], counts[OBJECT_SIGNAL]);
    assert_int_equal(object_counts[OBJECT_IRQ], counts[OBJECT_IRQ]);
}

/* ---- the steps ---- */

static int pick_node(enum object_type type)
{
    for (unsigned tries = 0; tries < 200; tries++) {
        int node = rand() % NODES;
        if (nodes[node].there && (type == OBJECT_NONE || objects[nodes[node].object].type == type))
            return node;
    }
    return NOBODY;
}
static int free_node(void)
{
    for (int i = 0; i < NODES; i++)
        if (!nodes[i].there)
            return i;
    return NOBODY;
}
static int free_object(void)
{
    objects_end();
    for (int i = 0; i < OBJECTS; i++)
        if (!objects[i].there)
            return i;
    return NOBODY;
}

static handle_t move(struct task *from, handle_t handle, int to)
{
    struct cap *cap = machine_cap(from, handle);
    assert_int_equal(cap_install(&tasks[to]->table, &cap), OK);
    return cap->handle;
}

static unsigned irqs(void)
{
    unsigned count = 0;
    for (int i = 0; i < OBJECTS; i++)
        count += objects[i].there && objects[i].type == OBJECT_IRQ;
    return count;
}

static int64_t new_object(int owner, enum object_type type, uint32_t pages)
{
    struct irq_route route;
    int64_t made;
    if (type == OBJECT_SIGNAL)
        return SYS(tasks[owner], signal_create);
    if (type == OBJECT_IRQ) {
        made = SYS(machine_root, irq_create, machine_root_handle, IRQ_MESSAGE, 8, P(&route));
        return made > 0 ? (int64_t)move(machine_root, (handle_t)made, owner) : made;
    }
    while ((made = SYS(tasks[owner], memory_create, pages, 0)) == ERR_RESTARTED) {}
    return made;
}

static void step_create(void)
{
    static const enum object_type types[] = {OBJECT_MEMORY, OBJECT_MEMORY, OBJECT_MEMORY, OBJECT_SIGNAL, OBJECT_IRQ};
    int node = free_node(), object = free_object(), owner = rand() % TASKS;
    enum object_type type = types[rand() % 5];
    if (node == NOBODY || object == NOBODY || (type == OBJECT_IRQ && irqs() == IRQS_MOST))
        return;
    uint32_t pages = rand() % 8 ? 1 + (uint32_t)rand() % 6 : PAGES_MOST;
    int64_t made = new_object(owner, type, pages);
    assert_true(made > 0);
    const struct cap *cap = machine_cap(tasks[owner], (handle_t)made);
    nodes[node] = (struct node){true, owner, NOBODY, object, (handle_t)made, cap->rights};
    objects[object] = (struct thing_object){.there = true, .type = type, .pages = pages, .object = cap->object};
    for (uint32_t i = 0; type == OBJECT_MEMORY && i < pages; i++)
        objects[object].frames[i] = memory_page((const struct memory *)cap->object, i);
}

static void step_mint(void)
{
    int source = pick_node(OBJECT_NONE), node = free_node();
    if (source == NOBODY || node == NOBODY)
        return;
    uint32_t rights = RIGHTS_ALL & ~(rand() % 3 ? 0 : 1u << (16 + rand() % 5));
    int64_t made = SYS(tasks[nodes[source].owner], cap_mint, nodes[source].handle, rights, 0);
    if (!(nodes[source].rights & RIGHT_MINT)) {
        assert_int_equal(made, ERR_NO_RIGHT);
        return;
    }
    assert_true(made > 0);
    nodes[node] = nodes[source];
    nodes[node].handle = (handle_t)made;
    nodes[node].parent = source;
    nodes[node].rights &= rights;
}

static void step_move(void)
{
    int node = pick_node(OBJECT_NONE), to = rand() % TASKS;
    if (node == NOBODY || nodes[node].owner == to)
        return;
    nodes[node].handle = move(tasks[nodes[node].owner], nodes[node].handle, to);
    nodes[node].owner = to;
}

static void step_close(void)
{
    int node = pick_node(OBJECT_NONE);
    if (node == NOBODY)
        return;
    assert_int_equal(SYS(tasks[nodes[node].owner], cap_close, nodes[node].handle), OK);
    model_close(node);
}

static void step_revoke(void)
{
    int node = pick_node(OBJECT_NONE);
    if (node == NOBODY)
        return;
    while (SYS(tasks[nodes[node].owner], cap_revoke, nodes[node].handle) == ERR_RESTARTED) {}
    model_revoke(node);
}

/* By who controls the task: the capability itself ends too, and what was made through it. */
static void step_task_revoke(void)
{
    int node = pick_node(OBJECT_NONE);
    if (node == NOBODY)
        return;
    handle_t task = machine_handle(tasks[nodes[node].owner]);
    while (SYS(machine_root, task_revoke, task, nodes[node].handle) == ERR_RESTARTED) {}
    model_revoke(node);
    for_all_things(end_own, node);
    model_close(node);
}

static uint32_t some_protection(void)
{
    static const uint32_t some[] = {
        PROT_READ, PROT_READ, PROT_READ | PROT_WRITE, PROT_READ | PROT_WRITE, PROT_READ | PROT_EXEC,
        PROT_EXEC, PROT_WRITE};
    return some[rand() % 7];
}

static void step_map(void)
{
    int node = pick_node(OBJECT_MEMORY), place = rand() % PLACES;
    if (node == NOBODY)
        return;
    int t = nodes[node].owner;
    const struct thing_object *object = &objects[nodes[node].object];
    uint32_t first = (uint32_t)rand() % object->pages, pages = object->pages - first;
    uint32_t protection = some_protection(), most = protection_allowed(nodes[node].rights);
    int64_t result;
    do
        result = SYS(tasks[t], memory_map, HANDLE_NONE, nodes[node].handle, AT(place), first, pages, protection);
    while (result == ERR_RESTARTED);
    if (!most || protection & ~most) {
        assert_int_equal(result, ERR_NO_RIGHT);
    } else if (maps[t][place].there) {
        assert_int_equal(result, ERR_EXISTS);
    } else {
        assert_int_equal(result, AT(place));
        maps[t][place] = (struct thing){
            true, {{node, false}, {NOBODY, false}}, 1, nodes[node].object, NOBODY, pages, first, protection, most};
    }
}

static void step_protect(void)
{
    int t = rand() % TASKS, place = rand() % PLACES;
    struct thing *map = &maps[t][place];
    uint32_t protection = some_protection(), pages = map->there ? map->pages : 1;
    int64_t result;
    do
        result = SYS(tasks[t], memory_protect, HANDLE_NONE, AT(place), pages, protection);
    while (result == ERR_RESTARTED);
    assert_int_equal(result, !map->there ? ERR_NOT_FOUND : protection & ~map->most ? ERR_NO_RIGHT : OK);
    if (result == OK)
        map->protection = protection;
}

static void step_unmap(void)
{
    int t = rand() % TASKS, place = rand() % PLACES;
    struct thing *map = &maps[t][place];
    int64_t result;
    do
        result = SYS(tasks[t], memory_unmap, HANDLE_NONE, AT(place), map->there ? map->pages : 1);
    while (result == ERR_RESTARTED);
    assert_int_equal(result, map->there ? OK : ERR_NOT_FOUND);
    map->there = false;
}

static bool signal_is_bound(int object)
{
    for (int i = 0; i < TASKS; i++)
        if (binds[i].there && binds[i].object == object)
            return true;
    return false;
}

static void step_bind(void)
{
    int node = pick_node(OBJECT_SIGNAL);
    if (node == NOBODY)
        return;
    int t = nodes[node].owner;
    int64_t result = SYS(tasks[t], signal_bind, nodes[node].handle, inboxes[t]);
    if (!(nodes[node].rights & RIGHT_SIGNAL_BIND)) {
        assert_int_equal(result, ERR_NO_RIGHT);
    } else if (binds[t].there || signal_is_bound(nodes[node].object)) {
        assert_int_equal(result, ERR_BUSY);
    } else {
        assert_int_equal(result, OK);
        binds[t] = (struct thing){
            .there = true, .through = {{node, false}}, .throughs = 1, .object = nodes[node].object, .signal = NOBODY};
    }
}

static void step_bind_irq(void)
{
    int node = pick_node(OBJECT_IRQ), signal = pick_node(OBJECT_SIGNAL);
    if (node == NOBODY || signal == NOBODY || nodes[node].owner != nodes[signal].owner)
        return;
    int64_t result = SYS(tasks[nodes[node].owner], irq_bind, nodes[node].handle, nodes[signal].handle, 3);
    if (!(nodes[node].rights & RIGHT_IRQ_USE) || !(nodes[signal].rights & RIGHT_SIGNAL_RAISE)) {
        assert_int_equal(result, ERR_NO_RIGHT);
        return;
    }
    assert_int_equal(result, OK);
    irq_binds[nodes[node].object] = (struct thing){.there = true,
                                                   .through = {{node, false}, {signal, false}},
                                                   .throughs = 2,
                                                   .object = nodes[node].object,
                                                   .signal = nodes[signal].object};
}

static void task_begins(int t)
{
    tasks[t] = machine_task("user", 10, 1 << 12, HANDLE_NONE);
    inboxes[t] = machine_channel(tasks[t], 4, 4);
}

static void step_death(void)
{
    int t = rand() % TASKS;
    handle_t remains = machine_handle(tasks[t]);
    SYS(machine_root, task_kill, remains);
    machine_idle();
    SYS(machine_root, cap_close, remains);
    for (int i = 0; i < PLACES; i++)
        maps[t][i].there = false;
    binds[t].there = false;
    for (int i = 0; i < NODES; i++)
        if (nodes[i].there && nodes[i].owner == t)
            model_close(i);
    objects_end();
    task_begins(t);
}

static void step(void)
{
    static void (*const steps[])(void) = {
        step_create,  step_mint,  step_mint, step_mint,     step_mint,     step_move, step_close,
        step_close,   step_map,   step_map,  step_map,      step_map,      step_map,  step_protect,
        step_protect, step_unmap, step_bind, step_bind_irq, step_bind_irq, step_mint, step_create};
    int what = rand() % 1000;
    if (what < 3)
        step_death();
    else if (what < 40)
        step_revoke();
    else if (what < 55)
        step_task_revoke();
    else
        steps[rand() % (sizeof steps / sizeof steps[0])]();
}

static unsigned from_environment(const char *name, unsigned otherwise)
{
    const char *text = getenv(name);
    return text ? (unsigned)strtoul(text, NULL, 0) : otherwise;
}

static void each_task_reaches_what_its_capabilities_allow_and_nothing_else(void **state)
{
    (void)state;
    unsigned seed = from_environment("USE_MODEL_SEED", 5), count = from_environment("USE_MODEL_STEPS", 40000);
    print_message("seed %u, %u steps\n", seed, count);
    srand(seed);
    memset(nodes, 0, sizeof nodes);
    memset(objects, 0, sizeof objects);
    memset(maps, 0, sizeof maps);
    memset(binds, 0, sizeof binds);
    memset(irq_binds, 0, sizeof irq_binds);
    for (int t = 0; t < TASKS; t++)
        task_begins(t);
    for (unsigned i = 0; i < count; i++) {
        step();
        if (i % 10 == 0)
            compare();
    }
    compare();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, machine_setup, machine_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_task_reaches_what_its_capabilities_allow_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
