/* When something is not known of some CPU: events of it were lost, or its packets begin later or end earlier than others'.
 * What a task did then is not known either, for it may have run there. */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct trace;
struct gap {
    uint64_t from_ns, to_ns;
};
struct gaps { /* in the order of time, apart from each other */
    struct gap *at;
    size_t count;
};

/* A CPU that has nothing to tell sends nothing. What it has to tell comes after 200 ms at the latest (docs/trace.md) unless
 * there are full packets to send, here with some to spare. */
#define GAPS_LATE_NS 500000000ull
/* Up to when all that happened on this CPU is in the trace, but for its losses. */
uint64_t gaps_told_until(const struct trace *trace, uint32_t cpu);

void gaps_find(struct gaps *gaps, const struct trace *trace);
/* The end of what is known from from_ns on, at most to_ns; from_ns when that lies in a gap. */
uint64_t gaps_known_until(const struct gaps *gaps, uint64_t from_ns, uint64_t to_ns);
void gaps_free(struct gaps *gaps);
