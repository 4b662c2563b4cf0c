/* The runner's own: the victim, the figures, and one attack from start to end. */
#pragma once
#include "tests/system/hostile/hostile.h"

enum runner_badge { BADGE_REPORT = 1, BADGE_VICTIM, BADGE_ATTACKER_END, BADGE_HELPER_END, BADGE_PUPPET_END };

struct runner {
    handle_t channel;                            /* receives reports, stages and ends */
    handle_t report, ends[BADGE_PUPPET_END + 1]; /* senders of it */
    handle_t root, trace;
    handle_t victim_sender, victim_signal, victim_memory, victim_task;
    uint32_t victim_id;
    bool victim_died;
};
extern struct runner runner;

void runner_init(void);
bool victim_start(void);
void victim_end(void);                         /* whatever is left of it */
bool victim_state(struct victim_state *state); /* false: no answer */

/* The kernel's counts; equal when nothing is left of an attack. */
bool figures_read(struct object_counts *figures);
bool figures_equal(const struct object_counts *a, const struct object_counts *b);
bool figures_settle(const struct object_counts *wanted, struct object_counts *last);

/* One run of an attack: "" or what was seen. */
void scene_run(struct scene *scene, const struct attack *attack);
