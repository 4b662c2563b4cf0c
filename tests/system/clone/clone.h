/* A child task that runs a function of the program that starts it: for test services that need many small tasks.
 *
 * The child gets copies: the text and constants of this program at the same addresses (one copy, shared by all
 * children), its variables as they are at this moment, a start page with the capabilities that it is given, and a stack
 * of its own behind a guard page. So its world looks like the one that init makes (init/spawn.c).
 * Rules
 *  - The caller pays for the child's pages, the child's own quota for its table, page tables and mappings.
 *  - The heap is not copied: who starts children keeps what they need in static variables and uses no malloc.
 *  - The first child costs the caller one memory object more (text and constants), which stays; call clone_prepare()
 *    before counting pages.
 *  - On an error nothing is left of the child, but a receive right that was to be given is gone with it.
 *  - It ends with its function's answer as the code of MSG_EXIT; the supervisor's badge says whose end that is. */
#pragma once
#include <lib/runtime.h>

#define CLONE_CAPS_MAX 16
#define CLONE_STACK_PAGES 4

struct clone_cap {
    const char *name; /* for cap_named() in the child, at most 11 letters; NULL: only clone_cap() finds it */
    handle_t handle;
    uint32_t rights;
    uint64_t badge;
};

struct clone {
    const char *name; /* the task's */
    int64_t (*run)(uint64_t argument);
    uint64_t argument;
    uint32_t priority, quota_pages;
    uint32_t stack_pages; /* 0: CLONE_STACK_PAGES */
    uint64_t affinity;    /* the CPUs where it may run, a bit each; 0: all */
    handle_t root;        /* with RIGHT_ROOT_TASK */
    handle_t supervisor;  /* with SEND and the badge that its reports shall carry; HANDLE_NONE: nobody */
    size_t cap_count;
    struct clone_cap caps[CLONE_CAPS_MAX];
};

/* Makes the shared copy now. */
status_t clone_prepare(void) MUST_CHECK;
/* Starts a child. *task gets the handle of its task, with all rights; closing it lets the child live on. */
status_t clone_start(const struct clone *what, handle_t *task) MUST_CHECK;
/* The same in two steps, with the same `what`: what clone_make() made does not run before clone_run(). */
status_t clone_make(const struct clone *what, handle_t *task) MUST_CHECK;
status_t clone_run(const struct clone *what, handle_t task) MUST_CHECK;

/* For the child: the handle of caps[index] in its own table. */
handle_t clone_cap(size_t index);
