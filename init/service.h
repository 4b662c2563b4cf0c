/* What init knows of each service at run time, and what its parts do with it.
 *
 * init is one event loop and never blocks on a service: it replies (also later), mints, starts and kills, no calls. */
#pragma once
#include "init/manifest.h"
#include "init/revoke.h"
#include <lib/ipc.h>

struct service { /* all zero but `entry`, `run`, `affinity`, `last_code` and `ending_id`: it has no task */
    const struct manifest_entry *entry;
    struct supervision run;
    uint64_t affinity; /* the CPUs where it may run: the boot line's or the manifest's; 0: all */
    int32_t last_code; /* what the one before ended with, for the trace's ServiceRestart */
    /* While it is alive: */
    handle_t task;
    uint32_t task_id; /* 0: no task; messages about another id are about an earlier start */
    handle_t channel; /* what READY brought: SEND|MINT|TRANSFER; HANDLE_NONE before */
    uint64_t started_ns;
    /* A task has one thread, so it waits in one CONNECT at most: */
    uint32_t wait_token; /* of its deferred CONNECT, 0: none */
    size_t wait_for;     /* index of the service that it waits for */
    uint32_t wait_scope;
    uint32_t connected; /* bit i: was given a capability for service i */
    /* A task that was ended and holds its memory yet; its MSG_EXIT says that everything is back. 0: none. */
    uint32_t ending_id;
};

struct init {
    struct ipc_server server;
    handle_t sender; /* of our own channel, badge 0: parent of every capability "init" */
    const uint8_t *archive;
    size_t archive_size;
    uint64_t machine_pages;   /* free when init started: what quota percentages are of */
    uint64_t crash_due_ns;    /* boot option crashtest */
    struct revoking revoking; /* an order INIT_CAP_REVOKE under way */
    struct service services[MANIFEST_MAX];
};

static inline uint32_t service_badge(const struct init *init, const struct service *s)
{
    return (uint32_t)(s - init->services) + 1;
}

/* spawn.c: makes the task, loads and wires it, starts it. On an error nothing is left of it. */
status_t service_spawn(struct init *init, struct service *s) MUST_CHECK;

/* Is there something to start it from, or does the boot line ask for it? What neither holds is not worth a line. */
bool service_known(const struct init *init, const struct service *s);

/* lifecycle.c */
void service_start(struct init *init, struct service *s);
void service_went_ready(struct init *init, struct service *s);
void service_order_stop(struct service *s);
void service_order_restart(struct service *s);
void service_message(struct init *init, const struct msg *m); /* EXIT and FAULT */
void services_turn(struct init *init);                        /* starts what is due */
uint64_t services_due(const struct init *init);

/* names.c: the operations of proto/init.h */
extern const struct ipc_op init_ops[];
extern const size_t init_op_count;
void names_ready(struct init *init, struct service *s);    /* answers who waits for it */
void names_given_up(struct init *init, struct service *s); /* tells them that it will not come */
