/* The churner takes frames and gives them back: what it gets must be zero, and what it wrote must stay. In between it changes
 * mappings of the writers that they do not use, so that their processors are asked by this one, too. */
#include "tests/system/shoot/shoot.h"

#define PAGES_MAX 8u
#define LOOKS 4
#define LOOK_PAUSES 200
#define SIDE_ONE_IN 4

static struct fuzz_rng rng = {0x5eed};
static handle_t side_memory;

static bool says(const char *what, const uint64_t *word)
{
    if (!word)
        return true;
    SHARED->churner.word = *word;
    SHARED_WRITE(SHARED->churner.failed, what);
    return false;
}

static bool watch(const void *base, uint64_t pages, uint64_t tag)
{
    for (int i = 0; i < LOOKS; i++) {
        if (!says("the churner's memory was written to", pattern_broken(base, pages, tag)))
            return false;
        for (int k = 0; k < LOOK_PAUSES; k++)
            relax();
    }
    return true;
}

static bool churn(void)
{
    uint64_t pages = 1 + rng_below(&rng, PAGES_MAX), tag = SHARED->churner.rounds | 1ul << 30;
    handle_t memory;
    void *base = memory_map_new(pages, 0, &memory);
    if (!base)
        return true; /* the quota is small, and what was given back may still be on its way */
    cap_close(memory);
    bool good = says("new memory is not zero", zero_broken(base, pages));
    pattern_fill(base, pages, tag);
    good = good && watch(base, pages, tag);
    return memory_unmap(HANDLE_NONE, (uint64_t)base, pages) == OK && good;
}

/* A writer may be dead, or not made yet: then nothing comes of it. */
static void side_change(uint32_t writer)
{
    handle_t task = SHARED_READ(SHARED->writers[writer].side);
    uint64_t address = SIDE_ADDRESS;
    if (task == HANDLE_NONE || memory_map(task, side_memory, address, 0, 1, PROT_READ | PROT_WRITE) < 0)
        return;
    if (memory_protect(task, address, 1, PROT_READ) == OK)
        SHARED->churner.side_changes++;
    (void)memory_unmap(task, address, 1);
}

int64_t churner_run(uint64_t writers)
{
    result_t memory = memory_create(1, 0);
    if (memory < 0)
        return memory;
    side_memory = (handle_t)memory;
    while (churn()) {
        if (rng_one_in(&rng, SIDE_ONE_IN))
            side_change(rng_below(&rng, (uint32_t)writers));
        SHARED_WRITE(SHARED->churner.rounds, SHARED->churner.rounds + 1);
    }
    return -1;
}
