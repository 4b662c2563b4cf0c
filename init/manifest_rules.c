#include "init/manifest_rules.h"

#include <abi/task.h>
#include <proto/devmgr.h>
#include <string.h>

#define PASS_ON (RIGHT_MINT | RIGHT_TRANSFER)
#define STACK_PAGES_MAX 64u

struct table {
    const struct manifest_entry *entries;
    size_t count;
};

#define TRACE_ALL (RIGHT_TRACE_EMIT | RIGHT_TRACE_OBSERVE | RIGHT_TRACE_CONTROL | PASS_ON)

/* Which of init's capabilities a service may hold, who may, and with which rights at most. Whatever is not here is an
 * unknown name; so of what is shipped nobody but devmgr holds "root", and "root" never creates tasks. */
struct cap_rule {
    const char *name, *only; /* only: NULL for every service */
    uint32_t rights;
    bool test_only; /* for rows that are test_only */
};
static const struct cap_rule cap_rules[] = {
    {"trace", NULL, RIGHT_TRACE_EMIT, false},
    {"trace", "rconsole", TRACE_ALL, false},
    {"trace", "tracer", RIGHT_TRACE_EMIT | RIGHT_TRACE_OBSERVE, false},
    {"power", "rconsole", RIGHT_POWER_USE | PASS_ON, false},
    {"root", "devmgr", RIGHT_ROOT_DEVICE, false},
    {"trace", NULL, TRACE_ALL, true},
    {"root", NULL, RIGHT_ROOT_TASK | RIGHT_ROOT_DEVICE | PASS_ON, true},
};

static bool name_is(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

static bool name_valid(const char *name)
{
    size_t length = name ? strlen(name) : 0;
    return length > 0 && length < TASK_NAME_MAX && length < sizeof((struct init_name *)0)->name &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_") == length && !name_is(name, "init");
}

/* ---- the rules: each true when the entry keeps it ---- */

static bool rule_name(const struct table *t, const struct manifest_entry *e)
{
    return name_valid(e->name) && &t->entries[manifest_find(t->entries, t->count, e->name)] == e;
}

static bool rule_priority(const struct table *t, const struct manifest_entry *e)
{
    (void)t;
    return e->priority > 0 && e->priority < INIT_PRIORITY;
}

static bool rule_sizes(const struct table *t, const struct manifest_entry *e)
{
    (void)t;
    return e->quota_pages > 0 && e->stack_pages > 0 && e->stack_pages <= STACK_PAGES_MAX;
}

static bool cap_allowed(const struct manifest_entry *e, const struct manifest_cap *cap)
{
    for (size_t i = 0; i < sizeof cap_rules / sizeof cap_rules[0]; i++) {
        const struct cap_rule *rule = &cap_rules[i];
        if (name_is(rule->name, cap->name) && (!rule->only || name_is(rule->only, e->name)) &&
            (!rule->test_only || e->test_only) && !(cap->rights & ~rule->rights))
            return true;
    }
    return false;
}

static bool rule_caps(const struct table *t, const struct manifest_entry *e)
{
    (void)t;
    for (size_t i = 0; i < MANIFEST_CAPS_MAX && e->caps[i].name; i++) {
        if (!e->caps[i].rights || !cap_allowed(e, &e->caps[i]))
            return false;
    }
    return true;
}

static bool rule_links_known(const struct table *t, const struct manifest_entry *e)
{
    for (size_t i = 0; i < MANIFEST_LINKS_MAX && e->links[i].service; i++) {
        const struct manifest_link *link = &e->links[i];
        if (manifest_find(t->entries, t->count, link->service) == t->count || manifest_link(e, link->service) != link)
            return false;
        if (!(link->rights & RIGHTS_SERVICE) || (link->rights & ~(RIGHTS_SERVICE | PASS_ON)))
            return false;
    }
    return true;
}

#define SCOPED (SERVICE_LISTEN | SERVICE_CONNECT)

static bool scopes_ok(const struct manifest_link *link)
{
    for (size_t i = 0; i < MANIFEST_SCOPES_MAX && link->scopes[i].badge; i++) {
        const struct manifest_scope *scope = &link->scopes[i];
        uint32_t kind = scope->rights & SCOPED;
        bool one_kind = kind == SERVICE_LISTEN || kind == SERVICE_CONNECT;
        if (scope->badge < SCOPE_BADGE_MIN || !one_kind || (scope->rights & ~(RIGHTS_SERVICE | RIGHT_MINT)))
            return false;
    }
    return true;
}

/* A scope's badge is no client's and its right says which kind it is; nobody may listen or connect through the
 * capability that only says who it is. */
static bool rule_scopes(const struct table *t, const struct manifest_entry *e)
{
    (void)t;
    for (size_t i = 0; i < MANIFEST_LINKS_MAX && e->links[i].service; i++) {
        if (!scopes_ok(&e->links[i]) || (e->links[i].rights & SCOPED))
            return false;
    }
    return true;
}

/* Strictly less urgent: so a caller never delays its server, and the graph of calls has no cycle. */
static bool rule_links_upward(const struct table *t, const struct manifest_entry *e)
{
    for (size_t i = 0; i < MANIFEST_LINKS_MAX && e->links[i].service; i++) {
        size_t to = manifest_find(t->entries, t->count, e->links[i].service);
        if (to < t->count && e->priority >= t->entries[to].priority)
            return false;
    }
    return true;
}

/* Who may ATTACH to devmgr is a driver, of one class; everybody else at most looks at the list of devices. */
static bool rule_one_device_class(const struct table *t, const struct manifest_entry *e)
{
    (void)t;
    const struct manifest_link *link = manifest_link(e, "devmgr");
    uint32_t classes = link ? link->rights & DEVMGR_CLASSES : 0;
    bool one = classes && !(classes & (classes - 1));
    return !link || (link->rights & SERVICE_ATTACH ? one : !classes);
}

/* jarvis and rconsole face people: no way to an irq, device memory, ports or dma, neither held nor to be asked for. */
static bool rule_faces_people(const struct table *t, const struct manifest_entry *e)
{
    (void)t;
    if (!name_is(e->name, "jarvis") && !name_is(e->name, "rconsole"))
        return true;
    const struct manifest_link *link = manifest_link(e, "devmgr");
    for (size_t i = 0; i < MANIFEST_CAPS_MAX && e->caps[i].name; i++) {
        if (!name_is(e->caps[i].name, "trace") && !name_is(e->caps[i].name, "power"))
            return false;
    }
    return !link || !(link->rights & (SERVICE_ATTACH | DEVMGR_CLASSES));
}

static bool rule_jarvis_owns_nothing(const struct table *t, const struct manifest_entry *e)
{
    (void)t;
    return !name_is(e->name, "jarvis") || (!e->links[0].service && !e->init_rights);
}

/* Only rconsole makes session authority, and no service holds ADMIN over the others. */
static bool rule_init_rights(const struct table *t, const struct manifest_entry *e)
{
    (void)t;
    uint32_t allowed = name_is(e->name, "rconsole") ? SERVICE_READ | SERVICE_ATTACH : 0;
    return !(e->init_rights & ~allowed);
}

/* Every machine has CPU 0: who people need is never tied to CPUs that a smaller machine lacks. */
static bool rule_affinity(const struct table *t, const struct manifest_entry *e)
{
    (void)t;
    return !e->affinity || !e->carries_console || (e->affinity & 1);
}

/* What only tests may hold starts only where somebody asked for it. */
static bool rule_test_only(const struct table *t, const struct manifest_entry *e)
{
    (void)t;
    return !e->test_only || (e->boot_option && !e->carries_console && !e->reads_token);
}

static const struct rule {
    const char *text;
    bool (*keeps)(const struct table *t, const struct manifest_entry *e);
} rules[] = {
    {"its name is taken twice or is not a name", rule_name},
    {"its priority is 0 or not below init's", rule_priority},
    {"its quota or its stack is zero or too large", rule_sizes},
    {"it holds a capability that it must not have", rule_caps},
    {"it connects to an unknown service, twice to one, or with rights that are none", rule_links_known},
    {"what it may listen on or connect to is said otherwise than by scopes", rule_scopes},
    {"it is not less urgent than a service that it calls", rule_links_upward},
    {"a driver has one class of devices, all others none", rule_one_device_class},
    {"jarvis and rconsole must not reach devices", rule_faces_people},
    {"jarvis must own nothing: its authority comes with each session", rule_jarvis_owns_nothing},
    {"it carries the console and is tied to CPUs without CPU 0", rule_affinity},
    {"it is for tests only, and runs without being asked for", rule_test_only},
    {"its rights on init are more than its part needs", rule_init_rights},
};

static bool quota_sum_fits(const struct table *t)
{
    uint64_t pages = 0, percent = 0;
    for (size_t i = 0; i < t->count; i++) {
        pages += t->entries[i].boot_option ? 0 : t->entries[i].quota_pages;
        percent += t->entries[i].quota_percent;
    }
    return pages <= MANIFEST_QUOTA_PAGES_MAX && percent <= MANIFEST_QUOTA_PERCENT_MAX;
}

static struct manifest_fault check_entry(const struct table *t, const struct manifest_entry *e)
{
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        if (!rules[i].keeps(t, e))
            return (struct manifest_fault){rules[i].text, e->name};
    }
    return (struct manifest_fault){0};
}

struct manifest_fault manifest_check(const struct manifest_entry *entries, size_t count)
{
    const struct table t = {entries, count};
    if (count == 0 || count > MANIFEST_MAX)
        return (struct manifest_fault){"the table is empty or longer than MANIFEST_MAX", NULL};
    for (size_t i = 0; i < count; i++) {
        struct manifest_fault fault = check_entry(&t, &entries[i]);
        if (fault.rule)
            return fault;
    }
    if (!quota_sum_fits(&t))
        return (struct manifest_fault){"the quotas come to more than the smallest machine has", NULL};
    return (struct manifest_fault){0};
}
