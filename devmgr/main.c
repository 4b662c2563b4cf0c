/* devmgr: owns the PCI root, gives drivers the capabilities for their devices and takes them back. */
#include "devmgr/claims.h"

static struct devmgr devmgr;

static void on_kernel_message(void *context, struct msg *m)
{
    if (m->head.kind == MSG_CLOSED)
        claims_release_all_of(context, m->head.badge);
}

static void set_up(void)
{
    handle_t signal;
    devmgr.server.ops = devmgr_ops;
    devmgr.server.op_count = devmgr_op_count;
    devmgr.server.context = &devmgr;
    devmgr.server.on_kernel_message = on_kernel_message;
    ASSERT(config_access_init(&devmgr.access, cap_named("root")) == OK);
    pci_scan(&devmgr.bus, &devmgr.access.ops);
    ASSERT(ipc_server_init(&devmgr.server, 32, &signal) == OK);
    log_info("%u PCI devices, configuration through %s", devmgr.bus.count,
             devmgr.access.platform.ecam_address ? "memory" : "ports");
}

int main(void)
{
    set_up();
    ASSERT(service_ready(devmgr.server.channel) == OK);
    ipc_server_run(&devmgr.server);
}
