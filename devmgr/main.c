/* devmgr: owns the PCI root, gives drivers the capabilities for their devices and takes them back. */
#include "devmgr/claims.h"

static struct devmgr devmgr;

static void on_kernel_message(void *context, struct msg *m)
{
    if (m->head.kind == MSG_CLOSED)
        claims_release_all_of(context, m->head.badge);
}

static void on_signals(void *context, uint64_t bits)
{
    if (bits & 1u << FAULT_BIT)
        faults_look(context);
}

static void on_turn(void *context)
{
    devices_turn(context);
}

static uint64_t on_idle(void *context)
{
    return devices_due(context);
}

/* Every device is quiet before anybody can ask for one. */
static void set_up(void)
{
    handle_t signal;
    devmgr.server.ops = devmgr_ops;
    devmgr.server.op_count = devmgr_op_count;
    devmgr.server.context = &devmgr;
    devmgr.server.on_kernel_message = on_kernel_message;
    devmgr.server.on_signals = on_signals;
    devmgr.server.on_turn = on_turn;
    devmgr.server.on_idle = on_idle;
    ASSERT(config_access_init(&devmgr.access, cap_named("root")) == OK);
    pci_scan(&devmgr.bus, &devmgr.access.ops);
    devices_stop_all(&devmgr);
    ASSERT(ipc_server_init(&devmgr.server, 32, &signal) == OK);
    ASSERT(faults_init(&devmgr, signal) == OK);
    devices_turn(&devmgr);
    log_info("%u PCI devices, configuration through %s", devmgr.bus.count,
             devmgr.access.platform.ecam_address ? "memory" : "ports");
}

int main(void)
{
    set_up();
    ASSERT(service_ready(devmgr.server.channel) == OK);
    ipc_server_run(&devmgr.server);
}
