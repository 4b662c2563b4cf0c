/* The generator: which system call next, with which arguments, and what is learned from its answer.
 *
 * Pure: no system call and no clock of its own, so a seed gives the same calls on the host as in the image, as long as
 * the answers are the same. Arguments are drawn by kind (calls.c): mostly valid, so that deep states are reached, at
 * times half-valid (stale, of another type, across the end of a page), at times just random bits. */
#pragma once
#include <abi/errors.h>
#include <abi/memory.h>
#include <abi/message.h>
#include <abi/object.h>
#include <abi/syscall.h>
#include <abi/task.h>

/* ---- chance ---- */

struct fuzz_rng {
    uint64_t state;
};
/* Seed k of a series, never 0 (splitmix64, Steele et al. 2014). */
static inline uint64_t fuzz_sub_seed(uint64_t seed, uint64_t k)
{
    uint64_t z = seed + (k + 1) * 0x9e3779b97f4a7c15ul;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ul;
    z = (z ^ z >> 27) * 0x94d049bb133111ebul;
    return (z ^ z >> 31) | 1;
}
/* xorshift64* (Vigna 2016) */
static inline uint64_t rng_next(struct fuzz_rng *rng)
{
    uint64_t x = rng->state;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    rng->state = x;
    return x * 0x2545f4914f6cdd1dul;
}
/* 0 .. n - 1 */
static inline uint32_t rng_below(struct fuzz_rng *rng, uint32_t n)
{
    return (uint32_t)((rng_next(rng) >> 32) * n >> 32);
}
static inline bool rng_one_in(struct fuzz_rng *rng, uint32_t n)
{
    return rng_below(rng, n) == 0;
}

/* ---- what a worker knows it has ---- */

enum pool_class {
    POOL_OTHER,
    POOL_TASK,
    POOL_MEMORY,
    POOL_RECV, /* a channel that we receive from */
    POOL_SEND, /* a channel that we send to */
    POOL_SIGNAL,
    POOL_TRACE,
    POOL_ROOT,
    POOL_CLASSES
};
#define POOL_SLOTS 16
#define POOL_STALE 16
#define POOL_TOKENS 8
#define POOL_MAPS 32
#define POOL_PENDING 64

struct fuzz_map {
    uint64_t address;
    uint32_t pages, protection;
    bool own; /* what the worker itself stands on: may be lost, and is never written to */
};

struct fuzz_pool {
    handle_t handles[POOL_CLASSES][POOL_SLOTS];
    uint32_t count[POOL_CLASSES];
    handle_t stale[POOL_STALE];
    uint32_t tokens[POOL_TOKENS]; /* callers that wait for an answer */
    struct fuzz_map maps[POOL_MAPS];
    uint32_t map_count, stale_next, token_next;
    handle_t unknown[POOL_PENDING]; /* came in a message: cap_info tells what they are */
    handle_t surplus[POOL_PENDING]; /* found no place: to be closed */
    uint32_t unknown_count, surplus_count;
};

/* Where pointers point to. Behind the arena is a page that nothing maps. */
struct fuzz_arena {
    struct msg out[MSG_BATCH_MAX]; /* messages that we send */
    struct msg in[MSG_BATCH_MAX];  /* messages that come */
    uint8_t bytes[8 * PAGE_SIZE - sizeof(struct task_create_args) - sizeof(struct cap_info)];
    struct task_create_args args;
    struct cap_info info;
};
_Static_assert(sizeof(struct fuzz_arena) == 16 * PAGE_SIZE, "it ends with a page");

#define FUZZ_LINKS 2 /* capabilities of services: their place in POOL_SEND is not given away */

struct fuzz {
    struct fuzz_rng rng;
    struct fuzz_pool pool;
    struct fuzz_arena *arena;
    uint64_t read_only, code;  /* addresses: a page that must not be written, one of our instructions */
    uint64_t (*now)(void *of); /* the clock, for deadlines */
    void *now_of;
    uint32_t priority;
    struct fuzz_map fresh; /* just mapped: to be touched; pages 0: none */
    const char *broken;    /* a promise that an answer breaks; NULL */
};

struct fuzz_call {
    uint64_t number, args[6];
};

void fuzz_init(struct fuzz *f, uint64_t seed, struct fuzz_arena *arena);
void fuzz_next(struct fuzz *f, struct fuzz_call *call);
/* second: what came in rdx */
void fuzz_learn(struct fuzz *f, const struct fuzz_call *call, int64_t value, uint64_t second);
const char *fuzz_call_name(uint64_t number);

/* pool.c */
void pool_add(struct fuzz *f, enum pool_class class, handle_t handle);
void pool_drop(struct fuzz_pool *pool, handle_t handle);
/* One of that class, or HANDLE_NONE. */
handle_t pool_pick(struct fuzz *f, enum pool_class class);
enum pool_class pool_class_of(const struct cap_info *info);
enum pool_class pool_class_find(const struct fuzz_pool *pool, handle_t handle);
void pool_map_add(struct fuzz *f, struct fuzz_map map);
void pool_map_drop(struct fuzz_pool *pool, uint64_t address);

/* draw.c */
enum arg_kind {
    ARG_ANYTHING, /* the call takes no such argument */
    ARG_TASK,
    ARG_SELF_OR_TASK,
    ARG_MEMORY,
    ARG_RECV,
    ARG_SEND,
    ARG_SIGNAL,
    ARG_TRACE,
    ARG_ROOT,
    ARG_HANDLE,
    ARG_MSG_OUT,
    ARG_MSG_IN,
    ARG_BYTES_IN, /* the kernel writes there */
    ARG_BYTES_OUT,
    ARG_CREATE_ARGS,
    ARG_INFO,
    ARG_BATCH,
    ARG_BATCHES,
    ARG_SLOTS,
    ARG_CREDIT,
    ARG_DEADLINE,
    ARG_BITS,
    ARG_FLAG,
    ARG_RIGHTS,
    ARG_BADGE,
    ARG_OBJECT_PAGES,
    ARG_MEMORY_FLAGS,
    ARG_ADDRESS,
    ARG_FIRST_PAGE,
    ARG_PAGES,
    ARG_PROTECTION,
    ARG_ENTRY,
    ARG_LENGTH,
    ARG_SMALL,
    ARG_LEVEL,
    ARG_KINDS
};
uint64_t fuzz_draw(struct fuzz *f, enum arg_kind kind);
/* A message with something in it, to be sent. */
void fuzz_message(struct fuzz *f, struct msg *m);

/* calls.c */
struct call_rule {
    const char *name;
    uint16_t weight;
    uint8_t kinds[6];
    void (*refine)(struct fuzz *f, uint64_t args[6]); /* what one argument alone cannot say; may be NULL */
    void (*learn)(struct fuzz *f, const struct fuzz_call *call, int64_t value); /* of a call that succeeded */
};
extern const struct call_rule call_rules[SYS_COUNT];

/* learn.c: what call_rules' last column says */
#define LEARN(name) void learn_##name(struct fuzz *f, const struct fuzz_call *call, int64_t value)
LEARN(messages);
LEARN(channel);
LEARN(signal);
LEARN(mint);
LEARN(gone);
LEARN(info);
LEARN(memory);
LEARN(map);
LEARN(unmap);
LEARN(task);
#undef LEARN
