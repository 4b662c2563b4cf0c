/* netsrv: TCP/IP for all other tasks. Setup, and one loop.
 *
 * A turn handles all there is: received packets, the clients' commands, timers, then each connection that was touched
 * once; then one notification to the device and one ring of each client's bell. Under emulation a change of address
 * space costs more than hundreds of instructions, so batches are what makes it fast.
 *
 * Waiting has one deadline: the next of lwIP's timers, a dropped client's memory, or the second look. While packets are
 * out at the device, or within one SECOND_LOOK_NS after the last traffic, notifications and interrupts may have been
 * lost (qemu.md): a timer looks again. When all is quiet there is no such timer. */
#include <lib/ipc.h>

#include <abi/boot_options.h>
#include <lwip/apps/lwiperf.h>
#include <lwip/init.h>
#include <lwip/priv/tcp_priv.h>
#include <lwip/tcp.h>
#include <lwip/timeouts.h>
#include "netsrv/address.h"
#include "netsrv/connection.h"
#include "netsrv/heap.h"
#include "netsrv/interface.h"
#include "netsrv/port.h"
#include "netsrv/service.h"

#define NS_PER_MS 1000000ull
#define SECOND_LOOK_NS (2 * NS_PER_MS)
#define QUIET_SLACK_MS 1000u /* without connections lwIP's housekeeping may come so much later */
#define HEAP_SHARE 2u        /* the heap may take this part of the quota */
#define HEAP_LIMIT_MAX (32ul << 20)

enum { IRQ_BIT = 0, CONFIG_IRQ_BIT = 1, FIRST_CLIENT_BIT = 2 };

static struct {
    struct ipc_server server;
    handle_t signal;
    bool woken_by_irq, config_changed;
    bool may_poll;
    unsigned looks_left; /* second looks until all is quiet */
    uint64_t next_look;
} self;

/* ---- one turn ---- */

static void on_signals(void *context, uint64_t bits)
{
    (void)context;
    self.woken_by_irq |= bits >> IRQ_BIT & 1;
    self.config_changed |= bits >> CONFIG_IRQ_BIT & 1;
}

static void handle_interrupts(void)
{
    if (self.woken_by_irq)
        interface_irq();
    if (self.config_changed) {
        interface_check_link();
        interface_second_look(); /* it may have asked for a reset */
    }
    self.woken_by_irq = self.config_changed = false;
}

static bool second_look_due(void)
{
    if (!self.looks_left || port_now() < self.next_look)
        return false;
    self.looks_left--;
    self.next_look = port_now() + SECOND_LOOK_NS;
    return true;
}

static void note_traffic(void)
{
    self.looks_left = 2;
    self.next_look = port_now() + SECOND_LOOK_NS;
}

/* True: something was done, there may be more. */
static bool turn(void)
{
    port_update_time();
    handle_interrupts();
    bool traffic = interface_receive() != 0;
    bool commands = clients_commands();
    sys_check_timeouts();
    if (second_look_due())
        interface_second_look();
    slots_turn();
    interface_collect();
    interface_flush();
    clients_flush();
    slots_turn(); /* slots whose CLOSED has just gone out */
    if (traffic || commands)
        note_traffic();
    return traffic || commands;
}

/* ---- waiting ---- */

static uint64_t timer_deadline(void)
{
    uint32_t ms = sys_timeouts_sleeptime();
    if (ms == SYS_TIMEOUTS_SLEEPTIME_INFINITE)
        return DEADLINE_NEVER;
    bool quiet = !tcp_active_pcbs && address_source() != ADDRESS_NONE;
    if (quiet && ms < QUIET_SLACK_MS)
        ms = QUIET_SLACK_MS;
    return port_now() + ms * NS_PER_MS;
}

static uint64_t next_deadline(void)
{
    uint64_t deadline = timer_deadline(), release = clients_deadline();
    if (interface_busy() && !self.looks_left)
        note_traffic();
    if (self.looks_left && self.next_look < deadline)
        deadline = self.next_look;
    return release < deadline ? release : deadline;
}

/* Interrupts on, sleep flags set, and a look after each: what comes later wakes us. */
static bool may_wait(void)
{
    bool device_quiet = !interface_arm();
    return clients_sleep() && device_quiet;
}

_Noreturn static void run(void)
{
    for (;;) {
        bool more = turn();
        uint64_t deadline = !more && may_wait() ? next_deadline() : DEADLINE_NOW;
        ipc_server_turn(&self.server, deadline);
        if (deadline != DEADLINE_NOW)
            interface_disarm();
    }
}

/* ---- setup ---- */

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
    self.server.ops = service_ops;
    self.server.op_count = service_op_count;
    self.server.on_signals = on_signals;
    self.server.on_kernel_message = service_on_kernel_message;
    return ipc_server_init(&self.server, 64, &self.signal);
}

static status_t start_device(void)
{
    result_t devmgr = service_connect("devmgr", DEADLINE_NEVER);
    if (devmgr < 0)
        return (status_t)devmgr;
    return interface_init((handle_t)devmgr, self.signal, IRQ_BIT, CONFIG_IRQ_BIT);
}

static void start_stack(void)
{
    size_t unused;
    heap_init(heap_limit_bytes(), sizeof(struct tcp_pcb), NET_PCBS_MAX);
    port_update_time();
    lwip_init();
    u8_t id = tcp_ext_arg_alloc_id();
    ASSERT(id == 0);
    interface_start();
    address_start(boot_line());
    if (boot_option(boot_line(), "netbench", &unused) && !lwiperf_start_tcp_server_default(NULL, NULL))
        log_warning("iperf does not start");
}

int main(void)
{
    size_t unused;
    status_t status = start_channel();
    if (status == OK)
        status = start_device();
    if (status != OK) {
        log_error("no network: %s", status_text(status));
        return status;
    }
    self.may_poll = !boot_option(boot_line(), "nopoll", &unused);
    service_init(self.server.channel);
    clients_init(self.signal, FIRST_CLIENT_BIT);
    start_stack();
    status = service_ready(self.server.channel);
    if (status != OK)
        return status;
    run();
}
