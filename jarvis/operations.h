/* The numbers of the operations that Jarvis calls. */
#pragma once
#include <proto/devmgr.h>
#include <proto/init.h>
#include <proto/net.h>

#define OPERATION(protocol, NAME, number) NAME = PROTO_OP(protocol, number),
#define X(NAME, number, request, reply, caps, rights) OPERATION(PROTO_INIT, NAME, number)
enum { INIT_OPS(X) };
#undef X
#define X(NAME, number, request, reply, caps, rights) OPERATION(PROTO_DEVMGR, NAME, number)
enum { DEVMGR_OPS(X) };
#undef X
#define X(NAME, number, request, reply, caps, rights) OPERATION(PROTO_NET, NAME, number)
enum { NET_OPS(X) };
#undef X
