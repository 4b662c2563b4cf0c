/* What a session may do: four capabilities (trace, init, devmgr, netsrv) minted for it from rconsole's own, with the
 * session's number as badge where the parent has none, handed to jarvis with each session and revoked at its end.
 *
 * observer: OBSERVE, READ, READ, READ      operator: OBSERVE|CONTROL, READ|ADMIN, READ, READ
 *
 * Rules: netsrv's capability is always derived from the one that net_client attached with: netsrv counts a client gone when
 * the last capability of that family is. A service that is away is replaced by a capability without any right. */
#pragma once
#include <lib/net_client.h>
#include <proto/jarvis.h>

#define AUTHORITY_CAPS 4

struct authority_roots { /* rconsole's own */
    handle_t trace, init, devmgr;
    uint64_t refreshed_ns;
};

struct authority {
    handle_t caps[AUTHORITY_CAPS]; /* HANDLE_NONE: not minted */
};

void authority_roots_init(struct authority_roots *roots);
/* devmgr's capability anew, at most once a second: it died with a devmgr that was restarted. */
void authority_roots_refresh(struct authority_roots *roots, uint64_t now_ns);
/* All four or none. */
status_t authority_mint(struct authority *authority, const struct authority_roots *roots, handle_t netsrv,
                        uint32_t session, enum session_role role);
void authority_drop(struct authority *authority); /* revokes: what jarvis holds of it is dead when this returns */
