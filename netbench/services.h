/* The three services: RFC 862 (echo), 863 (discard), 864 (character generator).
 *
 * Rules
 *  - Each has a region of its own, with rings as it needs them: who only receives has the smallest transmit ring.
 *  - services_run does all that is there and never waits; each region's netsrv bell is rung at most once a turn. */
#pragma once
#include <lib/net_client.h>

#define SERVICES_COUNT 3u

struct service {
    const char *name;
    uint16_t port;
    uint32_t slots, rx_size, tx_size; /* slots: at most, with enough memory */
    void (*opened)(struct net_client *client, uint32_t slot);
    void (*readable)(struct net_client *client, uint32_t slot);
    void (*writable)(struct net_client *client, uint32_t slot);
    void (*ended)(struct net_client *client, uint32_t slot); /* the peer sent FIN */
};
extern const struct service services[SERVICES_COUNT];

void service_events(const struct service *service, struct net_client *client);
