/* The one table of who runs and who may do what. Everything that a service starts with is in its row; nothing else gives
 * authority. manifest_rules.c proves from the table what must never be (tests/unit/test_manifest.c, and init at start).
 *
 * A row's index + 1 is the badge on the service's capability to init, and on those that CONNECT hands out for it. */
#pragma once
#include "init/supervise.h"
#include <abi/object.h>

#define MANIFEST_MAX 24
#define MANIFEST_CAPS_MAX 4
#define MANIFEST_LINKS_MAX 6
#define MANIFEST_SCOPES_MAX 4
#define INIT_PRIORITY 24u

/* A capability of init's own, of which the service gets a child with `rights`, under the same name. */
struct manifest_cap {
    const char *name; /* "trace", "power" or "root"; NULL ends the list */
    uint32_t rights;
};

/* What one capability of a service allows, as that service's header writes it: proto/net.h. */
struct manifest_scope {
    uint32_t badge;  /* SCOPE_BADGE_MIN or more; 0 ends the list */
    uint32_t rights; /* service rights; MINT where the client may attenuate it */
};

/* A service that this one may CONNECT to. */
struct manifest_link {
    const char *service; /* NULL ends the list */
    uint32_t rights;     /* service rights, and MINT and TRANSFER where it may derive from it for others */
    bool restart_with;   /* started anew after `service` was: what it got from it is void */
    struct manifest_scope scopes[MANIFEST_SCOPES_MAX];
};

struct manifest_entry {
    const char *name;  /* also the program's in the archive */
    uint32_t priority; /* below init's; strictly below that of each service that it calls */
    enum restart_policy restart;
    uint32_t quota_pages;   /* at least this many, on the smallest machine */
    uint32_t quota_percent; /* of the machine's memory, where that is more */
    uint32_t stack_pages;
    uint64_t affinity;       /* the CPUs where it may run, a bit each; 0: all. None of them there: all, and a warning */
    bool carries_console;    /* without it nobody could order anything any more: STOP is refused */
    bool reads_token;        /* others find the boot line's token=… blotted out */
    bool test_only;          /* its program is in the test archive only: may hold more, must have a boot option */
    const char *boot_option; /* started only when the boot line has it; NULL: always */
    uint32_t init_rights;    /* service rights (and MINT, TRANSFER) on the capability "init" */
    struct manifest_cap caps[MANIFEST_CAPS_MAX];
    struct manifest_link links[MANIFEST_LINKS_MAX];
};

extern const struct manifest_entry manifest[];
extern const size_t manifest_count;

/* The index of a name; `count` when there is none. */
size_t manifest_find(const struct manifest_entry *entries, size_t count, const char *name);
/* The link of entry `from` to the service `to`; NULL: may not connect. */
const struct manifest_link *manifest_link(const struct manifest_entry *from, const char *to);
/* The rights of a link's scope; 0: the link has no such scope. */
uint32_t manifest_scope(const struct manifest_link *link, uint32_t badge);
/* Does the entry run under this boot line? */
/* Pages that the service gets on a machine with so many free. */
uint32_t manifest_quota(const struct manifest_entry *entry, uint64_t machine_pages);
bool manifest_wanted(const struct manifest_entry *entry, const char *boot_line);
