/* The victim: a server with a channel, a signal and a page that holds a secret. Its loop is the plainest there can be,
 * so that what goes wrong is the kernel's doing. */
#include "tests/system/hostile/hostile.h"

#include <string.h>

#define HOLD_MAX 256

static uint64_t *secret;
static struct victim_state state;
static uint32_t held[HOLD_MAX];
static size_t held_count;
static uint64_t sent;

static uint64_t secret_word(size_t i)
{
    return (i + 1) * 0x9e3779b97f4a7c15ull;
}

static uint64_t secret_whole(void)
{
    for (size_t i = 0; i < PAGE_SIZE / 8; i++) {
        if (secret[i] != secret_word(i))
            return 0;
    }
    return 1;
}

static void op_who(struct msg *request, struct msg *reply)
{
    reply->head.length = 40;
    reply->words[0] = request->head.badge;
    reply->words[1] = request->head.rights;
    reply->words[2] = request->head.kind;
    reply->words[3] = request->head.op;
    reply->words[4] = request->head.token;
}

static void op_take(struct msg *request, struct msg *reply)
{
    reply->head.length = 64;
    for (unsigned i = 0; i < request->head.cap_count; i++) {
        struct cap_info info = {0};
        if (cap_info(request->head.caps[i], &info) != OK)
            continue;
        reply->words[2 * i] = info.rights;
        reply->words[2 * i + 1] = info.badge;
    }
}

static void op_check(struct msg *request, struct msg *reply)
{
    struct task_info self = {0};
    (void)request;
    (void)task_info(HANDLE_NONE, &self);
    state.secret_whole = secret_whole();
    state.capabilities = self.capabilities;
    reply->head.length = sizeof state;
    memcpy(reply->payload, &state, sizeof state);
}

static void op_release(struct msg *request, struct msg *reply)
{
    (void)request;
    reply->head.length = 8;
    reply->words[0] = held_count;
    for (size_t i = 0; i < held_count; i++) {
        struct msg answer = {.head = {.op = OP_HOLD, .length = 8, .token = held[i]}, .words = {ANSWER}};
        uint64_t signals;
        (void)channel_reply_recv(clone_cap(VICTIM_CHANNEL), &answer, 1, NULL, 0, &signals, 0);
    }
    held_count = 0;
}

static void op_give(struct msg *request, struct msg *reply)
{
    (void)request;
    result_t copy = cap_mint(clone_cap(VICTIM_MEMORY), RIGHT_MEMORY_READ | RIGHT_TRANSFER, 0);
    reply->head.cap_count = copy > 0;
    reply->head.caps[0] = copy > 0 ? (handle_t)copy : HANDLE_NONE;
}

static void op_ping(struct msg *request, struct msg *reply)
{
    reply->head.length = request->head.length;
    memcpy(reply->payload, request->payload, request->head.length);
}

static void op_sent(struct msg *request, struct msg *reply)
{
    (void)request;
    reply->head.length = 8;
    reply->words[0] = sent;
    sent = 0;
}

static void (*const ops[])(struct msg *request, struct msg *reply) = {
    [OP_PING] = op_ping,       [OP_WHO] = op_who,   [OP_TAKE] = op_take,   [OP_HOLD] = NULL,
    [OP_RELEASE] = op_release, [OP_GIVE] = op_give, [OP_CHECK] = op_check, [OP_SENT] = op_sent,
};

static bool hold(const struct msg *request)
{
    if (request->head.op != OP_HOLD || held_count == HOLD_MAX)
        return false;
    held[held_count++] = request->head.token;
    return true;
}

/* True: *reply is to go out. */
static bool serve(struct msg *request, struct msg *reply)
{
    uint16_t op = request->head.op;
    *reply = (struct msg){.head = {.op = op, .token = request->head.token}};
    state.messages++;
    if (request->head.kind > MSG_CALL) {
        state.kernel_forgeries += request->head.kind != MSG_CLOSED;
        return false;
    }
    sent += request->head.kind == MSG_SEND;
    bool answer = request->head.kind == MSG_CALL && !hold(request);
    if (answer && op < sizeof ops / sizeof ops[0] && ops[op])
        ops[op](request, reply);
    else
        reply->head.status = ERR_NOT_SUPPORTED;
    for (unsigned i = 0; i < request->head.cap_count; i++) {
        if (request->head.caps[i] != HANDLE_NONE)
            cap_close(request->head.caps[i]);
    }
    return answer;
}

int64_t victim_run(uint64_t unused)
{
    static struct msg requests[16], replies[16];
    (void)unused;
    result_t address = memory_map(HANDLE_NONE, clone_cap(VICTIM_MEMORY), 0, 0, 1, PROT_READ | PROT_WRITE);
    if (address < 0 || signal_bind(clone_cap(VICTIM_SIGNAL), clone_cap(VICTIM_CHANNEL)) != OK)
        return -1;
    secret = (uint64_t *)address;
    for (size_t i = 0; i < PAGE_SIZE / 8; i++)
        secret[i] = secret_word(i);
    for (size_t callers = 0;;) {
        uint64_t signals = 0;
        result_t count =
            channel_reply_recv(clone_cap(VICTIM_CHANNEL), replies, callers, requests, 16, &signals, DEADLINE_NEVER);
        if (count < 0)
            return count;
        state.foreign_bits |= signals & ~(uint64_t)SIGNAL_MASK;
        callers = 0;
        for (result_t i = 0; i < count; i++)
            callers += serve(&requests[i], &replies[callers]);
    }
}
