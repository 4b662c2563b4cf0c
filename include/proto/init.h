/* init: the names of services, and their supervision. Every service holds a SEND capability to init ("init"), with
 * the badge that says which service it is. */
#pragma once
#include <proto/protocol.h>

/* X(NAME, number, request, reply, caps in, rights) */
/* clang-format off */
#define INIT_OPS(X)                                                                      \
    X(INIT_CONNECT, 1, struct init_connect, struct init_connected, 0, 0)                 \
    X(INIT_READY, 2, struct init_ready, struct empty, 1, 0)                              \
    X(INIT_SERVICES, 3, struct init_services, struct init_service_list, 0, SERVICE_READ) \
    X(INIT_RESTART, 4, struct init_name, struct empty, 0, SERVICE_ADMIN)                 \
    X(INIT_STOP, 5, struct init_name, struct empty, 0, SERVICE_ADMIN)                    \
    X(INIT_START, 6, struct init_name, struct empty, 0, SERVICE_ADMIN)                   \
    X(INIT_SESSION, 7, struct init_session, struct empty, 0, SERVICE_ATTACH)             \
    X(INIT_CAP_REVOKE, 8, struct init_cap_revoke, struct init_cap_revoked, 0, SERVICE_ADMIN)
/* clang-format on */

struct init_name {
    char name[16];
};

/* CONNECT: a capability for a service that the manifest lets the caller use; waits until that service is ready.
 * The reply carries it in caps[0]: SEND, the manifest's service rights, the caller's badge. When the service dies,
 * calls through it answer ERR_PEER_DIED: CONNECT again. ERR_NO_RIGHT: not in the manifest (nor that scope), or a session's capability;
 * ERR_NOT_FOUND: not started in this boot; ERR_UNREACHABLE: init gave that service up. */
struct init_connect {
    char name[16];
    uint32_t scope, reserved; /* 0, or the badge of a scope: then caps[0] has that badge and the scope's rights */
};
struct init_connected {
    uint32_t generation; /* how often that service was started */
    uint32_t reserved;
};

/* READY: a service is up; caps[0] is a SEND|MINT|TRANSFER capability, badge 0, of the channel that it serves (it keeps
 * RECV). Once a start; ERR_BAD_STATE after that. */
struct init_ready {
    uint32_t reserved[2];
};

/* STOP answers ERR_REFUSED for the services that carry the console: nobody could order their start. START and RESTART
 * wait until all of the old task's memory is back. */
struct init_services {
    uint32_t first, reserved; /* how many to pass over; listed: those in the archive or asked for by the boot line */
};
enum service_state { SERVICE_STOPPED = 0, SERVICE_STARTING, SERVICE_UP, SERVICE_BACKING_OFF, SERVICE_GIVEN_UP };
struct init_service {
    char name[16];
    uint32_t task_id, state, restarts, priority;
};
struct init_service_list {
    uint32_t total, count; /* all; in this answer */
    struct init_service services[6];
};

/* RESTART, STOP, START: ERR_NOT_FOUND for a name that init does not know, ERR_BAD_STATE for START of a running service and
 * STOP of a stopped one. */

/* SESSION: rconsole asks for a capability to init itself with other rights, for a session's role (observer: READ,
 * operator: READ|ADMIN; no others: ERR_NO_RIGHT). Reply caps[0], with MINT and TRANSFER; its badge is INIT_SESSION_BADGE
 * with the asked badge's low bits, so that no session can pass for a service. */
#define INIT_SESSION_BADGE 0x80000000u
struct init_session {
    uint32_t rights, badge;
};

/* CAP_REVOKE: ends a capability that a service holds, and everything derived from it, in steps between which init serves
 * others; the answer comes when nothing of it works any more.
 *  - `handle` is where system_info(INFO_CAPS) showed it; init looks there and nowhere else, so the order costs the same
 *    however many capabilities that task holds. ERR_NOT_FOUND: it is not there (any more), look again.
 *  - What a service cannot live without (all that init gave it, its receive right, its signals, its device) takes the
 *    service's present life with it: it is started anew (`restarts`).
 *  - A capability to hardware (dma, irq, ioport) is taken back by ending the task that holds it, so that devmgr quiets the
 *    device before the pages that it may write are anybody else's; then `ended` is 0 in the answer.
 *  - ERR_REFUSED: init itself holds it. ERR_BUSY: another such order is under way. */
struct init_cap_revoke {
    uint64_t capability_id;
    uint32_t task_id;
    handle_t handle;
    uint32_t only_ask; /* 1: check and answer `restarts`, and do nothing */
    uint32_t reserved;
};
struct init_cap_revoked {
    uint64_t ended; /* by how much the kernel's count of capabilities fell meanwhile */
    uint32_t restarts, reserved;
};
