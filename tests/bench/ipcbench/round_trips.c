/* What a client of bench_serve() does all day. */
#include "bench.h"
#include <lib/syscall.h>

bool bench_round_trips(handle_t server, uint64_t count)
{
    static struct msg m;
    for (uint64_t i = 0; i < count; i++) {
        m.head = (struct msg_header){.op = BENCH_PING, .length = BENCH_WORDS * 8};
        for (uint64_t w = 0; w < BENCH_WORDS; w++) {
            m.words[w] = i + w;
        }
        if (channel_call(server, &m, DEADLINE_NEVER) != OK || m.words[BENCH_WORDS - 1] != i + BENCH_WORDS - 1) {
            return false;
        }
    }
    return true;
}
