#include "init/revoke.h"
#include "init/service.h"

#include <string.h>

#define X(NAME, number, request, reply, caps, rights) IPC_OP_ENUM(PROTO_INIT, NAME, number)
enum { INIT_OPS(X) };
#undef X

static const char *type_name(uint32_t type)
{
    static const char *const names[] = {
#define X(name, text) text,
        OBJECT_TYPES(X)
#undef X
    };
    return type < OBJECT_TYPE_COUNT ? names[type] : "?";
}

static uint64_t capabilities(void)
{
    struct object_counts counts;
    result_t got = system_info(cap_named("trace"), INFO_OBJECTS, 0, &counts, sizeof counts);
    return got == 1 ? counts.capabilities : 0;
}

/* ---- which capability, and whose ---- */

static struct service *service_of(struct init *init, uint32_t task_id)
{
    for (size_t i = 0; task_id && i < manifest_count; i++)
        if (init->services[i].task_id == task_id)
            return &init->services[i];
    return NULL;
}

/* Is it what the order names? Handles are used again, ids never. */
static bool is_there(const struct init_cap_revoke *order, struct cap_info *cap)
{
    uint64_t where = (uint64_t)order->task_id << 32 | HANDLE_INDEX(order->handle);
    result_t got = system_info(cap_named("trace"), INFO_CAPS, where, cap, sizeof *cap);
    return got == 1 && cap->handle == order->handle && cap->id == order->capability_id;
}

static bool has_id(handle_t own, uint64_t id)
{
    struct cap_info info;
    return own != HANDLE_NONE && cap_info(own, &info) == OK && info.id == id;
}

static bool is_inits(const struct init *init, uint64_t id)
{
    if (has_id(init->sender, id) || has_id(cap_named("trace"), id) || has_id(cap_named("root"), id) ||
        has_id(cap_named("power"), id))
        return true;
    for (size_t i = 0; i < manifest_count; i++)
        if (has_id(init->services[i].channel, id))
            return true;
    return false;
}

static status_t check(struct init *init, const struct init_cap_revoke *order, struct service **service,
                      struct cap_info *cap)
{
    struct task_info self;
    if (task_info(HANDLE_NONE, &self) == OK && order->task_id == self.id)
        return ERR_REFUSED;
    *service = service_of(init, order->task_id);
    return *service && is_there(order, cap) ? OK : ERR_NOT_FOUND;
}

/* ---- the end ---- */

/* One bounded step of the kernel's. ERR_RESTARTED: more is left. The capability itself goes last; one that is gone, or
 * whose task is, was ended by its holder meanwhile. */
static status_t step(const struct revoking *r)
{
    status_t status = (status_t)syscall3(SYS_task_revoke, r->task, r->handle, 0).value;
    return status == ERR_BAD_HANDLE || status == ERR_PEER_DIED ? OK : status;
}

/* After the last step. A service that died meanwhile starts anew by itself. */
static void finish(struct init *init, struct init_cap_revoked *done)
{
    struct revoking *r = &init->revoking;
    uint64_t now = capabilities();
    *done =
        (struct init_cap_revoked){.ended = r->count_before > now ? r->count_before - now : 0, .restarts = r->restart};
    log_info("revoked: %llu capabilities ended", (unsigned long long)done->ended);
    if (r->restart && r->service->task == r->task)
        service_order_restart(r->service);
    *r = (struct revoking){0};
}

static void answer(struct init *init, uint32_t token, status_t status, const struct init_cap_revoked *done)
{
    struct msg reply = {.head = {.op = INIT_CAP_REVOKE, .status = (int8_t)status}};
    if (status == OK) {
        reply.head.length = sizeof *done;
        memcpy(reply.payload, done, sizeof *done);
    }
    (void)ipc_reply(init->server.channel, &reply, token);
}

void revoke_turn(struct init *init)
{
    uint32_t token = init->revoking.token;
    struct init_cap_revoked done = {0};
    status_t status = token ? step(&init->revoking) : (status_t)ERR_RESTARTED;
    if (status == ERR_RESTARTED)
        return;
    if (status == OK)
        finish(init, &done);
    init->revoking.token = 0;
    answer(init, token, status, &done);
}

/* ---- the order ---- */

static void say_order(const struct msg *request, const struct service *s, const struct cap_info *cap,
                      enum revoke_way way)
{
    static const char *const ways[] = {"", "; it starts anew",
                                       "; it is ended and starts anew, its device is taken back"};
    log_warning("%s: capability %llu (%s) is revoked by order of session %u%s", s->entry->name,
                (unsigned long long)cap->id, type_name(cap->type), request->head.badge & ~INIT_SESSION_BADGE,
                ways[way]);
}

static status_t begin(struct init *init, struct service *s, const struct cap_info *cap, enum revoke_way way,
                      const struct msg *request, struct init_cap_revoked *done)
{
    if (way == REVOKE_BY_RESTART) {
        service_order_restart(s);
        done->restarts = true;
        return OK;
    }
    init->revoking = (struct revoking){.task = s->task,
                                       .handle = cap->handle,
                                       .count_before = capabilities(),
                                       .service = s,
                                       .restart = way == REVOKE_AND_RESTART};
    status_t status = step(&init->revoking);
    if (status == OK)
        finish(init, done);
    if (status != ERR_RESTARTED)
        return status;
    init->revoking.token = request->head.token;
    return IPC_DEFERRED;
}

status_t revoke_order(struct init *init, const struct msg *request, struct msg *reply)
{
    struct init_cap_revoke order;
    struct init_cap_revoked done = {0};
    struct service *s;
    struct cap_info cap;
    memcpy(&order, request->payload, sizeof order);
    status_t status = request->head.kind == MSG_CALL ? check(init, &order, &s, &cap) : ERR_BAD_MESSAGE;
    if (status == OK && init->revoking.token)
        status = ERR_BUSY;
    if (status != OK)
        return status;
    enum revoke_way way = revoke_way_of(&cap, is_inits(init, cap.parent_id), service_badge(init, s));
    done.restarts = way != REVOKE_ONLY;
    if (!order.only_ask) {
        say_order(request, s, &cap, way);
        status = begin(init, s, &cap, way, request, &done);
    }
    memcpy(reply->payload, &done, sizeof done);
    return status;
}
