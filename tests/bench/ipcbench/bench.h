/* What ipcbench asks of ipcserver, and smpbench's clients of its servers. All messages carry four words, and so does every answer. */
#pragma once
#include <proto/protocol.h>

#define BENCH_WORDS 4
#define BENCH_PING PROTO_OP(PROTO_BENCH, 1)   /* call: answered with the same words */
#define BENCH_ONEWAY PROTO_OP(PROTO_BENCH, 2) /* send: counted */
#define BENCH_COUNTS PROTO_OP(PROTO_BENCH, 3) /* call: words[0] messages counted, words[1] receives that brought them */

/* round_trips.c: so many calls of BENCH_PING, the words filled in and the answer's last one checked. */
bool bench_round_trips(handle_t server, uint64_t count);
_Noreturn void bench_serve(handle_t channel); /* serve.c */
