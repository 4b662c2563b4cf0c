/* The operations of proto/init.h. The badge says which service asks: manifest index + 1; a session's capability has
 * INIT_SESSION_BADGE set and is no service. */
#include "init/service.h"

#include <proto/init.h>
#include <string.h>

#define X(NAME, number, request, reply, caps, rights) IPC_OP_ENUM(PROTO_INIT, NAME, number)
enum { INIT_OPS(X) };
#undef X

#define PASS_ON (RIGHT_MINT | RIGHT_TRANSFER)
#define SESSION_RIGHTS (SERVICE_READ | SERVICE_ADMIN)

static struct service *asking(struct init *init, const struct msg *request)
{
    size_t index = (size_t)request->head.badge - 1;
    return index < manifest_count ? &init->services[index] : NULL;
}

/* A name from a message: NULL unless it ends in its 16 bytes and is a service's. */
static struct service *named(struct init *init, const void *payload)
{
    struct init_name request;
    memcpy(&request, payload, sizeof request);
    if (!memchr(request.name, 0, sizeof request.name))
        return NULL;
    size_t index = manifest_find(manifest, manifest_count, request.name);
    return index < manifest_count ? &init->services[index] : NULL;
}

/* ---- CONNECT and READY ---- */

/* What `client` may have of `target`: by scope, or with scope 0 the service itself. 0: nothing. */
static uint32_t rights_on(const struct service *client, const struct service *target, uint32_t scope)
{
    const struct manifest_link *link = manifest_link(client->entry, target->entry->name);
    if (!link)
        return 0;
    return scope ? manifest_scope(link, scope) : link->rights;
}

/* Mints the capability that `client` may have for `target` into a reply. */
static status_t connect_reply(struct init *init, struct service *client, const struct service *target, uint32_t scope,
                              struct msg *reply)
{
    struct init_connected body = {.generation = target->run.starts};
    /* TRANSFER: it travels in a message */
    uint32_t rights = RIGHT_CHANNEL_SEND | RIGHT_TRANSFER | rights_on(client, target, scope);
    result_t cap = cap_mint(target->channel, rights, scope ? scope : service_badge(init, client));
    if (cap < 0)
        return (status_t)cap;
    client->connected |= 1u << (target - init->services);
    memcpy(reply->payload, &body, sizeof body);
    reply->head.caps[0] = (handle_t)cap;
    reply->head.cap_count = 1;
    return OK;
}

static status_t handle_INIT_CONNECT(void *server, struct msg *request, struct msg *reply)
{
    struct init *init = server;
    struct service *client = asking(init, request), *target = named(init, request->payload);
    struct init_connect asked;
    memcpy(&asked, request->payload, sizeof asked);
    if (!client || !target || !rights_on(client, target, asked.scope))
        return ERR_NO_RIGHT;
    if (target->run.state == SERVICE_STOPPED && !manifest_wanted(target->entry, boot_line()))
        return ERR_NOT_FOUND;
    if (target->run.state == SERVICE_GIVEN_UP)
        return ERR_UNREACHABLE;
    if (target->run.state == SERVICE_UP)
        return connect_reply(init, client, target, asked.scope, reply);
    if (request->head.kind != MSG_CALL)
        return ERR_BAD_MESSAGE;
    client->wait_token = request->head.token;
    client->wait_scope = asked.scope;
    client->wait_for = (size_t)(target - init->services);
    return IPC_DEFERRED;
}

/* Answers one that waits. If it died meanwhile the capability is still ours: closing a moved one does nothing. */
static void answer_waiting(struct init *init, struct service *client, const struct service *target, status_t status)
{
    struct msg reply = {.head = {.op = INIT_CONNECT}};
    if (status == OK)
        status = connect_reply(init, client, target, client->wait_scope, &reply);
    if (status == OK)
        reply.head.length = sizeof(struct init_connected);
    reply.head.status = (int8_t)status;
    (void)ipc_reply(init->server.channel, &reply, client->wait_token);
    if (reply.head.cap_count)
        cap_close(reply.head.caps[0]);
    client->wait_token = 0;
}

static void answer_all_waiting(struct init *init, struct service *target, status_t status)
{
    for (size_t i = 0; i < manifest_count; i++) {
        struct service *client = &init->services[i];
        if (client->wait_token && &init->services[client->wait_for] == target)
            answer_waiting(init, client, target, status);
    }
}

void names_ready(struct init *init, struct service *s)
{
    answer_all_waiting(init, s, OK);
}

void names_given_up(struct init *init, struct service *s)
{
    answer_all_waiting(init, s, ERR_UNREACHABLE);
}

static status_t handle_INIT_READY(void *server, struct msg *request, struct msg *reply)
{
    struct init *init = server;
    struct service *s = asking(init, request);
    struct cap_info info;
    (void)reply;
    if (!s)
        return ERR_NO_RIGHT;
    if (s->run.state != SERVICE_STARTING)
        return ERR_BAD_STATE;
    if (cap_info(request->head.caps[0], &info) != OK || info.type != OBJECT_CHANNEL || info.badge != 0 ||
        (info.rights & (PASS_ON | RIGHT_CHANNEL_SEND)) != (PASS_ON | RIGHT_CHANNEL_SEND))
        return ERR_INVALID;
    s->channel = ipc_take_cap(request, 0);
    service_went_ready(init, s);
    return OK;
}

/* ---- looking and orders ---- */

static void describe(const struct service *s, struct init_service *out)
{
    strcpy(out->name, s->entry->name);
    out->task_id = s->task_id;
    out->state = s->run.state;
    out->restarts = s->run.starts ? s->run.starts - 1 : 0;
    out->priority = s->entry->priority;
}

static status_t handle_INIT_SERVICES(void *server, struct msg *request, struct msg *reply)
{
    const struct init *init = server;
    struct init_services asked;
    struct init_service_list list = {0};
    memcpy(&asked, request->payload, sizeof asked);
    list.total = 0;
    for (size_t i = 0; i < manifest_count; i++) {
        if (!service_known(init, &init->services[i]) || list.total++ < asked.first)
            continue;
        if (list.count < sizeof list.services / sizeof list.services[0])
            describe(&init->services[i], &list.services[list.count++]);
    }
    memcpy(reply->payload, &list, sizeof list);
    return OK;
}

/* A service that is there: in the archive, or wanted by the boot line. */
static struct service *ordered(struct init *init, const void *payload)
{
    struct service *s = named(init, payload);
    return s && service_known(init, s) ? s : NULL;
}

static status_t handle_INIT_RESTART(void *server, struct msg *request, struct msg *reply)
{
    struct service *s = ordered(server, request->payload);
    (void)reply;
    if (!s)
        return ERR_NOT_FOUND;
    service_order_restart(s);
    return OK;
}

static status_t handle_INIT_STOP(void *server, struct msg *request, struct msg *reply)
{
    struct service *s = ordered(server, request->payload);
    (void)reply;
    if (!s)
        return ERR_NOT_FOUND;
    if (s->entry->carries_console)
        return ERR_REFUSED;
    if (s->run.state == SERVICE_STOPPED)
        return ERR_BAD_STATE;
    service_order_stop(s);
    return OK;
}

static status_t handle_INIT_START(void *server, struct msg *request, struct msg *reply)
{
    struct service *s = ordered(server, request->payload);
    (void)reply;
    if (!s)
        return ERR_NOT_FOUND;
    if (supervise_alive(&s->run))
        return ERR_BAD_STATE;
    service_order_restart(s);
    return OK;
}

static status_t handle_INIT_SESSION(void *server, struct msg *request, struct msg *reply)
{
    const struct init *init = server;
    struct init_session asked;
    memcpy(&asked, request->payload, sizeof asked);
    if (asked.rights & ~SESSION_RIGHTS)
        return ERR_NO_RIGHT;
    result_t cap =
        cap_mint(init->sender, RIGHT_CHANNEL_SEND | PASS_ON | asked.rights, asked.badge | INIT_SESSION_BADGE);
    if (cap < 0)
        return (status_t)cap;
    reply->head.caps[0] = (handle_t)cap;
    reply->head.cap_count = 1;
    return OK;
}

static status_t handle_INIT_CAP_REVOKE(void *server, struct msg *request, struct msg *reply)
{
    return revoke_order(server, request, reply);
}

#define X(NAME, number, request, reply, caps, rights) IPC_OP_ROW(NAME, request, reply, caps, rights)
const struct ipc_op init_ops[] = {INIT_OPS(X)};
#undef X
const size_t init_op_count = sizeof init_ops / sizeof init_ops[0];
