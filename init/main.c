/* init: the first task. Starts what the manifest says, then answers and supervises for ever. */
#include "init/affinity.h"
#include "init/manifest_rules.h"
#include "init/service.h"

#include <abi/boot_options.h>

static struct init init;

static void on_kernel_message(void *context, struct msg *m)
{
    service_message(context, m);
}

static uint64_t on_idle(void *context)
{
    const struct init *of = context;
    return of->revoking.token ? DEADLINE_NOW : services_due(of);
}

static void on_turn(void *context)
{
    revoke_turn(context);
    services_turn(context);
}

static uint64_t free_pages(void)
{
    struct system_info info;
    result_t got = system_info(cap_named("trace"), INFO_SYSTEM, 0, &info, sizeof info);
    return got == 1 ? info.free_bytes >> PAGE_SHIFT : 0;
}

static void set_up(void)
{
    handle_t signal;
    init.server.ops = init_ops;
    init.server.op_count = init_op_count;
    init.server.context = &init;
    init.server.on_kernel_message = on_kernel_message;
    init.server.on_idle = on_idle;
    init.server.on_turn = on_turn;
    ASSERT(ipc_server_init(&init.server, 128, &signal) == OK);
    result_t sender =
        cap_mint(init.server.channel, RIGHTS_SERVICE | RIGHT_CHANNEL_SEND | RIGHT_MINT | RIGHT_TRANSFER, 0);
    ASSERT(sender > 0);
    init.sender = (handle_t)sender;
    init.archive = (const uint8_t *)task_start_info->module_address;
    init.archive_size = task_start_info->module_size;
    init.machine_pages = free_pages();
    init.crash_due_ns = DEADLINE_NEVER;
}

#define LOGGED 40 /* bytes of a wrong word */

/* The words affinity= of the boot line; masks: one a row of the manifest. */
static void read_affinity(uint64_t *masks)
{
    size_t length = 0;
    for (const char *value = boot_line(); (value = boot_option(value + length, "affinity", &length));) {
        struct affinity_fault fault = affinity_read(value, length, manifest, manifest_count, masks);
        if (fault.why)
            log_warning("boot option affinity: \"%.*s\" %s: this option is left aside; right is, say, "
                        "affinity=netsrv:0-1,3,tracer:2",
                        fault.length > LOGGED ? LOGGED : (int)fault.length, fault.text, fault.why);
    }
}

static void start_all(void)
{
    uint64_t masks[MANIFEST_MAX] = {0};
    read_affinity(masks);
    for (size_t i = 0; i < manifest_count; i++) {
        init.services[i].entry = &manifest[i];
        init.services[i].affinity = masks[i] ? masks[i] : manifest[i].affinity;
    }
    for (size_t i = 0; i < manifest_count; i++) {
        if (manifest_wanted(&manifest[i], boot_line()))
            service_start(&init, &init.services[i]);
    }
}

int main(void)
{
    struct manifest_fault fault = manifest_check(manifest, manifest_count);
    if (fault.rule) {
        log_error("the manifest breaks a rule: %s: %s", fault.service ? fault.service : "table", fault.rule);
        return 1;
    }
    set_up();
    start_all();
    ipc_server_run(&init.server);
}
