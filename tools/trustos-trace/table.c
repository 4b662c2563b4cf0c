#include "table.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *check(void *memory)
{
    if (!memory) {
        fputs("trustos-trace: out of memory\n", stderr);
        exit(1);
    }
    return memory;
}

/* ---- table ---- */

static uint32_t hash(struct table_key k)
{
    uint64_t h = (k.a * 0x9e3779b97f4a7c15ull ^ k.b) * 0x9e3779b97f4a7c15ull;
    h = (h ^ h >> 29 ^ k.c) * 0x9e3779b97f4a7c15ull;
    return (uint32_t)(h >> 32);
}

static uint32_t *slot_of(const struct table *table, struct table_key key)
{
    uint32_t i = hash(key) & (table->slot_count - 1);
    while (table->slots[i] && memcmp(&table->keys[table->slots[i] - 1], &key, sizeof key))
        i = (i + 1) & (table->slot_count - 1);
    return &table->slots[i];
}

static void grow(struct table *table)
{
    table->room = table->room ? table->room * 2 : 32;
    table->keys = check(realloc(table->keys, table->room * sizeof *table->keys));
    table->entries = check(realloc(table->entries, table->room * sizeof *table->entries));
    free(table->slots);
    table->slot_count = table->room * 2;
    table->slots = check(calloc(table->slot_count, sizeof *table->slots));
    for (uint32_t i = 0; i < table->count; i++)
        *slot_of(table, table->keys[i]) = i + 1;
}

void *table_get(struct table *table, uint32_t a, uint32_t b, uint32_t c)
{
    struct table_key key = {a, b, c};
    if (table->count == table->room)
        grow(table);
    uint32_t *slot = slot_of(table, key);
    if (!*slot) {
        table->keys[table->count] = key;
        table->entries[table->count] = check(calloc(1, table->entry_size));
        *slot = ++table->count;
    }
    return table->entries[*slot - 1];
}

void *table_find(const struct table *table, uint32_t a, uint32_t b, uint32_t c)
{
    uint32_t slot = table->count ? *slot_of(table, (struct table_key){a, b, c}) : 0;
    return slot ? table->entries[slot - 1] : NULL;
}

void table_free(struct table *table)
{
    for (uint32_t i = 0; i < table->count; i++)
        free(table->entries[i]);
    free(table->entries);
    free(table->keys);
    free(table->slots);
    *table = (struct table){.entry_size = table->entry_size};
}

/* ---- histogram ---- */

#define STEP_BITS 7 /* 128 steps for each doubling */
#define STEPS ((64 - STEP_BITS + 1) << STEP_BITS)

static uint32_t step_of(uint64_t ns)
{
    if (ns < 2u << STEP_BITS)
        return (uint32_t)ns;
    unsigned shift = 63 - (unsigned)__builtin_clzll(ns) - STEP_BITS;
    return (shift << STEP_BITS) + (uint32_t)(ns >> shift);
}

/* The middle of a step. */
static uint64_t step_ns(uint32_t step)
{
    if (step < 2u << STEP_BITS)
        return step;
    unsigned shift = (step >> STEP_BITS) - 1;
    uint64_t low = (uint64_t)((step & ((1u << STEP_BITS) - 1)) | 1u << STEP_BITS) << shift;
    return low + (1ull << shift) / 2;
}

void histogram_add(struct histogram *histogram, uint64_t ns)
{
    if (!histogram->steps)
        histogram->steps = check(calloc(STEPS, sizeof *histogram->steps));
    histogram->steps[step_of(ns)]++;
    histogram->count++;
    histogram->sum += ns;
    if (ns > histogram->max)
        histogram->max = ns;
}

uint64_t histogram_at(const struct histogram *histogram, double part)
{
    uint64_t wanted = (uint64_t)(part * (double)histogram->count), seen = 0;
    if (!histogram->count)
        return 0;
    for (uint32_t step = 0; step < STEPS; step++) {
        seen += histogram->steps[step];
        if (seen > wanted || seen == histogram->count)
            return step_ns(step) < histogram->max ? step_ns(step) : histogram->max;
    }
    return histogram->max;
}

void histogram_free(struct histogram *histogram)
{
    free(histogram->steps);
    *histogram = (struct histogram){0};
}
