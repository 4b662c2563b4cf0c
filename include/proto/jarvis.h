/* jarvis and rconsole: a session's requests and answers.
 *
 * rconsole owns the connection and the session's authority; jarvis understands and acts with that authority only.
 * Text travels through one memory object a session (struct jarvis_buffer): the request text rconsole → jarvis, the
 * answer through a byte ring jarvis → rconsole. */
#pragma once
#include <proto/net.h>

/* rconsole calls or sends to jarvis */
/* clang-format off */
#define JARVIS_OPS(X)                                                                \
    X(JARVIS_ATTACH, 1, struct jarvis_attach, struct empty, 1, SERVICE_ATTACH)       \
    X(JARVIS_OPEN, 2, struct jarvis_open, struct empty, 1, SERVICE_ATTACH)           \
    X(JARVIS_AUTHORITY, 3, struct jarvis_authority, struct empty, 4, SERVICE_ATTACH) \
    X(JARVIS_REQUEST, 4, struct jarvis_request, struct empty, 0, SERVICE_ATTACH)     \
    X(JARVIS_CLOSE, 5, struct jarvis_close, struct empty, 0, SERVICE_ATTACH)         \
    X(JARVIS_ROOM, 6, struct jarvis_close, struct empty, 0, SERVICE_ATTACH)          \
    X(JARVIS_STOP, 7, struct jarvis_close, struct empty, 0, SERVICE_ATTACH)
/* clang-format on */
/* jarvis sends to rconsole (one-way; badge CONSOLE_BADGE_JARVIS) */
#define CONSOLE_OPS(X)                                              \
    X(CONSOLE_ANSWER, 1, struct console_answer, struct empty, 0, 0) \
    X(CONSOLE_TRACE, 2, struct console_trace, struct empty, 0, 0)

#define JARVIS_SESSIONS_MAX 32
#define JARVIS_REQUEST_MAX 4096
#define JARVIS_ANSWER_SIZE 16384 /* ring size, power of two */

struct jarvis_buffer {
    struct ring_control answer; /* jarvis produces, rconsole consumes */
    char request[JARVIS_REQUEST_MAX];
    char answer_bytes[JARVIS_ANSWER_SIZE];
};

struct jarvis_attach { /* caps[0]: a SEND capability of rconsole's channel. Ends all sessions of an earlier attach. */
    uint32_t reserved[2];
};
enum session_role { ROLE_OBSERVER = 0, ROLE_OPERATOR = 1, ROLE_ADMIN = 2 };
/* OPEN: caps[0]: the session's buffer (READ|WRITE), the root of its derivation tree: nobody can take it away while jarvis
 * works on it (lib/runtime.h, memory_map_shared). */
struct jarvis_open {
    uint32_t session, role;
    uint8_t peer[16];
    uint32_t agent /* 0 text console, 1 agent port */, reserved;
};
struct jarvis_authority { /* caps: trace, init, devmgr, netsrv, in this order; what the session may do, and no more */
    uint32_t session, role;
};
struct jarvis_request { /* text in the buffer's request[], without the line end */
    uint32_t session, length, serial, reserved;
};
/* also of ROOM: the answer ring has room again after jarvis had set producer_asleep; and of STOP: the request that is being
 * answered (its answers so far said GOES_ON) is to end with what there is; nothing happens when none is. */
struct jarvis_close {
    uint32_t session, reserved;
};
/* What rconsole is to do besides, with the last part of an answer. ENDED stands alone: after JARVIS_CLOSE (or an OPEN
 * that failed) jarvis has let go of the session's buffer and capabilities, and the buffer may be given to another. */
enum console_action {
    CONSOLE_NOTHING = 0,
    CONSOLE_CLOSE,
    CONSOLE_LOGOUT,
    CONSOLE_REFRESH /* AUTHORITY anew */,
    CONSOLE_ENDED,
    CONSOLE_GOES_ON /* not the last part, and it will take a while: JARVIS_STOP cuts it short */
};
struct console_answer { /* bytes were put into the answer ring; last: the request is done (prompt again) */
    uint32_t session, serial, last, action;
};
/* While a request watches the trace, its filter is the request's. What it was before is told first: rconsole puts it back when
 * the session ends or jarvis dies before jarvis has done so itself, which it tells with session 0. */
struct console_trace {
    uint32_t session, mask, count, tasks[8], reserved;
};
