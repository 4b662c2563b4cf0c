/* One argument of each kind: valid, half-valid or random. */
#include "tests/system/sysfuzz/fuzz.h"

#include <string.h>

#define KERNEL_ADDRESS 0xffffffff80100000ul
#define NON_CANONICAL 0x0000800000000000ul
#define MAP_BASE 0x20000000ul

static handle_t pick_any(struct fuzz *f)
{
    return pool_pick(f, (enum pool_class)rng_below(&f->rng, POOL_CLASSES));
}

/* Of 128: mostly one that fits, then stale, of another class, another generation, bits above a handle's 32, none, bits. */
static uint64_t draw_handle(struct fuzz *f, uint32_t class)
{
    uint32_t chance = rng_below(&f->rng, 128);
    if (chance < 106)
        return pool_pick(f, (enum pool_class) class);
    if (chance < 113)
        return f->pool.stale[rng_below(&f->rng, POOL_STALE)];
    if (chance < 120)
        return pick_any(f);
    if (chance < 123)
        return pick_any(f) + (rng_next(&f->rng) >> 62 << HANDLE_INDEX_BITS);
    if (chance < 124)
        return pick_any(f) | rng_next(&f->rng) << 32;
    return chance < 126 ? HANDLE_NONE : rng_next(&f->rng);
}

static uint64_t pick_mapped(struct fuzz *f)
{
    if (!f->pool.map_count)
        return f->read_only;
    const struct fuzz_map *map = &f->pool.maps[rng_below(&f->rng, f->pool.map_count)];
    uint64_t offset = rng_one_in(&f->rng, 2) ? 0 : rng_below(&f->rng, map->pages * PAGE_SIZE);
    return map->own ? f->read_only : map->address + offset;
}

static uint64_t wild_pointer(struct fuzz *f)
{
    uint64_t low = rng_below(&f->rng, 4096);
    switch (rng_below(&f->rng, 10)) {
    case 0: return 0;
    case 1: return low;
    case 2: return KERNEL_ADDRESS + low;
    case 3: return NON_CANONICAL - low;
    case 4: return NON_CANONICAL + low;
    case 5: return USER_TOP - low;
    case 6: return UINT64_MAX - low;
    case 7: return f->read_only + low;
    case 8: return f->code + low;
    default: return rng_next(&f->rng);
    }
}

/* What lies at that place in the arena has room for all that the kernel may do with it. */
static uint64_t draw_pointer(struct fuzz *f, uint32_t offset)
{
    uint32_t chance = rng_below(&f->rng, 128);
    uint64_t right = (uint64_t)f->arena + offset, end = (uint64_t)(f->arena + 1);
    if (chance < 104)
        return right;
    if (chance < 110)
        return right + 1 + rng_below(&f->rng, 7);
    if (chance < 116)
        return end - rng_below(&f->rng, 600);
    return chance < 120 ? pick_mapped(f) : wild_pointer(f);
}

static uint64_t draw_small(struct fuzz *f, uint32_t usual)
{
    uint32_t chance = rng_below(&f->rng, 64);
    if (chance < 60)
        return rng_below(&f->rng, usual) + 1;
    return chance < 62 ? usual + chance - 60 : chance == 62 ? 0 : rng_next(&f->rng) >> rng_below(&f->rng, 64);
}

static uint64_t draw_deadline(struct fuzz *f, uint32_t unused)
{
    (void)unused;
    uint32_t chance = rng_below(&f->rng, 4096);
    if (chance < 3500)
        return DEADLINE_NOW;
    if (chance < 3600)
        return rng_next(&f->rng) >> 40;
    if (chance < 3602)
        return DEADLINE_NEVER;
    uint32_t most_ns = chance < 4092 ? 50000 : 2000000;
    return f->now(f->now_of) + rng_below(&f->rng, most_ns);
}

static uint64_t draw_rights(struct fuzz *f, uint32_t unused)
{
    (void)unused;
    uint32_t chance = rng_below(&f->rng, 16);
    uint64_t bits = rng_next(&f->rng);
    if (chance < 9)
        return RIGHTS_ALL;
    return chance < 13 ? bits | RIGHT_MINT | RIGHT_TRANSFER : bits;
}

static uint64_t draw_badge(struct fuzz *f, uint32_t unused)
{
    (void)unused;
    uint32_t chance = rng_below(&f->rng, 16);
    if (chance < 10)
        return 0;
    return chance < 15 ? rng_below(&f->rng, 8) : rng_next(&f->rng);
}

/* Mostly small: every page is zeroed. More than 512 need a directory. */
static uint64_t draw_object_pages(struct fuzz *f, uint32_t unused)
{
    (void)unused;
    uint32_t chance = rng_below(&f->rng, 256);
    if (chance < 224)
        return rng_below(&f->rng, 6) + 1;
    if (chance < 250)
        return rng_below(&f->rng, 64);
    return chance < 252 ? 500 + rng_below(&f->rng, 40) : rng_next(&f->rng) >> rng_below(&f->rng, 64);
}

/* What the kernel chooses lies below MAP_BASE. */
static uint64_t draw_address(struct fuzz *f, uint32_t unused)
{
    (void)unused;
    uint32_t chance = rng_below(&f->rng, 64);
    if (chance < 32)
        return 0;
    if (chance < 48)
        return MAP_BASE + (uint64_t)rng_below(&f->rng, 64) * PAGE_SIZE;
    if (chance < 56)
        return MAP_BASE + (uint64_t)rng_below(&f->rng, 1u << 18) * 512 * PAGE_SIZE;
    if (chance < 60)
        return pick_mapped(f) & ~(PAGE_SIZE - 1);
    return chance < 61 ? USER_TOP - (uint64_t)rng_below(&f->rng, 4) * PAGE_SIZE : wild_pointer(f);
}

static uint64_t draw_protection(struct fuzz *f, uint32_t unused)
{
    (void)unused;
    uint32_t chance = rng_below(&f->rng, 16);
    if (chance < 9)
        return PROT_READ | PROT_WRITE;
    return chance < 15 ? rng_below(&f->rng, 8) : rng_next(&f->rng);
}

/* Never where memory of ours could be: what runs there would be bytes of chance, and may run for ever. */
static uint64_t draw_entry(struct fuzz *f, uint32_t unused)
{
    (void)unused;
    return rng_one_in(&f->rng, 2) ? rng_below(&f->rng, 4096) : UINT64_MAX - rng_below(&f->rng, 1u << 31);
}

static uint64_t draw_length(struct fuzz *f, uint32_t unused)
{
    (void)unused;
    uint32_t chance = rng_below(&f->rng, 32);
    if (chance < 20)
        return rng_below(&f->rng, 256);
    return chance < 30 ? rng_below(&f->rng, 4096) : rng_next(&f->rng) >> rng_below(&f->rng, 64);
}

/* Lines of level 0 to 2 and 4 go out of the serial port: few. */
static uint64_t draw_level(struct fuzz *f, uint32_t unused)
{
    (void)unused;
    return rng_one_in(&f->rng, 64) ? rng_below(&f->rng, 6) : rng_one_in(&f->rng, 8) ? rng_next(&f->rng) | 8 : 3;
}

static uint64_t draw_bits(struct fuzz *f, uint32_t unused)
{
    (void)unused;
    return rng_next(&f->rng);
}

static uint64_t draw_self_or(struct fuzz *f, uint32_t class)
{
    return rng_below(&f->rng, 4) ? HANDLE_NONE : draw_handle(f, class);
}

static uint64_t draw_any(struct fuzz *f, uint32_t unused)
{
    (void)unused;
    return draw_handle(f, rng_below(&f->rng, POOL_CLASSES));
}

/* Mostly `usual` at most, at times as many as there can be at most. */
static uint64_t draw_batch(struct fuzz *f, uint32_t usual)
{
    return draw_small(f, rng_one_in(&f->rng, 4) ? MSG_BATCH_MAX : usual);
}

static uint64_t draw_batches(struct fuzz *f, uint32_t usual)
{
    return draw_small(f, 2) - 1 + (draw_small(f, usual) << 32);
}

static uint64_t draw_slots(struct fuzz *f, uint32_t usual)
{
    return draw_small(f, rng_one_in(&f->rng, 16) ? 1024 : usual);
}

static uint64_t draw_flag(struct fuzz *f, uint32_t usual)
{
    return rng_below(&f->rng, 4) ? rng_below(&f->rng, usual) : rng_next(&f->rng);
}

static uint64_t draw_seldom_set(struct fuzz *f, uint32_t usual)
{
    return rng_below(&f->rng, 8) ? 0 : rng_below(&f->rng, usual);
}

/* Sometimes near a node, which may not be there. */
static uint64_t draw_memory_flags(struct fuzz *f, uint32_t usual)
{
    uint64_t near = rng_below(&f->rng, 6) ? 0 : MEMORY_NEAR((uint32_t)rng_below(&f->rng, 3));
    return near | draw_seldom_set(f, usual);
}

static uint64_t draw_from_zero(struct fuzz *f, uint32_t usual)
{
    return draw_small(f, usual) - 1;
}

static uint64_t draw_first_page(struct fuzz *f, uint32_t usual)
{
    return rng_below(&f->rng, 4) ? 0 : draw_small(f, usual);
}

#define IN_ARENA(member) offsetof(struct fuzz_arena, member)

static const struct {
    uint64_t (*draw)(struct fuzz *f, uint32_t parameter);
    uint32_t parameter;
} draws[ARG_KINDS] = {
    [ARG_ANYTHING] = {draw_bits, 0},
    [ARG_TASK] = {draw_handle, POOL_TASK},
    [ARG_SELF_OR_TASK] = {draw_self_or, POOL_TASK},
    [ARG_MEMORY] = {draw_handle, POOL_MEMORY},
    [ARG_RECV] = {draw_handle, POOL_RECV},
    [ARG_SEND] = {draw_handle, POOL_SEND},
    [ARG_SIGNAL] = {draw_handle, POOL_SIGNAL},
    [ARG_TRACE] = {draw_handle, POOL_TRACE},
    [ARG_ROOT] = {draw_handle, POOL_ROOT},
    [ARG_HANDLE] = {draw_any, 0},
    [ARG_MSG_OUT] = {draw_pointer, IN_ARENA(out)},
    [ARG_MSG_IN] = {draw_pointer, IN_ARENA(in)},
    [ARG_BYTES_IN] = {draw_pointer, IN_ARENA(bytes)},
    [ARG_BYTES_OUT] = {draw_pointer, IN_ARENA(bytes)},
    [ARG_CREATE_ARGS] = {draw_pointer, IN_ARENA(args)},
    [ARG_INFO] = {draw_pointer, IN_ARENA(info)},
    [ARG_BATCH] = {draw_batch, 3},
    [ARG_BATCHES] = {draw_batches, 3},
    [ARG_SLOTS] = {draw_slots, 16},
    [ARG_CREDIT] = {draw_small, 4},
    [ARG_DEADLINE] = {draw_deadline, 0},
    [ARG_BITS] = {draw_bits, 0},
    [ARG_FLAG] = {draw_flag, 2},
    [ARG_RIGHTS] = {draw_rights, 0},
    [ARG_BADGE] = {draw_badge, 0},
    [ARG_OBJECT_PAGES] = {draw_object_pages, 0},
    [ARG_MEMORY_FLAGS] = {draw_memory_flags, 4},
    [ARG_ADDRESS] = {draw_address, 0},
    [ARG_FIRST_PAGE] = {draw_first_page, 6},
    [ARG_PAGES] = {draw_small, 3},
    [ARG_PROTECTION] = {draw_protection, 0},
    [ARG_ENTRY] = {draw_entry, 0},
    [ARG_LENGTH] = {draw_length, 0},
    [ARG_SMALL] = {draw_from_zero, 8},
    [ARG_LEVEL] = {draw_level, 0},
};

uint64_t fuzz_draw(struct fuzz *f, enum arg_kind kind)
{
    return draws[kind].draw(f, draws[kind].parameter);
}

static uint8_t message_length(struct fuzz *f)
{
    uint32_t chance = rng_below(&f->rng, 32);
    if (chance < 14)
        return 32;
    return (uint8_t)(chance < 20 ? 0 : chance < 31 ? rng_below(&f->rng, MSG_PAYLOAD_MAX + 1) : rng_next(&f->rng));
}

static uint8_t message_caps(struct fuzz *f)
{
    uint32_t chance = rng_below(&f->rng, 64);
    if (chance < 44)
        return 0;
    return (uint8_t)(chance < 63 ? rng_below(&f->rng, MSG_CAPS_MAX + 1) : rng_next(&f->rng));
}

void fuzz_message(struct fuzz *f, struct msg *m)
{
    static const char names[4][8] = {"netsrv", "init", "jarvis", "x"};
    uint64_t bits = rng_next(&f->rng);
    m->head = (struct msg_header){.op = (uint16_t)((bits & 7) << 8 | (bits >> 3 & 15)),
                                  .length = message_length(f),
                                  .cap_count = message_caps(f),
                                  .kind = (uint8_t)(bits >> 8),
                                  .status = (int8_t)(bits >> 16 & bits >> 24),
                                  .rights = (uint16_t)(bits >> 24),
                                  .badge = (uint32_t)(bits >> 40),
                                  .token = f->pool.tokens[bits >> 32 & (POOL_TOKENS - 1)]};
    for (uint32_t i = 0; i < MSG_CAPS_MAX && i < m->head.cap_count; i++)
        m->head.caps[i] = (handle_t)fuzz_draw(f, ARG_HANDLE);
    m->words[0] = bits;
    if (rng_one_in(&f->rng, 4))
        memcpy(m->payload, names[bits >> 60 & 3], sizeof names[0]);
    m->words[1 + (bits >> 50) % 8] = rng_next(&f->rng) >> (bits & 63);
}
