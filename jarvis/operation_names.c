/* The names of the operations of all protocols, for who reads a trace. */
#include "jarvis/figures.h"
#include <proto/devmgr.h>
#include <proto/init.h>
#include <proto/jarvis.h>
#include <proto/net.h>

static const struct {
    uint16_t op;
    const char *name;
} names[] = {
#define X(NAME, number, request, reply, caps, rights) {PROTO_OP(PROTO_INIT, number), #NAME},
    INIT_OPS(X)
#undef X
#define X(NAME, number, request, reply, caps, rights) {PROTO_OP(PROTO_DEVMGR, number), #NAME},
        DEVMGR_OPS(X)
#undef X
#define X(NAME, number, request, reply, caps, rights) {PROTO_OP(PROTO_NET, number), #NAME},
            NET_OPS(X)
#undef X
#define X(NAME, number, request, reply, caps, rights) {PROTO_OP(PROTO_JARVIS, number), #NAME},
                JARVIS_OPS(X)
#undef X
#define X(NAME, number, request, reply, caps, rights) {PROTO_OP(PROTO_CONSOLE, number), #NAME},
                    CONSOLE_OPS(X)
#undef X
};

const char *operation_name(uint32_t op)
{
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (names[i].op == op)
            return names[i].name;
    return NULL;
}
