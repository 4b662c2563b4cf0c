/* What the tests of netsrv's sockets share: netsrv, lwIP and the client library, whole, over a wire that ends where it
 * begins; peers that are raw control blocks of the same lwIP, and a client that echoes. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <lib/net_client.h>
#include <lwip/priv/tcp_priv.h>
#include <lwip/tcp.h>
#include "netsrv/connection.h"
#include "netsrv/loop.h"
#include "netsrv/service.h"

#define MS 1000000ull
#define PORT 7

extern handle_t server_signal, client_signal, client_channel;

/* ---- the peer: a raw control block ---- */

struct peer {
    struct tcp_pcb *pcb;
    bool connected, fin, dead;
    err_t err;
    size_t received;
    uint8_t *bytes; /* what came, when wanted */
};

void peer_dial(struct peer *peer, uint16_t port);
void peer_close(struct peer *peer);

/* ---- an echo client that remembers what it saw ---- */

struct app {
    struct net_client net;
    unsigned accepted, closed, fins, listening, failed, connected, data;
    int32_t last_status;
    uint32_t last_slot;
    bool echo, hold; /* hold: reads nothing */
    uint8_t fin[NET_SLOTS_MAX];
    uint64_t last_cookie;
};
extern struct app app;

void app_echo(struct app *app, uint32_t slot);
/* Attaches `app` with the scope to listen on PORT and with `scope`, and listens on PORT. */
void attach_with(uint32_t slots, uint32_t connect_slots, uint32_t rx, uint32_t tx, uint32_t scope);
void attach(uint32_t slots, uint32_t connect_slots, uint32_t rx, uint32_t tx); /* scope: any address */
void connect_echo_close(unsigned i);

/* ---- time ---- */

void turns(unsigned n);
void pass(uint64_t ns); /* in steps, so that timers run in order */
void both(struct app *app, unsigned n);

/* ---- around each test: everything is as before, once TIME_WAIT is over ---- */

int fixture_start(void **state); /* once */
int fixture_setup(void **state);
int fixture_teardown(void **state);
#define T(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)
