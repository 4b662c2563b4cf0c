/* How a protocol is written down: one header, one X-macro list of operations.
 *
 *   #define FOO_OPS(X) X(FOO_OPEN, 1, struct foo_open, struct foo_opened, caps in, rights, right needed)
 *
 * number: 1..255, unique in the protocol; request and reply: exact-size structs (struct empty for none; a request with
 * variable tail uses length >= sizeof and is marked by a trailing flexible array — not allowed here: fixed sizes only);
 * caps: how many capabilities come with the request; rights: service rights that the capability used must carry.
 * lib/ipc.h turns the list into numbers, size checks and the dispatch table. */
#pragma once
#include <abi/message.h>

enum protocol_id {
    PROTO_INIT = 1,
    PROTO_DEVMGR = 2,
    PROTO_NET = 3,
    PROTO_JARVIS = 4,
    PROTO_CONSOLE = 5,
    PROTO_FILE = 6,
    PROTO_BENCH = 7,
};
#define PROTO_OP(protocol, number) ((uint16_t)((protocol) << 8 | (number)))

struct empty {
    uint8_t none[0];
};

/* Service rights that several protocols share. */
#define SERVICE_READ 0x0001u   /* look */
#define SERVICE_WRITE 0x0002u  /* change data */
#define SERVICE_ADMIN 0x0004u  /* change configuration, restart */
#define SERVICE_ATTACH 0x0008u /* become a client with rings, or a driver */
#define SERVICE_LISTEN 0x0010u
#define SERVICE_CONNECT 0x0020u

/* A badge says who the client is (init's numbers, below SCOPE_BADGE_MIN) or what a capability allows: a scope, like "TCP
 * port 2323". init hands scopes out by the manifest; the service's own header says how its scopes are written. */
#define SCOPE_BADGE_MIN 0x01000000u
