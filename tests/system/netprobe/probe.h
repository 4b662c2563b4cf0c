/* netprobe: a client of netsrv that attacks it, and connects to QEMU's host. It says on the log how each attack went; the
 * test (test_netcaps.py) reads that and looks at netsrv from the outside.
 *
 * Rules
 *  - An attack returns NULL when it was repelled as it should, or what was wrong.
 *  - An attack leaves nothing behind: it detaches what it attached. */
#pragma once
#include <lib/ipc.h>
#include <lib/net_client.h>

#define X(NAME, number, request, reply, caps, rights) IPC_OP_ENUM(PROTO_NET, NAME, number)
enum { NET_OPS(X) };
#undef X

#define SECOND_NS 1000000000ull
#define OWN_NETWORK NET_NETWORK(10, 0, 2, 0)
#define OWN_PORT 4000u

struct attack {
    const char *name;
    const char *(*run)(void);
};
extern const struct attack attach_attacks[], scope_attacks[], bulk_attacks[]; /* a NULL name ends the list */

extern handle_t channel, signal; /* own; the signal is bound to the channel */
extern uint16_t host_port;       /* an echo server on QEMU's host */
extern const uint8_t host_address[16];

const char *wrong(const char *what, status_t got); /* "what: text of got" */
/* Attaches with four slots, two of them to connect with, and these scopes (0: none). */
status_t probe_attach(struct net_client *net, uint32_t scope, uint32_t scope2);
handle_t own_child(handle_t cap, uint32_t rights); /* minted; HANDLE_NONE: refused */
status_t present(const struct net_client *net, uint32_t number, handle_t cap);
/* Waits for an event of that code (others are passed over); status of it, or ERR_TIMED_OUT. */
status_t wait_event(struct net_client *net, uint16_t code, uint64_t timeout_ns);
/* The status with which a CONNECT or LISTEN is answered; OK: connected (in *slot) or listening. */
status_t try_connect(struct net_client *net, const uint8_t address[16], uint32_t *slot);
status_t try_listen(struct net_client *net, uint16_t port);
