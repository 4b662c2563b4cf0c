/* The client side of netsrv's protocol (proto/net.h): one region of rings, and reading and writing its slots.
 *
 * A turn of a client looks like this:
 *
 *     wait for the signal bit given to net_client_attach (DEADLINE_NOW when the last net_client_sleep said false)
 *     while (net_client_event(client, &event))
 *         act on it: read, write, shut, close …
 *     if (net_client_sleep(client)) the next wait may be long
 *
 * Rules
 *  - Nothing reaches netsrv before net_client_sleep or net_client_flush: a turn rings netsrv at most once.
 *  - Never blocks, save net_client_attach and net_client_resolve.
 *  - config.scopes says what the client will listen on and connect to (proto/net.h, "Who may what"): attaching gets these
 *    capabilities from init, which asks the manifest, and presents them to netsrv. All else is refused (ERR_NO_RIGHT).
 *  - Slots are numbered 0..slot_count-1. One belongs to the client from ACCEPTED (or a CONNECT that was taken) until it
 *    has called net_client_close or net_client_abort AND got CLOSED (or FAILED, which stands for both). After CLOSED
 *    the library itself gives the slot back; a close that comes after that is ignored.
 *  - DATA comes when bytes arrive in a ring that was read until empty (net_client_read and net_client_peek returned 0).
 *    Who stops before that knows that there is more and gets no event for it.
 *  - ROOM comes only after net_client_want_room() said true.
 *  - FIN: the peer sends no more; what was received stays readable; we may go on sending. CLOSED with ERR_PEER_DIED or
 *    ERR_TIMED_OUT: the connection is gone, unread bytes too (read before you take the next event if you want them).
 *  - What was written is sent even after net_client_close; net_client_abort throws it away and resets.
 *  - A client that never reads stops its peer by TCP's window; one that stops draining events gets them late, none lost.
 *  - netsrv's death: the caller's channel gets a message of which net_client_closed says true. All slots and listeners
 *    are gone then; call net_client_attach again with the same struct (it drops the old region first and waits for netsrv
 *    to be back), then listen again. Until then every call here is harmless and does nothing.
 *  - The client's death: netsrv resets its connections.
 */
#pragma once
#include <lib/ring.h>
#include <lib/runtime.h>

#define NET_SIZE_MIN 2048u
#define NET_SIZE_MAX (256u * 1024u)

struct net_client_config {
    uint32_t slot_count;    /* 1..NET_SLOTS_MAX */
    uint32_t connect_slots; /* the last ones of these are for net_client_connect, the others for accepted connections */
    uint32_t rx_size, tx_size; /* bytes of each slot's rings: powers of two, NET_SIZE_MIN..NET_SIZE_MAX. The receive
                                  window is rx_size; speed over a link = ring size / round trip */
    handle_t signal;           /* a signal bound to the caller's channel, with RAISE and MINT (the caller keeps it) */
    uint32_t bit;              /* 0..63: which bit of it netsrv raises */
    handle_t
        channel;    /* the caller's own channel: gets MSG_CLOSED with `badge` when netsrv dies. HANDLE_NONE: not told */
    uint32_t badge; /* 1..255, unique among those that the caller gave out; net_client_closed knows the messages */
    uint32_t
        scopes[NET_SCOPES_MAX]; /* badges: NET_SCOPE_LISTEN(port), NET_SCOPE_ANY, NET_NETWORK(…); 0 ends the list */
};

struct net_client_slot {
    struct ring_view rx, tx;
    uint32_t unkicked; /* bytes consumed that netsrv was not told of */
    uint8_t state;     /* enum net_client_state */
    bool dirty;        /* listed for a KICK */
    bool close_sent;   /* our last word on this slot is said */
    void *user;        /* the caller's; NULL at ACCEPTED and CONNECT */
};
enum net_client_state { NET_CLIENT_FREE = 0, NET_CLIENT_CONNECTING, NET_CLIENT_OPEN, NET_CLIENT_ENDED };

struct net_client { /* all private; zeroed before the first attach */
    struct net_client_config config;
    handle_t service, bell, memory; /* memory: a child; netsrv has the root while it is attached */
    uint32_t number;                /* netsrv's for us */
    uint32_t notice;                /* the badge of what tells us of this attachment's end */
    uint8_t *region;
    size_t region_pages;
    struct ring_view commands, events;
    struct net_client_slot *slots;
    uint16_t *dirty; /* slots that need a KICK */
    uint32_t dirty_count;
    bool attached, ring;
};

/* ---- attaching ---- */

/* Creates the region and hands it to netsrv; waits for netsrv until deadline_ns. OK, ERR_TIMED_OUT, ERR_QUOTA,
 * ERR_NO_MEMORY, ERR_INVALID, ERR_NO_RIGHT (a scope that the manifest does not give us, too), ERR_UNREACHABLE (netsrv was
 * given up), ERR_TABLE_FULL. May be called again at any time: what was attached before is dropped. */
MUST_CHECK status_t net_client_attach(struct net_client *client, const struct net_client_config *config,
                                      uint64_t deadline_ns);
/* Does the kernel's message say that what is attached now has ended? What is left of an attachment before it comes late,
 * and is none of that. */
bool net_client_closed(const struct net_client *client, const struct msg *m);
void net_client_detach(struct net_client *client); /* resets all connections; the struct may be used anew */

/* ---- commands: OK, or ERR_WOULD_BLOCK when the command ring is full (try in the next turn) ---- */

/* Answered by NET_EVENT_LISTENING or NET_EVENT_LISTEN_FAILED; `cookie` comes back in every event of this listener. */
status_t net_client_listen(struct net_client *client, uint16_t port, uint64_t cookie);
status_t net_client_unlisten(struct net_client *client, uint16_t port);
/* Answered by NET_EVENT_CONNECTED or NET_EVENT_FAILED. Returns the slot, or ERR_WOULD_BLOCK (no free slot). */
result_t net_client_connect(struct net_client *client, const uint8_t address[16], uint16_t port, uint64_t cookie);
void net_client_shut(struct net_client *client, uint32_t slot);  /* FIN after what was written */
void net_client_close(struct net_client *client, uint32_t slot); /* the caller is done with it; CLOSED follows */
void net_client_abort(struct net_client *client, uint32_t slot); /* reset; CLOSED follows */

/* ---- the turn ---- */

bool net_client_event(struct net_client *client, struct net_event *event); /* false: none now */
void net_client_flush(struct net_client *client); /* publishes all, rings netsrv once if it sleeps */
/* Ends a turn: flushes. True: nothing there, may wait for the bit; false: take another turn at once. */
MUST_CHECK bool net_client_sleep(struct net_client *client);

/* ---- a slot's bytes (a slot that is not open reads and writes 0 bytes) ---- */

uint32_t net_client_read(struct net_client *client, uint32_t slot, void *bytes, uint32_t count);
/* Without a copy: how many bytes lie in one piece at *at. They change under a lying netsrv only; copy, then check. */
uint32_t net_client_peek(struct net_client *client, uint32_t slot, void **at);
void net_client_consume(struct net_client *client, uint32_t slot, uint32_t count); /* at most what peek said */
uint32_t net_client_unread(struct net_client *client, uint32_t slot);              /* all that is there now */

uint32_t net_client_write(struct net_client *client, uint32_t slot, const void *bytes, uint32_t count);
/* Without a copy: room in one piece at *at, then net_client_produce of at most as much. */
uint32_t net_client_room_span(struct net_client *client, uint32_t slot, void **at);
void net_client_produce(struct net_client *client, uint32_t slot, uint32_t count);
uint32_t net_client_room(struct net_client *client, uint32_t slot);
bool net_client_want_room(struct net_client *client, uint32_t slot); /* true: full, ROOM will come; false: room now */

static inline void net_client_set_user(struct net_client *client, uint32_t slot, void *user)
{
    client->slots[slot].user = user;
}
static inline void *net_client_user(struct net_client *client, uint32_t slot)
{
    return client->slots[slot].user;
}

void net_client_command(struct net_client *client, uint16_t code, uint32_t slot); /* private: net_attach.c */

/* ---- asking (blocks until netsrv answers) ---- */
/* For who has the scope NET_SCOPE_ANY. */
status_t net_client_resolve(const char *name, uint8_t address[16], uint64_t deadline_ns);

/* ---- the region's layout: one function for both sides (netsrv never reads it from the region) ---- */
struct net_layout {
    uint32_t command_offset, event_offset, slot_offset, data_offset;
    uint64_t bytes; /* all of it, whole pages */
};
/* ERR_INVALID when a size is out of bounds or no power of two. */
MUST_CHECK status_t net_region_layout(uint32_t slot_count, uint32_t rx_size, uint32_t tx_size,
                                      struct net_layout *layout);
