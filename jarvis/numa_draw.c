/* `numa` for people. A node is a tree: its memory as a bar, the longer the more it is, what its CPUs do, and who is at home
 * there. A branch that is a table has the branch in its first column. */
#include "jarvis/numa_view.h"
#include "jarvis/render.h"
#include <stdio.h>
#include <string.h>

#define BAR_CELLS 60u /* of the largest node's memory … */
#define BAR_LEAST 12u /* … and of the smallest's, so that what is used can be seen */
#define NAME_TEXT 32
#define LIST_SHORT 40 /* columns: a longer list of CPUs is only counted */

static const char *name_text(char *out, const struct task_info *task)
{
    snprintf(out, NAME_TEXT, "%.15s (%u)", task->name, task->id);
    return out;
}

/* "CPUs 0-3", "CPU 2", "32 CPUs", "no CPU" */
static void say_cpus(struct answer *out, uint64_t cpus)
{
    char list[BITS_TEXT];
    int count = __builtin_popcountll(cpus);
    bits_text(list, cpus);
    if (!count)
        say(out, "%s", T(out, "no CPU", "aucun CPU"));
    else if (strlen(list) > LIST_SHORT)
        say(out, "%d CPU%s", count, T(out, "s", ""));
    else
        say(out, "CPU%s %s", count > 1 ? T(out, "s", "") : "", list);
}

/* ---- the head: "Node 0: CPUs 0-1; distance 20 to node 1, 30 to nodes 2-3" ---- */

static uint64_t nodes_at(const struct numa_view *view, const struct node_info *from, uint32_t distance)
{
    uint64_t there = 0;
    for (uint32_t i = 0; i < view->node_count; i++)
        if (view->nodes[i].id != from->id && from->distance[i] == distance)
            there |= 1ul << i;
    return there;
}

static void say_head(struct answer *out, const struct numa_view *view, const struct node_info *node)
{
    char list[BITS_TEXT];
    const char *between = "; distance ";
    say(out, T(out, "Node %u: ", "Nœud %u : "), node->id);
    say_cpus(out, node->cpus);
    for (uint32_t distance = 0; distance <= UINT8_MAX; distance++) {
        uint64_t there = nodes_at(view, node, distance);
        bool many = there & (there - 1);
        if (!there)
            continue;
        say(out, "%s%u ", between, distance);
        say(out, T(out, many ? "to nodes %s" : "to node %s", many ? "des nœuds %s" : "du nœud %s"),
            bits_text(list, there));
        between = ", ";
    }
    say(out, "\n");
}

/* ---- its memory ---- */

struct use {
    char mark;
    uint64_t pages;
    const char *english, *french;
};
#define USES 3

/* What tasks at home here and the kernel's CPUs here use of the node's memory, tasks of other nodes, and nobody. */
static void uses_of(struct use uses[USES], const struct node_info *node)
{
    const struct use all[USES] = {{'#', node->local_pages, "used from here", "utilisés d'ici"},
                                  {'+', node->remote_pages, "used from other nodes", "utilisés d'autres nœuds"},
                                  {'.', node->free_pages, "free", "libres"}};
    memcpy(uses, all, sizeof all);
}

/* One cell at least for whatever there is any of; the free ones give them. bar: cells + 1 bytes */
static void fill_bar(char *bar, uint32_t cells, const struct use uses[USES], uint64_t pages)
{
    uint32_t at = 0;
    for (unsigned i = 0; i + 1 < USES; i++) {
        uint32_t n = (uint32_t)((unsigned __int128)uses[i].pages * cells / pages);
        n = n || !uses[i].pages ? n : 1;
        for (; n && at < cells; n--)
            bar[at++] = uses[i].mark;
    }
    memset(bar + at, uses[USES - 1].mark, cells - at);
    bar[cells] = 0;
}

static uint64_t largest_memory(const struct numa_view *view)
{
    uint64_t most = 1;
    for (uint32_t i = 0; i < view->node_count; i++)
        most = view->nodes[i].total_pages > most ? view->nodes[i].total_pages : most;
    return most;
}

static void say_uses(struct answer *out, const struct use uses[USES])
{
    char size[UNIT_TEXT];
    say(out, "│        ");
    for (unsigned i = 0; i < USES; i++)
        say(out, "  %c %s %s", uses[i].mark, size_text(size, uses[i].pages * PAGE_SIZE, out->language),
            T(out, uses[i].english, uses[i].french));
    say(out, "\n");
}

static void say_memory(struct answer *out, const struct numa_view *view, const struct node_info *node)
{
    char bar[BAR_CELLS + 1], size[UNIT_TEXT];
    struct use uses[USES];
    say(out, "%s", T(out, "├─ Memory  ", "├─ Mémoire "));
    if (!node->total_pages) {
        say(out, "%s", T(out, "none of its own\n", "aucune à lui\n"));
        return;
    }
    uint64_t cells = (unsigned __int128)node->total_pages * BAR_CELLS / largest_memory(view);
    uses_of(uses, node);
    fill_bar(bar, cells > BAR_LEAST ? (uint32_t)cells : BAR_LEAST, uses, node->total_pages);
    say(out, "[%s]  %s\n", bar, size_text(size, node->total_pages * PAGE_SIZE, out->language));
    say_uses(out, uses);
}

static void say_local(struct answer *out, const struct node_info *node)
{
    char share[UNIT_TEXT];
    uint64_t all = node->local_allocations + node->remote_allocations;
    say(out, "├─ Local   ");
    if (!all)
        say(out, "%s", T(out, "no task at home here got a frame yet\n", "aucune tâche d'ici n'a encore eu de cadre\n"));
    else
        say(out,
            T(out, "%s of the frames that its tasks got since the start (%lu here, %lu elsewhere)\n",
              "%s des cadres obtenus par ses tâches depuis le démarrage (%lu ici, %lu ailleurs)\n"),
            share_text(share, node->local_allocations, all, out->language), (unsigned long)node->local_allocations,
            (unsigned long)node->remote_allocations);
}

/* ---- its CPUs ---- */

static void cpu_row(struct sheet *sheet, const struct numa_view *view, uint32_t at)
{
    const struct cpu_info *cpu = &view->cpus[at];
    const struct task_info *task = numa_view_task(view, cpu->task);
    char name[NAME_TEXT];
    put_format(sheet, "│  %3u", cpu->id);
    put_share(sheet, view->idle_ns[at], view->window_ns);
    put_text(sheet, task ? name_text(name, task) : cpu->task ? T(sheet->out, "(one that ended)", "(une finie)") : "-");
    put_number(sheet, cpu->steals_near);
    put_number(sheet, cpu->steals_far);
    put_number(sheet, cpu->migrations);
    put_number(sheet, cpu->ipis);
    put_time(sheet, cpu->lock_waited_ns);
}

static void draw_cpus(struct answer *out, const struct numa_view *view, const struct node_info *node)
{
    static const struct column columns[] = {{"cpu", "├─ CPU", "├─ CPU", false},
                                            {"idle", "   Idle", "Inactif", true},
                                            {"task", "Runs          ", "Exécute       ", false},
                                            {"near", "Stolen near", "Volées près", true},
                                            {"far", "far", "loin", true},
                                            {"migrations", "Moved here", "Arrivées", true},
                                            {"ipis", "IPIs sent", "IPI émises", true},
                                            {"lock", "Lock wait", "Att. verrou", true}};
    if (!node->cpu_count)
        return;
    struct sheet *sheet = sheet_table(out, "cpus", columns, sizeof columns / sizeof columns[0]);
    for (uint32_t i = 0; i < view->cpu_count; i++)
        if (view->cpus[i].node == node->id)
            cpu_row(sheet, view, i);
    sheet_end(sheet);
}

/* ---- who lives there ---- */

static bool is_tied(const struct numa_view *view, const struct task_info *task)
{
    uint64_t online = numa_view_online(view);
    return (task->affinity & online) != online;
}

static bool any_tied(const struct numa_view *view, uint32_t node)
{
    for (uint32_t i = 0; i < view->task_count; i++)
        if (view->tasks[i].home_node == node && is_tied(view, &view->tasks[i]))
            return true;
    return false;
}

static void task_row(struct sheet *sheet, const struct numa_view *view, const struct node_info *node,
                     const struct task_info *task, bool tied)
{
    char name[NAME_TEXT], list[BITS_TEXT];
    bool away = node->cpus && !(node->cpus >> task->cpu & 1);
    put_format(sheet, "   %s", name_text(name, task));
    put_number(sheet, task->priority);
    put_format(sheet, "%u%s", task->cpu, away ? T(sheet->out, " away", " ailleurs") : "");
    put_time(sheet, task->cpu_time_ns);
    put_size(sheet, (uint64_t)task->used_pages * PAGE_SIZE);
    if (tied)
        put_text(sheet, is_tied(view, task) ? bits_text(list, task->affinity) : "");
}

static void draw_tasks(struct answer *out, const struct numa_view *view, const struct node_info *node)
{
    static const struct column columns[] = {{"task", "└─ At home          ", "└─ Chez lui         ", false},
                                            {"priority", "Prio", "Prio", true},
                                            {"cpu", "CPU", "CPU", false},
                                            {"time", "CPU time", "Temps CPU", true},
                                            {"memory", "  Memory", " Mémoire", true},
                                            {"only", "Only on CPUs", "Sur ces CPU seuls", false}};
    if (!node->task_count) {
        say(out, "%s", T(out, "└─ At home  nobody\n", "└─ Chez lui  personne\n"));
        return;
    }
    bool tied = any_tied(view, node->id);
    struct sheet *sheet = sheet_table(out, "tasks", columns, tied ? 6 : 5);
    for (uint32_t i = 0; i < view->task_count; i++)
        if (view->tasks[i].home_node == node->id)
            task_row(sheet, view, node, &view->tasks[i], tied);
    sheet_end(sheet);
}

/* ---- all together ---- */

static void say_totals(struct answer *out, const struct numa_view *view)
{
    char total_text[UNIT_TEXT], free_text[UNIT_TEXT], share[UNIT_TEXT];
    uint64_t total = 0, left = 0, local = 0, remote = 0;
    for (uint32_t i = 0; i < view->node_count; i++) {
        const struct node_info *node = &view->nodes[i];
        total += node->total_pages;
        left += node->free_pages;
        local += node->local_allocations;
        remote += node->remote_allocations;
    }
    say(out,
        T(out, "%u node%s, %u CPU%s, %s of memory, %s free; %s of the frames are local.\n",
          "%u nœud%s, %u CPU%s, %s de mémoire, dont %s libres ; %s des cadres sont locaux.\n"),
        view->node_count, view->node_count > 1 ? "s" : "", view->cpu_count, view->cpu_count > 1 ? T(out, "s", "") : "",
        size_text(total_text, total * PAGE_SIZE, out->language), size_text(free_text, left * PAGE_SIZE, out->language),
        share_text(share, local, local + remote, out->language));
}

static void say_notes(struct answer *out, const struct numa_view *view)
{
    char notes[NUMA_NOTES_MAX][NUMA_NOTE_TEXT], window[UNIT_TEXT];
    unsigned count = numa_notes(notes, view, out->language);
    for (unsigned i = 0; i < count; i++)
        say(out, "%s %s\n", T(out, "Note:", "À noter :"), notes[i]);
    if (!count && view->node_count > 1)
        say(out, "%s", T(out, "Nothing is out of balance.\n", "Rien n'est déséquilibré.\n"));
    if (view->node_count == 1)
        say(out, "%s",
            T(out, "All memory is equally near to all CPUs.\n",
              "Toute la mémoire est aussi proche de tous les CPU.\n"));
    say(out,
        view->lately
            ? T(out, "Idle: in the last %s; all other figures: since the start.\n",
                "Inactif : ces dernières %s ; tout le reste : depuis le démarrage.\n")
            : T(out, "All figures: since the start (%s ago); ask again for how idle the CPUs are now.\n",
                "Tous les chiffres : depuis le démarrage (il y a %s) ; redemandez pour l'inactivité du moment.\n"),
        time_text(window, view->window_ns, out->language));
}

void numa_draw(struct answer *out, const struct numa_view *view)
{
    say_totals(out, view);
    say_notes(out, view);
    for (uint32_t i = 0; i < view->node_count; i++) {
        say(out, "\n");
        say_head(out, view, &view->nodes[i]);
        say_memory(out, view, &view->nodes[i]);
        say_local(out, &view->nodes[i]);
        draw_cpus(out, view, &view->nodes[i]);
        draw_tasks(out, view, &view->nodes[i]);
    }
}
