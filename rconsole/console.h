/* All of rconsole's state. One task, one thread, one loop (main.c). */
#pragma once
#include "rconsole/lobby.h"
#include "rconsole/session.h"
#include "rconsole/trace_keep.h"
#include <lib/ipc.h>

#define CONSOLE_PORT 2323u
#define CONSOLE_SLOTS 32u /* sessions, and as many again to tell that there is no room */
#define CONSOLE_RX 4096u
#define CONSOLE_TX 16384u

struct console {
    struct ipc_server server;
    handle_t signal;
    struct net_client net;
    struct jarvis_link link;
    struct authority_roots roots;
    struct login login;
    struct trace_keep trace_keep;
    char version[32];
    bool net_up, listen_refused, again; /* again: jarvis's queue was full, come back soon */
    uint64_t listen_ns;                 /* when to try to listen again; DEADLINE_NEVER: listening */
    uint32_t next_number;
    struct session sessions[SESSIONS_MAX];
    struct guest lobby[CONSOLE_SLOTS];
};
