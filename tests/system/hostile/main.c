/* The runner: every attack of the table in turn, each judged, with the victim and the kernel's figures looked at after
 * it. Results go to the log: "HOSTILE name ok", "HOSTILE name FAILED what was seen", at the end "HOSTILE n ok, m failed".
 *
 * The rest of the system lives beside it, and its sessions come and go: when the figures are not what they were, the
 * same attack runs again. What an attack leaves behind it leaves each time; a console session that opened meanwhile, or
 * a page that a kernel cache keeps from now on (kernel/memory/slab.c: one empty page each), is there only once. */
#include "tests/system/hostile/runner.h"

#include <abi/boot_options.h>
#include <string.h>

#define TRIES 3
#define SETTLE_STEPS 25
#define SETTLE_NS 20000000ull
#define ANSWER_NS 30000000000ull /* a hang detector */

struct runner runner;
static struct scene scene;

/* ---- figures ---- */

bool figures_read(struct object_counts *figures)
{
    return system_info(runner.trace, INFO_OBJECTS, 0, figures, sizeof *figures) == 1;
}

bool figures_equal(const struct object_counts *a, const struct object_counts *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

static void nap(uint64_t ns)
{
    uint64_t end = clock_now() + ns;
    struct msg m;
    while (clock_now() < end) {
        if (scene_take(&scene, &m, end))
            scene_go(&scene, &m);
    }
}

bool figures_settle(const struct object_counts *wanted, struct object_counts *last)
{
    for (int i = 0; i < SETTLE_STEPS; i++) {
        if (!figures_read(last))
            return false;
        if (figures_equal(wanted, last))
            return true;
        nap(SETTLE_NS);
    }
    return false;
}

#define START_STEP_NS 1000000000ull
#define START_STEPS 60

/* The services are up, and the first DHCP answers are there. */
static void figures_of_the_start(struct object_counts *figures)
{
    struct object_counts before = {0};
    nap(2 * START_STEP_NS);
    for (int i = 0; i < START_STEPS; i++) {
        nap(START_STEP_NS);
        if (figures_read(figures) && figures_equal(&before, figures))
            return;
        before = *figures;
    }
}

/* As they are when two readings agree: nobody is in the middle of a request. */
static bool figures_steady(struct object_counts *figures)
{
    struct object_counts before;
    for (int i = 0; i < SETTLE_STEPS; i++) {
        if (!figures_read(&before))
            return false;
        nap(SETTLE_NS / 10);
        if (figures_read(figures) && figures_equal(&before, figures))
            return true;
    }
    return false;
}

static void tell_difference(const struct object_counts *a, const struct object_counts *b)
{
    static const char *const types[] = {
#define X(name, text) text,
        OBJECT_TYPES(X)
#undef X
    };
    scene_fail(&scene, "left behind: %lld pages, %lld capabilities", (long long)(a->free_pages - b->free_pages),
               (long long)(b->capabilities - a->capabilities));
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (a->objects[i] != b->objects[i])
            log_info("  %s objects: %llu, then %llu", types[i], (unsigned long long)a->objects[i],
                     (unsigned long long)b->objects[i]);
    }
}

uint64_t scene_free_pages(void)
{
    struct object_counts figures = {0};
    (void)figures_read(&figures);
    return figures.free_pages;
}

uint32_t scene_processors(void)
{
    struct system_info info;
    return system_info(runner.trace, INFO_SYSTEM, 0, &info, sizeof info) == 1 ? info.cpu_count : 1;
}

/* ---- the victim ---- */

handle_t scene_victim(void)
{
    return runner.victim_sender;
}

handle_t scene_victim_task(void)
{
    return runner.victim_task;
}

static bool victim_make(handle_t receive)
{
    struct task_info info;
    struct clone what = {.name = "victim",
                         .run = victim_run,
                         .priority = PRIORITY_VICTIM,
                         .quota_pages = 256,
                         .root = runner.root,
                         .supervisor = runner.ends[BADGE_VICTIM],
                         .cap_count = VICTIM_CAPS,
                         .caps = {[VICTIM_CHANNEL] = {"channel", receive, RIGHTS_ALL, 0},
                                  [VICTIM_SIGNAL] = {"signal", runner.victim_signal, RIGHT_SIGNAL_BIND, 0},
                                  [VICTIM_MEMORY] = {"memory", runner.victim_memory, RIGHTS_ALL, 0}}};
    runner.victim_died = false;
    if (clone_start(&what, &runner.victim_task) != OK || task_info(runner.victim_task, &info) != OK)
        return false;
    runner.victim_id = info.id;
    return true;
}

bool victim_start(void)
{
    result_t channel = channel_create(64, 16);
    result_t signal = signal_create();
    result_t memory = memory_create(1, 0);
    if (channel < 0 || signal < 0 || memory < 0)
        return false;
    result_t sender = cap_mint((handle_t)channel, RIGHTS_ALL, 0);
    runner.victim_sender = (handle_t)sender;
    runner.victim_signal = (handle_t)signal;
    runner.victim_memory = (handle_t)memory;
    return sender > 0 && victim_make((handle_t)channel);
}

void victim_end(void)
{
    (void)task_kill(runner.victim_task);
    while (!runner.victim_died) {
        struct msg m;
        if (scene_take(&scene, &m, DEADLINE_NEVER))
            scene_go(&scene, &m);
    }
    cap_close(runner.victim_task);
    cap_close(runner.victim_sender);
    cap_close(runner.victim_signal);
    cap_close(runner.victim_memory);
}

bool victim_state(struct victim_state *state)
{
    struct msg m = {.head = {.op = OP_CHECK}};
    if (channel_call(runner.victim_sender, &m, clock_now() + ANSWER_NS) != OK || m.head.length != sizeof *state)
        return false;
    memcpy(state, m.payload, sizeof *state);
    return true;
}

bool scene_victim_answers(struct scene *of)
{
    struct victim_state state;
    bool answers = victim_state(&state);
    if (!answers)
        scene_fail(of, "the victim does not answer");
    return answers;
}

static void victim_look(const struct victim_state *before)
{
    struct victim_state after;
    if (!victim_state(&after))
        scene_fail(&scene, "the victim does not answer any more");
    else if (!after.secret_whole)
        scene_fail(&scene, "the victim's secret was overwritten");
    else if (after.foreign_bits)
        scene_fail(&scene, "signal bits 0x%llx that nobody may raise", (unsigned long long)after.foreign_bits);
    else if (after.kernel_forgeries)
        scene_fail(&scene, "messages in the kernel's name arrived");
    else if (after.capabilities != before->capabilities)
        scene_fail(&scene, "the victim holds %llu capabilities, before %llu", (unsigned long long)after.capabilities,
                   (unsigned long long)before->capabilities);
}

/* ---- one attack ---- */

/* True: its figures came back, or it failed otherwise. */
static bool attack_once(const struct attack *attack)
{
    struct object_counts before, after;
    struct victim_state victim;
    bool steady = figures_steady(&before);
    if (!victim_state(&victim)) {
        scene_fail(&scene, "the victim does not answer");
        return true;
    }
    scene_run(&scene, attack);
    victim_look(&victim);
    if (scene.report[0])
        return true;
    if (figures_settle(&before, &after))
        return true;
    if (steady)
        tell_difference(&before, &after);
    else
        scene_fail(&scene, "the system's figures never stand still");
    return false;
}

static bool attack_run(const struct attack *attack)
{
    bool returned = false;
    for (int i = 0; i < TRIES && !returned; i++)
        returned = attack_once(attack);
    if (scene.report[0])
        log_error("HOSTILE %s FAILED %s", attack->name, scene.report);
    else
        log_info("HOSTILE %s ok", attack->name);
    return !scene.report[0];
}

/* What it broke must not make the next ones fail. */
static bool victim_renew(void)
{
    victim_end();
    return victim_start();
}

void runner_init(void)
{
    runner.root = cap_named("root");
    runner.trace = cap_named("trace");
    result_t channel = channel_create(256, 64);
    ASSERT(channel > 0);
    runner.channel = (handle_t)channel;
    for (uint32_t badge = BADGE_REPORT; badge <= BADGE_PUPPET_END; badge++) {
        result_t sender = cap_mint(runner.channel, RIGHT_CHANNEL_SEND | RIGHT_MINT | RIGHT_TRANSFER, badge);
        ASSERT(sender > 0);
        runner.ends[badge] = (handle_t)sender;
    }
    runner.report = runner.ends[BADGE_REPORT];
    ASSERT(clone_prepare() == OK);
    ASSERT(victim_start());
}

static bool wanted(const struct attack *attack)
{
    size_t length;
    const char *word = boot_option(boot_line(), "hostile", &length);
    return !word || !length || (strncmp(attack->name, word, length) == 0);
}

int main(void)
{
    unsigned ok = 0, failed = 0;
    struct object_counts first, last;
    runner_init();
    figures_of_the_start(&first);
    for (size_t i = 0; i < attack_count; i++) {
        if (!wanted(&attacks[i]))
            continue;
        if (attack_run(&attacks[i])) {
            ok++;
        } else {
            failed++;
            ASSERT(victim_renew());
        }
    }
    figures_steady(&last);
    log_info("HOSTILE figures: free pages %llu, then %llu; capabilities %llu, then %llu",
             (unsigned long long)first.free_pages, (unsigned long long)last.free_pages,
             (unsigned long long)first.capabilities, (unsigned long long)last.capabilities);
    log_info("HOSTILE %u ok, %u failed", ok, failed);
    return 0;
}
