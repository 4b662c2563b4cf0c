#include "rconsole/authority.h"
#include <lib/ipc.h>
#include <proto/init.h>

#define X(NAME, number, request, reply, caps, rights) IPC_OP_ENUM(PROTO_INIT, NAME, number)
enum { INIT_OPS(X) };
#undef X

#define PASS_ON (RIGHT_MINT | RIGHT_TRANSFER)
#define CONNECT_NS 250000000ull
#define REFRESH_NS 1000000000ull
#define INIT_NS 1000000000ull

void authority_roots_init(struct authority_roots *roots)
{
    *roots = (struct authority_roots){.trace = cap_named("trace"), .init = cap_named("init")};
}

void authority_roots_refresh(struct authority_roots *roots, uint64_t now_ns)
{
    if (roots->refreshed_ns && now_ns - roots->refreshed_ns < REFRESH_NS)
        return;
    roots->refreshed_ns = now_ns;
    result_t fresh = service_connect("devmgr", now_ns + CONNECT_NS);
    if (fresh < 0)
        return;
    if (roots->devmgr != HANDLE_NONE)
        cap_close(roots->devmgr);
    roots->devmgr = (handle_t)fresh;
}

static handle_t mint(handle_t root, uint32_t rights, uint64_t badge)
{
    result_t cap = root == HANDLE_NONE ? ERR_BAD_HANDLE : cap_mint(root, rights | PASS_ON, badge);
    return cap < 0 ? HANDLE_NONE : (handle_t)cap;
}

static handle_t mint_init(handle_t init, uint32_t session, enum session_role role)
{
    struct init_session ask = {.rights = SERVICE_READ | (role == ROLE_OBSERVER ? 0 : SERVICE_ADMIN), .badge = session};
    handle_t cap = HANDLE_NONE;
    status_t status =
        ipc_call_caps(init, INIT_SESSION, &ask, sizeof ask, NULL, 0, 0, NULL, 0, &cap, 1, clock_now() + INIT_NS);
    return status == OK ? cap : HANDLE_NONE;
}

status_t authority_mint(struct authority *authority, const struct authority_roots *roots, handle_t netsrv,
                        uint32_t session, enum session_role role)
{
    const uint32_t look = RIGHT_CHANNEL_SEND | SERVICE_READ;
    const uint32_t look_at_trace = RIGHT_TRACE_OBSERVE | (role == ROLE_OBSERVER ? 0 : RIGHT_TRACE_CONTROL);
    authority_drop(authority);
    authority->caps[0] = mint(roots->trace, look_at_trace, session);
    authority->caps[1] = mint_init(roots->init, session, role);
    authority->caps[2] = mint(roots->devmgr, look, 0);
    authority->caps[3] = mint(netsrv, look, 0);
    for (unsigned i = 0; i < AUTHORITY_CAPS; i++)
        if (authority->caps[i] == HANDLE_NONE)
            authority->caps[i] = mint(roots->trace, 0, session); /* stands for "none" */
    for (unsigned i = 0; i < AUTHORITY_CAPS; i++) {
        if (authority->caps[i] == HANDLE_NONE) {
            authority_drop(authority);
            return ERR_QUOTA;
        }
    }
    return OK;
}

void authority_drop(struct authority *authority)
{
    for (unsigned i = 0; i < AUTHORITY_CAPS; i++) {
        if (authority->caps[i] == HANDLE_NONE)
            continue;
        (void)cap_revoke(authority->caps[i]);
        cap_close(authority->caps[i]);
        authority->caps[i] = HANDLE_NONE;
    }
}
