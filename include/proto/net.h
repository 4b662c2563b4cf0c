/* netsrv: TCP connections as byte rings in memory of the client.
 *
 * A client attaches once with a memory object that it owns (struct net_region and all byte rings in it) and a signal
 * with which netsrv rings it. After that listening, connecting and all data go through rings without a message:
 *
 *   client  → netsrv   command ring (struct net_command)     netsrv → client   event ring (struct net_event)
 *   client  → netsrv   tx ring of each slot                  netsrv → client   rx ring of each slot
 *
 * A slot is a place for one connection. Transmit data stays in the client's ring until the peer has acknowledged it;
 * receive window = free space of the rx ring, so what arrives always fits. netsrv keeps per connection only its TCP
 * state; whatever the client writes into the region is copied and clamped before use. When the client dies, its
 * connections are reset. When netsrv dies, the client finds its capability dead (ERR_PEER_DIED) and attaches anew with
 * a fresh region.
 *
 * Who may what
 *  - Attaching gives rings and no network. What a client may listen on and connect to is said by capabilities, scopes,
 *    which init mints by the manifest (INIT_CONNECT with the scope's badge) and the client moves to netsrv (PRESENT):
 *        listen     right SERVICE_LISTEN, badge NET_SCOPE_LISTEN(port): that TCP port and no other
 *        connect    right SERVICE_CONNECT, badge NET_SCOPE_ANY: every address, and names
 *                   right SERVICE_CONNECT, badge NET_NETWORK(a, b, c, d), rights NET_HOST_BITS(32 - prefix): that IPv4
 *                   network (IPv6 takes ANY)
 *  - Rights and badge are the kernel's, read by netsrv with cap_info: no field of a message decides anything, save which
 *    of its own clients the caller means. What is refused is refused with ERR_NO_RIGHT.
 *  - Attenuation is cap_mint's: whoever may mint drops SERVICE_ bits, or clears bits of NET_HOST_BITS, which always
 *    makes the network smaller around the same address (a /8 has 24 = 16 + 8 of them: /16, /24 and /32 can be made).
 *  - Revocation: netsrv asks the kernel at each use (LISTEN, a SYN that comes in, CONNECT) whether the capability still
 *    lives, so from the revoke on nothing new begins. Listeners close (LISTEN_FAILED, ERR_NO_RIGHT) and connections
 *    that came through it are reset (CLOSED or FAILED, ERR_NO_RIGHT) as soon as netsrv runs: the kernel tells it
 *    (MSG_CLOSED), or, while others hold the same badge, within a second.
 *  - netsrv knows nothing of this but the capabilities that it holds; they die with it, and clients that attach anew get
 *    theirs from init again.
 *
 * The region is netsrv's to keep: the client moves the root of its derivation tree (cap_info: parent_id 0) and keeps a
 * child for itself, so nobody can take the memory away while netsrv works on it. When netsrv lets go of it, or dies, the
 * client's child is the root. */
#pragma once
#include <proto/protocol.h>

/* clang-format off */
#define NET_OPS(X)                                                                                  \
    X(NET_ATTACH, 1, struct net_attach, struct net_attached, 3, SERVICE_ATTACH)                     \
    X(NET_STATUS, 2, struct net_status_request, struct net_status, 0, SERVICE_READ)                 \
    X(NET_STATS, 3, struct net_stats_request, struct net_stats, 0, SERVICE_READ)                    \
    X(NET_CONNECTIONS, 4, struct net_connections, struct net_connection_list, 0, SERVICE_READ)      \
    X(NET_RESOLVE, 5, struct net_resolve, struct net_resolved, 0, SERVICE_CONNECT)                  \
    X(NET_PRESENT, 6, struct net_present, struct empty, 1, SERVICE_ATTACH)
/* clang-format on */

/* ---- scopes: badges are class E addresses (240.0.0.0/4), which nobody can connect to, or an IPv4 network ---- */
#define NET_SCOPE_LISTEN(port) (0xf1000000u | (uint16_t)(port))
#define NET_SCOPE_ANY 0xf2000000u
#define NET_NETWORK(a, b, c, d) ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (uint32_t)(d))
#define NET_HOST_BITS_SHIFT 6
#define NET_HOST_BITS(n) ((uint32_t)(n) << NET_HOST_BITS_SHIFT) /* n: 0..32, low bits of the address that are free */
#define NET_SCOPES_MAX 8u                                       /* that one attached client may have presented */

/* ---- the region: page-aligned, made by the client with memory_create, mapped by both ---- */
#define NET_REGION_MAGIC 0x54454e54u
#define NET_SLOTS_MAX 1024
#define NET_COMMANDS 1024 /* entries, power of two */
#define NET_EVENTS 4096   /* entries, power of two */

/* Index words of one single-producer single-consumer ring. Free-running 32-bit counts; place = count & (size - 1).
 * Producer and consumer words lie on cache lines of their own. See lib/ring.h for the protocol of `asleep`. */
struct ring_control {
    _Alignas(64) uint32_t produced;
    uint32_t producer_asleep; /* the producer waits for room: ring its bell after consuming */
    _Alignas(64) uint32_t consumed;
    uint32_t consumer_asleep; /* the consumer waits for data: ring its bell after producing */
};

enum net_command_code {
    NET_COMMAND_NONE = 0,
    NET_COMMAND_LISTEN,   /* value: port; slot unused; `cookie` comes back in every event of this listener */
    NET_COMMAND_UNLISTEN, /* value: port */
    NET_COMMAND_CONNECT,  /* slot: a free one; value: port; address: 16 bytes IPv6 or ::ffff:a.b.c.d */
    NET_COMMAND_SHUT,     /* slot: no more data from us: FIN after what lies in the tx ring */
    NET_COMMAND_CLOSE,    /* slot: give it back; what lies in the tx ring is still sent, received data is dropped */
    NET_COMMAND_ABORT,    /* slot: reset */
    NET_COMMAND_KICK,     /* slot: tx data was added or rx data taken (a busy netsrv looks anyway) */
    NET_COMMAND_DETACH,   /* the client drops its region: all its connections are reset, its listeners closed */
    NET_COMMAND_COUNT
};
struct net_command {
    uint16_t code, slot;
    uint32_t value;
    uint64_t cookie;
    uint8_t address[16];
};

enum net_event_code {
    NET_EVENT_NONE = 0,
    NET_EVENT_LISTENING,     /* value: port */
    NET_EVENT_LISTEN_FAILED, /* value: port; status: ERR_EXISTS, ERR_NO_RIGHT, … */
    NET_EVENT_ACCEPTED,      /* slot: netsrv took a free one; value: local port; address, remote_port: the peer */
    NET_EVENT_CONNECTED,     /* slot */
    NET_EVENT_FAILED,        /* slot: CONNECT did not succeed; status; the slot is free again */
    NET_EVENT_DATA,          /* slot: the rx ring went from empty to not empty */
    NET_EVENT_ROOM,          /* slot: room in the tx ring after the client had set producer_asleep */
    NET_EVENT_FIN,           /* slot: the peer will send no more (what is in the rx ring stays readable) */
    NET_EVENT_CLOSED,        /* slot: gone: status OK after CLOSE, ERR_PEER_DIED after a reset by the peer,
                             ERR_TIMED_OUT. The slot is free again after this event and one CLOSE or ABORT from the
                             client, whichever comes last: so no late command can hit the slot's next connection. */
};
struct net_event {
    uint16_t code, slot;
    int32_t status;
    uint32_t value;
    uint16_t remote_port, reserved;
    uint64_t cookie;
    uint8_t address[16];
};

struct net_slot {
    struct ring_control rx, tx; /* rx: netsrv produces; tx: the client produces */
};

/* Layout: struct net_region, commands[NET_COMMANDS], events[NET_EVENTS], slots[slot_count], then at data_offset (page
 * aligned) for each slot rx_size bytes and then tx_size bytes. Sizes are powers of two >= 2048. */
struct net_region {
    uint32_t magic, slot_count, rx_size, tx_size;
    uint32_t data_offset, command_offset, event_offset, slot_offset;
    struct ring_control commands, events;
};

/* ATTACH: caps[0] the region (READ|WRITE|PIN; ERR_REFUSED when it was derived from another capability), caps[1] a signal (RAISE) that rings the client, caps[2] a SEND capability
 * of the client's channel that netsrv only holds: the client gets MSG_CLOSED with its badge when netsrv dies or drops
 * the client. Reply caps[0]: a signal that rings netsrv. Accepting takes free slots from the client's region by itself
 * (no free slot: the SYN waits), never the last connect_slots: those are for CONNECT, so the two sides cannot take the
 * same slot at once. netsrv zeroes both rings of a slot when it takes it. */
struct net_attach {
    uint64_t region_bytes;
    uint32_t slot_count, rx_size, tx_size, connect_slots;
};
struct net_attached {
    uint32_t client, reserved;
};

/* PRESENT: caps[0] a scope, for the client that ATTACH answered. ERR_NO_RIGHT: not the caller's client, or no scope of
 * this netsrv; ERR_TABLE_FULL: NET_SCOPES_MAX are there. */
struct net_present {
    uint32_t client, reserved;
};

struct net_status_request {
    uint32_t interface, reserved;
};
struct net_status {
    char name[8], driver[12];
    uint8_t mac[6];
    uint8_t link_up, configured; /* configured: 0 no address yet, 1 DHCP, 2 static, 3 link-local */
    uint8_t ipv4[4], mask[4], gateway[4], dns[2][4];
    uint8_t ipv6[3][16]; /* all zero: none */
    char hostname[24];
    uint64_t rx_packets, tx_packets, rx_bytes, tx_bytes;
    uint32_t rx_dropped, tx_dropped, lease_seconds, connections;
};

struct net_stats_request {
    uint32_t reserved[2];
};
struct net_stats { /* pools in use now; the leak test compares them */
    uint32_t tcp_pcbs, tcp_time_wait, tcp_listeners, tcp_segments, pbufs, rx_buffers_out, heap_used, heap_limit;
    uint32_t slots_used, clients, tx_descriptors_used, lost_kicks_recovered;
    uint64_t retransmits, checksum_errors;
};

struct net_connections {
    uint32_t first, reserved;
};
struct net_connection {
    uint8_t remote[16];
    uint16_t local_port, remote_port;
    uint8_t state /* RFC 793's, LISTEN = 1 */, proto /* 6 */, client, reserved;
};
struct net_connection_list {
    uint32_t total, count;
    struct net_connection connections[8];
};

/* RESOLVE goes through a capability with badge NET_SCOPE_ANY: a question to a name server leaves the machine. */
struct net_resolve {
    char name[128];
};
struct net_resolved {
    uint8_t address[16];
};
