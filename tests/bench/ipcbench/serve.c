/* The plainest loop that a server can have: one reply_recv answers the callers of the last batch and takes the next. */
#include "bench.h"
#include <lib/ipc.h>

static struct msg requests[MSG_BATCH_MAX], replies[MSG_BATCH_MAX];
static uint64_t messages, receives;

static void answer(struct msg *reply, const struct msg *request)
{
    reply->head = (struct msg_header){.op = request->head.op, .length = BENCH_WORDS * 8, .token = request->head.token};
    for (int i = 0; i < BENCH_WORDS; i++) {
        reply->words[i] = request->words[i];
    }
    if (request->head.op == BENCH_COUNTS) {
        reply->words[0] = messages;
        reply->words[1] = receives;
        messages = receives = 0;
    }
}

static size_t take(result_t count)
{
    size_t callers = 0;
    uint64_t sent = 0;
    for (result_t i = 0; i < count; i++) {
        if (requests[i].head.kind == MSG_CALL) {
            answer(&replies[callers++], &requests[i]);
        } else {
            sent += requests[i].head.kind == MSG_SEND;
        }
    }
    messages += sent;
    receives += sent != 0;
    return callers;
}

void bench_serve(handle_t channel)
{
    size_t callers = 0;
    for (;;) {
        uint64_t signals;
        callers =
            take(channel_reply_recv(channel, replies, callers, requests, MSG_BATCH_MAX, &signals, DEADLINE_NEVER));
    }
}
