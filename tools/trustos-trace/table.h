/* Entries by a key of up to three numbers, and counts of times. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct table_key {
    uint32_t a, b, c;
};
struct table {
    size_t entry_size;
    struct table_key *keys; /* in the order of entries */
    void **entries;         /* each zeroed when it is new; its address stays */
    uint32_t count, room;
    uint32_t *slots, slot_count; /* open hashing: entry + 1 */
};
/* The entry of a key, made when there is none. Running out of memory ends the program. */
void *table_get(struct table *table, uint32_t a, uint32_t b, uint32_t c);
void *table_find(const struct table *table, uint32_t a, uint32_t b, uint32_t c); /* NULL when there is none */
void table_free(struct table *table);

/* Times in steps of less than 1 %: exact below 256 ns. */
struct histogram {
    uint64_t count, sum, max;
    uint32_t *steps;
};
void histogram_add(struct histogram *histogram, uint64_t ns);
uint64_t histogram_at(const struct histogram *histogram, double part); /* 0.5: the median; 0 when empty */
void histogram_free(struct histogram *histogram);
