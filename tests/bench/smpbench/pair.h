/* A client and its server, each a child task pinned to one CPU. The client works when it is told to, and reports.
 *
 *   smpbench                   client, on CPU a                     server, on CPU b
 *   pair_go ── BENCH_GO ─────▶ round trips ◀──────────────────────▶ answers
 *   pairs_stop_after: a word in shared memory says that it is enough: nobody makes a system call to know the time
 *   pairs_wait ◀ BENCH_DONE ── how many, how long, how many IPIs
 *
 * Rules
 *  - Pairs of both kinds may live at once, but a polling one leaves its server's CPU to nobody once it was told to go:
 *    it is stopped before anything else is measured.
 *  - What fails is our own mistake or the kernel's: an assert, and the bench ends without "BENCH done". */
#pragma once
#include "tests/bench/ipcbench/bench.h"
#include <lib/runtime.h>

#define BENCH_GO PROTO_OP(PROTO_BENCH, 4)   /* send, struct pair_job */
#define BENCH_DONE PROTO_OP(PROTO_BENCH, 5) /* send, struct pair_result; its badge is the pair's */

enum pair_kind {
    PAIR_SLEEPS, /* call and reply_recv: whoever has nothing to do waits */
    PAIR_POLLS,  /* send and receive: both look again and again, and nobody is ever woken */
};

struct pair_job {
    uint64_t rounds;  /* so many at once */
    uint64_t further; /* 1: and then as many again and again, until pairs_stop_after() is over */
};

struct pair_result {
    uint64_t rounds, ns;
    uint64_t ipis; /* that all CPUs sent meanwhile */
    uint64_t ok;   /* each answer was the right one */
};

struct pair {
    uint32_t client_cpu, server_cpu;
    handle_t client, server; /* tasks */
    handle_t orders;         /* SEND to the client */
};

void pairs_init(void); /* once */
void pair_start(struct pair *pair, enum pair_kind kind, uint32_t client_cpu, uint32_t server_cpu);
void pair_go(const struct pair *pair, const struct pair_job *job);
/* Those that were told to go on further end theirs so much later. */
void pairs_stop_after(uint64_t ns);
/* Waits until `count` clients are done. */
void pairs_wait(struct pair_result *results, size_t count);
/* Did client and server stay where they are pinned to? */
bool pair_is_in_place(const struct pair *pair);
void pair_stop(struct pair *pair);

/* roles.c: what the children run. Their capabilities by name: "trace"; "report" (client: send), "orders" (client:
 * receive), "stop" (client: one page of memory to read), "server" (client: send; server: receive), "answers" (for those that
 * poll; client: receive; server: send). */
int64_t client_main(uint64_t kind);
int64_t server_main(uint64_t kind);
