#include "rconsole/jarvis_link.h"
#include <lib/ipc.h>
#include <string.h>

#define X(NAME, number, request, reply, caps, rights) IPC_OP_ENUM(PROTO_JARVIS, NAME, number)
enum { JARVIS_OPS(X) };
#undef X

#define CONNECT_NS 250000000ull
#define ATTACH_NS 1000000000ull
#define BUFFER_PAGES ((sizeof(struct jarvis_buffer) + PAGE_SIZE - 1) / PAGE_SIZE)

/* ---- attaching ---- */

/* Our channel goes to jarvis by moving: when jarvis dies nobody has that badge, and the kernel tells us. */
static status_t attach(struct jarvis_link *link)
{
    struct jarvis_attach request = {{0}};
    result_t cap = cap_mint(link->channel, RIGHT_CHANNEL_SEND | RIGHT_TRANSFER, CONSOLE_BADGE_JARVIS);
    if (cap < 0)
        return (status_t)cap;
    handle_t sender = (handle_t)cap;
    status_t status = ipc_call_caps(link->jarvis, JARVIS_ATTACH, &request, sizeof request, &sender, 1, 0, NULL, 0, NULL,
                                    0, clock_now() + ATTACH_NS);
    if (status != OK)
        cap_close(sender); /* if it moved already its handle is stale and this does nothing */
    return status;
}

bool link_connect(struct jarvis_link *link, uint64_t now_ns)
{
    if (link->jarvis != HANDLE_NONE)
        return true;
    if (now_ns < link->retry_ns)
        return false;
    link->retry_ns = now_ns + 2 * CONNECT_NS;
    result_t jarvis = service_connect("jarvis", now_ns + CONNECT_NS);
    if (jarvis < 0)
        return false;
    link->jarvis = (handle_t)jarvis;
    status_t status = attach(link);
    if (status == OK)
        return true;
    log_warning("jarvis does not take us: %s", status_text(status));
    cap_close(link->jarvis);
    link->jarvis = HANDLE_NONE;
    return false;
}

/* ---- places ---- */

static void place_free(struct place *place)
{
    if (place->buffer)
        memory_unmap(HANDLE_NONE, (uint64_t)place->buffer, BUFFER_PAGES);
    if (place->root != HANDLE_NONE)
        cap_close(place->root);
    if (place->memory != HANDLE_NONE)
        cap_close(place->memory);
    *place = (struct place){0};
}

void link_down(struct jarvis_link *link)
{
    for (unsigned i = 0; i < LINK_PLACES; i++)
        if (link->places[i].session)
            place_free(&link->places[i]);
    if (link->jarvis != HANDLE_NONE)
        cap_close(link->jarvis);
    link->jarvis = HANDLE_NONE;
    link->retry_ns = 0;
}

struct place *link_place(struct jarvis_link *link, uint32_t session)
{
    struct place *place = NULL;
    for (unsigned i = 0; i < LINK_PLACES && !place; i++)
        if (link->places[i].session == 0)
            place = &link->places[i];
    if (!place)
        return NULL;
    place->buffer = memory_map_shared(BUFFER_PAGES, &place->memory, &place->root);
    if (!place->buffer)
        return NULL;
    place->session = session;
    ring_init_control(&place->buffer->answer);
    ring_view_init(&place->answer, &place->buffer->answer, place->buffer->answer_bytes, JARVIS_ANSWER_SIZE, 1);
    return place;
}

static struct place *place_of(struct jarvis_link *link, uint32_t session)
{
    for (unsigned i = 0; session && i < LINK_PLACES; i++)
        if (link->places[i].session == session)
            return &link->places[i];
    return NULL;
}

void link_ended(struct jarvis_link *link, uint32_t session)
{
    struct place *place = place_of(link, session);
    if (place)
        place_free(place);
}

/* ---- messages ---- */

static struct msg *add(struct msg *m, uint16_t op, const void *payload, size_t length)
{
    m->head = (struct msg_header){.op = op, .length = (uint8_t)length};
    memcpy(m->payload, payload, length);
    return m;
}

static unsigned add_due(struct msg *msgs, const struct place *place, const struct jarvis_open *about,
                        const struct authority *authority)
{
    struct jarvis_authority role = {.session = place->session, .role = about->role};
    unsigned n = 0;
    if (!place->opened) {
        struct msg *m = add(&msgs[n++], JARVIS_OPEN, about, sizeof *about);
        m->head.cap_count = 1;
        m->head.caps[0] = place->root;
    }
    if (!place->authority_sent) {
        struct msg *m = add(&msgs[n++], JARVIS_AUTHORITY, &role, sizeof role);
        m->head.cap_count = AUTHORITY_CAPS;
        m->head.kind = MSG_CAP_COPY(0) | MSG_CAP_COPY(1) | MSG_CAP_COPY(2) | MSG_CAP_COPY(3);
        memcpy(m->head.caps, authority->caps, sizeof authority->caps);
    }
    return n;
}

bool link_ask(struct jarvis_link *link, struct place *place, const struct jarvis_open *about,
              const struct authority *authority, const char *text, size_t length, uint32_t serial)
{
    struct jarvis_request request = {.session = place->session, .length = (uint32_t)length, .serial = serial};
    struct msg msgs[3];
    unsigned n = add_due(msgs, place, about, authority);
    memcpy(place->buffer->request, text, length);
    add(&msgs[n++], JARVIS_REQUEST, &request, sizeof request);
    result_t sent = channel_send(link->jarvis, msgs, n);
    if (sent < 0 && sent != ERR_WOULD_BLOCK && sent != ERR_PEER_DIED)
        log_warning("jarvis was not asked: %s", status_text((status_t)sent));
    for (result_t i = 0; i < sent; i++) {
        if (msgs[i].head.op == JARVIS_OPEN) {
            place->opened = true;
            place->root = HANDLE_NONE;
        }
        place->authority_sent |= msgs[i].head.op == JARVIS_AUTHORITY;
    }
    return sent == (result_t)n;
}

static bool send_one(struct jarvis_link *link, uint16_t op, uint32_t session)
{
    struct jarvis_close about = {.session = session};
    struct msg m;
    add(&m, op, &about, sizeof about);
    return channel_send(link->jarvis, &m, 1) != ERR_WOULD_BLOCK;
}

void link_close(struct jarvis_link *link, struct place *place)
{
    place->closing = true;
    if (!place->opened || link->jarvis == HANDLE_NONE)
        place_free(place);
    else
        place->close_sent = send_one(link, JARVIS_CLOSE, place->session);
}

void link_room(struct jarvis_link *link, struct place *place)
{
    place->room_due = !send_one(link, JARVIS_ROOM, place->session);
}

void link_stop(struct jarvis_link *link, struct place *place)
{
    place->stop_due = !send_one(link, JARVIS_STOP, place->session);
}

bool link_pump(struct jarvis_link *link)
{
    bool waits = false;
    for (unsigned i = 0; i < LINK_PLACES && link->jarvis != HANDLE_NONE; i++) {
        struct place *place = &link->places[i];
        if (place->session && place->closing && !place->close_sent)
            place->close_sent = send_one(link, JARVIS_CLOSE, place->session);
        else if (place->session && place->room_due)
            link_room(link, place);
        else if (place->session && place->stop_due)
            link_stop(link, place);
        waits |= place->session && ((place->closing && !place->close_sent) || place->room_due || place->stop_due);
    }
    return waits;
}
