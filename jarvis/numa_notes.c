/* Is the machine badly balanced? A sentence for each thing that an operator should know; none is the usual case. */
#include "jarvis/numa_view.h"
#include "jarvis/render.h"
#include <stdio.h>

/* In thousandths. */
#define LOCAL_LEAST 950  /* of the frames that a node's tasks get */
#define FULL_FREE 100    /* less free memory is nearly full … */
#define ROOMY_FREE 400   /* … which matters while another node has so much */
#define LOADED_BUSY 900  /* a node's CPUs together */
#define LEISURE_BUSY 500 /* … while another's are not even so busy */
#define FAR_STEALS 50
/* Less than this says nothing. */
#define FRAMES_ENOUGH 1000
#define STEALS_ENOUGH 40

struct notes {
    char (*lines)[NUMA_NOTE_TEXT];
    unsigned count;
    enum language language;
    const struct numa_view *view;
};

static uint64_t mille(uint64_t part, uint64_t whole)
{
    return whole ? (uint64_t)((unsigned __int128)part * 1000 / whole) : 0;
}

#define NOTE(notes, english, french, ...)                                                   \
    do {                                                                                    \
        if ((notes)->count < NUMA_NOTES_MAX)                                                \
            snprintf((notes)->lines[(notes)->count++], NUMA_NOTE_TEXT,                      \
                     (notes)->language == LANGUAGE_FR ? (french) : (english), __VA_ARGS__); \
    } while (0)

static void note_frames(struct notes *notes, const struct node_info *node)
{
    char share[UNIT_TEXT];
    uint64_t all = node->local_allocations + node->remote_allocations;
    if (!node->total_pages || all < FRAMES_ENOUGH || mille(node->local_allocations, all) >= LOCAL_LEAST)
        return;
    NOTE(notes, "Node %u: only %s of the frames that its tasks got are its own.",
         "Nœud %u : seuls %s des cadres obtenus par ses tâches sont à lui.", node->id,
         share_text(share, node->local_allocations, all, notes->language));
}

/* The node with the highest figure, or the lowest; figure: thousandths, UINT64_MAX where it makes no sense. */
static const struct node_info *extreme(const struct numa_view *view, bool highest,
                                       uint64_t (*figure)(const struct numa_view *, const struct node_info *))
{
    const struct node_info *best = NULL;
    for (uint32_t i = 0; i < view->node_count; i++) {
        uint64_t value = figure(view, &view->nodes[i]), than = best ? figure(view, best) : 0;
        if (value != UINT64_MAX && (!best || (highest ? value > than : value < than)))
            best = &view->nodes[i];
    }
    return best;
}

static uint64_t free_of(const struct numa_view *view, const struct node_info *node)
{
    (void)view;
    return node->total_pages ? mille(node->free_pages, node->total_pages) : UINT64_MAX;
}
static uint64_t busy_of(const struct numa_view *view, const struct node_info *node)
{
    return node->cpu_count ? numa_view_busy(view, node->id) : UINT64_MAX;
}

static void note_memory(struct notes *notes)
{
    char a[UNIT_TEXT], b[UNIT_TEXT];
    const struct node_info *full = extreme(notes->view, false, free_of), *roomy = extreme(notes->view, true, free_of);
    if (!full || free_of(notes->view, full) >= FULL_FREE || free_of(notes->view, roomy) < ROOMY_FREE)
        return;
    NOTE(notes, "Node %u's memory is nearly used up (%s free) while node %u has %s free.",
         "La mémoire du nœud %u est presque épuisée (%s libre), alors que le nœud %u en a %s.", full->id,
         share_text(a, full->free_pages, full->total_pages, notes->language), roomy->id,
         share_text(b, roomy->free_pages, roomy->total_pages, notes->language));
}

static uint32_t want_to_run(const struct numa_view *view, const struct node_info *node)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < view->task_count; i++)
        count += view->tasks[i].state == TASK_READY && view->tasks[i].cpu < VIEW_CPUS &&
                 (node->cpus >> view->tasks[i].cpu & 1);
    return count;
}

/* One task that always runs keeps a CPU busy and is no imbalance: more must want to run there than there are CPUs. */
static void note_load(struct notes *notes)
{
    char a[UNIT_TEXT], b[UNIT_TEXT];
    const struct node_info *loaded = extreme(notes->view, true, busy_of), *idle = extreme(notes->view, false, busy_of);
    if (!loaded || busy_of(notes->view, loaded) < LOADED_BUSY || busy_of(notes->view, idle) > LEISURE_BUSY)
        return;
    uint32_t want = want_to_run(notes->view, loaded);
    if (want <= loaded->cpu_count)
        return;
    NOTE(notes, "Node %u's CPUs are %s busy, %u tasks want to run there now; those of node %u are only %s busy.",
         "Les CPU du nœud %u sont occupés à %s, %u tâches veulent y tourner ; ceux du nœud %u à %s seulement.",
         loaded->id, share_text(a, busy_of(notes->view, loaded), 1000, notes->language), want, idle->id,
         share_text(b, busy_of(notes->view, idle), 1000, notes->language));
}

static void note_steals(struct notes *notes)
{
    char share[UNIT_TEXT];
    uint64_t far = 0, all = 0;
    for (uint32_t i = 0; i < notes->view->cpu_count; i++) {
        far += notes->view->cpus[i].steals_far;
        all += notes->view->cpus[i].steals_near + notes->view->cpus[i].steals_far;
    }
    if (all < STEALS_ENOUGH || mille(far, all) < FAR_STEALS)
        return;
    NOTE(notes, "%s of the tasks that a CPU took over from another (%lu) came from another node.",
         "%s des tâches qu'un CPU a prises à un autre (%lu) venaient d'un autre nœud.",
         share_text(share, far, all, notes->language), (unsigned long)all);
}

unsigned numa_notes(char lines[NUMA_NOTES_MAX][NUMA_NOTE_TEXT], const struct numa_view *view, enum language language)
{
    struct notes notes = {lines, 0, language, view};
    if (view->node_count < 2)
        return 0;
    note_memory(&notes);
    note_load(&notes);
    note_steals(&notes);
    for (uint32_t i = 0; i < view->node_count; i++)
        note_frames(&notes, &view->nodes[i]);
    return notes.count;
}
