#include "gaps.h"
#include <stdio.h>
#include <stdlib.h>
#include "trace.h"

static void add(struct gaps *gaps, uint64_t from_ns, uint64_t to_ns)
{
    if ((gaps->count & (gaps->count - 1)) == 0) { /* 0 and the powers of two: as much again */
        gaps->at = realloc(gaps->at, (gaps->count ? gaps->count * 2 : 1) * sizeof *gaps->at);
        if (!gaps->at) {
            fputs("trustos-trace: out of memory\n", stderr);
            exit(1);
        }
    }
    gaps->at[gaps->count++] = (struct gap){from_ns, to_ns};
}

static int by_time(const void *a, const void *b)
{
    const struct gap *x = a, *y = b;
    return (x->from_ns > y->from_ns) - (x->from_ns < y->from_ns);
}

static void merge(struct gaps *gaps)
{
    size_t kept = 0;
    qsort(gaps->at, gaps->count, sizeof *gaps->at, by_time);
    for (size_t i = 0; i < gaps->count; i++) {
        struct gap *last = kept ? &gaps->at[kept - 1] : NULL;
        if (!last || gaps->at[i].from_ns > last->to_ns)
            gaps->at[kept++] = gaps->at[i];
        else if (gaps->at[i].to_ns > last->to_ns)
            last->to_ns = gaps->at[i].to_ns;
    }
    gaps->count = kept;
}

uint64_t gaps_told_until(const struct trace *trace, uint32_t cpu)
{
    uint64_t end = trace->lanes[cpu]->scanned.end_ns;
    uint64_t settled = trace->part_end_ns > GAPS_LATE_NS ? trace->part_end_ns - GAPS_LATE_NS : 0;
    return end > settled || trace->is_broken ? end : settled;
}

static uint64_t end_of_all(const struct trace *trace)
{
    uint64_t end = trace->end_ns;
    for (uint32_t i = 0; i < trace->cpu_count; i++) {
        uint64_t told_until = gaps_told_until(trace, trace->cpus[i]);
        end = told_until < end ? told_until : end;
    }
    return end;
}

void gaps_find(struct gaps *gaps, const struct trace *trace)
{
    *gaps = (struct gaps){0};
    for (size_t i = 0; i < trace->loss_count; i++) {
        const struct ctf_loss *loss = &trace->losses[i];
        add(gaps, loss->before ? 0 : loss->from_ns, loss->to_ns);
    }
    add(gaps, end_of_all(trace), UINT64_MAX);
    merge(gaps);
}

uint64_t gaps_known_until(const struct gaps *gaps, uint64_t from_ns, uint64_t to_ns)
{
    size_t low = 0, high = gaps->count;
    while (low < high) { /* the first gap that ends after from_ns */
        size_t middle = (low + high) / 2;
        if (gaps->at[middle].to_ns > from_ns)
            high = middle;
        else
            low = middle + 1;
    }
    if (low == gaps->count || gaps->at[low].from_ns >= to_ns)
        return to_ns;
    return gaps->at[low].from_ns > from_ns ? gaps->at[low].from_ns : from_ns;
}

void gaps_free(struct gaps *gaps)
{
    free(gaps->at);
    *gaps = (struct gaps){0};
}
