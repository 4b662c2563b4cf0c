/* hostile: tasks that try to break out of the little they were given, and what must come of it.
 *
 * The runner (main.c, scene.c) starts a fresh attacker for each row of the table (table.c): a task with the capabilities
 * below and no others, that runs one function. A victim lives beside it: a server with a secret. After each attack the
 * victim must still answer, its secret be whole, and the kernel's counts of objects and free pages be what they were.
 *
 * Rules for an attack's function
 *  - It returns HELD when the kernel held, or what EXPECT returns: then the runner prints what was seen.
 *  - Rows that FAULT must end by that exception and not return at all.
 *  - It uses no malloc (tests/system/clone) and leaves nothing behind on purpose: its death must give everything back. */
#pragma once
#include "tests/system/clone/clone.h"

/* ---- what an attacker holds ---- */
enum attacker_cap {
    CAP_REPORT, /* the runner: reports and stages; SEND */
    CAP_SERVER, /* the victim, badge BADGE_ATTACKER, service rights 0x0005; SEND and nothing else */
    CAP_CLIENT, /* the victim, no badge, service rights 0x000f; SEND MINT TRANSFER */
    CAP_SIGNAL, /* the victim's signal, mask 0x0f; RAISE MINT TRANSFER */
    CAP_MEMORY, /* the victim's secret page; READ MINT TRANSFER */
    CAP_TASK,   /* the victim's task; INFO MINT TRANSFER */
    ATTACKER_CAPS
};
/* More, where the row says so; the attacker finds them with cap_named(). */
#define EXTRA_ROOT (1u << 0)       /* "root": devices and tasks */
#define EXTRA_TRACE (1u << 1)      /* "trace": all rights */
#define EXTRA_PUPPET (1u << 2)     /* "puppet": a task that was not started; all rights */
#define EXTRA_DEVICES (1u << 3)    /* "irq", "ioport", "dma", "devmem": no other right than MINT and TRANSFER */
#define EXTRA_DRIVER (1u << 4)     /* the same, with the rights of a driver */
#define EXTRA_ROOTS_HALF (1u << 5) /* "root": tasks only */
#define EXTRA_TRACE_READ (1u << 6) /* "trace": OBSERVE only */
#define QUOTA(pages) ((uint32_t)(pages) << 16)
#define QUOTA_PAGES_USUAL 96u

#define BADGE_ATTACKER 0x1234u
#define SERVER_RIGHTS 0x0005u
#define CLIENT_RIGHTS 0x000fu
#define SIGNAL_MASK 0x0fu

#define PRIORITY_RUNNER 10u /* as the manifest says */
#define PRIORITY_VICTIM 9u
#define PRIORITY_ATTACKER 8u

/* ---- the victim (victim.c) ---- */
enum victim_op {
    OP_PING = 1, /* call or send: the same words back */
    OP_WHO,      /* words[0..4] back: badge, service rights, kind, op as they arrived, reply token */
    OP_TAKE,     /* caps[] kept for the time of the call: words[2i], [2i+1] back: rights and badge of each (cap_info) */
    OP_HOLD,     /* answered when OP_RELEASE comes, in order */
    OP_RELEASE,  /* words[0] back: how many were answered */
    OP_GIVE,     /* caps[0] back: a copy of the victim's memory capability, read only */
    OP_CHECK,    /* the runner's: struct victim_state back */
    OP_SENT,     /* words[0] back: one-way messages since the last OP_SENT */
    OP_STAGE = 100, /* to the runner: attackers and helpers wait here for the director */
    OP_REPORT,
};
#define ANSWER 0x600d600d600d600dull /* words[0] of what OP_HOLD gets */

struct victim_state {
    uint64_t secret_whole;     /* 1: its memory holds what it wrote */
    uint64_t foreign_bits;     /* signal bits that nobody may raise */
    uint64_t kernel_forgeries; /* messages of the kernel's kinds that it had no reason to get */
    uint64_t capabilities, messages;
};
int64_t victim_run(uint64_t unused);
enum victim_cap { VICTIM_CHANNEL, VICTIM_SIGNAL, VICTIM_MEMORY, VICTIM_CAPS };

/* ---- the table (table.c) ---- */
#define ATTACK_CLASSES(C)                                           \
    C(HANDLES, "forged and stale handles")                          \
    C(RIGHTS, "widening of rights")                                 \
    C(BADGES, "false badges and messages in the kernel's name")     \
    C(REVOKE, "use after revoke, and revoke itself as a weapon")    \
    C(REPLIES, "reply tokens of others")                            \
    C(MESSAGES, "malformed messages and capability bombs")          \
    C(POINTERS, "wild pointers, lengths and buffers")               \
    C(MAPPINGS, "mappings that must not be")                        \
    C(CPU, "privileged instructions and the entries of the kernel") \
    C(LEAKS, "what is left over from others")                       \
    C(FLOODS, "floods of queues")                                   \
    C(QUOTAS, "taking until refused")                               \
    C(DEATHS, "death in the middle of calls")                       \
    C(DEADLINES, "deadlines at the edges")                          \
    C(AUTHORITY, "devices, trace, power and tasks without the capability")

enum attack_class {
#define C(name, text) CLASS_##name,
    ATTACK_CLASSES(C)
#undef C
        CLASS_COUNT
};
extern const char *const attack_class_texts[CLASS_COUNT];

struct scene;
struct attack {
    const char *name;
    enum attack_class class;
    int64_t (*attacker)(uint64_t argument);
    void (*direct)(struct scene *scene); /* the runner's part while the attacker lives; NULL: it only waits */
    uint32_t options;                    /* EXTRA_ and QUOTA() */
    uint32_t expected;                   /* HELD, or FAULTS(vector) */
    const char *text;                    /* what is tried, and what must come of it */
};
extern const struct attack attacks[];
extern const size_t attack_count;

#define HELD 0
#define FAULTS(vector) ((vector) + 1000u) /* DIVIDE is vector 0 */
#define FAULTS_ANY 2000u                  /* whichever exception: CPUs differ */

/* ---- in an attacker: what it expects, and what it says when it sees something else ---- */
int64_t seen(const char *what, int64_t value, const char *file, int line);
#define EXPECT(condition)                                   \
    do {                                                    \
        if (!(condition))                                   \
            return seen(#condition, 0, __FILE__, __LINE__); \
    } while (0)
#define EXPECT_IS(call, wanted)                           \
    do {                                                  \
        int64_t got_ = (int64_t)(call);                   \
        if (got_ != (int64_t)(wanted))                    \
            return seen(#call, got_, __FILE__, __LINE__); \
    } while (0)
/* Of a function that answers like an attack's: goes on where it held. */
#define TRY(call)                 \
    do {                          \
        int64_t result_ = (call); \
        if (result_ != HELD)      \
            return result_;       \
    } while (0)
/* A handle or an address, or the report. */
#define MUST(variable, call)    \
    result_t variable = (call); \
    if (variable < 0)           \
    return seen(#call, variable, __FILE__, __LINE__)

/* Room for an attack's buffers: children share this program's variables, so there is one for all of them. */
#define SCRATCH_BYTES (MSG_BATCH_MAX * sizeof(struct msg))
extern union scratch {
    struct msg batch[MSG_BATCH_MAX];
    uint8_t bytes[SCRATCH_BYTES];
    char text[SCRATCH_BYTES];
    uint32_t tokens[SCRATCH_BYTES / 4];
    uint64_t words[SCRATCH_BYTES / 8];
} scratch;

/* Waits until the director goes on; its words come back in *m (may be NULL). */
status_t stage(uint64_t step, struct msg *m);
/* The same, and a capability goes to the director (scene_offered), which may hand it to a helper (pass_channel_on). */
status_t stage_with(handle_t cap);
int64_t offer_channel(handle_t *channel);       /* a new channel of its own: the director gets a sender of it */
int64_t take_offered_channel(handle_t *sender); /* in a helper: what the director passes on */
struct msg message(uint16_t op, uint8_t words);
/* A call of the victim that must be answered; the answer's status joined with the exchange's. */
status_t ask(handle_t server, struct msg *m);
void pause_ns(uint64_t ns);          /* a wait that nothing ends early */
int64_t lone_page(uint64_t *page);   /* one page, to be read and written, with nothing behind it */
uint32_t rights_of(handle_t handle); /* 0: names nothing */
#define NEAR_NS 20000000ull          /* a wait that must run out */
#define FAR_NS 30000000000ull        /* a wait that must not: a hang detector */

/* ---- the runner's side (scene.c) ---- */
#define HELPERS_MAX 220
#define HELPER_QUOTA_PAGES 32u
struct scene {
    const struct attack *attack;
    handle_t attacker;
    uint32_t attacker_id;
    bool ended, faulted, hung;
    struct msg_exit exit;
    struct msg_fault fault;
    handle_t parents[ATTACKER_CAPS]; /* what the attacker's capabilities are derived from */
    handle_t extras[4];
    handle_t puppet;
    uint32_t puppet_id;
    handle_t helpers[HELPERS_MAX]; /* tasks like the attacker, running something else */
    uint32_t helper_count, helpers_ended, helpers_failed;
    uint64_t helper_cpus;   /* where the next helper may run, a bit each; 0: everywhere */
    handle_t helper_shares; /* memory that it finds as "shared" */
    uint64_t extra_faults;
    char report[MSG_PAYLOAD_MAX]; /* "": nothing wrong was seen */
};
void scene_fail(struct scene *scene, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool scene_spawn(struct scene *scene, int64_t (*run)(uint64_t),
                 uint64_t argument); /* a helper; what it returns must be HELD */
/* Takes what comes for the runner until `ns` passed. True: *m is a stage call, which scene_go() answers. */
bool scene_take(struct scene *scene, struct msg *m, uint64_t deadline_ns);
bool scene_stage(struct scene *scene, struct msg *m); /* waits for one; false (and failed): none came */
void scene_go(struct scene *scene, struct msg *m);
void scene_go_with(struct scene *scene, struct msg *m, handle_t cap,
                   bool copy);                          /* the answer brings it: moved, or a copy */
bool scene_offered(struct scene *scene, handle_t *cap); /* waits for stage_with(), and lets it go on */
/* Passes what the attacker offers on to a helper that runs `run`. */
void pass_channel_on(struct scene *scene, int64_t (*run)(uint64_t), uint64_t argument);
void scene_wait_helpers(struct scene *scene);
void scene_wait_end(struct scene *scene); /* of the attacker */
bool scene_victim_answers(struct scene *scene);
void scene_pause(struct scene *scene, uint64_t ns);
/* Until the task is in that state; not for a time that should be enough: its processor may stand still meanwhile. */
void scene_until(struct scene *scene, handle_t task, enum task_state state);
void scene_until_helpers(struct scene *scene, enum task_state state);
handle_t scene_victim(void); /* the runner's own capability to the victim's channel */
handle_t scene_victim_task(void);
uint64_t scene_free_pages(void);
uint32_t scene_processors(void);

#define ATTACK(name) int64_t name(uint64_t argument __attribute__((unused)))
#define DIRECT(name) void name##_direct(struct scene *scene)
