#include "tests/system/shoot/shoot.h"

#define WORDS_A_LINE \
    8 /* one word of a cache line is a place that somebody writes to; the others are looked at less often */

static uint64_t pattern_word(uint64_t tag, uint64_t i)
{
    return (tag << 32 | i) & 0x7ffffffffffffffful; /* never a writer's mark */
}

static uint64_t words_of(uint64_t pages)
{
    return pages * PAGE_SIZE / sizeof(uint64_t);
}

void pattern_fill(void *base, uint64_t pages, uint64_t tag)
{
    volatile uint64_t *words = base;
    for (uint64_t i = 0; i < words_of(pages); i += WORDS_A_LINE)
        words[i] = pattern_word(tag, i);
}

const uint64_t *pattern_broken(const void *base, uint64_t pages, uint64_t tag)
{
    const volatile uint64_t *words = base;
    for (uint64_t i = 0; i < words_of(pages); i += WORDS_A_LINE) {
        if (words[i] != pattern_word(tag, i))
            return (const uint64_t *)&words[i];
    }
    return NULL;
}

const uint64_t *zero_broken(const void *base, uint64_t pages)
{
    const volatile uint64_t *words = base;
    for (uint64_t i = 0; i < words_of(pages); i += WORDS_A_LINE) {
        if (words[i])
            return (const uint64_t *)&words[i];
    }
    return NULL;
}
