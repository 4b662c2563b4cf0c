/* kernel/cap and its transfer through messages against a model: arrays of who holds what and who was derived from whom.
 * Random sequences of system calls of three tasks, which die and are replaced; and trees of awkward shapes. A run prints
 * its seed; CAP_MODEL_SEED and CAP_MODEL_STEPS repeat or lengthen it. */
#include <stdio.h>
#include "kernel/memory/slab.h"
#include "tests/unit/host_machine.h"

#define TASKS 3
#define NODES 4000
#define QUEUE_MAX 64
#define CREDIT 24
#define NOBODY (-1)

enum node_state { GONE, HELD, ON_ITS_WAY };

/* One capability. */
static struct node {
    enum node_state state;
    handle_t handle; /* held; or kept by a call for when it comes back */
    int owner;       /* who holds it; on its way: who will */
    int parent;      /* derived from; the nearest that still is. NOBODY: none */
    uint32_t rights;
    uint64_t id;
} nodes[NODES];

struct parcel {
    unsigned count;
    int caps[MSG_CAPS_MAX]; /* NOBODY: revoked on the way */
};

static struct party {
    struct task *task;
    handle_t inbox, to[TASKS]; /* its channel, and the others' */
    struct parcel parcels[QUEUE_MAX];
    unsigned queued, held;
} parties[TASKS];

static uint64_t others; /* capabilities that are no nodes */
static uint32_t alive;
static unsigned restarted; /* revokes that stopped on the way */

/* ---- the model ---- */

static bool is_below(int node, int top)
{
    for (node = nodes[node].parent; node != NOBODY; node = nodes[node].parent)
        if (node == top)
            return true;
    return false;
}

static void forget_parcels_with(int node)
{
    if (nodes[node].state != ON_ITS_WAY)
        return;
    struct party *party = &parties[nodes[node].owner];
    for (unsigned p = 0; p < party->queued; p++)
        for (unsigned i = 0; i < party->parcels[p].count; i++)
            if (party->parcels[p].caps[i] == node)
                party->parcels[p].caps[i] = NOBODY;
}

static void model_end(int node)
{
    for (int i = 0; i < NODES; i++)
        if (nodes[i].state != GONE && nodes[i].parent == node)
            nodes[i].parent = nodes[node].parent;
    forget_parcels_with(node);
    parties[nodes[node].owner].held -= nodes[node].state == HELD;
    nodes[node] = (struct node){.state = GONE};
    alive--;
}

static void model_revoke(int top)
{
    static bool below[NODES];
    for (int i = 0; i < NODES; i++)
        below[i] = nodes[i].state != GONE && is_below(i, top);
    for (int i = 0; i < NODES; i++)
        if (below[i])
            model_end(i);
}

static void model_made(int node, int owner, handle_t handle, int parent, uint32_t rights)
{
    nodes[node] = (struct node){HELD, handle, owner, parent, rights, 0};
    nodes[node].id = machine_cap(parties[owner].task, handle)->id;
    parties[owner].held++;
    alive++;
}

/* ---- the comparison ---- */

static void check_links(const struct cap *cap)
{
    assert_ptr_equal(cap->previous ? cap->previous->next : cap->parent ? cap->parent->first_child : cap, cap);
    if (cap->next)
        assert_ptr_equal(cap->next->previous, cap);
    for (const struct cap *up = cap->parent; up && !up->object; up = up->parent)
        assert_true(up->first_child && up->first_child->next); /* a dead node has two children or more */
}

static uint64_t live_parent_id(const struct cap *cap)
{
    const struct cap *up = cap->parent;
    while (up && !up->object)
        up = up->parent;
    return up ? up->id : 0;
}

static void compare_held(const struct node *node)
{
    struct task *task = parties[node->owner].task;
    const struct cap *cap = cap_find(&task->table, node->handle);
    assert_non_null(cap);
    assert_true(cap->id == node->id);
    assert_int_equal(cap->rights, node->rights);
    assert_ptr_equal(cap->table, &task->table);
    assert_ptr_equal(slab_account(cap), task->account);
    check_links(cap);
    if (node->parent == NOBODY || nodes[node->parent].id)
        assert_true(live_parent_id(cap) == (node->parent == NOBODY ? 0 : nodes[node->parent].id));
    if (node->parent != NOBODY)
        assert_int_equal(node->rights & ~nodes[node->parent].rights, 0);
}

static void compare(void)
{
    assert_true(cap_total == others + alive);
    for (int i = 0; i < NODES; i++)
        if (nodes[i].state == HELD)
            compare_held(&nodes[i]);
    for (int i = 0; i < TASKS; i++)
        assert_int_equal(parties[i].task->table.count, parties[i].held + TASKS); /* its inbox, and to the others */
}

/* ---- the steps ---- */

static int pick(enum node_state state)
{
    for (unsigned tries = 0; tries < 50; tries++) {
        int node = rand() % NODES;
        if (nodes[node].state == state)
            return node;
    }
    return NOBODY;
}

static uint32_t some_rights(void)
{
    static const uint32_t dropped[] = {0, 0, 0, 0, 0, RIGHT_MINT, RIGHT_TRANSFER, RIGHT_MEMORY_WRITE, RIGHT_MEMORY_PIN};
    return RIGHTS_ALL & ~dropped[rand() % (sizeof dropped / sizeof dropped[0])];
}

static void step_create(void)
{
    int node = pick(GONE), owner = rand() % TASKS;
    if (node == NOBODY)
        return;
    int64_t made = SYS(parties[owner].task, memory_create, 1, 0);
    assert_true(made > 0);
    model_made(node, owner, (handle_t)made, NOBODY, RIGHTS_ALL & ~RIGHTS_SERVICE);
}

static void step_mint(void)
{
    int source = pick(HELD), node = pick(GONE);
    if (source == NOBODY || node == NOBODY)
        return;
    uint32_t rights = some_rights();
    int64_t made = SYS(parties[nodes[source].owner].task, cap_mint, nodes[source].handle, rights, 0);
    if (!(nodes[source].rights & RIGHT_MINT)) {
        assert_int_equal(made, ERR_NO_RIGHT);
        return;
    }
    assert_true(made > 0);
    model_made(node, nodes[source].owner, (handle_t)made, source, nodes[source].rights & rights);
}

static void step_close(void)
{
    int node = pick(HELD);
    if (node == NOBODY)
        return;
    struct task *task = parties[nodes[node].owner].task;
    handle_t handle = nodes[node].handle;
    assert_int_equal(SYS(task, cap_close, handle), OK);
    assert_int_equal(SYS(task, cap_close, handle), ERR_BAD_HANDLE);
    model_end(node);
}

static void revoke(int top)
{
    while (SYS(parties[nodes[top].owner].task, cap_revoke, nodes[top].handle) == ERR_RESTARTED) {}
    model_revoke(top);
}

static void step_revoke(void)
{
    int top = pick(HELD);
    if (top != NOBODY)
        revoke(top);
}

/* ---- through messages ---- */

/* Fills a message with capabilities of `from`, each once; a copy takes a free node. */
static unsigned pack(int from, struct msg *message, int *sources, int *arriving)
{
    unsigned wanted = 1 + (unsigned)rand() % MSG_CAPS_MAX, count = 0;
    for (unsigned tries = 0; tries < 20 && count < wanted; tries++) {
        int source = pick(HELD), node = pick(GONE);
        bool copy = rand() & 1, again = false;
        for (unsigned i = 0; i < count; i++)
            again |= sources[i] == source || (copy && arriving[i] == node);
        if (source == NOBODY || node == NOBODY || again || nodes[source].owner != from)
            continue;
        message->head.caps[count] = nodes[source].handle;
        message->head.kind |= copy ? MSG_CAP_COPY(count) : 0;
        sources[count] = source;
        arriving[count++] = copy ? node : source;
    }
    message->head.cap_count = (uint8_t)count;
    return count;
}

static bool may_go(const struct msg *message, const int *sources)
{
    for (unsigned i = 0; i < message->head.cap_count; i++) {
        uint32_t need = RIGHT_TRANSFER | (message->head.kind & MSG_CAP_COPY(i) ? RIGHT_MINT : 0);
        if ((nodes[sources[i]].rights & need) != need)
            return false;
    }
    return true;
}

/* A copy of one that moves in the same message is its child all the same. */
static void model_sent(int to, unsigned count, const int *sources, const int *arriving)
{
    struct parcel *parcel = &parties[to].parcels[parties[to].queued++];
    parcel->count = count;
    for (unsigned i = 0; i < count; i++) {
        int node = arriving[i];
        if (node == sources[i]) {
            parties[nodes[node].owner].held--;
        } else {
            nodes[node] = (struct node){.parent = sources[i], .rights = nodes[sources[i]].rights};
            alive++;
        }
        nodes[node].state = ON_ITS_WAY;
        nodes[node].owner = to;
        parcel->caps[i] = node;
    }
}

static void step_send(void)
{
    struct msg message = {.head.op = 1};
    int sources[MSG_CAPS_MAX], arriving[MSG_CAPS_MAX];
    int from = rand() % TASKS, to = (from + 1 + rand() % (TASKS - 1)) % TASKS;
    unsigned count = pack(from, &message, sources, arriving);
    if (!count)
        return;
    int64_t sent = SYS(parties[from].task, channel_send, parties[from].to[to], P(&message), 1);
    if (sent == ERR_WOULD_BLOCK)
        return;
    assert_int_equal(sent, may_go(&message, sources) ? 1 : ERR_NO_RIGHT);
    if (sent == 1)
        model_sent(to, count, sources, arriving);
}

static void model_arrived(int to, int node, handle_t handle)
{
    if (node == NOBODY) {
        assert_int_equal(handle, HANDLE_NONE);
        return;
    }
    nodes[node].state = HELD;
    nodes[node].handle = handle;
    nodes[node].id = machine_cap(parties[to].task, handle)->id;
    parties[to].held++;
}

static void receive(int to)
{
    static struct msg messages[MSG_BATCH_MAX];
    struct party *party = &parties[to];
    int64_t count = SYS(party->task, channel_recv, party->inbox, P(messages), MSG_BATCH_MAX, DEADLINE_NOW);
    assert_int_equal(count, party->queued ? (int64_t)party->queued : ERR_WOULD_BLOCK);
    for (unsigned p = 0; p < party->queued; p++) {
        assert_int_equal(messages[p].head.cap_count, party->parcels[p].count);
        for (unsigned i = 0; i < MSG_CAPS_MAX; i++)
            model_arrived(to, i < party->parcels[p].count ? party->parcels[p].caps[i] : NOBODY,
                          messages[p].head.caps[i]);
    }
    party->queued = 0;
}

static void step_receive(void)
{
    receive(rand() % TASKS);
}

static int largest(void)
{
    int best = NOBODY, most = 0;
    for (unsigned tries = 0; tries < 16; tries++) {
        int node = pick(HELD), below = 0;
        for (int i = 0; node != NOBODY && i < NODES; i++)
            below += nodes[i].state != GONE && is_below(i, node);
        if (below > most) {
            best = node;
            most = below;
        }
    }
    return best;
}

/* Steps as sys_cap_revoke makes them, and then nobody goes on: some of those below have ended, as if they had been closed.
 * Of one on its way that would show only when it arrives. */
static void step_revoke_a_part(void)
{
    for (int i = 0; i < TASKS; i++)
        receive(i);
    int top = largest();
    if (top == NOBODY)
        return;
    bool done = false;
    for (unsigned goes_on = 1 + (unsigned)rand() % 3; goes_on && !done; goes_on--) {
        uint32_t budget = (uint32_t)rand() % 100, removed = 0;
        done = cap_revoke(machine_cap(parties[nodes[top].owner].task, nodes[top].handle), &budget, &removed);
    }
    restarted += !done;
    for (int i = 0; i < NODES; i++) {
        if (nodes[i].state != HELD || !is_below(i, top))
            continue;
        if (!cap_find(&parties[nodes[i].owner].task->table, nodes[i].handle))
            model_end(i);
        else
            assert_false(done);
    }
}

/* What a call moved comes back under its handle, unless it was revoked meanwhile; copies end. */
static void model_came_back(int from, unsigned count, const int *sources, const int *arriving, const struct msg *sent)
{
    for (unsigned i = 0; i < count; i++) {
        if (nodes[arriving[i]].state != ON_ITS_WAY)
            continue;
        if (arriving[i] != sources[i]) {
            model_end(arriving[i]);
            continue;
        }
        nodes[arriving[i]].state = HELD;
        nodes[arriving[i]].owner = from;
        parties[from].held++;
        assert_int_equal(nodes[arriving[i]].handle, sent->head.caps[i]);
    }
}

/* A call with capabilities; a third task may revoke from above meanwhile; the receiver takes it or time runs out. */
static void step_call(void)
{
    struct msg message = {.head.op = 1};
    int sources[MSG_CAPS_MAX], arriving[MSG_CAPS_MAX];
    int from = rand() % TASKS, to = (from + 1 + rand() % (TASKS - 1)) % TASKS;
    unsigned count = pack(from, &message, sources, arriving);
    if (!count || parties[to].queued == QUEUE_MAX)
        return;
    struct msg as_sent = message;
    struct task *caller = parties[from].task;
    int64_t result = SYS(caller, channel_call, parties[from].to[to], P(&message), machine_now_ns + 1000);
    if (!may_go(&as_sent, sources)) {
        assert_int_equal(result, ERR_NO_RIGHT);
        return;
    }
    assert_int_equal(result, BLOCKED);
    model_sent(to, count, sources, arriving);
    int top = pick(HELD);
    if (rand() % 2 && top != NOBODY && nodes[top].owner != from)
        revoke(top);
    bool taken = rand() % 2;
    if (taken)
        receive(to);
    machine_pass(2000);
    assert_int_equal(machine_answer(caller), ERR_TIMED_OUT);
    if (taken)
        return;
    parties[to].queued--;
    model_came_back(from, count, sources, arriving, &as_sent);
}

/* ---- death ---- */

static void party_new(int i)
{
    char name[8];
    snprintf(name, sizeof name, "p%d", i);
    struct party *party = &parties[i];
    *party = (struct party){.task = machine_task(name, 10, 1 << 11, HANDLE_NONE)};
    party->inbox = machine_channel(party->task, QUEUE_MAX, CREDIT);
}

/* A sender of `to`'s inbox for `from`: minted there, moved here through the root task's hands. */
static void connect(int from, int to)
{
    struct party *server = &parties[to];
    int64_t made = SYS(server->task, cap_mint, server->inbox, RIGHTS_ALL & ~RIGHTS_SERVICE, 0);
    assert_true(made > 0);
    struct cap *cap = machine_cap(server->task, (handle_t)made);
    assert_int_equal(cap_install(&parties[from].task->table, &cap), OK);
    parties[from].to[to] = cap->handle;
}

static void step_death(void)
{
    int dead = rand() % TASKS;
    SYS(machine_root, task_kill, machine_handle(parties[dead].task));
    handle_t remains = machine_handle(parties[dead].task);
    machine_idle();
    SYS(machine_root, cap_close, remains);
    machine_idle();
    for (int i = 0; i < NODES; i++)
        if (nodes[i].state != GONE && nodes[i].owner == dead)
            model_end(i);
    party_new(dead);
    for (int i = 0; i < TASKS; i++) {
        if (i == dead)
            continue;
        assert_int_equal(SYS(parties[i].task, cap_close, parties[i].to[dead]), OK);
        connect(i, dead);
        connect(dead, i);
    }
    machine_idle();
}

static void step(void)
{
    unsigned what = (unsigned)rand() % 10000;
    if (what < 50 || !alive)
        step_create();
    else if (what < 6200)
        step_mint();
    else if (what < 7600)
        step_send();
    else if (what < 8100)
        step_receive();
    else if (what < 8500)
        step_call();
    else if (what < 9900)
        step_close();
    else if (what < 9970)
        step_revoke();
    else if (what < 9997)
        step_revoke_a_part();
    else
        step_death();
}

static unsigned from_environment(const char *name, unsigned otherwise)
{
    const char *text = getenv(name);
    return text ? (unsigned)strtoul(text, NULL, 0) : otherwise;
}

static void begin(void)
{
    memset(nodes, 0, sizeof nodes);
    alive = 0;
    restarted = 0;
    for (int i = 0; i < TASKS; i++)
        party_new(i);
    for (int i = 0; i < TASKS; i++)
        for (int k = 0; k < TASKS; k++)
            if (i != k)
                connect(i, k);
    others = cap_total;
}

static void random_sequences_agree_with_the_model(void **state)
{
    (void)state;
    unsigned seed = from_environment("CAP_MODEL_SEED", 3), steps = from_environment("CAP_MODEL_STEPS", 200000),
             most = 0;
    print_message("seed %u, %u steps\n", seed, steps);
    srand(seed);
    begin();
    for (unsigned i = 0; i < steps; i++) {
        step();
        if (i % 50 == 0)
            compare();
        most = alive > most ? alive : most;
    }
    compare();
    print_message("up to %u capabilities; %u revokes stopped on the way\n", most, restarted);
    assert_in_range(most, 2000, NODES);
    assert_in_range(restarted, 20, steps);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, machine_setup, machine_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(random_sequences_agree_with_the_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
