#include "init/manifest.h"

#include <abi/boot_options.h>
#include <proto/devmgr.h>
#include <proto/net.h>
#include <string.h>

#define PASS_ON (RIGHT_MINT | RIGHT_TRANSFER)
#define LISTEN(port)                           \
    {                                          \
        NET_SCOPE_LISTEN(port), SERVICE_LISTEN \
    }

const struct manifest_entry manifest[] = {
    {
        .name = "devmgr",
        .carries_console = true,
        .priority = 20,
        .quota_pages = 96,
        .quota_percent = 1,
        .stack_pages = 4,
        .caps = {{"trace", RIGHT_TRACE_EMIT}, {"root", RIGHT_ROOT_DEVICE}},
    },
    {
        .name = "netsrv",
        .carries_console = true,
        .priority = 18,
        .quota_pages = 640,
        .quota_percent = 15,
        .stack_pages = 8,
        .caps = {{"trace", RIGHT_TRACE_EMIT}},
        .links = {{.service = "devmgr", .rights = SERVICE_ATTACH | DEVMGR_CLASS_NETWORK, .restart_with = true}},
    },
    {
        .name = "jarvis", /* nothing of its own: its authority comes with each session */
        .carries_console = true,
        .priority = 14,
        .quota_pages = 192,
        .quota_percent = 5,
        .stack_pages = 8,
        .caps = {{"trace", RIGHT_TRACE_EMIT}},
    },
    {
        .name = "rconsole",
        .reads_token = true,
        .carries_console = true,
        .priority = 12,
        .quota_pages = 640,
        .quota_percent = 15,
        .stack_pages = 8,
        .init_rights = SERVICE_READ | SERVICE_ATTACH,
        .caps = {{"trace", RIGHT_TRACE_EMIT | RIGHT_TRACE_OBSERVE | RIGHT_TRACE_CONTROL | PASS_ON}},
        .links = {{.service = "netsrv", .rights = SERVICE_READ | SERVICE_ATTACH | PASS_ON, .scopes = {LISTEN(2323)}},
                  {.service = "jarvis", .rights = SERVICE_ATTACH | PASS_ON},
                  {.service = "devmgr", .rights = SERVICE_READ | PASS_ON}},
    },
    {
        .name = "tracer", /* shows the trace to whoever asks; nobody needs it */
        .reads_token = true,
        .priority = 17,
        .quota_pages = 96,
        .quota_percent = 3,
        .stack_pages = 4,
        .caps = {{"trace", RIGHT_TRACE_EMIT | RIGHT_TRACE_OBSERVE}},
        .links = {{.service = "netsrv", .rights = SERVICE_ATTACH, .scopes = {LISTEN(2325), LISTEN(2326)}}},
    },
    {
        .name = "netbench",
        .priority = 16,
        .quota_pages = 640,
        .quota_percent = 40,
        .stack_pages = 8,
        .boot_option = "netbench",
        .caps = {{"trace", RIGHT_TRACE_EMIT}},
        .links = {{.service = "netsrv", .rights = SERVICE_ATTACH, .scopes = {LISTEN(7), LISTEN(9), LISTEN(19)}}},
    },
    {
        .name = "ipcserver",
        .test_only = true,
        .priority = 22,
        .restart = RESTART_NEVER,
        .quota_pages = 128,
        .stack_pages = 4,
        .boot_option = "bench",
        .caps = {{"trace", RIGHT_TRACE_EMIT}},
    },
    {
        .name = "ipcbench", /* measures also what recording costs: it changes what is recorded */
        .test_only = true,
        .priority = 21,
        .restart = RESTART_NEVER,
        .quota_pages = 512,
        .stack_pages = 4,
        .boot_option = "bench",
        .caps = {{"trace", RIGHT_TRACE_EMIT | RIGHT_TRACE_OBSERVE | RIGHT_TRACE_CONTROL}},
        .links = {{.service = "ipcserver", .rights = SERVICE_READ}},
    },
    {
        .name =
            "smpbench", /* makes pairs of tasks that are pinned to processors; as urgent as the servers among them */
        .test_only = true,
        .priority = 22,
        .restart = RESTART_NEVER,
        .quota_pages = 1024,
        .stack_pages = 4,
        .boot_option = "smpbench",
        .caps = {{"trace", RIGHT_TRACE_EMIT | RIGHT_TRACE_OBSERVE | PASS_ON}, {"root", RIGHT_ROOT_TASK}},
    },
    {
        .name = "netprobe", /* attacks netsrv and connects out; its host's network only */
        .test_only = true,
        .priority = 15,
        .restart = RESTART_NEVER,
        .quota_pages = 2048,
        .stack_pages = 8,
        .boot_option = "netprobe",
        .caps = {{"trace", RIGHT_TRACE_EMIT}},
        .links = {{.service = "netsrv",
                   .rights = SERVICE_READ | SERVICE_ATTACH | PASS_ON,
                   .scopes = {LISTEN(4000),
                              {NET_NETWORK(10, 0, 2, 0), SERVICE_CONNECT | NET_HOST_BITS(8) | RIGHT_MINT}}}},
    },
    {
        .name = "tracegen", /* makes events, less urgent than all that people use */
        .test_only = true,
        .priority = 10,
        .restart = RESTART_NEVER,
        .quota_pages = 128,
        .stack_pages = 4,
        .boot_option = "tracegen",
        .caps = {{"trace", RIGHT_TRACE_EMIT | RIGHT_TRACE_CONTROL}},
        .links = {{.service = "netsrv", .rights = SERVICE_ATTACH, .scopes = {LISTEN(4001)}}},
    },
    {
        .name = "hostile", /* makes the tasks that attack, and their victims; less urgent than all that people use */
        .test_only = true,
        .priority = 10,
        .restart = RESTART_NEVER,
        .quota_pages = 12288,
        .stack_pages = 8,
        .boot_option = "hostile",
        .caps = {{"trace", RIGHT_TRACE_EMIT | RIGHT_TRACE_OBSERVE | RIGHT_TRACE_CONTROL | PASS_ON},
                 {"root", RIGHT_ROOT_TASK | RIGHT_ROOT_DEVICE | PASS_ON}},
    },
    {
        .name = "sysfuzz", /* makes the tasks that make random calls, all less urgent than what people use */
        .test_only = true,
        .priority = 10,
        .restart = RESTART_NEVER,
        .quota_pages = 1280,
        .quota_percent = 10,
        .stack_pages = 8,
        .boot_option = "sysfuzz",
        .caps = {{"trace", RIGHT_TRACE_EMIT | RIGHT_TRACE_OBSERVE | PASS_ON}, {"root", RIGHT_ROOT_TASK | PASS_ON}},
        .links = {{.service = "netsrv", .rights = SERVICE_READ | PASS_ON}},
    },
    {
        .name = "mixload", /* makes tasks of many kinds that may run everywhere: a load for the scheduler */
        .test_only = true,
        .priority = 21,
        .restart = RESTART_NEVER,
        .quota_pages = 1536,
        .stack_pages = 4,
        .boot_option = "mixload",
        .caps = {{"trace", RIGHT_TRACE_EMIT}, {"root", RIGHT_ROOT_TASK}},
    },
    {
        .name = "shoot", /* maps, writes and takes away on every CPU: are translations forgotten? */
        .test_only = true,
        .priority = 10,
        .restart = RESTART_NEVER,
        .quota_pages = 2560,
        .stack_pages = 4,
        .affinity = 1,
        .boot_option = "shoot",
        .caps = {{"trace", RIGHT_TRACE_EMIT | RIGHT_TRACE_OBSERVE}, {"root", RIGHT_ROOT_TASK}},
    },
    {
        .name = "load", /* tasks of every kind that have a little to do, for hours */
        .test_only = true,
        .priority = 10,
        .restart = RESTART_NEVER,
        .quota_pages = 2048,
        .stack_pages = 4,
        .boot_option = "load",
        .caps = {{"trace", RIGHT_TRACE_EMIT | RIGHT_TRACE_OBSERVE}, {"root", RIGHT_ROOT_TASK}},
    },
    {
        .name = "evilnic", /* before netsrv, so that it gets the first card; devmgr knows no difference between them */
        .test_only = true,
        .priority = 19,
        .restart = RESTART_NEVER,
        .quota_pages = 256,
        .stack_pages = 8,
        .boot_option = "evilnic",
        .caps = {{"trace", RIGHT_TRACE_EMIT}},
        .links = {{.service = "devmgr", .rights = SERVICE_ATTACH | DEVMGR_CLASS_NETWORK}},
    },
};
const size_t manifest_count = sizeof manifest / sizeof manifest[0];
_Static_assert(sizeof manifest / sizeof manifest[0] <= MANIFEST_MAX, "raise MANIFEST_MAX (at most 32: a bit each)");

size_t manifest_find(const struct manifest_entry *entries, size_t count, const char *name)
{
    size_t i = 0;
    while (i < count && strcmp(entries[i].name, name) != 0)
        i++;
    return i;
}

const struct manifest_link *manifest_link(const struct manifest_entry *from, const char *to)
{
    for (size_t i = 0; i < MANIFEST_LINKS_MAX && from->links[i].service; i++) {
        if (strcmp(from->links[i].service, to) == 0)
            return &from->links[i];
    }
    return NULL;
}

uint32_t manifest_scope(const struct manifest_link *link, uint32_t badge)
{
    for (size_t i = 0; i < MANIFEST_SCOPES_MAX && link->scopes[i].badge; i++) {
        if (link->scopes[i].badge == badge)
            return link->scopes[i].rights;
    }
    return 0;
}

bool manifest_wanted(const struct manifest_entry *entry, const char *boot_line)
{
    size_t length;
    return !entry->boot_option || boot_option(boot_line, entry->boot_option, &length);
}

uint32_t manifest_quota(const struct manifest_entry *entry, uint64_t machine_pages)
{
    uint64_t share = machine_pages * entry->quota_percent / 100;
    return share > entry->quota_pages ? (uint32_t)share : entry->quota_pages;
}
