/* Clients, their slots and listeners: what netsrv knows beyond lwIP's control blocks.
 *
 * A slot's life
 *
 *   FREE ──SYN──► HALF_OPEN ──ACK──► OPEN ──────► ENDED (no control block any more) ──► FREE
 *   FREE ──CONNECT──► CONNECTING ──► OPEN          needs both: CLOSED was posted and the client said CLOSE or ABORT
 *
 * Rules
 *  - While slot->pcb is set, the pcb's argument is the slot; the ext-arg destroy callback clears it, so a slot never
 *    points to a freed control block.
 *  - rx: we produce. `unread` bytes were put there and not yet credited to TCP's window: window + unread = rx_size.
 *  - tx: we consume. Of what is filled, the first `queued` bytes were handed to TCP and lie in its segments by
 *    reference; they are consumed (the client may overwrite them) when the peer acknowledged them and not before.
 *  - Work on a slot (give TCP new bytes, credit the window, publish indices, post events) is done once a turn for the
 *    slots on the dirty list: slot_touch() puts one there.
 *  - A scope is a capability of ours that the client presented: whatever came through it points to it, and ends when the
 *    kernel says that it was revoked (presented.c). A client that is dropped has neither scopes nor anything that does.
 *  - A client is dropped at once, but its memory is unmapped only when the device has sent all that refers to it.
 */
#pragma once
#include <lib/net_client.h>
#include <lib/ring.h>
#include "netsrv/dma.h"

struct tcp_pcb;
struct client;

#define NET_PCBS_MAX 1024u
#define NET_CLIENTS_MAX 24u
#define NET_CLIENTS_OF_ONE 6u /* badge, those included that wait for the device: one task cannot take all places */
#define NET_LISTENERS_MAX 32u

enum slot_state { SLOT_FREE = 0, SLOT_HALF_OPEN, SLOT_CONNECTING, SLOT_OPEN, SLOT_ENDED };
enum slot_flags {
    SLOT_DIRTY = 1u << 0,
    SLOT_SHUT = 1u << 1,       /* FIN after what lies in the tx ring */
    SLOT_FIN_SENT = 1u << 2,   /* TCP has the FIN */
    SLOT_GIVEN_BACK = 1u << 3, /* the client said its last word */
    SLOT_CLOSE = 1u << 4,      /* close when the tx ring has been sent */
};

struct scope {
    uint64_t id; /* 0: free; the capability's own, for a handle may come to name another */
    handle_t cap;
    uint32_t badge, rights;
};

struct slot {
    /* set when taken */
    struct tcp_pcb *pcb;
    struct client *client;
    const struct scope *scope; /* that allows it */
    uint16_t index;
    uint16_t local_port, remote_port;
    uint8_t state, flags, linger;
    uint64_t cookie;
    uint8_t remote[16];
    /* bytes */
    struct ring_view rx, tx;
    uint32_t unread, queued;
    /* events not yet in the ring: bit number is the code */
    uint16_t events;
    bool listed;
    int32_t status; /* of CLOSED or FAILED */
    struct slot *next_dirty, *next_event, *next_free;
};

struct client {
    bool used, dropped;
    uint8_t number;
    bool refusal_told;
    uint32_t badge;
    struct scope scopes[NET_SCOPES_MAX];
    const struct scope *allowed_by; /* the LISTEN or CONNECT being handled */
    struct dma_area area;
    struct net_layout layout;
    uint32_t slot_count, accept_count, rx_size, tx_size;
    handle_t bell, notice; /* notice: only held, see NET_ATTACH */
    struct ring_view commands, events;
    struct slot *slots, *free_slots;
    uint32_t slots_used;
    struct slot *first_event, **last_event;
    bool ring;          /* its bell at the end of the turn */
    uint64_t sent_mark; /* dropped: the device must have passed it */
};

struct listener {
    struct client *client; /* NULL: free */
    struct tcp_pcb *pcb;
    const struct scope *scope;
    uint64_t cookie;
    uint16_t port;
    uint8_t announce; /* event code to post: LISTENING or LISTEN_FAILED; 0: none */
    int32_t status;
};

/* ---- slots.c ---- */
void slot_end(struct slot *slot, int32_t status); /* over for the client: CLOSED or FAILED will be posted */
struct slot *slot_take(struct client *client, bool for_accept, uint16_t index); /* NULL: none free */
void slot_free(struct slot *slot);
void slot_post(struct slot *slot, uint16_t event);
void slot_drop(struct slot *slot);   /* resets; no event: the client is going */
void slot_revoke(struct slot *slot); /* resets: its scope was revoked */
void slot_connect(struct client *client, const struct net_command *command);
void slot_shut(struct client *client, const struct net_command *command);
void slot_close(struct client *client, const struct net_command *command);
void slot_abort(struct client *client, const struct net_command *command);
void slot_kick(struct client *client, const struct net_command *command);

/* ---- tcp.c ---- */
void slot_attach_pcb(struct slot *slot, struct tcp_pcb *pcb); /* callbacks, window, the peer's address */
void slot_open(struct slot *slot);                            /* ready for data */
void slot_detach(struct slot *slot);    /* the control block lives on (FIN, TIME_WAIT) or is aborted without us */
void slot_abort_pcb(struct slot *slot); /* resets, if there is a control block */
signed char slot_on_connected(void *slot, struct tcp_pcb *pcb, signed char err); /* lwIP's tcp_connected_fn */

/* ---- work.c ---- */
void slot_touch(struct slot *slot); /* puts it on the dirty list */
void slots_turn(void);              /* works off the dirty list */

/* ---- listeners.c ---- */
void listener_add(struct client *client, const struct net_command *command);
void listener_remove(struct client *client, const struct net_command *command);
void listeners_drop(struct client *client);
void listeners_revoke(struct client *client, const struct scope *scope);
void listeners_post(struct client *client);
extern struct listener listeners[NET_LISTENERS_MAX];

/* ---- events.c ---- */
void events_flush(struct client *client); /* pending events into the client's ring, as far as there is room */
void client_post(struct client *client, const struct net_event *event); /* room was checked */

/* ---- presented.c ---- */
MUST_CHECK status_t scopes_init(handle_t own_channel);
MUST_CHECK status_t scope_present(struct client *client, handle_t cap); /* owns cap when OK */
/* The scope that allows this LISTEN or CONNECT, as far as the kernel says that it lives now; NULL: none does. */
const struct scope *scope_for(const struct client *client, const struct net_command *command);
bool scope_still_lives(const struct scope *scope);
void scopes_check_soon(void); /* some capability of our channel was revoked */
void scopes_turn(void);       /* ends what came through revoked ones, when that may have happened; else once a second */
void scopes_drop(struct client *client);

/* ---- clients.c ---- */
extern struct client clients[NET_CLIENTS_MAX];
void clients_init(handle_t signal, unsigned first_bit);
MUST_CHECK status_t client_attach(uint32_t badge, const struct net_attach *request, const handle_t caps[3],
                                  struct net_attached *reply, handle_t *bell);
struct client *client_numbered(uint32_t number, uint32_t badge); /* NULL: none, or another's */
void client_drop(struct client *client);
void clients_drop_badge(uint32_t badge);
bool clients_commands(void);     /* handles what lies in the command rings; true: something did */
void clients_flush(void);        /* events, and one ring of each bell that needs it */
bool clients_sleep(void);        /* before waiting: false, a command came meanwhile */
bool clients_pending(void);      /* some command lies there; cheap */
uint64_t clients_deadline(void); /* of a dropped client that waits for the device; DEADLINE_NEVER */
