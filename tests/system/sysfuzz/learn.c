/* What the answers teach, and what they must never say. */
#include "tests/system/sysfuzz/fuzz.h"

#define STATUS_LEAST ERR_RESTARTED

static void broken(struct fuzz *f, const char *promise)
{
    if (!f->broken)
        f->broken = promise;
}

/* ---- what came in messages ---- */

static void learn_message(struct fuzz *f, const struct msg *m)
{
    const struct msg_header *head = &m->head;
    if (head->kind > MSG_FAULT || head->kind == MSG_REPLY)
        broken(f, "a received message is of no kind that is received");
    if (head->length > MSG_PAYLOAD_MAX || head->cap_count > MSG_CAPS_MAX)
        broken(f, "a received message is longer than messages are");
    if (head->kind == MSG_CALL && !head->token)
        broken(f, "a call without a token");
    if (head->kind == MSG_CALL)
        f->pool.tokens[f->pool.token_next++ % POOL_TOKENS] = head->token;
    for (unsigned i = 0; i < head->cap_count && i < MSG_CAPS_MAX; i++) {
        if (head->caps[i] && f->pool.unknown_count < POOL_PENDING)
            f->pool.unknown[f->pool.unknown_count++] = head->caps[i];
    }
}

void learn_messages(struct fuzz *f, const struct fuzz_call *call, int64_t value)
{
    uint64_t address = call->args[call->number == SYS_channel_recv ? 1 : 3];
    if (value > MSG_BATCH_MAX)
        broken(f, "more messages than a batch holds");
    else if (address == (uint64_t)f->arena->in) {
        for (int64_t i = 0; i < value; i++)
            learn_message(f, &f->arena->in[i]);
    }
}

/* ---- new handles ---- */

static void new_handle(struct fuzz *f, enum pool_class class, int64_t value)
{
    if (value <= 0 || value > UINT32_MAX || !HANDLE_GENERATION((uint64_t)value))
        broken(f, "a new handle is none");
    pool_add(f, class, (handle_t)value);
}

void learn_channel(struct fuzz *f, const struct fuzz_call *call, int64_t value)
{
    (void)call;
    new_handle(f, POOL_RECV, value);
}

void learn_signal(struct fuzz *f, const struct fuzz_call *call, int64_t value)
{
    (void)call;
    new_handle(f, POOL_SIGNAL, value);
}

/* A minted channel has no receive right. */
void learn_mint(struct fuzz *f, const struct fuzz_call *call, int64_t value)
{
    enum pool_class class = pool_class_find(&f->pool, (handle_t)call->args[0]);
    new_handle(f, class == POOL_RECV ? POOL_SEND : class, value);
}

void learn_memory(struct fuzz *f, const struct fuzz_call *call, int64_t value)
{
    (void)call;
    new_handle(f, POOL_MEMORY, value);
}

void learn_task(struct fuzz *f, const struct fuzz_call *call, int64_t value)
{
    (void)call;
    new_handle(f, POOL_TASK, value);
}

void learn_gone(struct fuzz *f, const struct fuzz_call *call, int64_t value)
{
    (void)value;
    pool_drop(&f->pool, (handle_t)call->args[0]);
}

/* Only what is not known yet gets a place. */
void learn_info(struct fuzz *f, const struct fuzz_call *call, int64_t value)
{
    const struct cap_info *info = &f->arena->info;
    (void)value;
    if (call->args[1] != (uint64_t)info)
        return;
    if (info->handle != (handle_t)call->args[0] || info->type == OBJECT_NONE || info->type >= OBJECT_TYPE_COUNT ||
        info->id == 0 || info->id == info->parent_id || info->reserved)
        broken(f, "cap_info tells of another capability, or of none");
    enum pool_class class = pool_class_of(info);
    for (uint32_t i = 0; i < f->pool.count[class]; i++) {
        if (f->pool.handles[class][i] == info->handle)
            return;
    }
    pool_drop(&f->pool, info->handle);
    pool_add(f, class, info->handle);
}

/* ---- mappings ---- */

void learn_map(struct fuzz *f, const struct fuzz_call *call, int64_t value)
{
    struct fuzz_map map = {(uint64_t)value, (uint32_t)call->args[4], (uint32_t)call->args[5], false};
    if (call->args[0] != HANDLE_NONE)
        return;
    if (map.address < USER_BASE || map.address % PAGE_SIZE || map.address >= USER_TOP ||
        (map.protection & (PROT_WRITE | PROT_EXEC)) == (PROT_WRITE | PROT_EXEC))
        broken(f, "a mapping where none may be");
    f->fresh = map;
    pool_map_add(f, map);
}

void learn_unmap(struct fuzz *f, const struct fuzz_call *call, int64_t value)
{
    (void)value;
    if (call->args[0] == HANDLE_NONE)
        pool_map_drop(&f->pool, call->args[1]);
}

/* ---- every answer ---- */

/* A handle that names nothing any more is stale from now on. */
static void learn_refusal(struct fuzz *f, const struct fuzz_call *call, int64_t value)
{
    if (value < STATUS_LEAST)
        broken(f, "a status that there is not");
    if (value == ERR_BAD_HANDLE)
        for (int i = 0; i < 2; i++)
            pool_drop(&f->pool, (handle_t)call->args[i]);
    if (value == ERR_NOT_FOUND && (call->number == SYS_memory_unmap || call->number == SYS_memory_protect) &&
        call->args[0] == HANDLE_NONE)
        pool_map_drop(&f->pool, call->args[1]);
}

/* rdx: the signals of a receive, the place in the log of system_info, which packet trace_read could give, where a
 * memory_map goes on */
static bool answers_twice(uint64_t number, int64_t value)
{
    return number == SYS_channel_recv || number == SYS_channel_reply_recv || number == SYS_system_info ||
           number == SYS_trace_read || (number == SYS_memory_map && value == ERR_RESTARTED);
}

void fuzz_learn(struct fuzz *f, const struct fuzz_call *call, int64_t value, uint64_t second)
{
    bool known = call->number < SYS_COUNT;
    if (second && !answers_twice(call->number, value))
        broken(f, "a second answer from a call that has one");
    if (!known && value != ERR_NOT_SUPPORTED)
        broken(f, "a call that there is not was answered");
    if (value < 0)
        learn_refusal(f, call, value);
    else if (known && call_rules[call->number].learn)
        call_rules[call->number].learn(f, call, value);
}
