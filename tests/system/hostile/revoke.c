/* Use after revoke, and revoke itself as a weapon. */
#include "tests/system/hostile/attacks.h"

/* ---- the director revokes, the attacker goes on ---- */

static void revoke_at_stage(struct scene *scene, handle_t parent)
{
    struct msg m;
    if (!scene_stage(scene, &m))
        return;
    status_t status = cap_revoke(parent);
    if (status != OK)
        scene_fail(scene, "cap_revoke: %s", status_name(status));
    scene_go(scene, &m);
}

ATTACK(use_after_revoke_channel)
{
    handle_t server = clone_cap(CAP_CLIENT);
    struct msg m = message(OP_PING, 4);
    MUST(child, cap_mint(server, RIGHTS_ALL, 77));
    EXPECT_IS(ask((handle_t)child, &m), OK);
    EXPECT_IS(stage(1, NULL), OK);
    EXPECT_IS(channel_call(server, &m, DEADLINE_NEVER), ERR_BAD_HANDLE);
    EXPECT_IS(channel_call((handle_t)child, &m, DEADLINE_NEVER), ERR_BAD_HANDLE);
    EXPECT_IS(channel_send((handle_t)child, &m, 1), ERR_BAD_HANDLE);
    EXPECT_IS(cap_mint(server, RIGHTS_ALL, 0), ERR_BAD_HANDLE);
    EXPECT_IS(cap_close(server), ERR_BAD_HANDLE);
    return HELD;
}
DIRECT(use_after_revoke_channel)
{
    revoke_at_stage(scene, scene->parents[CAP_CLIENT]);
}

ATTACK(use_after_revoke_signal)
{
    handle_t signal = clone_cap(CAP_SIGNAL);
    MUST(child, cap_mint(signal, RIGHTS_ALL, 1));
    EXPECT_IS(stage(1, NULL), OK);
    EXPECT_IS(signal_raise(signal, 1), ERR_BAD_HANDLE);
    EXPECT_IS(signal_raise((handle_t)child, 1), ERR_BAD_HANDLE);
    return HELD;
}
DIRECT(use_after_revoke_signal)
{
    revoke_at_stage(scene, scene->parents[CAP_SIGNAL]);
}

ATTACK(use_after_revoke_task)
{
    struct task_info info;
    EXPECT_IS(task_info(clone_cap(CAP_TASK), &info), OK);
    EXPECT_IS(stage(1, NULL), OK);
    EXPECT_IS(task_info(clone_cap(CAP_TASK), &info), ERR_BAD_HANDLE);
    return HELD;
}
DIRECT(use_after_revoke_task)
{
    revoke_at_stage(scene, scene->parents[CAP_TASK]);
}

ATTACK(use_after_revoke_memory)
{
    EXPECT_IS(stage(1, NULL), OK);
    EXPECT_IS(memory_map(HANDLE_NONE, clone_cap(CAP_MEMORY), 0, 0, 1, PROT_READ), ERR_BAD_HANDLE);
    return HELD;
}
DIRECT(use_after_revoke_memory)
{
    revoke_at_stage(scene, scene->parents[CAP_MEMORY]);
}

/* The page was read a moment ago: its translation is in the TLB. */
ATTACK(read_of_a_revoked_mapping)
{
    MUST(address, memory_map(HANDLE_NONE, clone_cap(CAP_MEMORY), 0, 0, 1, PROT_READ));
    EXPECT(*(volatile uint64_t *)address != 0);
    EXPECT_IS(stage(1, NULL), OK);
    uint64_t word = *(volatile uint64_t *)address;
    return seen("a revoked page was read", (int64_t)word, __FILE__, __LINE__);
}
DIRECT(read_of_a_revoked_mapping)
{
    revoke_at_stage(scene, scene->parents[CAP_MEMORY]);
}

/* Mapped through a child that was closed since: the mapping went to the parent, and goes with its subtree. */
ATTACK(read_of_a_revoked_mapping_whose_handle_was_closed)
{
    MUST(child, cap_mint(clone_cap(CAP_MEMORY), RIGHTS_ALL, 0));
    MUST(address, memory_map(HANDLE_NONE, (handle_t)child, 0, 0, 1, PROT_READ));
    EXPECT_IS(cap_close((handle_t)child), OK);
    EXPECT_IS(cap_close(clone_cap(CAP_MEMORY)), OK);
    EXPECT(*(volatile uint64_t *)address != 0);
    EXPECT_IS(stage(1, NULL), OK);
    uint64_t word = *(volatile uint64_t *)address;
    return seen("a revoked page was read", (int64_t)word, __FILE__, __LINE__);
}
DIRECT(read_of_a_revoked_mapping_whose_handle_was_closed)
{
    revoke_at_stage(scene, scene->parents[CAP_MEMORY]);
}

/* A kernel copy must not reach a revoked page either. */
ATTACK(system_call_into_a_revoked_mapping)
{
    MUST(memory, memory_create(1, 0));
    MUST(child, cap_mint((handle_t)memory, RIGHTS_ALL, 0));
    MUST(address, memory_map(HANDLE_NONE, (handle_t)child, 0, 0, 1, PROT_READ | PROT_WRITE));
    EXPECT_IS(random_bytes((void *)address, 64), OK);
    EXPECT_IS(cap_revoke((handle_t)memory), OK);
    EXPECT_IS(random_bytes((void *)address, 64), ERR_FAULT);
    EXPECT_IS(memory_unmap(HANDLE_NONE, (uint64_t)address, 1), ERR_NOT_FOUND);
    return HELD;
}

/* Revoked while the attacker's call lies in the queue: the call still ends, and the next one is refused. */
ATTACK(revoke_under_a_held_call)
{
    struct msg m = message(OP_HOLD, 1);
    status_t status = channel_call(clone_cap(CAP_CLIENT), &m, clock_now() + FAR_NS);
    EXPECT(status == OK || status == ERR_PEER_DIED || status == ERR_BAD_HANDLE);
    EXPECT_IS(channel_call(clone_cap(CAP_CLIENT), &m, DEADLINE_NEVER), ERR_BAD_HANDLE);
    return HELD;
}
DIRECT(revoke_under_a_held_call)
{
    struct msg m = message(OP_RELEASE, 0);
    scene_pause(scene, NEAR_NS);
    (void)cap_revoke(scene->parents[CAP_CLIENT]);
    (void)ask(scene_victim(), &m);
}

ATTACK(use_after_revoke_of_device_capabilities)
{
    static const char *const names[] = {"irq", "ioport", "dma", "devmem"};
    uint64_t addresses[1];
    MUST(signal, signal_create());
    MUST(memory, memory_create(1, 0));
    EXPECT_IS(irq_bind(cap_named("irq"), (handle_t)signal, 3), OK);
    EXPECT_IS(ioport_write(cap_named("ioport"), 0, 1, 0), OK);
    EXPECT_IS(dma_pin(cap_named("dma"), (handle_t)memory, 0, 1, addresses), OK);
    MUST(address, memory_map(HANDLE_NONE, cap_named("devmem"), 0, 0, 1, PROT_READ));
    EXPECT_IS(stage(1, NULL), OK);
    EXPECT_IS(irq_ack(cap_named("irq")), ERR_BAD_HANDLE);
    EXPECT_IS(irq_bind(cap_named("irq"), (handle_t)signal, 3), ERR_BAD_HANDLE);
    EXPECT_IS(ioport_write(cap_named("ioport"), 0, 1, 0), ERR_BAD_HANDLE);
    EXPECT_IS(dma_pin(cap_named("dma"), (handle_t)memory, 0, 1, addresses), ERR_BAD_HANDLE);
    EXPECT_IS(memory_unmap(HANDLE_NONE, (uint64_t)address, 1), ERR_NOT_FOUND);
    for (size_t i = 0; i < 4; i++)
        EXPECT(!rights_of(cap_named(names[i])));
    return HELD;
}
DIRECT(use_after_revoke_of_device_capabilities)
{
    struct msg m;
    if (!scene_stage(scene, &m))
        return;
    for (size_t i = 0; i < 4; i++)
        (void)cap_revoke(scene->extras[i]);
    scene_go(scene, &m);
}

/* A signal that was bound through a capability stays bound no longer than that. */
ATTACK(bound_signal_after_revoke)
{
    uint64_t signals = 0;
    struct msg m;
    MUST(channel, channel_create(4, 4));
    MUST(signal, signal_create());
    MUST(binder, cap_mint((handle_t)signal, RIGHTS_ALL, 0));
    EXPECT_IS(signal_bind((handle_t)binder, (handle_t)channel), OK);
    EXPECT_IS(signal_raise((handle_t)signal, 1), OK);
    EXPECT_IS(channel_recv((handle_t)channel, &m, 1, &signals, DEADLINE_NOW), 0);
    EXPECT(signals == 1);
    EXPECT_IS(cap_revoke((handle_t)signal), OK);
    EXPECT_IS(signal_raise((handle_t)signal, 2), OK);
    EXPECT_IS(channel_recv((handle_t)channel, &m, 1, &signals, DEADLINE_NOW), ERR_WOULD_BLOCK);
    return HELD;
}

/* ---- inside the tree ---- */

ATTACK(revoke_from_inside_the_tree)
{
    MUST(child, cap_mint(clone_cap(CAP_CLIENT), RIGHTS_ALL, 0));
    MUST(grandchild, cap_mint((handle_t)child, RIGHTS_ALL, 0));
    EXPECT_IS(cap_revoke((handle_t)child), OK);
    EXPECT(!rights_of((handle_t)grandchild) && rights_of((handle_t)child));
    EXPECT_IS(cap_revoke(clone_cap(CAP_CLIENT)), OK);
    EXPECT(!rights_of((handle_t)child) && rights_of(clone_cap(CAP_CLIENT)));
    for (size_t i = 0; i < ATTACKER_CAPS; i++) {
        EXPECT_IS(cap_revoke(clone_cap(i)), OK);
        EXPECT(rights_of(clone_cap(i)));
    }
    struct msg m = message(OP_PING, 4);
    EXPECT_IS(ask(clone_cap(CAP_SERVER), &m), OK); /* a sibling */
    return HELD;                                   /* and the runner's own, the parents, still talk to the victim */
}

ATTACK(revoke_without_any_right)
{
    MUST(signal, signal_create());
    MUST(bare, cap_mint((handle_t)signal, 0, 0));
    EXPECT_IS(cap_revoke((handle_t)bare), OK); /* it has no descendants: nothing ends */
    EXPECT_IS(signal_raise((handle_t)signal, 1), OK);
    return HELD;
}

ATTACK(revoke_while_in_flight)
{
    uint64_t signals;
    struct msg m = message(OP_PING, 0);
    MUST(channel, channel_create(8, 8));
    MUST(signal, signal_create());
    for (int i = 0; i < 4; i++) {
        MUST(child, cap_mint((handle_t)signal, RIGHTS_ALL, 0));
        m.head.caps[i] = (handle_t)child;
    }
    m.head.cap_count = 4;
    m.head.kind = MSG_CAP_COPY(1) | MSG_CAP_COPY(3);
    EXPECT_IS(channel_send((handle_t)channel, &m, 1), 1);
    EXPECT_IS(cap_revoke((handle_t)signal), OK);
    EXPECT_IS(channel_recv((handle_t)channel, &m, 1, &signals, DEADLINE_NOW), 1);
    EXPECT(m.head.cap_count == 4);
    for (int i = 0; i < 4; i++)
        EXPECT(m.head.caps[i] == HANDLE_NONE);
    return HELD;
}

/* A line of 5,000, each derived from the one before: whoever recurses here overruns the kernel's stack. */
ATTACK(revoke_of_a_deep_line)
{
    MUST(root, signal_create());
    result_t last = root;
    for (int i = 0; i < 5000; i++) {
        MUST(next, cap_mint((handle_t)last, RIGHTS_ALL, 0));
        last = next;
    }
    EXPECT_IS(cap_revoke((handle_t)root), OK);
    EXPECT(!rights_of((handle_t)last) && rights_of((handle_t)root));
    return HELD;
}

/* The parent is closed before the child, all the way down: each time the rest of the line moves up. */
ATTACK(close_of_a_deep_line_from_above)
{
    MUST(root, signal_create());
    result_t upper = root, middle = cap_mint((handle_t)root, RIGHTS_ALL, 0);
    for (int i = 0; i < 5000; i++) {
        MUST(lower, cap_mint((handle_t)middle, RIGHTS_ALL, 0));
        EXPECT_IS(cap_close((handle_t)upper), OK);
        upper = middle;
        middle = lower;
    }
    EXPECT_IS(signal_raise((handle_t)middle, 1), OK);
    EXPECT_IS(cap_revoke((handle_t)upper), OK);
    EXPECT(!rights_of((handle_t)middle));
    return HELD;
}

/* ---- 100,000 ---- */

#define MANY 100000

static int64_t mint_many(handle_t source, handle_t *last)
{
    for (int i = 0; i < MANY; i++) {
        MUST(child, cap_mint(source, RIGHTS_ALL, 0));
        *last = (handle_t)child;
    }
    return HELD;
}

/* How far the attacker comes while the victim, which is more urgent, answers the runner: counted in its system calls, of
 * which each is a step of the revoke. Not timed, for the host may let one processor stand still while another goes on: the
 * answer that was disturbed least tells what the kernel does. Four entries into the kernel are in it, before each of which
 * one step may be under way; on one processor there is none. */
#define STEPS_IN_AN_ANSWER 16u

static uint64_t steps_of(const struct scene *scene)
{
    struct task_info info;
    return task_info(scene->attacker, &info) == OK ? info.syscalls : UINT64_MAX;
}

#define REST_NS 100000u

/* Alone on its processor the runner need not rest, and is not left asleep by a busy host. With one processor it rests for the
 * attacker's sake and wakes by a timer: without preemption points there would be no answer before the end. */
static uint64_t rest_until(void)
{
    return scene_processors() > 1 ? DEADLINE_NOW : clock_now() + REST_NS;
}

static uint64_t steps_in_the_best_answer(struct scene *scene, struct msg *stage, uint64_t *answers)
{
    uint64_t best = UINT64_MAX, began = steps_of(scene);
    bool done = false;
    while (!done && !scene->ended) {
        struct msg m = message(OP_PING, 4);
        uint64_t before = steps_of(scene);
        if (ask(scene_victim(), &m) != OK)
            scene_fail(scene, "the victim stops answering after %llu answers", (unsigned long long)*answers);
        uint64_t steps = steps_of(scene) - before;
        done = scene_take(scene, stage, rest_until());
        if (!done && before > began) { /* the attacker was at it all the time */
            (*answers)++;
            best = steps < best ? steps : best;
        }
    }
    return best;
}

#define REVOKES 10 /* until one answer was undisturbed */

static int64_t revoke_many(handle_t root)
{
    handle_t last = HANDLE_NONE;
    TRY(mint_many(root, &last));
    EXPECT_IS(stage(1, NULL), OK);
    status_t status = cap_revoke(root);
    EXPECT_IS(stage(2, NULL), OK);
    EXPECT_IS(status, OK);
    EXPECT(!rights_of(last) && rights_of(root));
    return HELD;
}

ATTACK(revoke_of_100000_descendants)
{
    struct msg m;
    MUST(root, signal_create());
    do {
        TRY(revoke_many((handle_t)root));
        EXPECT_IS(stage(3, &m), OK);
    } while (m.words[0]);
    return HELD;
}

/* True: *best is the fewest steps in an answer of this revoke or those before. */
static bool one_revoke(struct scene *scene, uint64_t *best, uint64_t *answers)
{
    struct msg m;
    if (!scene_stage(scene, &m))
        return false;
    scene_go(scene, &m);
    uint64_t steps = steps_in_the_best_answer(scene, &m, answers);
    *best = steps < *best ? steps : *best;
    if (scene->ended)
        return false;
    scene_go(scene, &m);
    return true;
}

DIRECT(revoke_of_100000_descendants)
{
    uint64_t best = UINT64_MAX, answers = 0;
    struct msg m;
    for (int more = REVOKES; more > 0;) {
        if (!one_revoke(scene, &best, &answers) || !scene_stage(scene, &m))
            return;
        more = best > STEPS_IN_AN_ANSWER ? more - 1 : 0;
        m.head.length = 8;
        m.words[0] = (uint64_t)more;
        scene_go(scene, &m);
    }
    log_info("revoke: %llu answers, %llu steps of it in the quickest", (unsigned long long)answers,
             (unsigned long long)best);
    if (best > STEPS_IN_AN_ANSWER)
        scene_fail(scene, "the victim answered %llu times during it, the quickest took %lld of its steps",
                   (unsigned long long)answers, (long long)best);
}

ATTACK(close_with_100000_children)
{
    handle_t last = HANDLE_NONE;
    MUST(root, signal_create());
    MUST(parent, cap_mint((handle_t)root, RIGHTS_ALL, 0));
    TRY(mint_many((handle_t)parent, &last));
    EXPECT_IS(cap_close((handle_t)parent), OK);
    EXPECT(!rights_of((handle_t)parent) && rights_of(last)); /* the children live on */
    EXPECT_IS(cap_revoke((handle_t)root), OK);               /* as children of the root */
    EXPECT(!rights_of(last));
    return HELD;
}

ATTACK(death_with_100000_capabilities)
{
    handle_t last = HANDLE_NONE;
    MUST(root, signal_create());
    int64_t result = mint_many((handle_t)root, &last);
    EXPECT_IS(stage(1, NULL), OK);
    return result;
}
DIRECT(death_with_100000_capabilities)
{
    struct msg m;
    if (!scene_stage(scene, &m))
        return;
    (void)task_kill(scene->attacker);
    for (int trips = 0; trips < 20; trips++)
        (void)scene_victim_answers(scene);
}

/* One step of a revoke, and then other things: what has ended stays ended, what has not works or does not, and resuming
 * ends it all. */
ATTACK(revoke_abandoned_and_resumed)
{
    MUST(root, signal_create());
    result_t middle = cap_mint((handle_t)root, RIGHTS_ALL, 0), last = 0;
    for (int i = 0; i < 3000; i++) {
        last = cap_mint(i & 1 ? (handle_t)middle : (handle_t)root, RIGHTS_ALL, 0);
        EXPECT(last > 0);
    }
    int64_t status = syscall3(SYS_cap_revoke, (uint64_t)root, 0, 0).value;
    EXPECT(status == ERR_RESTARTED || status == OK);
    EXPECT_IS(signal_raise((handle_t)root, 1), OK);
    MUST(another, cap_mint((handle_t)root, RIGHTS_ALL, 0));
    status_t closed = cap_close((handle_t)middle);
    EXPECT(closed == OK || closed == ERR_BAD_HANDLE);
    MUST(fresh, signal_create()); /* may stand where an ended one stood: it is not part of the tree */
    EXPECT_IS(cap_revoke((handle_t)root), OK);
    EXPECT(!rights_of((handle_t)last) && !rights_of((handle_t)middle) && !rights_of((handle_t)another));
    EXPECT(rights_of((handle_t)fresh) && rights_of((handle_t)root));
    return HELD;
}

/* The one that is being revoked is closed in the middle of it. */
ATTACK(revoke_abandoned_and_closed)
{
    MUST(root, signal_create());
    MUST(middle, cap_mint((handle_t)root, RIGHTS_ALL, 0));
    for (int i = 0; i < 3000; i++)
        EXPECT(cap_mint((handle_t)middle, RIGHTS_ALL, 0) > 0);
    (void)syscall3(SYS_cap_revoke, (uint64_t)middle, 0, 0);
    EXPECT_IS(cap_close((handle_t)middle), OK);
    EXPECT_IS(cap_close((handle_t)root), OK);
    return HELD;
}

ATTACK(death_in_the_middle_of_a_revoke)
{
    MUST(root, signal_create());
    MUST(middle, cap_mint((handle_t)root, RIGHTS_ALL, 0));
    for (int i = 0; i < 3000; i++)
        EXPECT(cap_mint((handle_t)middle, RIGHTS_ALL, 0) > 0);
    (void)syscall3(SYS_cap_revoke, (uint64_t)root, 0, 0);
    return HELD;
}

/* task_revoke is revoke by who controls the holder: it ends that one handle and what was derived from it. */
ATTACK(task_revoke_of_a_puppet)
{
    handle_t puppet = cap_named("puppet");
    MUST(signal, signal_create());
    MUST(given, task_grant(puppet, (handle_t)signal, RIGHTS_ALL, 0));
    MUST(other, task_grant(puppet, (handle_t)signal, RIGHTS_ALL, 0));
    EXPECT_IS(task_revoke(puppet, (handle_t)given), OK);
    EXPECT_IS(task_revoke(puppet, (handle_t)given), ERR_BAD_HANDLE);
    EXPECT_IS(task_revoke(puppet, HANDLE_NONE), ERR_BAD_HANDLE);
    EXPECT_IS(signal_raise((handle_t)signal, 1), OK);
    EXPECT_IS(task_revoke(puppet, (handle_t)other), OK);
    return HELD;
}
