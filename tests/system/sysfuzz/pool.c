/* What a worker has: handles by what they are good for, stale ones, callers that wait, mappings. */
#include "tests/system/sysfuzz/fuzz.h"

static void stale_add(struct fuzz_pool *pool, handle_t handle)
{
    pool->stale[pool->stale_next++ % POOL_STALE] = handle;
}

/* A full class gives one up for the new one, which is then closed: a worker's table does not grow without end. */
void pool_add(struct fuzz *f, enum pool_class class, handle_t handle)
{
    struct fuzz_pool *pool = &f->pool;
    uint32_t *count = &pool->count[class];
    if (*count < POOL_SLOTS) {
        pool->handles[class][(*count)++] = handle;
        return;
    }
    handle_t *place = &pool->handles[class][FUZZ_LINKS + rng_below(&f->rng, POOL_SLOTS - FUZZ_LINKS)];
    if (pool->surplus_count < POOL_PENDING)
        pool->surplus[pool->surplus_count++] = *place;
    *place = handle;
}

void pool_drop(struct fuzz_pool *pool, handle_t handle)
{
    for (uint32_t class = 0; class < POOL_CLASSES; class ++) {
        handle_t *handles = pool->handles[class];
        for (uint32_t i = 0; i < pool->count[class]; i++) {
            if (handles[i] != handle)
                continue;
            handles[i] = handles[--pool->count[class]];
            stale_add(pool, handle);
            return;
        }
    }
}

handle_t pool_pick(struct fuzz *f, enum pool_class class)
{
    uint32_t count = f->pool.count[class];
    return count ? f->pool.handles[class][rng_below(&f->rng, count)] : HANDLE_NONE;
}

enum pool_class pool_class_find(const struct fuzz_pool *pool, handle_t handle)
{
    for (uint32_t class = 0; class < POOL_CLASSES; class ++) {
        for (uint32_t i = 0; i < pool->count[class]; i++) {
            if (pool->handles[class][i] == handle)
                return (enum pool_class) class;
        }
    }
    return POOL_OTHER;
}

enum pool_class pool_class_of(const struct cap_info *info)
{
    static const uint8_t classes[OBJECT_TYPE_COUNT] = {
        [OBJECT_TASK] = POOL_TASK,     [OBJECT_MEMORY] = POOL_MEMORY, [OBJECT_CHANNEL] = POOL_SEND,
        [OBJECT_SIGNAL] = POOL_SIGNAL, [OBJECT_TRACE] = POOL_TRACE,   [OBJECT_ROOT] = POOL_ROOT};
    if (info->type == OBJECT_CHANNEL && info->rights & RIGHT_CHANNEL_RECV)
        return POOL_RECV;
    return info->type < OBJECT_TYPE_COUNT ? (enum pool_class)classes[info->type] : POOL_OTHER;
}

void pool_map_add(struct fuzz *f, struct fuzz_map map)
{
    struct fuzz_pool *pool = &f->pool;
    uint32_t place = pool->map_count < POOL_MAPS ? pool->map_count++ : rng_below(&f->rng, POOL_MAPS);
    pool->maps[place] = map;
}

void pool_map_drop(struct fuzz_pool *pool, uint64_t address)
{
    for (uint32_t i = 0; i < pool->map_count; i++) {
        if (pool->maps[i].address == address) {
            pool->maps[i] = pool->maps[--pool->map_count];
            return;
        }
    }
}
