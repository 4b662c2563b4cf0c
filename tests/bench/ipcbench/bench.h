/* What ipcbench asks of ipcserver. All messages carry four words, and so does every answer. */
#pragma once
#include <proto/protocol.h>

#define BENCH_WORDS 4
#define BENCH_PING PROTO_OP(PROTO_BENCH, 1)   /* call: answered with the same words */
#define BENCH_ONEWAY PROTO_OP(PROTO_BENCH, 2) /* send: counted */
#define BENCH_COUNTS PROTO_OP(PROTO_BENCH, 3) /* call: words[0] messages counted, words[1] receives that brought them */
