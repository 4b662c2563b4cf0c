/* Nodes, CPUs and tasks as the kernel tells them at one moment, and how idle each CPU was lately. */
#pragma once
#include "jarvis/answer.h"
#include <abi/info.h>

#define VIEW_CPUS 64

struct numa_view {
    const struct node_info *nodes;
    const struct cpu_info *cpus;
    const struct task_info *tasks;
    uint32_t node_count, cpu_count, task_count;
    uint64_t window_ns;          /* of which idle_ns is a part */
    bool lately;                 /* else the window begins with the machine */
    uint64_t idle_ns[VIEW_CPUS]; /* by place in cpus */
};

/* OK, or an ERR_ value; what is read stays valid until the next call. */
status_t numa_view_read(handle_t trace, struct numa_view *view) MUST_CHECK;
/* Notes how idle each CPU has been so far, so that the next view can tell what happened since. */
void numa_view_note(handle_t trace);

/* NULL: nobody, or it ended meanwhile. */
const struct task_info *numa_view_task(const struct numa_view *view, uint32_t id);
uint64_t numa_view_online(const struct numa_view *view); /* CPUs, a bit each */
/* How busy a node's CPUs were in the window, all together: thousandths; 0 without CPUs. */
uint32_t numa_view_busy(const struct numa_view *view, uint32_t node);

/* numa_draw.c: a tree a node. */
void numa_draw(struct answer *out, const struct numa_view *view);
/* numa_notes.c: what is out of balance, a sentence each into the line; returns how many. */
#define NUMA_NOTES_MAX 12
#define NUMA_NOTE_TEXT 160
unsigned numa_notes(char notes[NUMA_NOTES_MAX][NUMA_NOTE_TEXT], const struct numa_view *view, enum language language);
