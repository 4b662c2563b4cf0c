/* netsrv: TCP/IP for all other tasks. Setup; the loop's turn is in loop.c. */
#include <lib/ipc.h>

#include <abi/boot_options.h>
#include <lwip/apps/lwiperf.h>
#include <lwip/init.h>
#include <lwip/tcp.h>
#include "netsrv/address.h"
#include "netsrv/connection.h"
#include "netsrv/heap.h"
#include "netsrv/interface.h"
#include "netsrv/loop.h"
#include "netsrv/port.h"
#include "netsrv/service.h"
#include "netsrv/tell.h"

#define TURNS_MAX 16u /* then the messages get a look, too */
#define HEAP_SHARE 2u /* the heap may take this part of the quota */
#define HEAP_LIMIT_MAX (32ul << 20)

static struct ipc_server server;
static handle_t signal;

static size_t heap_limit_bytes(void)
{
    struct task_info info = {0};
    if (task_info(HANDLE_NONE, &info) != OK)
        return HEAP_LIMIT_MAX;
    size_t bytes = (size_t)(info.quota_pages / HEAP_SHARE) * PAGE_SIZE;
    return bytes < HEAP_LIMIT_MAX ? bytes : HEAP_LIMIT_MAX;
}

static status_t start_channel(void)
{
    server.ops = service_ops;
    server.op_count = service_op_count;
    server.on_signals = loop_signals;
    server.on_kernel_message = service_on_kernel_message;
    return ipc_server_init(&server, 64, &signal);
}

static status_t start_device(void)
{
    result_t devmgr = service_connect("devmgr", DEADLINE_NEVER);
    if (devmgr < 0)
        return (status_t)devmgr;
    return interface_init((handle_t)devmgr, signal, IRQ_BIT, CONFIG_IRQ_BIT);
}

static void start_stack(void)
{
    size_t unused;
    heap_init(heap_limit_bytes(), sizeof(struct tcp_pcb), NET_PCBS_MAX);
    port_update_time();
    lwip_init();
    u8_t slot_arg = tcp_ext_arg_alloc_id(), tell_arg = tcp_ext_arg_alloc_id();
    ASSERT(slot_arg == 0 && tell_arg == TELL_EXT_ARG);
    interface_start();
    address_start(boot_line());
    if (boot_option(boot_line(), "netbench", &unused) && !lwiperf_start_tcp_server_default(NULL, NULL))
        log_warning("iperf does not start");
}

_Noreturn static void run(void)
{
    for (;;) {
        uint64_t deadline = DEADLINE_NOW;
        for (unsigned turns = 0; turns < TURNS_MAX; turns++) {
            loop_turn();
            if (!loop_more())
                break;
        }
        bool wait = loop_may_wait(&deadline);
        ipc_server_turn(&server, deadline);
        if (wait)
            loop_woken();
    }
}

/* Starting again would find the same devices. Not READY: who asks for the network waits, and the log says why. */
_Noreturn static void wait_without_device(status_t status)
{
    if (status == ERR_BAD_STATE)
        log_error(
            "the network device is quarantined (see devmgr's line): nothing listens until the machine is restarted");
    else
        log_error("no network device that this version drives (virtio-net, e1000): nothing listens");
    for (;;)
        ipc_server_turn(&server, DEADLINE_NEVER);
}

int main(void)
{
    size_t unused;
    status_t status = start_channel();
    if (status == OK)
        status = service_init(server.channel);
    if (status == OK)
        status = start_device();
    if (status == ERR_NOT_FOUND || status == ERR_BAD_STATE || status == ERR_NOT_SUPPORTED)
        wait_without_device(status);
    if (status != OK) {
        log_error("no network: %s", status_text(status));
        return status;
    }
    loop_init(!boot_option(boot_line(), "nopoll", &unused));
    clients_init(signal, FIRST_CLIENT_BIT);
    start_stack();
    status = service_ready(server.channel);
    if (status != OK)
        return status;
    run();
}
